//! Wrappers that make any adapter fail as real ones do, by a plan that a test or a seed gives.
//!
//! They do what the ports allow and the market claims to survive, and no more:
//!
//! | call | [`Fault::Fail`] | [`Fault::LoseAnswer`] | [`Fault::Late`] | [`Fault::Twice`] |
//! |---|---|---|---|---|
//! | store: save, delete, published | not done, `Unavailable` | done, `Indeterminate` | `Indeterminate`, done when released | done twice, the first answer given |
//! | store: every read | `Unavailable` | as `Fail` | as `Fail` | as `None` |
//! | bus: publish | not done, `Unavailable` | done, `Unavailable` | `Unavailable`, done when released | done twice |
//! | bus: next | nothing taken, `Unavailable` | taken and lost on the way, `Unavailable` | delivered behind later ones | delivered again later |
//! | bus: settle | not done, `Unavailable` | done, `Unavailable` | as `Fail` | as `None` |
//! | bus: subscribe, tail, its next, position, ready | `Unavailable` | as `Fail` | as `Fail` | as `None` |
//! | timers: change, finish | not done, `Unavailable` | done, `Unavailable` | `Unavailable`, done when released | done twice |
//! | timers: claim | nothing claimed, `Unavailable` | claimed, `Unavailable` | as `LoseAnswer` | claimed, and answered again by the next claim |
//! | timers: `next_due` | `Unavailable` | as `Fail` | as `Fail` | as `None` |
//! | gateway: authorise, capture, void, refund | not done, `Unavailable` | done, `Indeterminate` | `Indeterminate`, done when released | done twice, the first answer given |
//! | gateway: intent, `intent_of` | `Unavailable` | `Indeterminate` | as `LoseAnswer` | as `None` |
//!
//! Within a batch the bus shuffles what it delivers. A store or bus that loses what it acknowledged is
//! no fault that anybody claims to survive, save for a bus and timers that are emptied whole
//! ([`MemBus::wipe`](crate::mem::MemBus::wipe), [`MemTimers::wipe`](crate::mem::MemTimers::wipe)).
//!
//! One thing that a late write can do is stopped by no version check: a save that expects no document
//! makes it again when it lands after the document was deleted.

mod bus;
mod gateway;
mod store;
mod timers;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

pub use bus::FaultyBus;
pub use gateway::FaultyGateway;
pub use store::FaultyStore;
use stubmart_ports::Cause;
pub use timers::FaultyTimers;

use crate::host::{Seeded, lock};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is not done, and the caller is told so as far as the port can tell.
    Fail,
    /// It is done, and the caller is not told.
    LoseAnswer,
    /// The caller is not told, and it is done later: when the test releases it.
    Late,
    /// It is done twice.
    Twice,
}

/// The calls that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named as the method of the port that it stands for")]
pub enum Op {
    Load,
    Save,
    Delete,
    Find,
    Keys,
    Pending,
    Published,
    Record,
    StoreReady,
    Publish,
    Subscribe,
    Next,
    Settle,
    Tail,
    TailNext,
    Position,
    BusReady,
    Change,
    Claim,
    Finish,
    NextDue,
    Authorise,
    Capture,
    Void,
    Refund,
    Intent,
    IntentOf,
}

/// A call that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub op: Op,
    /// The how manieth of its kind it is, from 1.
    pub number: u64,
}

/// How often each fault happens, in a thousand calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// [`Fault::Fail`].
    pub fail: u16,
    /// [`Fault::LoseAnswer`].
    pub lose_answer: u16,
    /// [`Fault::Late`].
    pub late: u16,
    /// [`Fault::Twice`].
    pub twice: u16,
}

impl Rates {
    /// Each of the faults so often.
    #[must_use]
    pub const fn each(per_mille: u16) -> Self {
        Self { fail: per_mille, lose_answer: per_mille, late: per_mille, twice: per_mille }
    }

    fn draw(self, random: &mut Seeded) -> Fault {
        let mut left = random.below(1000);
        let faults = [
            (Fault::Fail, self.fail),
            (Fault::LoseAnswer, self.lose_answer),
            (Fault::Late, self.late),
            (Fault::Twice, self.twice),
        ];
        for (fault, rate) in faults {
            match left.checked_sub(u64::from(rate)) {
                Some(rest) => left = rest,
                None => return fault,
            }
        }
        Fault::None
    }
}

type Plan = Box<dyn FnMut(Call) -> Fault + Send>;

/// Decides what goes wrong, for any number of wrappers.
pub struct Injector {
    state: Mutex<State>,
    healthy: AtomicBool,
}

struct State {
    plan: Plan,
    random: Seeded,
    calls: BTreeMap<Op, u64>,
    injected: BTreeMap<(Op, Fault), u64>,
}

impl fmt::Debug for Injector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector").field("injected", &self.injected()).finish_non_exhaustive()
    }
}

impl Injector {
    /// Faults as `plan` says, asked before each call. What the bus shuffles is shuffled by a fixed seed.
    #[must_use]
    pub fn new(plan: impl FnMut(Call) -> Fault + Send + 'static) -> Arc<Self> {
        Self::with(Box::new(plan), 0)
    }

    /// Faults drawn from a seed. The same calls in the same order have the same faults.
    #[must_use]
    pub fn seeded(seed: u64, rates: Rates) -> Arc<Self> {
        let mut random = Seeded::new(seed);
        Self::with(Box::new(move |_| rates.draw(&mut random)), seed)
    }

    fn with(plan: Plan, seed: u64) -> Arc<Self> {
        let state = State {
            plan,
            random: Seeded::new(seed),
            calls: BTreeMap::new(),
            injected: BTreeMap::new(),
        };
        Arc::new(Self { state: Mutex::new(state), healthy: AtomicBool::new(false) })
    }

    /// No more faults, until [`Self::hurt`]. What is late stays late until it is released.
    pub fn heal(&self) {
        self.healthy.store(true, Ordering::SeqCst);
    }

    /// Faults again.
    pub fn hurt(&self) {
        self.healthy.store(false, Ordering::SeqCst);
    }

    /// How often each fault was injected into each call.
    #[must_use]
    pub fn injected(&self) -> BTreeMap<(Op, Fault), u64> {
        lock(&self.state).injected.clone()
    }

    fn ask(&self, op: Op) -> Fault {
        if self.healthy.load(Ordering::SeqCst) {
            return Fault::None;
        }
        let state = &mut *lock(&self.state);
        let number = state.calls.entry(op).or_default();
        *number += 1;
        let fault = (state.plan)(Call { op, number: *number });
        if fault != Fault::None {
            *state.injected.entry((op, fault)).or_default() += 1;
        }
        fault
    }

    /// What goes wrong with a call that changes nothing: it fails or it does not.
    fn fails(&self, op: Op) -> bool {
        !matches!(self.ask(op), Fault::None | Fault::Twice)
    }

    fn shuffle<T>(&self, items: &mut [T]) {
        if !self.healthy.load(Ordering::SeqCst) {
            lock(&self.state).random.shuffle(items);
        }
    }
}

/// The cause that injected failures give.
fn injected() -> Cause {
    "an injected fault".into()
}

/// What is late: on its way, and not done yet.
#[derive(Debug)]
struct Held<T>(Mutex<VecDeque<T>>);

impl<T> Default for Held<T> {
    fn default() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }
}

impl<T> Held<T> {
    fn push(&self, item: T) {
        lock(&self.0).push_back(item);
    }

    fn count(&self) -> usize {
        lock(&self.0).len()
    }

    fn take(&self, place: usize) -> Option<T> {
        lock(&self.0).remove(place)
    }
}
