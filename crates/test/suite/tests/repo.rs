//! The typed repository keeps its promises over a store that fails, loses answers, answers late and
//! writes twice: no update is lost, none takes effect twice, and every error says the truth about
//! whether anything was written.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use serde::{Deserialize, Serialize};
use stubmart_contract::{DomainEvent, Envelope, UserId, event::UserState};
use stubmart_kernel::{
    repo::{ChangeError, Decision, Document, Repo, RepoError, Trace, Versioned},
    worker::Wake,
};
use stubmart_memory::MemoryStore;
use stubmart_ports::{
    host::Host,
    key::Key,
    store::{Collection, DocKey, Index, Store},
};
use stubmart_suite::{
    fault::{Call, Fault, Faults, FaultyStore, Injector, Op, Rates},
    host::{self, Seeded},
};
use uuid::Uuid;

/// A document that remembers every change that was made to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ledger {
    id: Uuid,
    name: String,
    entries: Vec<u64>,
}

impl Document for Ledger {
    const COLLECTION: &'static Collection = &Collection {
        name: "test.ledger",
        indexes: &[Index { name: "name", unique: true }, Index { name: "length", unique: false }],
    };

    fn id(&self) -> Uuid {
        self.id
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        let length = u32::try_from(self.entries.len()).unwrap();
        vec![("name", Key::new().text(&self.name)), ("length", Key::new().number(length))]
    }
}

/// Lets others run for a number of turns.
struct Turns(u64);

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Faults at calls that let others run for a while before and after.
#[derive(Debug)]
struct Slow {
    injector: Arc<Injector>,
    random: Arc<Mutex<Seeded>>,
}

impl Slow {
    async fn turns(&self) {
        let turns = self.random.lock().unwrap().below(4);
        Turns(turns).await;
    }
}

#[async_trait]
impl Faults for Slow {
    async fn begin(&self, call: Call) -> Fault {
        self.turns().await;
        self.injector.begin(call).await
    }

    async fn end(&self, _: Call) {
        self.turns().await;
    }

    fn later(&self, call: Call, work: BoxFuture<'static, ()>) {
        self.injector.later(call, work);
    }

    fn delay(&self) -> Duration {
        self.injector.delay()
    }
}

/// What a client was told about its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Done,
    NotDone,
    Taken,
    Unknown,
}

impl From<Result<(), ChangeError<()>>> for Told {
    fn from(result: Result<(), ChangeError<()>>) -> Self {
        match result {
            Ok(()) => Self::Done,
            Err(ChangeError::Repo(RepoError::Unavailable(_) | RepoError::Contended)) => {
                Self::NotDone
            }
            Err(ChangeError::Repo(RepoError::Taken { .. })) => Self::Taken,
            Err(ChangeError::Repo(RepoError::Indeterminate(_))) => Self::Unknown,
            Err(other) => unreachable!("{other:?}"),
        }
    }
}

/// Appends `entry` to the ledger, which is made if need be; once, however often it is decided.
fn appended(
    current: Option<&Versioned<Ledger>>,
    id: Uuid,
    name: &str,
    entry: u64,
) -> Decision<Ledger, Versioned<Ledger>> {
    let mut doc = match current {
        Some(current) if current.doc.entries.contains(&entry) => {
            return Decision::Keep(current.clone());
        }
        Some(current) => current.doc.clone(),
        None => Ledger { id, name: name.to_owned(), entries: Vec::new() },
    };
    doc.entries.push(entry);
    let state = UserState { id: UserId(Uuid::from_u128(entry.into())) };
    let events = vec![DomainEvent::UserUpdated(state)];
    let answer = Versioned::over(current, doc.clone(), &events);
    Decision::Save { doc, events, answer }
}

/// Appends to the ledger as it is stored.
async fn append(repo: &Repo<Ledger>, id: Uuid, name: &str, entry: u64) -> Told {
    let changed =
        repo.change(id, Trace::REQUEST, |current| Ok::<_, ()>(appended(current, id, name, entry)));
    changed.await.map(drop).into()
}

/// Appends to the ledger as the client saw it last.
async fn append_from(
    repo: &Repo<Ledger>,
    known: &mut Option<Versioned<Ledger>>,
    id: Uuid,
    entry: u64,
) -> Told {
    let changed = repo.change_from(id, known.clone(), Trace::REQUEST, |current| {
        Ok::<_, ()>(appended(current, id, "one", entry))
    });
    changed.await.map(|ledger| *known = Some(ledger)).into()
}

