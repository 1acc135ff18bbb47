//! The real `stubmart` binary on a free loopback port, with data of its own.

use std::{
    ffi::OsStr,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::http::Method;
use fastrand::Rng;
use stubmart_client::Client;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::{OnceCell, watch},
    time::{sleep, timeout},
};

use crate::{
    Failure,
    system::System,
    wal::{self, Tear},
};

/// How long a start may take before it counts as failed.
const START_MAX: Duration = Duration::from_secs(60);

/// How long an orderly end may take.
const STOP_MAX: Duration = Duration::from_secs(20);

/// How long all but one start in a hundred may take until the server is ready.
pub const READY_MAX: Duration = Duration::from_secs(1);

/// How often a starting server is asked whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(2);

/// The signal that nothing can catch.
const SIGKILL: i32 = 9;

/// System calls at which a doomed process is killed, and at which one of them at the latest, counted in each
/// thread for itself: strace(1) does so.
const DOOMED_CALLS: &[(&str, u64)] =
    &[("fsync,fdatasync", 40), ("pwrite64", 150), ("pread64", 20), ("write", 8), ("ftruncate", 2)];

/// In how many of a hundred crashes the shared index of the log is gone.
const INDEX_LOST: u64 = 30;

/// How many log lines a failure shows.
const TAIL: usize = 30;

/// How the market is run.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Put before the binary, such as `strace` with its arguments.
    pub wrapper: Vec<String>,
    /// Whether the kernel kills the process at a random system call (by `strace`), if nobody does before.
    pub doomed: Option<Rng>,
    /// Environment variables, such as `STUBMART_CHECKOUT_HOLD`.
    pub env: Vec<(&'static str, String)>,
    /// Where to keep the data; a throw-away directory when left out.
    pub data: Option<PathBuf>,
}

impl Settings {
    /// A market for load: no rate limits, and checkouts that hold their ticket for `hold`.
    #[must_use]
    pub fn load(hold: Duration) -> Self {
        Self::default()
            .set("STUBMART_RATE_LIMITS", "off")
            .set("STUBMART_CHECKOUT_HOLD", format!("{}s", hold.as_secs()))
            .set("STUBMART_LEAVE_GRACE", "1s")
    }

    /// These settings with an environment variable more.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }
}

/// The binary under test: the one that `STUBMART_BINARY` names, or else the one of this workspace, built
/// now in the profile of the running program.
///
/// # Errors
/// [`Failure::NoBinary`] when it is not there and cannot be built; [`Failure::Io`].
pub async fn binary() -> Result<PathBuf, Failure> {
    static BUILT: OnceCell<PathBuf> = OnceCell::const_new();
    match std::env::var_os("STUBMART_BINARY").map(PathBuf::from) {
        Some(path) if path.is_file() => Ok(path),
        Some(path) => Err(Failure::NoBinary(path)),
        None => Ok(BUILT.get_or_try_init(build).await?.clone()),
    }
}

async fn build() -> Result<PathBuf, Failure> {
    let running = std::env::current_exe()?;
    // Tests and examples lie one directory deeper than binaries: target/PROFILE/deps.
    let is_profile = |it: &&Path| !(it.ends_with("deps") || it.ends_with("examples"));
    let directory = running.ancestors().skip(1).find(is_profile).unwrap_or(Path::new("."));
    let profile = match directory.file_name().and_then(OsStr::to_str) {
        None | Some("debug") => "dev",
        Some(profile) => profile,
    };
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", "stubmart", "--profile", profile]);
    if let Some(target) = directory.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().await?;
    let path = directory.join("stubmart");
    if built.success() && path.is_file() { Ok(path) } else { Err(Failure::NoBinary(path)) }
}

/// A wrapper that does `what` at the system calls `call`, when they are made for the times that `when`
/// says (strace(1), "Tampering"). The tracer is no parent of the traced process, which so can be waited
/// for and killed as if it were not there.
#[must_use]
pub fn inject(call: &str, what: &str, when: &str) -> Vec<String> {
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:{what}:when={when}");
    let words = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e"];
    // With the filter in the kernel, which is faster, only a signal for the first call is ever sent.
    let filter = what.starts_with("error=").then_some("--seccomp-bpf");
    let words = words.into_iter().chain([trace.as_str(), "-e", inject.as_str()]).chain(filter);
    words.map(str::to_owned).collect()
}

