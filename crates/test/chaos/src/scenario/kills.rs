//! The server is killed (SIGKILL) at random moments under load, started again on the same data, and asked
//! for everything it had answered.

use std::{
    collections::HashSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::join_all;
use stubmart_contract::{Code, OrderId, TicketId, UserId};
use tokio::time::sleep;

use crate::{
    Failure,
    actor::Actor,
    checker,
    history::Outcome,
    report::Durations,
    scenario::{Cast, load, load::Pool, spread},
    system::System,
};

/// How many documents are read at once after a restart.
const READERS: usize = 16;

/// In how many of a hundred cycles the server is also killed while it starts.
const FALSE_STARTS: u64 = 15;

/// After how many cycles the history so far is judged, so that a long run fails early.
const JUDGE_EVERY: u32 = 25;

/// How many restarts it takes to speak of the slowest in a hundred.
const RESTARTS_MIN: usize = 100;

/// How large a kill run is.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How often the server is killed.
    pub kills: u32,
    /// How many clients act at once.
    pub clients: usize,
    /// How many accounts they share.
    pub accounts: usize,
    /// How long the server lives under load in a cycle, in milliseconds: a random time between these.
    pub alive_ms: (u64, u64),
    /// Goes on after the last planned kill until so many writes were acknowledged.
    pub acknowledged_min: usize,
    /// How long everything may take to end at the end.
    pub patience: Duration,
    /// What the choices come from.
    pub seed: u64,
}

/// The figures of a kill run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How often the server was killed under load.
    pub kills: u32,
    /// How often it was killed while it started.
    pub false_starts: u32,
    /// How many writes were acknowledged.
    pub acknowledged: usize,
    /// How many calls had a known outcome.
    pub answered: usize,
    /// How many broke off.
    pub unknown: usize,
    /// How many of those that broke off were asked again with their key and answered.
    pub repeated: usize,
    /// How long a start took until the server was ready.
    pub restarts: Durations,
    /// How long it took at the end until every lock and every charge had ended.
    pub rested_in: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "kills: {} under load, {} while starting; {} writes acknowledged, {} calls answered, \
             {} broken off, {} of them repeated",
            self.kills,
            self.false_starts,
            self.acknowledged,
            self.answered,
            self.unknown,
            self.repeated
        )?;
        write!(f, "kills: restart to ready {}; at rest after {:.1?}", self.restarts, self.rested_in)
    }
}

impl Report {
    /// Adds the figures of another run.
    pub fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.false_starts += other.false_starts;
        self.acknowledged += other.acknowledged;
        self.answered += other.answered;
        self.unknown += other.unknown;
        self.repeated += other.repeated;
        self.restarts.extend(&other.restarts);
        self.rested_in = self.rested_in.max(other.rested_in);
    }

    /// Judges how fast the server got ready, where there are restarts enough to tell.
    ///
    /// # Errors
    /// [`Failure::Unmet`] when more than one in a hundred took too long.
    pub fn judge_restarts(&self, ready_max: Duration) -> Result<(), Failure> {
        if self.restarts.count() >= RESTARTS_MIN && self.restarts.percentile(99) >= ready_max {
            return Err(Failure::Unmet(format!("restart to ready took {}", self.restarts)));
        }
        Ok(())
    }
}

/// A run under way.
struct Run {
    cast: Cast,
    pool: Arc<Pool>,
    random: Rng,
    report: Report,
    /// How many calls of the history were read back already.
    read_back: usize,
}

/// Kills and restarts under load as planned. After each restart all that was answered in the cycle is read
/// again, what broke off is asked again with its key, and the store is audited; at the end every lock has
/// to end, every charge to be settled, and the whole history to be explained.
///
/// # Errors
/// Whatever does not hold.
pub async fn run(
    system: &mut dyn System,
    plan: &Plan,
    progress: &(dyn Fn(&Report) + Sync),
) -> Result<Report, Failure> {
    let mut run = Run {
        cast: Cast::sign_up(&system.base(), plan.accounts).await?,
        pool: Arc::default(),
        random: Rng::with_seed(plan.seed),
        report: Report::default(),
        read_back: 0,
    };
    system.doom(true);
    while run.report.kills < plan.kills || run.report.acknowledged < plan.acknowledged_min {
        run.cycle(system, plan).await?;
        progress(&run.report);
        if run.report.kills.is_multiple_of(JUDGE_EVERY) {
            run.cast.recorder.with(|history| checker::check(history))?;
        }
    }
    // Whatever the last process was doomed to: now everything has to come to rest.
    system.doom(false);
    system.kill(&mut run.random).await?;
    system.start().await?;
    run.report.rested_in = run.cast.judge(system, plan.patience).await?;
    run.count();
    run.report.judge_restarts(system.ready_max())?;
    Ok(run.report)
}

