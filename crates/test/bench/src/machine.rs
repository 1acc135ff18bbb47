//! The machine that a run is made on.

use std::{fmt, time::Duration};

use serde_json::{Value, json};

use crate::{failure::Failure, meter::TICK};

/// The facts that a reader needs to compare figures.
#[derive(Debug)]
pub(crate) struct Machine {
    cores: usize,
    model: String,
    /// The load average of the minute before the run.
    load: String,
}

impl Machine {
    pub(crate) fn read() -> Result<Self, Failure> {
        let info = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = info.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(':')).map(|(_, name)| name.trim());
        let load = std::fs::read_to_string("/proc/loadavg")?;
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            model: model.unwrap_or("a processor without a name").to_owned(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
        })
    }

    pub(crate) fn json(&self) -> Value {
        json!({"cores": self.cores, "model": self.model, "loadBefore": self.load})
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cores ({}), load {} before the run", self.cores, self.model, self.load)
    }
}

/// The CPU time that all processes of the machine have used so far, time stolen by a hypervisor included.
pub(crate) fn busy() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/stat")?;
    let ticks = busy_ticks(&stat).ok_or("/proc/stat is not as proc_stat(5) says")?;
    Ok(TICK.saturating_mul(ticks))
}

/// The sum of all times but `idle` and `iowait` (fields 4 and 5) and the guests', which the first two fields include.
fn busy_ticks(stat: &str) -> Option<u32> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<u32> = line.split_ascii_whitespace().map_while(|it| it.parse().ok()).collect();
    let busy = times.get(..3)?.iter().chain(times.get(5..8)?);
    Some(busy.fold(0, |sum, it| sum.saturating_add(*it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_machine_uses_nothing() {
        assert_eq!(busy_ticks("cpu  10 2 300 9999 9999 4000 50000 600000 7 7\n"), Some(654_312));
        assert_eq!(busy_ticks("cpu  10 2 300"), None);
    }
}
