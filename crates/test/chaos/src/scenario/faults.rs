//! The disk is full, or fails: the market answers 503, takes nothing half, and recovers by itself.

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::join_all;
use stubmart_contract::Code;
use tempfile::TempDir;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use crate::{
    Failure,
    actor::Actor,
    history::{Moment, Outcome, Recorder},
    process::{OneProcess, Settings, inject},
    scenario::{Cast, live, load, load::Pool},
    system::System,
};

/// How large the small disk is, in bytes.
const DISK: usize = 24 * 1024 * 1024;

/// How large it is made in the end. Room for the write-ahead log alone would not do: that may grow beyond
/// the small disk, which then would be full a second time.
const GROWN: &str = "256m";

/// How much of the grown disk has to be free when the load has ended, in KiB.
const FREE_MIN: u64 = 64 * 1024;

/// How much of it is left at first, in bytes.
const LEFT: usize = 3 * 1024 * 1024;

/// How long to wait for a fault to show, and for the recovery from it.
const SHOWS_MAX: Duration = Duration::from_secs(60);

/// How many calls have to be refused by a fault.
const REFUSED_MIN: usize = 20;

/// How many calls are answered after the recovery before the load ends.
const AFTERWARDS: usize = 2_000;

/// How many clients act at once.
const CLIENTS: usize = 8;

/// System calls that are let fail for a while: the fault's name, the calls, the error, and which of them
/// (strace(1)).
pub const CALLS: &[(&str, &str, &str, &str)] = &[
    ("EIO of a sync", "fsync,fdatasync", "EIO", "30..250"),
    ("ENOSPC of a write", "pwrite64", "ENOSPC", "300..600"),
    ("EIO of a write", "pwrite64", "EIO", "300..600"),
];

/// How a fault went.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Which fault it was.
    pub fault: &'static str,
    /// How many calls were answered with 503.
    pub refused: usize,
    /// How many calls were answered otherwise.
    pub answered: usize,
    /// How long it took from the end of the fault until a write succeeded.
    pub recovered_in: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { fault, refused, answered, recovered_in } = self;
        write!(
            f,
            "{fault}: {refused} calls refused with 503, {answered} answered, recovered in {recovered_in:.1?}"
        )
    }
}

/// A small file system of its own, unmounted at the end.
#[derive(Debug)]
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts it, which takes the rights of root.
    async fn mount() -> Result<Option<Self>, Failure> {
        let directory = tempfile::tempdir()?;
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={DISK}"), "tmpfs"])
            .arg(directory.path())
            .output()
            .await;
        Ok(mount.is_ok_and(|mount| mount.status.success()).then_some(Self(directory)))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Makes room for good.
    async fn grow(&self) -> Result<(), Failure> {
        let options = format!("remount,size={GROWN}");
        let grown = Command::new("mount").args(["-o", &options]).arg(self.path()).output().await?;
        if grown.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&grown.stderr);
        Err(Failure::Unmet(format!("the small disk cannot be made larger: {said}")))
    }

    /// What df(1) says of it.
    async fn df(&self) -> Result<String, Failure> {
        let df = Command::new("df").arg("-kP").arg(self.path()).output().await?;
        Ok(String::from_utf8_lossy(&df.stdout).into_owned())
    }

    /// Whether there is room enough that nothing can have failed for the lack of it.
    async fn has_room(&self) -> Result<(), Failure> {
        let df = self.df().await?;
        let free = df.lines().nth(1).and_then(|line| line.split_ascii_whitespace().nth(3));
        match free.and_then(|free| free.parse::<u64>().ok()) {
            Some(free) if free >= FREE_MIN => Ok(()),
            _ => Err(Failure::Unmet("the load filled the disk a second time".into())),
        }
    }

    /// How full it is and with what, and the end of the log.
    async fn describe(&self, market: &OneProcess) -> Result<String, Failure> {
        let mut text = self.df().await?;
        for name in ["stubmart.db", "stubmart.db-wal"] {
            let size = std::fs::metadata(market.data().join(name)).map(|it| it.len());
            text += &size.map_or_else(
                |error| format!("{name}: {error}\n"),
                |size| format!("{name}: {size} bytes\n"),
            );
        }
        Ok(text + "the end of the log:\n" + &market.log().tail())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that still ends may have files open.
        drop(std::process::Command::new("umount").arg("-l").arg(self.path()).status());
    }
}

/// Clients at work.
struct Clients {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Clients {
    fn start(cast: &Cast, base: &str, pool: &Arc<Pool>) -> Result<Self, Failure> {
        let (stop, mut random) = (Arc::new(AtomicBool::new(false)), Rng::with_seed(1));
        let mut tasks = Vec::new();
        for account in cast.accounts.iter().cycle().take(CLIENTS) {
            let actor = account.at(base, &cast.recorder)?;
            let client = load::client(Arc::clone(pool), actor, random.fork(), Arc::clone(&stop));
            tasks.push(tokio::spawn(client));
        }
        Ok(Self { stop, tasks })
    }