/// One seeded run: clients over a faulty, slow store, with late writes landing between.
struct Run {
    mem: MemoryStore,
    store: Arc<dyn Store>,
    injector: Arc<Injector>,
    random: Arc<Mutex<Seeded>>,
    host: Host,
}

impl Run {
    fn new(seed: u64, rates: Rates) -> Self {
        let (host, _) = host::manual(seed);
        let mem = MemoryStore::new();
        let injector = Injector::seeded(seed, rates);
        let random = Arc::new(Mutex::new(Seeded::new(!seed)));
        let slow = Slow { injector: Arc::clone(&injector), random: Arc::clone(&random) };
        let store = FaultyStore::new(Arc::new(mem.clone()), Arc::new(slow));
        Self { mem, store: Arc::new(store), injector, random, host }
    }

    /// A repository of an instance of its own.
    fn repo(&self) -> Repo<Ledger> {
        Repo::new(Arc::clone(&self.store), self.host.clone(), Wake::default())
    }

    /// Runs the clients until all have their answers, while late writes land now and then; at the
    /// end all of them have landed.
    async fn clients(&self, clients: Vec<BoxFuture<'_, Vec<(u64, Told)>>>) -> BTreeMap<u64, Told> {
        let running = AtomicUsize::new(clients.len());
        let counted = clients.into_iter().map(|client| {
            let running = &running;
            async move {
                let told = client.await;
                running.fetch_sub(1, Ordering::SeqCst);
                told
            }
            .boxed()
        });
        let releasing = async {
            while running.load(Ordering::SeqCst) > 0 {
                let (place, turns) = {
                    let mut random = self.random.lock().unwrap();
                    let late = u64::try_from(self.injector.late()).unwrap();
                    (usize::try_from(random.below(late)).unwrap(), random.below(12))
                };
                Turns(turns + 1).await;
                self.injector.release(place).await;
            }
            Vec::new()
        };
        let told = join_all(counted.chain([releasing.boxed()])).await;
        self.injector.release_all().await;
        told.into_iter().flatten().collect()
    }

    /// The ledger as it is stored in the end.
    async fn stored(&self, id: Uuid) -> Option<Ledger> {
        let key = DocKey { collection: Ledger::COLLECTION, id };
        let stored = self.mem.load(key).await.unwrap()?;
        Some(serde_json::from_slice(&stored.body).unwrap())
    }

    /// The events in the history, by ledger, oldest first.
    async fn recorded(&self) -> BTreeMap<Uuid, Vec<Envelope>> {
        let mut recorded = BTreeMap::<Uuid, Vec<Envelope>>::new();
        for event in self.mem.history("test", None, usize::MAX).await.unwrap() {
            recorded.entry(event.aggregate_id).or_default().push(Envelope::clone(&event));
        }
        recorded
    }
}

/// The number that an event was made with.
fn entry_of(envelope: &Envelope) -> u64 {
    match &envelope.event {
        DomainEvent::UserUpdated(state) => u64::try_from(state.id.0.as_u128()).unwrap(),
        other => unreachable!("{other:?}"),
    }
}

/// The ledger holds what was acknowledged, once, nothing that was refused, and its events are its
/// entries, numbered without a gap.
fn check(seed: u64, ledger: &[u64], events: &[Envelope], told: &BTreeMap<u64, Told>) {
    let entries: BTreeSet<_> = ledger.iter().copied().collect();
    assert_eq!(entries.len(), ledger.len(), "seed {seed}: an effect is there twice: {ledger:?}");
    for (entry, told) in told {
        match told {
            Told::Done => assert!(entries.contains(entry), "seed {seed}: {entry} was lost"),
            Told::NotDone => {
                assert!(!entries.contains(entry), "seed {seed}: {entry} was written after all");
            }
            Told::Taken | Told::Unknown => {}
        }
    }
    assert_eq!(events.iter().map(entry_of).collect::<Vec<_>>(), ledger, "seed {seed}");
    let versions: Vec<_> = events.iter().map(|event| event.version).collect();
    let count = u64::try_from(ledger.len()).unwrap();
    assert_eq!(versions, (1..=count).collect::<Vec<_>>(), "seed {seed}: the events have a gap");
}

