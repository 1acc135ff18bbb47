//! The world of one run: what the instances stand on, what goes wrong, and what was seen of it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use stubmart_contract::Timestamp;
use stubmart_kernel::mark;
use stubmart_memory::{MemoryBus, MemoryStore, MemoryTimers, Rejected};
use stubmart_node::Service;
use stubmart_ports::store::Save;
use stubmart_suite::host::{START, Seeded};
use uuid::Uuid;

use crate::{
    check::{Checker, Violation},
    exec::{Exec, Owner, WORLD, lock, mix},
    machine,
    provider::Provider,
    scenario::{Kind, Scenario},
    slots::Slots,
};

/// How long a reader of the bus has to settle a delivery before it goes to another one.
const LEASE: Duration = Duration::from_secs(30);

/// How many of the last happenings are kept for a report.
const LOG_MAX: usize = 4000;

/// Something that happened.
#[derive(Debug, Clone, Copy)]
pub struct Happening {
    at: Duration,
    owner: Owner,
    what: &'static str,
    how: &'static str,
    subject: Uuid,
}

impl Happening {
    /// Whether it is about one of these documents.
    #[must_use]
    pub fn is_about(&self, documents: &[Uuid]) -> bool {
        documents.contains(&self.subject)
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Owner(owner) = self.owner;
        write!(f, "{:>12.6} s  {owner:>4}  {:<28}", self.at.as_secs_f64(), self.what)?;
        if !self.subject.is_nil() {
            write!(f, " {}", self.subject)?;
        }
        if !self.how.is_empty() {
            write!(f, "  {}", self.how)?;
        }
        Ok(())
    }
}

/// What was done in a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests that users made.
    pub operations: u64,
    /// Calls to ports.
    pub calls: u64,
    /// Instances that crashed.
    pub crashes: u64,
    /// Faults, crashes included.
    pub faults: u64,
    /// Orders that were completed.
    pub sales: u64,
    /// Simulated time.
    pub time: Duration,
}

struct Chance {
    random: Seeded,
    faults: u64,
    calls: u64,
    ended: u64,
    trace: u64,
    injected: BTreeMap<(Kind, &'static str), u64>,
    log: VecDeque<Happening>,
    /// What is down, and until when.
    outage: Option<(Kind, Duration)>,
}

/// The world.
pub struct World {
    /// Runs everything.
    pub exec: Exec,
    /// What the run is made of.
    pub scenario: Scenario,
    /// When faults end.
    pub heals_at: Duration,
    /// Each service's store.
    pub stores: BTreeMap<Service, MemoryStore>,
    /// The bus.
    pub bus: MemoryBus,
    /// Every consumer that any instance runs.
    pub consumers: Mutex<BTreeSet<&'static str>>,
    /// The timers.
    pub timers: MemoryTimers,
    /// The payment provider.
    pub provider: Provider,
    /// Knows what must hold.
    pub checker: Mutex<Checker>,
    /// The instances.
    pub slots: Slots,
    chance: Mutex<Chance>,
    healthy: AtomicBool,
    late: AtomicUsize,
    violation: Mutex<Option<Violation>>,
    pub(crate) stats: Mutex<Stats>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("seed", &self.scenario.seed).finish_non_exhaustive()
    }
}

impl World {
    /// A world in which nothing runs yet.
    #[must_use]
    pub fn new(scenario: Scenario) -> Arc<Self> {
        let seed = scenario.seed;
        let exec = Exec::new(mix(seed, 1));
        let chance = Chance {
            random: Seeded::new(mix(seed, 2)),
            faults: 0,
            calls: 0,
            ended: 0,
            trace: 0,
            injected: BTreeMap::new(),
            log: VecDeque::new(),
            outage: None,
        };
        let stores = Service::STORED.map(|service| (service, MemoryStore::new()));
        let bus = MemoryBus::new(machine::true_host(&exec, mix(seed, 5))).lease(LEASE);
        Arc::new(Self {
            heals_at: scenario.think * scenario.steps,
            stores: stores.into_iter().collect(),
            bus,
            consumers: Mutex::default(),
            timers: MemoryTimers::new(),
            provider: Provider::new(mix(seed, 3)),
            checker: Mutex::default(),
            slots: Slots::new(&scenario),
            chance: Mutex::new(chance),
            healthy: AtomicBool::new(false),
            late: AtomicUsize::new(0),
            violation: Mutex::new(None),
            stats: Mutex::default(),
            exec,
            scenario,
        })
    }