impl Run {
    async fn cycle(&mut self, system: &mut dyn System, plan: &Plan) -> Result<(), Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for account in self.cast.accounts.iter().cycle().take(plan.clients) {
            let actor = account.at(&system.base(), &self.cast.recorder)?;
            let (pool, random) = (Arc::clone(&self.pool), self.random.fork());
            clients.push(tokio::spawn(load::client(pool, actor, random, Arc::clone(&stop))));
        }
        let (least, most) = plan.alive_ms;
        sleep(Duration::from_millis(self.random.u64(least..=most))).await;
        system.kill(&mut self.random).await?;
        self.report.kills += 1;
        system.tear(&mut self.random)?;
        stop.store(true, Ordering::Relaxed);
        for ended in join_all(clients).await {
            ended.map_err(|error| Failure::Unmet(format!("a client died: {error}")))?;
        }
        if self.random.u64(..100) < FALSE_STARTS {
            let alive = Duration::from_millis(self.random.u64(1..=120));
            system.start_and_kill(alive).await?;
            self.report.false_starts += 1;
        }
        self.report.restarts.add(system.start().await?);
        self.ask_again(system).await?;
        self.read_back(system).await?;
        system.audit().await?;
        system.inspect_log()?;
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        let answered = self.cast.answered();
        self.report.acknowledged = answered.acknowledged;
        (self.report.answered, self.report.unknown) = (answered.known, answered.unknown);
    }

    fn actor(&self, actors: &[Actor], user: UserId) -> Option<Actor> {
        actors.iter().find(|actor| actor.user == user).cloned()
    }

    /// Asks again with its key what broke off. A key that is still in use is tried again next time.
    async fn ask_again(&mut self, system: &dyn System) -> Result<(), Failure> {
        let actors = self.cast.actors(&system.base())?;
        for again in self.pool.take_again() {
            let Some(actor) = self.actor(&actors, again.user) else { continue };
            match self.pool.ask_again(&actor, &again).await {
                Outcome::Refused(Code::IdempotencyKeyInUse) | Outcome::Unknown(_) => {
                    self.pool.put_again(again);
                }
                _ => self.report.repeated += 1,
            }
        }
        Ok(())
    }

    /// Reads everything that was answered since the last time; the checker compares.
    async fn read_back(&mut self, system: &dyn System) -> Result<(), Failure> {
        let actors = self.cast.actors(&system.base())?;
        let (told, count) = self.cast.recorder.with(|history| {
            let mut told = HashSet::new();
            for call in history.calls.iter().skip(self.read_back).filter(|call| !call.is_read()) {
                let outcome = &call.outcome;
                told.extend(outcome.tickets().iter().map(|it| (call.user, Doc::Ticket(it.id))));
                told.extend(outcome.orders().iter().map(|it| (call.user, Doc::Order(it.id))));
                told.extend(outcome.charges().iter().map(|it| (call.user, Doc::Charges(it.order))));
            }
            (told, history.calls.len())
        });
        self.read_back = count;
        spread(told.into_iter().collect(), READERS, async |(user, doc)| {
            let Some(actor) = self.actor(&actors, user) else { return };
            match doc {
                Doc::Ticket(id) => actor.read_ticket(id).await,
                Doc::Order(id) => actor.read_order(id).await,
                Doc::Charges(id) => actor.read_charges(id).await,
            };
        })
        .await;
        Ok(())
    }
}

/// A document that an answer showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Doc {
    Ticket(TicketId),
    Order(OrderId),
    Charges(OrderId),
}
