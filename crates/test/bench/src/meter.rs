//! What a process uses, as Linux counts it in `/proc`.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::failure::Failure;

/// How long one tick is that `/proc` counts CPU in: USER_HZ is 100 on every processor that Linux runs on today.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// How long a process must use one tick at most to count as idle.
const QUIET: Duration = Duration::from_millis(200);

/// How long a process may work before it counts as one that never ends: a market that was filled while its
/// server was down catches up with a million tickets meanwhile.
const IDLE_AFTER_MAX: Duration = Duration::from_secs(900);

/// A process that is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meter {
    process: u32,
}

impl Meter {
    pub(crate) const fn of(process: u32) -> Self {
        Self { process }
    }

    /// The meter of this program.
    pub(crate) fn own() -> Self {
        Self::of(std::process::id())
    }

    /// Whether it is this program that is measured.
    pub(crate) fn is_own(self) -> bool {
        self.process == std::process::id()
    }

    /// The CPU that all threads of the process have used, user and system, those that have ended included.
    pub(crate) fn cpu(self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process))?;
        let ticks = cpu_ticks(&stat).ok_or("/proc/PID/stat is not as proc_pid_stat(5) says")?;
        Ok(TICK.saturating_mul(ticks))
    }

    /// Waits until the process is idle, and answers how long it went on working.
    ///
    /// # Errors
    /// It has ended, or it works for longer than any load leaves it to do.
    pub(crate) async fn idle(self) -> Result<Duration, Failure> {
        let began = Instant::now();
        let mut before = self.cpu()?;
        loop {
            let worked = began.elapsed();
            sleep(QUIET).await;
            let now = self.cpu()?;
            if now.saturating_sub(before) <= TICK {
                return Ok(worked);
            }
            if worked > IDLE_AFTER_MAX {
                return Err("the server does not come to rest".into());
            }
            before = now;
        }
    }

    /// The memory that the process holds now (VmRSS), in megabytes.
    pub(crate) fn memory_mb(self) -> Result<f64, Failure> {
        self.status_mb("VmRSS:")
    }

    /// The most memory that the process has held at once since it started (VmHWM), in megabytes.
    pub(crate) fn memory_peak_mb(self) -> Result<f64, Failure> {
        self.status_mb("VmHWM:")
    }

    fn status_mb(self, field: &str) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process))?;
        let value = status.lines().find_map(|line| line.strip_prefix(field));
        let value = value.ok_or_else(|| format!("/proc/PID/status has no {field}"))?;
        let kib: f64 = value.trim().trim_end_matches(" kB").parse()?;
        Ok(kib / 1024.0)
    }
}

/// The sum of `utime` and `stime`, the fields 14 and 15. The name of the program is field 2, in brackets, and
/// may hold blanks and brackets.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let (_, from_third) = stat.rsplit_once(") ")?;
    let mut times = from_third.split(' ').skip(11).map(str::parse::<u32>);
    Some(times.next()?.ok()?.saturating_add(times.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_moves_no_field() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(Meter::own().cpu().is_ok());
        assert!(Meter::own().memory_mb().unwrap() > 0.1);
        assert!(Meter::own().memory_peak_mb().unwrap() > 0.1);
    }
}
