//! The market as it runs on several machines: processes of each service, their engines and a gateway, by
//! `scripts/market.sh`.

use std::{
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use fastrand::Rng;
use tempfile::TempDir;
use tokio::{process::Command, time::sleep};

use crate::{
    Failure,
    process::{Settings, binary},
    system::System,
};

/// How long all of it may take to start.
const START_MAX: Duration = Duration::from_secs(120);

/// How many lines of each log a failure shows.
const TAIL: usize = 10;

/// How long what was killed is missed while clients go on, in milliseconds.
const MISSED_MS: RangeInclusive<u64> = 200..=2_000;

/// How long what is paused stands still, in milliseconds.
const PAUSED_MS: RangeInclusive<u64> = 500..=6_000;

/// What is done to a market when it is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    /// Some of its own processes are killed.
    Services,
    /// So are engines; any process is paused or asked to stop; the bus loses its stream, and Redis everything.
    All,
}

/// A market of many processes. Dropped, all of it is killed.
#[derive(Debug)]
pub struct SplitMarket {
    directory: TempDir,
    binary: PathBuf,
    settings: Settings,
    instances: u32,
    faults: Faults,
    base: String,
    done: Vec<String>,
}

impl SplitMarket {
    /// A market with so many processes of each service that is ready.
    ///
    /// # Errors
    /// [`Failure::Market`] when it does not become ready; [`Failure::Io`].
    pub async fn started(
        settings: Settings,
        instances: u32,
        faults: Faults,
    ) -> Result<Self, Failure> {
        let mut market = Self {
            directory: tempfile::tempdir()?,
            binary: binary().await?,
            settings,
            instances,
            faults,
            base: String::new(),
            done: Vec::new(),
        };
        market.start().await?;
        Ok(market)
    }

    /// What was done to which process, each time.
    #[must_use]
    pub fn done(&self) -> &[String] {
        &self.done
    }

    /// The names of the processes that run, engines and gateway among them.
    ///
    /// # Errors
    /// [`Failure::Io`].
    pub async fn running(&self) -> Result<Vec<String>, Failure> {
        let output = self.script(&["running"]).output().await?;
        Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    }

    /// The names of the services' processes and of those of the pages, all but the gateway: a balancer in front of it
    /// would be restarted last.
    ///
    /// # Errors
    /// [`Failure::Io`].
    pub async fn services(&self) -> Result<Vec<String>, Failure> {
        let mut names = self.running().await?;
        names.retain(|it| !is_engine(self.directory.path(), it) && !it.starts_with("gateway"));
        Ok(names)
    }

    /// Sends a process a signal, such as `KILL`, `STOP` or `CONT`.
    ///
    /// # Errors
    /// [`Failure::Market`] when it does not run.
    pub async fn signal(&self, name: &str, signal: &str) -> Result<(), Failure> {
        self.run(&["signal", name, signal]).await.map(drop)
    }

    /// Asks a process to stop (SIGTERM), waits for it, starts it again and waits until it is ready.
    ///
    /// # Errors
    /// [`Failure::Market`].
    pub async fn restart(&self, name: &str) -> Result<(), Failure> {
        self.run(&["stop", name]).await?;
        self.run(&["mend"]).await.map(drop)
    }