/// Five clients append to one ledger that none has made yet; some load it, some go by what they saw
/// last, which the others have outdated as often as not.
async fn appending(seed: u64, rates: Rates) -> (BTreeMap<u64, Told>, Arc<Injector>) {
    let run = Run::new(seed, rates);
    let id = Uuid::from_u128(1);
    let clients = (0..5).map(|client| {
        let repo = run.repo();
        async move {
            let (mut told, mut known) = (Vec::new(), None);
            for number in 0..4 {
                let entry = client * 10 + number;
                let answer = if client % 2 == 0 {
                    append(&repo, id, "one", entry).await
                } else {
                    append_from(&repo, &mut known, id, entry).await
                };
                told.push((entry, answer));
            }
            told
        }
        .boxed()
    });
    let told = run.clients(clients.collect()).await;
    let ledger = run.stored(id).await.map(|ledger| ledger.entries).unwrap_or_default();
    let events = run.recorded().await.remove(&id).unwrap_or_default();
    check(seed, &ledger, &events, &told);
    (told, run.injector)
}

/// Runs a scenario under many seeds, on a runtime of one thread; gives back what clients were told and
/// how often each fault was injected.
fn seeds<F>(
    count: u64,
    scenario: impl Fn(u64) -> F,
) -> (BTreeMap<Told, u64>, BTreeMap<(Op, Fault), u64>)
where
    F: Future<Output = (BTreeMap<u64, Told>, Arc<Injector>)>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut told, mut injected) = (BTreeMap::new(), BTreeMap::new());
    for seed in 1..=count {
        let (answers, injector) = runtime.block_on(scenario(seed));
        for answer in answers.into_values() {
            *told.entry(answer).or_default() += 1;
        }
        for (fault, times) in injector.injected() {
            *injected.entry(fault).or_default() += times;
        }
    }
    (told, injected)
}

const HEALTHY: Rates = Rates::each(0);

/// Over a store that works every change happens, once, however they meet.
#[test]
fn every_change_happens_once_over_a_healthy_store() {
    let (told, _) = seeds(500, |seed| appending(seed, HEALTHY));
    assert_eq!(told.into_keys().collect::<Vec<_>>(), [Told::Done]);
}

/// A save that fails writes nothing, and the caller is told so.
#[test]
fn a_failed_save_is_told_as_not_done() {
    let (told, injected) = seeds(1000, |seed| appending(seed, Rates { fail: 200, ..HEALTHY }));
    assert!(injected.contains_key(&(Op::Save, Fault::Fail)));
    assert_eq!(told.into_keys().collect::<Vec<_>>(), [Told::Done, Told::NotDone]);
}

/// A save whose answer is lost is found again by its save id, and happens once.
#[test]
fn a_lost_answer_neither_loses_nor_doubles_a_change() {
    let rates = Rates { lose_answer: 300, ..HEALTHY };
    let (told, injected) = seeds(1500, |seed| appending(seed, rates));
    assert!(injected.contains_key(&(Op::Save, Fault::LoseAnswer)));
    assert!(told.get(&Told::Done) > told.get(&Told::Unknown), "{told:?}");
}

/// A write that lands late, after its retry or after other changes, happens once or not at all.
#[test]
fn a_late_write_neither_loses_nor_doubles_a_change() {
    let (told, injected) = seeds(1500, |seed| appending(seed, Rates { late: 300, ..HEALTHY }));
    assert!(injected.contains_key(&(Op::Save, Fault::Late)));
    assert!(told.get(&Told::Done) > told.get(&Told::Unknown), "{told:?}");
}

/// A write that reaches the store twice takes effect once.
#[test]
fn a_write_made_twice_takes_effect_once() {
    let (told, injected) = seeds(500, |seed| appending(seed, Rates { twice: 500, ..HEALTHY }));
    assert!(injected.contains_key(&(Op::Save, Fault::Twice)));
    assert_eq!(told.into_keys().collect::<Vec<_>>(), [Told::Done]);
}

