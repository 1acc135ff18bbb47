//! The binaries under measurement, each with data of its own. Nothing here relies on more than the command
//! line, the public API and the signals, which older binaries have too.

use std::{
    ffi::OsStr,
    fs::{File, OpenOptions},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{failure::Failure, http::Connection, meter::Meter};

/// How long a start may take before it counts as failed.
const START_MAX: Duration = Duration::from_secs(120);

/// How long an orderly end may take.
const STOP_MAX: Duration = Duration::from_secs(60);

/// How often a starting server is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// How many log lines a failure shows.
const LOG_TAIL: usize = 20;

/// A `stubmart` binary and its name in the report.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) label: String,
    pub(crate) path: PathBuf,
}

impl Binary {
    /// Reads `LABEL=PATH`, or a path alone, which gets the label `against`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (label, path) = text.split_once('=').unwrap_or(("against", text));
        let path = PathBuf::from(path);
        if !path.is_file() {
            return Err(format!("there is no file {}", path.display()));
        }
        Ok(Self { label: label.to_owned(), path })
    }
}

/// A server on a free loopback port. Dropping it kills the process, then removes its data.
#[derive(Debug)]
pub(crate) struct Server {
    binary: Binary,
    address: SocketAddr,
    child: Option<Child>,
    scratch: TempDir,
}

impl Server {
    /// A server that is not started yet, without data.
    pub(crate) fn new(binary: Binary) -> Result<Self, Failure> {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Ok(Self { binary, address, child: None, scratch: tempfile::tempdir()? })
    }

    pub(crate) const fn binary(&self) -> &Binary {
        &self.binary
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where its data is.
    pub(crate) fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// The meter of the running process.
    pub(crate) fn meter(&self) -> Result<Meter, Failure> {
        let id = self.child.as_ref().and_then(Child::id);
        Ok(Meter::of(id.ok_or("the server does not run")?))
    }

    /// Starts it and waits until it is ready; answers how long that took.
    pub(crate) async fn start(&mut self) -> Result<Duration, Failure> {
        // The port is free now; a market that finds it taken ends, and the run with it.
        self.address = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?.local_addr()?;
        let listen = self.address.to_string();
        let mut command =
            self.command(&[OsStr::new("serve"), "--listen".as_ref(), listen.as_ref()]);
        let began = Instant::now();
        self.child = Some(command.stdout(Stdio::null()).stderr(self.log()?).spawn()?);
        while !is_ready(self.address).await {
            if let Some(status) = self.child.as_mut().and_then(|it| it.try_wait().transpose()) {
                return Err(self.failed(&format!("ended with {} before it was ready", status?)));
            }
            if began.elapsed() > START_MAX {
                return Err(self.failed("was not ready in time"));
            }
            sleep(ASK_EVERY).await;
        }
        Ok(began.elapsed())
    }

    /// Kills it (SIGKILL): the next start finds the data as a crash leaves it.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }

    /// Asks it to end (SIGTERM) and waits for the end: the files then hold all data, the log none.
    pub(crate) async fn stop(&mut self) -> Result<(), Failure> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(id.ok_or("the server has ended by itself")?, Signal::TERM)?;
        match timeout(STOP_MAX, child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(std::process::ExitStatus::success) => Ok(()),
            Ok(status) => Err(self.failed(&format!("stopped with {}", status?))),
            Err(_) => Err(self.failed("did not stop in time")),
        }
    }

    /// Runs another command of the binary on the same data, to its end.
    pub(crate) async fn run(&self, words: &[&OsStr]) -> Result<(), Failure> {
        let mut command = self.command(words);
        let status = command.stdout(self.log()?).stderr(self.log()?).status().await?;
        if status.success() { Ok(()) } else { Err(self.failed(&format!("{words:?}: {status}"))) }
    }

    fn command(&self, words: &[&OsStr]) -> Command {
        let mut command = Command::new(&self.binary.path);
        command.args(words).arg("--data").arg(self.data()).args(["--rate-limits", "off"]);
        // The market must not read the settings of the shell that the bench runs in.
        command.env_clear().env("STUBMART_LOG", "warn");
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    fn log_path(&self) -> PathBuf {
        self.scratch.path().join("log")
    }

    fn log(&self) -> Result<File, Failure> {
        Ok(OpenOptions::new().create(true).append(true).open(self.log_path())?)
    }

    fn failed(&self, what: &str) -> Failure {
        let log = std::fs::read(self.log_path()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        let tail = lines.split_at(lines.len().saturating_sub(LOG_TAIL)).1.join("\n");
        format!("{} ({}): {what}\n{tail}", self.binary.label, self.binary.path.display()).into()
    }
}

async fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(address).await else { return false };
    connection.get("/readyz", "").await.is_ok_and(|answer| answer.status == 200)
}

/// The bytes that all files of a directory hold.
pub(crate) fn bytes_in(directory: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