    fn script(&self, arguments: &[&str]) -> Command {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../scripts/market.sh");
        let mut command = Command::new(script);
        command.args(arguments).arg(self.directory.path()).env_clear();
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.env("STUBMART_BINARY", &self.binary).env("STUBMART_MAX_PAYMENT_ATTEMPTS", "1");
        command.envs(self.settings.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> Result<Output, Failure> {
        let output = self.script(arguments).output().await?;
        if output.status.success() {
            return Ok(output);
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::Market { what: format!("{arguments:?} failed: {said}"), log: self.tail() })
    }

    /// The logs of the market's own processes.
    fn logs(&self) -> Vec<(PathBuf, String)> {
        let Ok(files) = self.directory.path().read_dir() else { return Vec::new() };
        let paths = files.filter_map(|file| Some(file.ok()?.path()));
        let is_log = |path: &PathBuf| path.extension().is_some_and(|it| it == "log");
        paths
            .filter(is_log)
            .filter_map(|path| std::fs::read_to_string(&path).ok().map(|text| (path, text)))
            .collect()
    }

    fn tail(&self) -> String {
        let mut tail = String::new();
        for (path, text) in self.logs() {
            let lines: Vec<_> = text.lines().collect();
            let last = lines.split_at(lines.len().saturating_sub(TAIL)).1.join("\n");
            tail += &format!(
                "{}:\n{last}\n",
                path.file_name().map_or("", |it| it.to_str().unwrap_or(""))
            );
        }
        tail
    }

    fn is_up(&self) -> bool {
        !self.base.is_empty()
    }
}

/// Whether an engine, and not a process of the market, has this name.
fn is_engine(directory: &Path, name: &str) -> bool {
    directory.join("engines").join(format!("{name}.run")).exists()
}

#[async_trait]
impl System for SplitMarket {
    fn base(&self) -> String {
        self.base.clone()
    }

    async fn start(&mut self) -> Result<Duration, Failure> {
        let began = Instant::now();
        if self.is_up() {
            self.run(&["mend"]).await?;
        } else {
            let instances = self.instances.to_string();
            let output = self.run(&["up", "--instances", &instances]).await?;
            self.base = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        }
        Ok(began.elapsed())
    }

    /// Its processes are killed at random moments, not at system calls.
    fn doom(&mut self, _: bool) {}

    async fn start_and_kill(&mut self, alive: Duration) -> Result<(), Failure> {
        sleep(alive).await;
        self.kill(&mut Rng::with_seed(0)).await
    }

    /// Answers when clients have missed what was killed for a while.
    async fn kill(&mut self, random: &mut Rng) -> Result<(), Failure> {
        let mut running = self.running().await?;
        if self.faults == Faults::Services {
            running.retain(|name| !is_engine(self.directory.path(), name));
        }
        random.shuffle(&mut running);
        let Some(first) = running.first().cloned() else { return Ok(()) };
        let fault = if self.faults == Faults::All { random.u64(..100) } else { 0 };
        let missed = Duration::from_millis(random.u64(MISSED_MS));
        match fault {
            ..60 => {
                for name in running.into_iter().take(random.usize(1..=3)) {
                    self.signal(&name, "KILL").await?;
                    self.done.push(format!("{name} was killed"));
                }
            }
            60..75 => {
                self.signal(&first, "STOP").await?;
                sleep(Duration::from_millis(random.u64(PAUSED_MS))).await;
                self.signal(&first, "CONT").await?;
                self.done.push(format!("{first} was paused"));
            }
            75..85 => {
                self.run(&["stop", &first]).await?;
                self.done.push(format!("{first} was stopped"));
            }
            _ => {
                let engine = if random.bool() { "nats" } else { "redis" };
                self.run(&["lose", engine]).await?;
                self.done.push(format!("{engine} lost everything"));
            }
        }
        sleep(missed).await;
        Ok(())
    }

    fn tear(&mut self, _: &mut Rng) -> Result<(), Failure> {
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), Failure> {
        self.run(&["down"]).await?;
        self.base.clear();
        Ok(())
    }

    async fn audit(&self) -> Result<(), Failure> {
        let output = self.script(&["check"]).output().await?;
        if output.status.success() {
            return Ok(());
        }
        let texts =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        Err(Failure::Audit(texts.concat()))
    }

    fn ready_max(&self) -> Duration {
        START_MAX
    }

    fn inspect_log(&self) -> Result<(), Failure> {
        let is_fault = |line: &&str| line.contains(" ERROR ") || line.contains("panicked");
        let logs = self.logs();
        let faults = logs.iter().flat_map(|(_, text)| text.lines().filter(is_fault));
        let faults: Vec<_> = faults.map(str::to_owned).collect();
        if faults.is_empty() { Ok(()) } else { Err(Failure::Log(faults)) }
    }
}

impl Drop for SplitMarket {
    fn drop(&mut self) {
        // Not the asynchronous command: nothing may be waiting for it any more.
        let mut kill = std::process::Command::new(self.script(&[]).as_std().get_program());
        drop(kill.arg("kill").arg(self.directory.path()).status());
    }
}
