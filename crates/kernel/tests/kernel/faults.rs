//! The repository keeps its promises over a store that fails, loses answers, answers late and writes
//! twice: no update is lost, none takes effect twice, and every error says the truth about whether
//! anything was written.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{self, Poll},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use stubmart_contract::Envelope;
use stubmart_kernel::{Applied, ApplyError, Repository, RepositoryError, Versioned};
use stubmart_ports::store::Store as _;
use stubmart_suite::{
    fault::{Call, Fault, Faults, FaultyStore, Injector, Op, Rates},
    host::Seeded,
};
use uuid::Uuid;

use crate::ledger::{Ledger, Refusal, World, append, context, entry_of, number};

/// Lets others run for a number of turns.
struct Turns(u64);

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut task::Context<'_>) -> Poll<()> {
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

/// The repository's answer to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Done,
    NotDone,
    Taken,
    Unknown,
}

impl From<&Result<Applied<Ledger>, ApplyError<Refusal>>> for Answer {
    fn from(applied: &Result<Applied<Ledger>, ApplyError<Refusal>>) -> Self {
        match applied {
            Ok(_) => Self::Done,
            Err(ApplyError::Repository(error)) => match error {
                RepositoryError::Unavailable(_) | RepositoryError::Contended => Self::NotDone,
                RepositoryError::Taken { .. } => Self::Taken,
                RepositoryError::Indeterminate(_) => Self::Unknown,
                RepositoryError::Corrupt(_) => unreachable!("{error}"),
            },
            Err(other) => unreachable!("{other:?}"),
        }
    }
}

/// Appends to the ledger as it is stored.
async fn append_to(ledgers: &Repository<Ledger>, id: Uuid, entry: u64) -> Answer {
    (&ledgers.apply(&context(), id, &append(id, "one", entry)).await).into()
}

/// Appends to the ledger as the client saw it last.
async fn append_to_known(
    ledgers: &Repository<Ledger>,
    known: &mut Option<Versioned<Ledger>>,
    id: Uuid,
    entry: u64,
) -> Answer {
    let command = append(id, "one", entry);
    let applied = match known.clone() {
        Some(known) => ledgers.apply_to(&context(), known, &Default::default(), &command).await,
        None => ledgers.create(&context(), id, &command).await,
    };
    let answer = (&applied).into();
    if let Ok(applied) = applied {
        *known = Some(applied.after);
    }
    answer
}

type Answers = BTreeMap<u64, Answer>;

/// One seeded run: clients over a faulty, slow store, with late writes landing between.
struct Run {
    world: World,
    store: FaultyStore,
    injector: Arc<Injector>,
    random: Arc<Mutex<Seeded>>,
}

impl Run {
    fn new(seed: u64, rates: Rates) -> Self {
        let world = World::new();
        let injector = Injector::seeded(seed, rates);
        let random = Arc::new(Mutex::new(Seeded::new(!seed)));
        let slow = Slow { injector: Arc::clone(&injector), random: Arc::clone(&random) };
        let store = FaultyStore::new(Arc::new(world.store.clone()), Arc::new(slow));
        Self { world, store, injector, random }
    }

    /// A repository of an instance of its own.
    fn ledgers(&self) -> Repository<Ledger> {
        self.world.over(self.store.clone())
    }

