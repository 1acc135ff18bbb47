//! Requests that meet within some milliseconds: edits with locks, payments with expiry and with leaving,
//! the same thing asked twice.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::join_all;
use stubmart_contract::{OrderId, TicketId};
use tokio::time::sleep;

use crate::{
    Failure,
    actor::Actor,
    history::{Moment, Outcome, Recorder},
    scenario::Cast,
    system::System,
};

/// How far apart the requests of a race are at the most.
const APART_MAX_MS: u32 = 50;

/// A card that works.
const CARD: &str = "pm_card_visa";

/// A race, and how often it is run in a hundred rounds.
const RACES: &[(Race, u64)] = &[
    (Race::PayAndExpire, 40),
    (Race::PayAndLeave, 20),
    (Race::EditAndLock, 20),
    (Race::WithdrawAndLock, 5),
    (Race::PayTwice, 5),
    (Race::ClickTwice, 5),
    (Race::TwoBuyers, 5),
];

/// What meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Race {
    /// A payment, around the moment when the hold runs out.
    PayAndExpire,
    /// A payment and the cancel button.
    PayAndLeave,
    /// The seller's new price and a buyer's lock.
    EditAndLock,
    /// The seller's withdrawal and a buyer's lock.
    WithdrawAndLock,
    /// Two payments of the same order.
    PayTwice,
    /// The same request twice, with one idempotency key.
    ClickTwice,
    /// Two buyers.
    TwoBuyers,
}

/// How large the races are.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many races are run.
    pub rounds: usize,
    /// How many at a time.
    pub lanes: usize,
    /// How many accounts take part.
    pub accounts: usize,
    /// How long everything may take to end at the end.
    pub patience: Duration,
    /// What the choices come from.
    pub seed: u64,
}

/// How the races went.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// For each race, how often it ended how.
    pub endings: BTreeMap<(Race, &'static str), usize>,
}

impl Report {
    /// How often `race` ended so.
    #[must_use]
    pub fn count(&self, race: Race, ending: &'static str) -> usize {
        self.endings.get(&(race, ending)).copied().unwrap_or(0)
    }

    /// How many races were run.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.endings.values().sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "races: {} rounds", self.rounds())?;
        self.endings.iter().try_for_each(|((race, ending), count)| {
            write!(f, "\nraces: {race:?}: {ending} {count}")
        })
    }
}

/// Runs the races, then lets everything come to rest and judges every answer.
///
/// # Errors
/// Whatever does not hold.
pub async fn run(system: &dyn System, plan: &Plan) -> Result<Report, Failure> {
    let cast = Cast::sign_up(&system.base(), plan.accounts.max(3)).await?;
    let actors = cast.actors(&system.base())?;
    let track = Track {
        recorder: &cast.recorder,
        next: AtomicUsize::new(0),
        rounds: plan.rounds,
        report: Mutex::default(),
    };
    let mut random = Rng::with_seed(plan.seed);
    let lanes = (0..plan.lanes).map(|lane| track.lane(lane, &actors, random.fork()));
    join_all(lanes).await.into_iter().collect::<Result<(), Failure>>()?;
    cast.all_answered()?;
    let report = track.report.into_inner().unwrap_or_else(PoisonError::into_inner);
    cast.judge(system, plan.patience).await?;
    Ok(report)
}

/// Where the races are run.
struct Track<'a> {
    recorder: &'a Recorder,
    next: AtomicUsize,
    rounds: usize,
    report: Mutex<Report>,
}

/// Who takes part in a race.
struct Round<'a> {
    number: usize,
    seller: &'a Actor,
    buyer: &'a Actor,
    rival: &'a Actor,
    ticket: TicketId,
    apart: (Duration, Duration),
}