    /// The true time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        START.after(self.exec.now())
    }

    /// No more faults. What is on its way lands late all the same.
    pub fn heal(&self) {
        self.healthy.store(true, Ordering::Relaxed);
    }

    /// Whether faults are over.
    #[must_use]
    pub fn is_healed(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// How many writes and calls are still on their way.
    #[must_use]
    pub fn late(&self) -> usize {
        self.late.load(Ordering::Relaxed)
    }

    /// A number below `bound`, out of the faults' own sequence.
    pub fn below(&self, bound: u64) -> u64 {
        lock(&self.chance).random.below(bound)
    }

    /// A time below `bound`.
    pub fn time_below(&self, bound: Duration) -> Duration {
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.below(micros))
    }

    /// Whether a fault of this kind happens on this occasion; `name` is for the count.
    pub fn happens(&self, kind: Kind, name: &'static str) -> bool {
        let rate = self.scenario.rate(kind);
        if rate == 0 || self.is_healed() {
            return false;
        }
        if lock(&self.chance).random.below(10_000) >= u64::from(rate) {
            return false;
        }
        self.spend(kind, name)
    }

    /// Something that the services stand on is down for a while: every call to it fails.
    pub(crate) fn break_down(&self) {
        const KINDS: [Kind; 7] = [
            Kind::Store,
            Kind::Bus,
            Kind::Call,
            Kind::Provider,
            Kind::Timer,
            Kind::Mail,
            Kind::Limits,
        ];
        let drawn = usize::try_from(self.below(7)).unwrap_or(0);
        let Some(kind) = KINDS.get(drawn).copied() else { return };
        let bound = Duration::from_secs(20 << self.below(7)).min(Duration::from_secs(1200));
        let until = self.exec.now() + Duration::from_secs(10) + self.time_below(bound);
        self.note(WORLD, kind.name(), "goes down", Uuid::nil());
        lock(&self.chance).outage = Some((kind, until.min(self.heals_at)));
        mark!("something was down for minutes");
    }

    pub(crate) fn is_down(&self, kind: Kind) -> bool {
        let outage = lock(&self.chance).outage;
        outage.is_some_and(|(it, until)| it == kind && self.exec.now() < until) && !self.is_healed()
    }

    /// Counts a fault; false when there have been as many as there may be.
    pub fn spend(&self, kind: Kind, name: &'static str) -> bool {
        let mut chance = lock(&self.chance);
        if chance.faults >= self.scenario.faults_max {
            return false;
        }
        chance.faults += 1;
        *chance.injected.entry((kind, name)).or_default() += 1;
        true
    }

    /// Notes what happens, for the trace and for a report.
    pub fn note(&self, owner: Owner, what: &'static str, how: &'static str, subject: Uuid) {
        let at = self.exec.now();
        let (high, low) = subject.as_u64_pair();
        let micros = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let mut chance = lock(&self.chance);
        let mut digest = mix(chance.trace, micros ^ u64::from(owner.0).rotate_left(40));
        for byte in [what, how]
            .into_iter()
            .filter_map(|text| text.bytes().reduce(|a, b| a.wrapping_mul(31) ^ b))
        {
            digest = digest.rotate_left(8) ^ u64::from(byte);
        }
        chance.trace = mix(mix(digest, high), low);
        if chance.log.len() == LOG_MAX {
            chance.log.pop_front();
        }
        chance.log.push_back(Happening { at, owner, what, how, subject });
    }

    /// Adds bytes to the trace.
    pub fn digest(&self, bytes: &[u8]) {
        let mut chance = lock(&self.chance);
        let mut digest = chance.trace;
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            digest = (digest ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3);
        }
        chance.trace = mix(digest, 1);
    }

    /// A digest of everything that happened so far.
    #[must_use]
    pub fn trace(&self) -> u64 {
        mix(lock(&self.chance).trace, self.exec.trace())
    }

    /// The last happenings, oldest first.
    #[must_use]
    pub fn log(&self) -> Vec<Happening> {
        lock(&self.chance).log.iter().copied().collect()
    }

    /// Faults so far, by kind and what they struck.
    #[must_use]
    pub fn injected(&self) -> BTreeMap<(Kind, &'static str), u64> {
        lock(&self.chance).injected.clone()
    }

    /// How many port calls have ended so far.
    #[must_use]
    pub fn calls_ended(&self) -> u64 {
        lock(&self.chance).ended
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let chance = lock(&self.chance);
        Stats {
            calls: chance.calls,
            faults: chance.faults,
            time: self.exec.now(),
            ..*lock(&self.stats)
        }
    }

    /// Something does not hold: the run ends here. The first violation counts.
    pub fn violate(&self, violation: Violation) {
        lock(&self.violation).get_or_insert(violation);
        self.exec.stop();
    }

    /// What does not hold, if anything.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        let stuck = || Violation {
            invariant: "LIVE",
            text: "tasks wake each other for ever, and no time passes".to_owned(),
            documents: Vec::new(),
        };
        lock(&self.violation).clone().or_else(|| self.exec.is_stuck().then(stuck))
    }

    /// Ends the run if the checker found something.
    pub(crate) fn check<T>(
        &self,
        check: impl FnOnce(&mut Checker) -> Result<T, Violation>,
    ) -> Option<T> {
        let checked = check(&mut lock(&self.checker));
        match checked {
            Ok(value) => Some(value),
            Err(violation) => {
                self.violate(violation);
                None
            }
        }
    }

    /// Does `work` after `delay`, whatever crashes until then.
    pub fn later(
        self: &Arc<Self>,
        delay: Duration,
        work: impl FnOnce(&Arc<Self>) + Send + 'static,
    ) {
        let world = Arc::clone(self);
        self.late.fetch_add(1, Ordering::Relaxed);
        self.exec.spawn(WORLD, async move {
            world.exec.sleep(delay).await;
            world.late.fetch_sub(1, Ordering::Relaxed);
            work(&world);
        });
    }

    /// Something is under way until the answer is dropped: there is no rest before.
    pub(crate) fn under_way(self: &Arc<Self>) -> UnderWay {
        self.late.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// A save was written: has it checked.
    pub(crate) fn saved(&self, save: &Save) {
        self.note(WORLD, "saved", save.key.collection.name, save.key.id);
        self.digest(&save.body);
        let provider = &self.provider;
        self.check(|checker| checker.saved(save, provider));
    }

    /// Counts a call to a port.
    pub(crate) fn count_call(&self) {
        lock(&self.chance).calls += 1;
    }

    /// Counts a call to a port that has ended; its number among them, from 1.
    pub(crate) fn count_end(&self) -> u64 {
        let mut chance = lock(&self.chance);
        chance.ended += 1;
        chance.ended
    }

    /// EVT-1: no consumer puts an event aside.
    pub(crate) fn check_rejected(&self) {
        if let Some(Rejected { consumer, event, reason }) = self.bus.rejected().into_iter().next() {
            let text = format!("{consumer} put an event aside: {reason}");
            let documents = vec![event.aggregate_id];
            self.violate(Violation { invariant: "EVT-1", text, documents });
        }
    }
}

/// Something that is under way.
pub(crate) struct UnderWay(Arc<World>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.late.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for `work` for at most `limit`; `None` when it takes longer.
pub(crate) async fn within<T>(
    exec: &Exec,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    use futures_util::future::{Either, select};
    match select(std::pin::pin!(work), exec.sleep(limit)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}