/// Whether `strace` is there and may trace.
pub async fn can_inject() -> bool {
    let words = inject("fsync", "signal=KILL", "1");
    let Some((strace, words)) = words.split_first() else { return false };
    let tried = Command::new(strace).args(words).arg("true").stderr(Stdio::null()).status().await;
    tried.is_ok_and(|status| status.success())
}

/// The lines that all processes of a run have logged.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, line: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// The lines that `wanted` takes.
    pub fn lines(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| wanted(line)).cloned().collect()
    }

    /// The last lines, for a failure's message.
    #[must_use]
    pub fn tail(&self) -> String {
        let lines = self.lines(|_| true);
        lines.split_at(lines.len().saturating_sub(TAIL)).1.join("\n")
    }
}

/// The whole market in one process.
#[derive(Debug)]
pub struct OneProcess {
    binary: PathBuf,
    settings: Settings,
    data: PathBuf,
    base: String,
    child: Option<Child>,
    log: Log,
    is_doomed: bool,
    doomed: u32,
    torn: u32,
    /// Removes the throw-away data at the end.
    _scratch: Option<TempDir>,
}

impl OneProcess {
    /// A market that is not started yet.
    ///
    /// # Errors
    /// As [`binary`]; [`Failure::Io`] when no directory for the data can be made.
    pub async fn new(settings: Settings) -> Result<Self, Failure> {
        let (data, scratch) = match &settings.data {
            Some(data) => (data.clone(), None),
            None => {
                let scratch = tempfile::tempdir()?;
                (scratch.path().to_owned(), Some(scratch))
            }
        };
        Ok(Self {
            binary: binary().await?,
            settings,
            data,
            base: String::new(),
            child: None,
            log: Log::default(),
            is_doomed: false,
            doomed: 0,
            torn: 0,
            _scratch: scratch,
        })
    }

    /// A market that is ready.
    ///
    /// # Errors
    /// As [`Self::new`] and [`System::start`].
    pub async fn started(settings: Settings) -> Result<Self, Failure> {
        let mut market = Self::new(settings).await?;
        market.start().await?;
        Ok(market)
    }

