//! What is done to the market. Each scenario takes its sizes as a plan and gives its figures as a report;
//! it fails when anything is not as it has to be.

pub mod attacks;
pub mod departures;
pub mod faults;
pub mod kills;
pub mod live;
pub mod load;
pub mod races;
pub mod rush;
pub mod slow;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use tokio::time::sleep;

use crate::{
    Failure,
    actor::{Account, Actor},
    checker,
    history::{Call, Outcome, Recorder},
    system::System,
};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The users of a run, and what they were answered.
#[derive(Debug, Clone)]
pub struct Cast {
    /// The users. Their sessions outlive the processes.
    pub accounts: Vec<Account>,
    /// Everything that they asked and were answered.
    pub recorder: Arc<Recorder>,
}

impl Cast {
    /// Signs up `count` users at `base`.
    ///
    /// # Errors
    /// [`Failure::Client`] when one is refused.
    pub async fn sign_up(base: &str, count: usize) -> Result<Self, Failure> {
        let accounts = Account::sign_up(base, count, "user").await?;
        Ok(Self { accounts, recorder: Arc::default() })
    }

    /// All users, at `base`.
    ///
    /// # Errors
    /// [`Failure::Client`] when `base` is no address.
    pub fn actors(&self, base: &str) -> Result<Vec<Actor>, Failure> {
        self.accounts.iter().map(|account| account.at(base, &self.recorder)).collect()
    }

    /// Waits until nothing is under way any more, at most for `patience`; then reads everything. Tells how
    /// long the wait was.
    ///
    /// # Errors
    /// [`Failure::Unmet`] when a checkout, a lock or a charge is still open.
    pub async fn come_to_rest(&self, base: &str, patience: Duration) -> Result<Duration, Failure> {
        let actors = self.actors(base)?;
        let began = Instant::now();
        loop {
            let open = join_all(actors.iter().map(open)).await;
            let open: Vec<_> = open.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
            if open.is_empty() {
                break;
            }
            if began.elapsed() > patience {
                let some = open.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
                return Err(Failure::Unmet(format!("{} are still open:\n{some}", open.len())));
            }
            sleep(LOOK_EVERY).await;
        }
        let rested = began.elapsed();
        self.recorder.at_rest();
        let read = async |actor: &Actor| {
            actor.all_tickets().await?;
            actor.all_orders("").await?;
            actor.all_charges().await.map(drop)
        };
        join_all(actors.iter().map(read)).await.into_iter().collect::<Result<(), _>>()?;
        Ok(rested)
    }

    /// Brings the market to rest, judges the whole history, audits what is stored, and reads the log.
    /// Tells how long it took to come to rest.
    ///
    /// # Errors
    /// Whatever does not hold.
    pub async fn judge(
        &self,
        system: &dyn System,
        patience: Duration,
    ) -> Result<Duration, Failure> {
        let rested = self.judge_stored(system, patience).await?;
        system.inspect_log()?;
        Ok(rested)
    }

    /// As [`Self::judge`], without the log: it may report faults that were injected.
    ///
    /// # Errors
    /// Whatever does not hold.
    pub async fn judge_stored(
        &self,
        system: &dyn System,
        patience: Duration,
    ) -> Result<Duration, Failure> {
        let rested = self.come_to_rest(&system.base(), patience).await?;
        self.recorder.with(|history| checker::check(history))?;
        system.audit().await?;
        Ok(rested)
    }

    /// How many calls were acknowledged writes, how many were answered for certain, and how many were not.
    #[must_use]
    pub fn answered(&self) -> Answered {
        self.recorder.with(|history| {
            let count = |is: fn(&Call) -> bool| history.calls.iter().filter(|it| is(it)).count();
            let known = count(|call| call.outcome.is_known());
            let acknowledged = count(Call::is_acknowledged_write);
            Answered { acknowledged, known, unknown: history.calls.len() - known }
        })
    }

    /// Fails when a call had no answer: legitimate only where processes are killed.
    ///
    /// # Errors
    /// [`Failure::Unmet`] with such a call.
    pub fn all_answered(&self) -> Result<(), Failure> {
        self.recorder.with(|history| {
            let silent = |outcome: &Outcome| matches!(outcome, Outcome::Unknown(_));
            match history.calls.iter().find(|call| silent(&call.outcome)) {
                Some(call) => Err(Failure::Unmet(format!("not answered: {call:?}"))),
                None => Ok(()),
            }
        })
    }
}

/// How many calls had an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answered {
    /// That changed something and whose callers know.
    pub acknowledged: usize,
    /// With a known outcome.
    pub known: usize,
    /// Without.
    pub unknown: usize,
}

/// What of a user's is still under way.
async fn open(actor: &Actor) -> Result<Vec<String>, Failure> {
    let mut open = Vec::new();
    for status in ["created", "awaiting_payment"] {
        let orders = actor.all_orders(&format!("status={status}")).await?;
        open.extend(orders.iter().map(|order| format!("{order:?}")));
    }
    let locked = actor.locked_tickets().await?;
    open.extend(locked.iter().map(|ticket| format!("{ticket:?}")));
    if open.is_empty() {
        let charges = actor.all_charges().await?;
        let unsettled = charges.iter().filter(|charge| charge.is_open());
        open.extend(unsettled.map(|charge| format!("{charge:?}")));
    }
    Ok(open)
}

/// Does `work` with each of `items`, `width` at a time.
pub(crate) async fn spread<T, F>(items: Vec<T>, width: usize, work: impl Fn(T) -> F)
where
    F: Future<Output = ()>,
{
    let queue = std::sync::Mutex::new(items);
    let next = || queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
    let worker = async || {
        while let Some(item) = next() {
            work(item).await;
        }
    };
    join_all((0..width).map(|_| worker())).await;
}