    /// Runs the clients until all have their answers, while late writes land now and then; at the
    /// end all of them have landed.
    async fn clients(&self, clients: Vec<BoxFuture<'_, Vec<(u64, Answer)>>>) -> Answers {
        let running = AtomicUsize::new(clients.len());
        let counted = clients.into_iter().map(|client| {
            let running = &running;
            async move {
                let answers = client.await;
                running.fetch_sub(1, Ordering::SeqCst);
                answers
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
        let answers = join_all(counted.chain([releasing.boxed()])).await;
        self.injector.release_all().await;
        answers.into_iter().flatten().collect()
    }

    /// The ledger's entries as they are stored in the end, if there is one.
    async fn stored(&self, id: Uuid) -> Option<Vec<u64>> {
        Some(self.world.ledgers.load(id).await.unwrap()?.state.entries)
    }

    /// The events in the history, by ledger, oldest first.
    async fn recorded(&self) -> BTreeMap<Uuid, Vec<Envelope>> {
        let mut recorded = BTreeMap::<Uuid, Vec<Envelope>>::new();
        for event in self.world.store.history("test", None, usize::MAX).await.unwrap() {
            recorded.entry(event.aggregate_id).or_default().push(Envelope::clone(&event));
        }
        recorded
    }
}

/// The ledger holds what was acknowledged, once, nothing that was refused, and its events are its
/// entries, numbered without a gap.
fn check(seed: u64, ledger: &[u64], events: &[Envelope], answers: &Answers) {
    let entries: BTreeSet<_> = ledger.iter().copied().collect();
    assert_eq!(entries.len(), ledger.len(), "seed {seed}: an effect is there twice: {ledger:?}");
    for (entry, answer) in answers {
        match answer {
            Answer::Done => assert!(entries.contains(entry), "seed {seed}: {entry} was lost"),
            Answer::NotDone => {
                assert!(!entries.contains(entry), "seed {seed}: {entry} was written after all");
            }
            Answer::Taken | Answer::Unknown => {}
        }
    }
    assert_eq!(events.iter().map(entry_of).collect::<Vec<_>>(), ledger, "seed {seed}");
    let versions: Vec<_> = events.iter().map(|event| event.version).collect();
    let count = u64::try_from(ledger.len()).unwrap();
    assert_eq!(versions, (1..=count).collect::<Vec<_>>(), "seed {seed}: the events have a gap");
}

/// Five clients append to one ledger that none has made yet; some load it, some go by what they saw
/// last, which the others have outdated as often as not.
async fn appending(seed: u64, rates: Rates) -> (Answers, Arc<Injector>) {
    let run = Run::new(seed, rates);
    let id = number(1);
    let clients = (0..5).map(|client| {
        let ledgers = run.ledgers();
        async move {
            let (mut answers, mut known) = (Vec::new(), None);
            for count in 0..4 {
                let entry = client * 10 + count;
                let answer = if client % 2 == 0 {
                    append_to(&ledgers, id, entry).await
                } else {
                    append_to_known(&ledgers, &mut known, id, entry).await
                };
                answers.push((entry, answer));
            }
            answers
        }
        .boxed()
    });
    let answers = run.clients(clients.collect()).await;
    let ledger = run.stored(id).await.unwrap_or_default();
    let events = run.recorded().await.remove(&id).unwrap_or_default();
    check(seed, &ledger, &events, &answers);
    (answers, run.injector)
}

/// Runs a scenario under many seeds, on a runtime of one thread: how often each answer was given and
/// each fault was injected.
fn seeds<F>(
    count: u64,
    scenario: impl Fn(u64) -> F,
) -> (BTreeMap<Answer, u64>, BTreeMap<(Op, Fault), u64>)
where
    F: Future<Output = (Answers, Arc<Injector>)>,
{
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut given, mut injected) = (BTreeMap::new(), BTreeMap::new());
    for seed in 1..=count {
        let (answers, injector) = runtime.block_on(scenario(seed));
        for answer in answers.into_values() {
            *given.entry(answer).or_default() += 1;
        }
        for (fault, times) in injector.injected() {
            *injected.entry(fault).or_default() += times;
        }
    }
    (given, injected)
}

const HEALTHY: Rates = Rates::each(0);

/// Over a store that works every change happens, once, however they meet.
#[test]
fn every_change_happens_once_over_a_healthy_store() {
    let (answers, _) = seeds(500, |seed| appending(seed, HEALTHY));
    assert_eq!(answers.into_keys().collect::<Vec<_>>(), [Answer::Done]);
}

/// A save that fails writes nothing, and the caller learns so.
#[test]
fn a_failed_save_is_answered_as_not_done() {
    let (answers, injected) = seeds(1000, |seed| appending(seed, Rates { fail: 200, ..HEALTHY }));
    assert!(injected.contains_key(&(Op::Save, Fault::Fail)));
    assert_eq!(answers.into_keys().collect::<Vec<_>>(), [Answer::Done, Answer::NotDone]);
}

/// A save whose answer is lost is found again by its save id, and happens once.
#[test]
fn a_lost_answer_neither_loses_nor_doubles_a_change() {
    let rates = Rates { lose_answer: 300, ..HEALTHY };
    let (answers, injected) = seeds(1500, |seed| appending(seed, rates));
    assert!(injected.contains_key(&(Op::Save, Fault::LoseAnswer)));
    assert!(answers.get(&Answer::Done) > answers.get(&Answer::Unknown), "{answers:?}");
}

/// A write that lands late, after its retry or after other changes, happens once or not at all.
#[test]
fn a_late_write_neither_loses_nor_doubles_a_change() {
    let (answers, injected) = seeds(1500, |seed| appending(seed, Rates { late: 300, ..HEALTHY }));
    assert!(injected.contains_key(&(Op::Save, Fault::Late)));
    assert!(answers.get(&Answer::Done) > answers.get(&Answer::Unknown), "{answers:?}");
}

/// A write that reaches the store twice takes effect once.
#[test]
fn a_write_made_twice_takes_effect_once() {
    let (answers, injected) = seeds(500, |seed| appending(seed, Rates { twice: 500, ..HEALTHY }));
    assert!(injected.contains_key(&(Op::Save, Fault::Twice)));
    assert_eq!(answers.into_keys().collect::<Vec<_>>(), [Answer::Done]);
}

/// All faults together, rare and frequent: no lost update, no double effect, no false answer.
#[test]
fn all_faults_together_neither_lose_nor_double_a_change() {
    for per_mille in [20, 80, 180] {
        let (answers, injected) = seeds(2000, |seed| appending(seed, Rates::each(per_mille)));
        assert!(injected.len() >= 5, "{injected:?}");
        let (not_done, unknown) = (Answer::NotDone, Answer::Unknown);
        assert!(answers.contains_key(&not_done) && answers.contains_key(&unknown), "{answers:?}");
    }
}

/// Clients that want one unique name for ledgers of their own: at most one gets it, and each learns the
/// truth.
async fn claiming(seed: u64, rates: Rates) -> (Answers, Arc<Injector>) {
    let run = Run::new(seed, rates);
    let clients = (1..=4).map(|client| {
        let ledgers = run.ledgers();
        async move { vec![(client, append_to(&ledgers, number(client), client).await)] }.boxed()
    });
    let answers = run.clients(clients.collect()).await;
    let mut owners = Vec::new();
    for (client, answer) in &answers {
        let owner = run.stored(number(*client)).await.is_some();
        match answer {
            Answer::Done => assert!(owner, "seed {seed}: {client} lost its name"),
            Answer::NotDone | Answer::Taken => assert!(!owner, "seed {seed}: {client} has it"),
            Answer::Unknown => {}
        }
        owners.extend(owner.then_some(*client));
    }
    assert!(owners.len() <= 1, "seed {seed}: {owners:?} have one unique name");
    let recorded = run.recorded().await;
    let published: Vec<_> = recorded.values().flatten().map(entry_of).collect();
    assert_eq!(published, owners, "seed {seed}");
    (answers, run.injector)
}

/// Of the clients that want one unique name at most one gets it, whatever fails, and a client that
/// learns that it is taken does not have it.
#[test]
fn a_unique_name_has_one_owner_whatever_fails() {
    let (answers, _) = seeds(4000, |seed| claiming(seed, Rates::each(120)));
    assert_eq!(answers.len(), 4, "not every answer was seen: {answers:?}");
}

/// The same seed gives the same run.
#[test]
fn a_seed_gives_one_run() {
    let run = |count| seeds(count, |seed| appending(seed, Rates::each(100)));
    assert_eq!(run(50), run(50));
}