    async fn end(self) -> Result<(), Failure> {
        self.stop.store(true, Ordering::Relaxed);
        let ended = join_all(self.tasks).await;
        let died = ended.into_iter().find_map(Result::err);
        died.map_or(Ok(()), |error| Err(Failure::Unmet(format!("a client died: {error}"))))
    }
}

/// Fills the disk under load until writes are refused; reads go on. Then makes room: writes succeed again
/// without a restart, and none is refused any more. Then kills the server and judges everything. `None`
/// where no small disk can be mounted.
///
/// # Errors
/// Whatever does not hold.
pub async fn full_disk(patience: Duration) -> Result<Option<Report>, Failure> {
    let Some(disk) = SmallDisk::mount().await? else { return Ok(None) };
    let mut settings = Settings::load(Duration::from_secs(2));
    settings.data = Some(disk.path().join("data"));
    let mut market = OneProcess::started(settings).await?;
    match fill_and_grow(&disk, &mut market, patience).await {
        Ok(report) => Ok(Some(report)),
        Err(failure) => {
            let failure = Box::new(failure);
            Err(Failure::OnDisk { failure, disk: disk.describe(&market).await? })
        }
    }
}

async fn fill_and_grow(
    disk: &SmallDisk,
    market: &mut OneProcess,
    patience: Duration,
) -> Result<Report, Failure> {
    let cast = Cast::sign_up(&market.base(), CLIENTS).await?;
    cast.recorder.with_faults();
    let pool = Arc::<Pool>::default();
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![0; DISK - LEFT])?;
    let clients = Clients::start(&cast, &market.base(), &pool)?;
    until(|| refused(&cast.recorder) >= REFUSED_MIN, "the full disk refused nothing").await?;
    // What is stored can be looked at, and the process lives.
    let actor = first(&cast, market)?;
    actor.all_orders("").await?;
    if let Some(status) = market.ended()? {
        return Err(Failure::Unmet(format!("the full disk ended the market with {status}")));
    }
    std::fs::remove_file(&filler)?;
    disk.grow().await?;
    let recovered_in = recovery(&actor).await?;
    let recovered = cast.recorder.now();
    go_on(&cast).await?;
    clients.end().await?;
    disk.has_room().await?;
    refused_none_since(recovered, &cast.recorder)?;
    finish("full disk", market, &cast, recovered_in, patience).await
}

/// Lets the load go on until enough calls were answered.
async fn go_on(cast: &Cast) -> Result<(), Failure> {
    let enough = cast.answered().known + AFTERWARDS;
    until(|| cast.answered().known >= enough, "the load does not go on").await
}

/// What was asked after `recovered` must not have been refused for the fault any more.
fn refused_none_since(recovered: Moment, recorder: &Recorder) -> Result<(), Failure> {
    recorder.with(|history| {
        let mut asked = history.calls.iter().filter(|call| call.start > recovered);
        match asked.find(|call| is_fault(&call.outcome)) {
            Some(call) => Err(Failure::Unmet(format!("refused after the recovery: {call:?}"))),
            None => Ok(()),
        }
    })
}

/// Lets the system calls `call` fail with `error` under load, those that `when` says. The server goes on,
/// and works again when they do; then it is killed, started without the fault, and judged.
///
/// # Errors
/// Whatever does not hold.
pub async fn failing_call(
    fault: &'static str,
    call: &str,
    error: &str,
    when: &str,
    patience: Duration,
) -> Result<Report, Failure> {
    let mut market = OneProcess::started(Settings::load(Duration::from_secs(2))).await?;
    let cast = Cast::sign_up(&market.base(), CLIENTS).await?;
    cast.recorder.with_faults();
    market.stop().await?;
    market
        .configure(|it| Settings { wrapper: inject(call, &format!("error={error}"), when), ..it });
    market.start().await?;
    let clients = Clients::start(&cast, &market.base(), &Arc::default())?;
    until(|| refused(&cast.recorder) >= REFUSED_MIN, "the failing disk refused nothing").await?;
    go_on(&cast).await?;
    clients.end().await?;
    if let Some(status) = market.ended()? {
        let log = market.log().tail();
        return Err(Failure::Market { what: format!("was ended by {fault}: {status}"), log });
    }
    // It works again, without a restart.
    let recovered_in = recovery(&first(&cast, &market)?).await?;
    market.configure(|it| Settings { wrapper: Vec::new(), ..it });
    finish(fault, &mut market, &cast, recovered_in, patience).await
}

fn first(cast: &Cast, market: &OneProcess) -> Result<Actor, Failure> {
    let actor = cast.actors(&market.base())?.into_iter().next();
    actor.ok_or_else(|| Failure::Unmet("there is no account".into()))
}

/// Kills the market, starts it again and judges everything that was answered.
async fn finish(
    fault: &'static str,
    market: &mut OneProcess,
    cast: &Cast,
    recovered_in: Duration,
    patience: Duration,
) -> Result<Report, Failure> {
    market.kill(&mut Rng::with_seed(0)).await?;
    market.start().await?;
    cast.judge_stored(&*market, patience).await?;
    let panics = market.log().lines(|line| line.contains("panicked"));
    if !panics.is_empty() {
        return Err(Failure::Log(panics));
    }
    let (refused, answered) = (refused(&cast.recorder), cast.answered());
    Ok(Report { fault, refused, answered: answered.known, recovered_in })
}

fn refused(recorder: &Recorder) -> usize {
    recorder.with(|history| history.calls.iter().filter(|call| is_fault(&call.outcome)).count())
}

fn is_fault(outcome: &Outcome) -> bool {
    *outcome == Outcome::Refused(Code::Unavailable)
}

async fn until(holds: impl Fn() -> bool, otherwise: &str) -> Result<(), Failure> {
    let began = Instant::now();
    while !holds() {
        if began.elapsed() > SHOWS_MAX {
            return Err(Failure::Unmet(otherwise.to_owned()));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// How long it takes until a ticket can be listed and read again.
async fn recovery(actor: &Actor) -> Result<Duration, Failure> {
    let began = Instant::now();
    for number in 0_u32.. {
        let served = live::serves(actor, &format!("Recovery {number}")).await;
        if served.is_ok() {
            break;
        }
        if began.elapsed() > SHOWS_MAX {
            return served.map(|()| began.elapsed());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(began.elapsed())
}