impl Track<'_> {
    async fn lane(&self, lane: usize, actors: &[Actor], mut random: Rng) -> Result<(), Failure> {
        let mut around = actors.iter().cycle().skip(lane);
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let (Some(seller), Some(buyer), Some(rival)) =
                (around.next(), around.next(), around.next())
            else {
                return Err(Failure::Unmet("races need three accounts".into()));
            };
            if number >= self.rounds {
                return Ok(());
            }
            let listed = seller.list_ticket(&format!("Race {number}"), 1_000, None).await;
            let Some(ticket) = listed.ticket().map(|it| it.id) else {
                return Err(Failure::Unmet(format!("no ticket to race for: {listed:?}")));
            };
            let mut apart = || Duration::from_millis(random.u64(0..=APART_MAX_MS.into()));
            let (one, other) = (apart(), apart());
            // Half of the races begin at the same moment.
            let apart = if random.bool() { (one, other) } else { (one, one) };
            let round = Round { number, seller, buyer, rival, ticket, apart };
            let race = draw(&mut random);
            let ending = self.race(race, &round).await?;
            let mut report = self.report.lock().unwrap_or_else(PoisonError::into_inner);
            *report.endings.entry((race, ending)).or_default() += 1;
        }
    }

    async fn race(&self, race: Race, round: &Round<'_>) -> Result<&'static str, Failure> {
        match race {
            Race::PayAndExpire => self.pay_and_expire(round).await,
            Race::PayAndLeave => pay_and_leave(round).await,
            Race::EditAndLock => edit_and_lock(round).await,
            Race::WithdrawAndLock => withdraw_and_lock(round).await,
            Race::PayTwice => pay_twice(round).await,
            Race::ClickTwice => click_twice(round).await,
            Race::TwoBuyers => two_buyers(round).await,
        }
    }

    /// Pays around the end of the hold.
    async fn pay_and_expire(&self, round: &Round<'_>) -> Result<&'static str, Failure> {
        let ordered = round.buyer.order(round.ticket, None).await;
        let Some((id, expires)) = ordered.order().map(|it| (it.id, it.expires)) else {
            return Err(lost("an order", &ordered));
        };
        self.until(expires).await;
        // That was 50 ms before the end: this is up to 50 ms before or behind it.
        sleep(round.apart.0 + round.apart.1).await;
        let outcome = round.buyer.pay(id, CARD, None).await;
        round.buyer.read_order(id).await;
        Ok(payment(&outcome))
    }

    /// Waits until 50 ms before `end`.
    async fn until(&self, end: Moment) {
        let start = end.0.saturating_sub(u64::from(APART_MAX_MS) * 1000);
        sleep(Duration::from_micros(start.saturating_sub(self.recorder.now().0))).await;
    }
}

fn draw(random: &mut Rng) -> Race {
    let mut drawn = random.u64(1..=RACES.iter().map(|(_, weight)| weight).sum());
    for (race, weight) in RACES {
        if drawn <= *weight {
            return *race;
        }
        drawn -= weight;
    }
    Race::PayAndExpire
}

fn lost(what: &str, outcome: &Outcome) -> Failure {
    Failure::Unmet(format!("{what} was to be had, and not given: {outcome:?}"))
}

fn payment(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Charges(_) => "paid",
        Outcome::Refused(_) => "refused",
        _ => "open",
    }
}

async fn after<T>(wait: Duration, work: impl Future<Output = T>) -> T {
    sleep(wait).await;
    work.await
}

async fn ordered(round: &Round<'_>) -> Result<OrderId, Failure> {
    let outcome = round.buyer.order(round.ticket, None).await;
    outcome.order().map(|it| it.id).ok_or_else(|| lost("an order", &outcome))
}