/// All faults together, rare and frequent: no lost update, no double effect, no false answer.
#[test]
fn all_faults_together_neither_lose_nor_double_a_change() {
    for per_mille in [20, 80, 180] {
        let (told, injected) = seeds(2000, |seed| appending(seed, Rates::each(per_mille)));
        assert!(injected.len() >= 5, "{injected:?}");
        assert!(told.contains_key(&Told::NotDone) && told.contains_key(&Told::Unknown), "{told:?}");
    }
}

/// A change from the latest version loads nothing: it happens also while no load would.
#[tokio::test]
async fn a_change_from_the_latest_version_loads_nothing() {
    let (host, _) = host::manual(1);
    let injector = Injector::new(|op, _| if op == Op::Load { Fault::Fail } else { Fault::None });
    let mem = MemoryStore::new();
    let store = FaultyStore::new(Arc::new(mem.clone()), injector);
    let repo = Repo::new(Arc::new(store), host.clone(), Wake::default());
    let (id, mut known) = (Uuid::from_u128(1), None);
    for entry in 1..=3 {
        assert_eq!(append_from(&repo, &mut known, id, entry).await, Told::Done);
    }
    let repo = Repo::<Ledger>::new(Arc::new(mem), host, Wake::default());
    assert_eq!(repo.load(id).await.unwrap(), known, "what was answered is what is stored");
    assert_eq!(known.unwrap().event_count, 3);
}

/// What an outdated version would keep, or refuse, is asked of what is stored.
#[tokio::test]
async fn what_an_outdated_version_would_keep_or_refuse_is_asked_of_what_is_stored() {
    let (host, _) = host::manual(1);
    let repo = Repo::<Ledger>::new(Arc::new(MemoryStore::new()), host, Wake::default());
    let (id, mut known) = (Uuid::from_u128(1), None);
    assert_eq!(append_from(&repo, &mut known, id, 1).await, Told::Done);
    assert_eq!(append(&repo, id, "one", 2).await, Told::Done);
    let entries = |current: Option<&Versioned<Ledger>>| current.map(|it| it.doc.entries.len());
    let kept = repo.change_from(id, known.clone(), Trace::REQUEST, |current| {
        Ok::<_, ()>(Decision::Keep(entries(current)))
    });
    assert_eq!(kept.await.unwrap(), Some(2));
    let refused = repo.change_from(id, known, Trace::REQUEST, |current| {
        Err::<Decision<Ledger, ()>, _>(entries(current))
    });
    assert!(matches!(refused.await, Err(ChangeError::Refused(Some(2)))));
}

/// Clients that want one unique name for ledgers of their own: at most one gets it, and each is told
/// the truth.
async fn claiming(seed: u64, rates: Rates) -> (BTreeMap<u64, Told>, Arc<Injector>) {
    let run = Run::new(seed, rates);
    let clients = (1..=4).map(|client| {
        let repo = run.repo();
        async move {
                vec![(client, append(&repo, Uuid::from_u128(client.into()), "one", client).await)]
            }
            .boxed()
    });
    let told = run.clients(clients.collect()).await;
    let mut owners = Vec::new();
    for (client, told) in &told {
        let owner = run.stored(Uuid::from_u128((*client).into())).await.is_some();
        match told {
            Told::Done => assert!(owner, "seed {seed}: {client} lost its name"),
            Told::NotDone | Told::Taken => assert!(!owner, "seed {seed}: {client} has it"),
            Told::Unknown => {}
        }
        owners.extend(owner.then_some(*client));
    }
    assert!(owners.len() <= 1, "seed {seed}: {owners:?} have one unique name");
    let recorded = run.recorded().await;
    let published: Vec<_> = recorded.values().flatten().map(entry_of).collect();
    assert_eq!(published, owners, "seed {seed}");
    (told, run.injector)
}

/// Of those who want one unique name at most one gets it, whatever fails, and who is told that it is
/// taken does not have it.
#[test]
fn a_unique_name_has_one_owner_whatever_fails() {
    let (told, _) = seeds(4000, |seed| claiming(seed, Rates::each(120)));
    assert_eq!(told.len(), 4, "not every answer was seen: {told:?}");
}

/// The same seed gives the same run.
#[test]
fn a_seed_gives_one_run() {
    let run = |seed| {
        let (told, injected) = seeds(seed, |seed| appending(seed, Rates::each(100)));
        (told, injected)
    };
    assert_eq!(run(50), run(50));
}