    /// Where its data is.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it has logged.
    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The id of the running process, or of what wraps it.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().and_then(Child::id)
    }

    /// Runs it with other settings from the next start on; the data stays where it is.
    pub fn configure(&mut self, change: impl FnOnce(Settings) -> Settings) {
        self.settings = change(self.settings.clone());
    }

    fn command(&self, subcommand: &str) -> Command {
        let wrapper = if subcommand == "serve" { self.settings.wrapper.as_slice() } else { &[] };
        let mut command = match wrapper.split_first() {
            Some((wrapper, words)) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(&self.binary);
                command
            }
            None => Command::new(&self.binary),
        };
        command.arg(subcommand).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.env("STUBMART_LISTEN", "127.0.0.1:0").env("STUBMART_DATA", &self.data);
        // A declined card ends its order, so that the history says what has to follow from it.
        command.env("STUBMART_MAX_PAYMENT_ATTEMPTS", "1");
        command.envs(self.settings.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Starts the process; what it serves at comes by the channel.
    fn spawn(&mut self) -> Result<watch::Receiver<Option<String>>, Failure> {
        if self.settings.doomed.is_some() {
            self.settings.wrapper.clear();
        }
        if self.is_doomed
            && let Some(random) = &mut self.settings.doomed
            && let Some((call, most)) = random.choice(DOOMED_CALLS)
        {
            let when = random.u64(1..=*most);
            self.settings.wrapper = inject(call, "signal=KILL", &when.to_string());
        }
        let mut command = self.command("serve");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let (address, served_at) = watch::channel(None);
        if let Some(stderr) = child.stderr.take() {
            let log = self.log.clone();
            tokio::spawn(async move {
                let mut lines = BufReader::new(stderr).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    if let Some((_, base)) = line.split_once("stubmart serves at ") {
                        let base = base.split_ascii_whitespace().next().unwrap_or_default();
                        address.send_replace(Some(base.to_owned()));
                    }
                    log.add(line);
                }
            });
        }
        self.child = Some(child);
        Ok(served_at)
    }

    fn failed(&self, what: impl Into<String>) -> Failure {
        Failure::Market { what: what.into(), log: self.log.tail() }
    }

    /// The exit status, if it has ended by itself.
    ///
    /// # Errors
    /// [`Failure::Io`] when that cannot be found out.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, Failure> {
        match &mut self.child {
            Some(child) => Ok(child.try_wait()?),
            None => Ok(None),
        }
    }

    async fn ready(
        &mut self,
        mut served_at: watch::Receiver<Option<String>>,
    ) -> Result<(), Failure> {
        let served = served_at.wait_for(Option::is_some).await;
        let base = served.ok().and_then(|base| base.clone());
        let Some(base) = base else { return Err(self.failed("ended before it served")) };
        self.base = base;
        let client = Client::http(&self.base)?;
        loop {
            if let Ok(answer) = client.raw(Method::GET, "/readyz", None::<&()>).await
                && answer.status.is_success()
            {
                return Ok(());
            }
            if let Some(status) = self.ended()? {
                return Err(self.failed(format!("ended with {status} before it was ready")));
            }
            sleep(ASK_EVERY).await;
        }
    }

    /// How often the end of its log was torn.
    #[must_use]
    pub const fn torn(&self) -> u32 {
        self.torn
    }

    /// How many of its processes were killed at the system call that they were doomed at, before anybody
    /// else killed them.
    #[must_use]
    pub const fn doomed(&self) -> u32 {
        self.doomed
    }

    /// Whether it has ended as it was doomed to; counts it then.
    fn met_its_doom(&mut self) -> Result<bool, Failure> {
        let ended = self.ended()?;
        let met =
            self.settings.doomed.is_some() && ended.and_then(|it| it.signal()) == Some(SIGKILL);
        self.doomed += u32::from(met);
        Ok(met)
    }

    /// Kills it where it stands, if it runs.
    ///
    /// # Errors
    /// [`Failure::Io`] when it cannot be killed.
    pub async fn end(&mut self) -> Result<(), Failure> {
        if let Some(mut child) = self.child.take() {
            child.kill().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl System for OneProcess {
    fn base(&self) -> String {
        self.base.clone()
    }

    async fn start(&mut self) -> Result<Duration, Failure> {
        loop {
            let began = Instant::now();
            let served_at = self.spawn()?;
            match timeout(START_MAX, self.ready(served_at)).await {
                Ok(Ok(())) => return Ok(began.elapsed()),
                // It was killed while it started: the next start comes upon what it left.
                Ok(Err(failure)) => {
                    sleep(ASK_EVERY).await;
                    if !self.met_its_doom()? {
                        return Err(failure);
                    }
                }
                Err(_) => return Err(self.failed("was not ready in time")),
            }
        }
    }

    fn doom(&mut self, is_doomed: bool) {
        self.is_doomed = is_doomed;
    }

    async fn start_and_kill(&mut self, alive: Duration) -> Result<(), Failure> {
        drop(self.spawn()?);
        sleep(alive).await;
        self.kill(&mut Rng::with_seed(0)).await
    }

    async fn kill(&mut self, _: &mut Rng) -> Result<(), Failure> {
        if let Some(status) = self.ended()?
            && !self.met_its_doom()?
        {
            return Err(self.failed(format!("ended by itself with {status}")));
        }
        self.end().await
    }

    fn tear(&mut self, random: &mut Rng) -> Result<(), Failure> {
        if wal::tear(&self.data.join("stubmart.db-wal"), random)? != Tear::Nothing {
            self.torn += 1;
        }
        if random.u64(..100) < INDEX_LOST {
            // It is rebuilt from the log; a crash of the machine loses it.
            match std::fs::remove_file(self.data.join("stubmart.db-shm")) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error.into());
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn ready_max(&self) -> Duration {
        READY_MAX
    }

    async fn stop(&mut self) -> Result<(), Failure> {
        let Some(id) = self.id() else { return Ok(()) };
        let kill = format!("kill -TERM {id}");
        Command::new("/bin/sh").args(["-c", &kill]).status().await?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        match timeout(STOP_MAX, child.wait()).await {
            Ok(status) => match status? {
                status if status.success() => Ok(()),
                status => Err(self.failed(format!("stopped with {status}"))),
            },
            Err(_) => Err(self.failed("did not stop in time")),
        }
    }

    async fn audit(&self) -> Result<(), Failure> {
        let output = self.command("check").env("STUBMART_LOG", "warn").output().await?;
        if output.status.success() {
            return Ok(());
        }
        let texts =
            [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
        Err(Failure::Audit(texts.concat()))
    }

    fn inspect_log(&self) -> Result<(), Failure> {
        let faults = self.log.lines(|line| line.contains(" ERROR ") || line.contains("panicked"));
        if faults.is_empty() { Ok(()) } else { Err(Failure::Log(faults)) }
    }
}