async fn pay_and_leave(round: &Round<'_>) -> Result<&'static str, Failure> {
    let id = ordered(round).await?;
    // Leaving is faster than paying: it gets the later start, more often by a little than by much, so that
    // both win some on a fast machine and on a slow one.
    let part = u32::try_from(round.apart.1.as_millis()).unwrap_or(APART_MAX_MS);
    let later = round.apart.0 * part / APART_MAX_MS;
    let (paid, left) =
        tokio::join!(round.buyer.pay(id, CARD, None), after(later, round.buyer.leave(id)));
    match (&paid, left.order()) {
        (Outcome::Charges(_), Some(left)) => {
            Err(Failure::Unmet(format!("paid and left: {paid:?}, {left:?}")))
        }
        (_, Some(_)) => Ok("left"),
        _ => Ok(payment(&paid)),
    }
}

async fn edit_and_lock(round: &Round<'_>) -> Result<&'static str, Failure> {
    let price = 2_000;
    let (edit, lock) = (round.apart.0 / 8, round.apart.1 / 8);
    let (edited, locked) = tokio::join!(
        after(edit, round.seller.edit_price(round.ticket, price)),
        after(lock, round.buyer.order(round.ticket, None))
    );
    round.seller.read_ticket(round.ticket).await;
    let Some(order) = locked.order() else { return Err(lost("an order", &locked)) };
    round.buyer.leave(order.id).await;
    match (edited.ticket(), order.price == price) {
        (Some(_), true) => Ok("edited"),
        (None, false) => Ok("locked"),
        // An edit after the lock cannot succeed, one before it shows in the order.
        (edited, _) => Err(Failure::Unmet(format!("the edit {edited:?} does not fit {order:?}"))),
    }
}

async fn withdraw_and_lock(round: &Round<'_>) -> Result<&'static str, Failure> {
    let (gone, locked) = tokio::join!(
        after(round.apart.0 / 8, round.seller.withdraw(round.ticket)),
        after(round.apart.1 / 8, round.buyer.order(round.ticket, None))
    );
    match (gone, locked.order()) {
        (Outcome::Done, None) => Ok("withdrawn"),
        (Outcome::Refused(_), Some(_)) => Ok("locked"),
        (gone, order) => Err(Failure::Unmet(format!("withdrawn {gone:?} and ordered {order:?}"))),
    }
}

async fn pay_twice(round: &Round<'_>) -> Result<&'static str, Failure> {
    let id = ordered(round).await?;
    let (one, other) = tokio::join!(
        round.buyer.pay(id, CARD, None),
        after(round.apart.0 / 8, round.buyer.pay(id, CARD, None))
    );
    match (&one, &other) {
        (Outcome::Charges(_), Outcome::Refused(_)) | (Outcome::Refused(_), Outcome::Charges(_)) => {
            Ok("one paid")
        }
        _ => Err(Failure::Unmet(format!("paid twice: {one:?}, {other:?}"))),
    }
}

/// Orders and pays with a key each, every request sent twice; then again, when all is done.
async fn click_twice(round: &Round<'_>) -> Result<&'static str, Failure> {
    let (buyer, key) = (round.buyer, format!("click-{}", round.number));
    let order = || buyer.order(round.ticket, Some(&key));
    let (one, other) = tokio::join!(order(), after(round.apart.0 / 16, order()));
    let Some(id) = one.order().or(other.order()).map(|it| it.id) else {
        return Err(lost("an order", &one));
    };
    let pay = || buyer.pay(id, CARD, Some(&key));
    let (first, second) = tokio::join!(pay(), after(round.apart.1 / 16, pay()));
    let (again, paid) = (order().await, pay().await);
    let is_same = again.order().map(|it| it.id) == Some(id);
    let is_paid = matches!(paid, Outcome::Charges(_));
    if !is_same || !is_paid {
        let text = format!("{again:?} and {paid:?} are not {one:?}, {first:?}, {second:?}");
        return Err(Failure::Unmet(text));
    }
    let both = |one: &Outcome, other: &Outcome| {
        !matches!(one, Outcome::Refused(_)) && !matches!(other, Outcome::Refused(_))
    };
    Ok(if both(&one, &other) && both(&first, &second) { "same answer" } else { "told in progress" })
}

async fn two_buyers(round: &Round<'_>) -> Result<&'static str, Failure> {
    let (one, other) =
        tokio::join!(round.buyer.order(round.ticket, None), round.rival.order(round.ticket, None));
    match (one.order(), other.order()) {
        (Some(_), None) => Ok("the first"),
        (None, Some(_)) => Ok("the second"),
        _ => Err(Failure::Unmet(format!("ordered by both or by none: {one:?}, {other:?}"))),
    }
}
