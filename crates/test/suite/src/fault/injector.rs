//! Faults by a plan or a seed, for tests.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::plan::{Call, Fault, Faults, Op};
use crate::host::{Seeded, lock};

/// After how long a delivery that is late comes.
const DELAY: Duration = Duration::from_millis(20);

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

/// Is asked before each call, with the call's number among those of its kind, from 1.
type Plan = Box<dyn FnMut(Op, u64) -> Fault + Send>;

/// Faults by a plan or a seed. What is late is done when the test releases it.
pub struct Injector {
    state: Mutex<State>,
    late: Mutex<VecDeque<BoxFuture<'static, ()>>>,
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
    /// Faults as `plan` says. What the bus shuffles is shuffled by a fixed seed.
    #[must_use]
    pub fn new(plan: impl FnMut(Op, u64) -> Fault + Send + 'static) -> Arc<Self> {
        Self::with(Box::new(plan), 0)
    }

    /// Faults drawn from a seed. The same calls in the same order have the same faults.
    #[must_use]
    pub fn seeded(seed: u64, rates: Rates) -> Arc<Self> {
        let mut random = Seeded::new(seed);
        Self::with(Box::new(move |_, _| rates.draw(&mut random)), seed)
    }

    fn with(plan: Plan, seed: u64) -> Arc<Self> {
        let state = State {
            plan,
            random: Seeded::new(seed),
            calls: BTreeMap::new(),
            injected: BTreeMap::new(),
        };
        Arc::new(Self {
            state: Mutex::new(state),
            late: Mutex::default(),
            healthy: AtomicBool::new(false),
        })
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

    /// How many calls are late.
    #[must_use]
    pub fn late(&self) -> usize {
        lock(&self.late).len()
    }

    /// Does the late call at this place, 0 being the oldest; false when there is none.
    pub async fn release(&self, place: usize) -> bool {
        let late = lock(&self.late).remove(place);
        match late {
            Some(work) => {
                work.await;
                true
            }
            None => false,
        }
    }

    /// Does every late call, oldest first.
    pub async fn release_all(&self) {
        while self.release(0).await {}
    }

    fn draw(&self, op: Op) -> Fault {
        if self.healthy.load(Ordering::SeqCst) {
            return Fault::None;
        }
        let state = &mut *lock(&self.state);
        let number = state.calls.entry(op).or_default();
        *number += 1;
        let fault = (state.plan)(op, *number);
        if fault != Fault::None {
            *state.injected.entry((op, fault)).or_default() += 1;
        }
        fault
    }
}

#[async_trait]
impl Faults for Injector {
    async fn begin(&self, call: Call) -> Fault {
        self.draw(call.op)
    }

    fn deliver(&self, call: Call) -> Fault {
        self.draw(call.op)
    }

    fn later(&self, _: Call, work: BoxFuture<'static, ()>) {
        lock(&self.late).push_back(work);
    }

    fn delay(&self) -> Duration {
        DELAY
    }

    fn pick(&self, count: usize) -> usize {
        if self.healthy.load(Ordering::SeqCst) {
            return 0;
        }
        let bound = u64::try_from(count).unwrap_or(u64::MAX);
        usize::try_from(lock(&self.state).random.below(bound)).unwrap_or(0)
    }
}
