//! The sweep of work that is due.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use stubmart_kernel::{
    Repository,
    aggregate::Key,
    due::{Due, DueError, Sweep},
    worker::{Next, Worker},
};
use uuid::Uuid;

use crate::ledger::{Command, DUE, Ledger, World, context, number};

/// Takes a ledger out of the index when its time has come.
struct Settle {
    ledgers: Repository<Ledger>,
    /// The ledgers that cannot be settled.
    failing: BTreeSet<Uuid>,
    done: Arc<Mutex<Vec<Uuid>>>,
    running: AtomicUsize,
    running_max: Arc<AtomicUsize>,
}

#[async_trait]
impl Due for Settle {
    type Aggregate = Ledger;

    fn name(&self) -> &'static str {
        "settle"
    }

    fn repository(&self) -> &Repository<Ledger> {
        &self.ledgers
    }

    fn index(&self) -> &'static str {
        DUE
    }

    async fn run(&self, id: Uuid) -> Result<(), DueError> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.running_max.fetch_max(running, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.ledgers.load(id).await?;
        if self.failing.contains(&id) {
            return Err(DueError::Dependency("down".into()));
        }
        let command = Command::Schedule { id, at: None };
        self.ledgers.apply(&context(), id, &command).await.unwrap();
        self.done.lock().unwrap().push(id);
        Ok(())
    }
}

/// A sweep over the world's ledgers and what it did.
struct Swept {
    worker: Arc<dyn Worker>,
    done: Arc<Mutex<Vec<Uuid>>>,
    running_max: Arc<AtomicUsize>,
}

impl Swept {
    fn new(world: &World, failing: &[u64]) -> Self {
        let (done, running_max) = <(Arc<Mutex<Vec<Uuid>>>, Arc<AtomicUsize>)>::default();
        let due = Settle {
            ledgers: world.ledgers.clone(),
            failing: failing.iter().map(|id| number(*id)).collect(),
            done: Arc::clone(&done),
            running: AtomicUsize::new(0),
            running_max: Arc::clone(&running_max),
        };
        Self { worker: Sweep::worker(due, world.host.clone()), done, running_max }
    }

    /// The ledgers that were settled, in order of their ids.
    fn done(&self) -> Vec<Uuid> {
        let mut done = self.done.lock().unwrap().clone();
        done.sort();
        done
    }
}

fn at(world: &World, seconds: u64) -> Timestamp {
    world.host.now().after(Duration::from_secs(seconds))
}

/// What is due now, or was before, is done; the sweep then waits for the next time, or for nothing.
#[tokio::test]
async fn what_is_due_is_done_and_what_is_not_waits() {
    let world = World::new();
    for (id, seconds) in [(1, 0), (2, 0), (3, 5), (4, 9)] {
        world.schedule(id, at(&world, seconds)).await;
    }
    let (swept, third, fourth) = (Swept::new(&world, &[]), at(&world, 5), at(&world, 9));
    assert_eq!(swept.worker.step().await.unwrap(), Next::At(third));
    assert_eq!(swept.done(), [number(1), number(2)]);
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(swept.worker.step().await.unwrap(), Next::At(fourth));
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(swept.worker.step().await.unwrap(), Next::Idle);
    assert_eq!(swept.done().len(), 4);
}

/// One that fails is tried again, and keeps no other waiting, wherever it is in the index.
#[tokio::test]
async fn one_that_fails_keeps_no_other_waiting() {
    for failing in 1..=3 {
        let world = World::new();
        for id in 1..=3 {
            world.schedule(id, at(&world, 0)).await;
        }
        let swept = Swept::new(&world, &[failing]);
        let others: Vec<_> = (1..=3).filter(|id| *id != failing).map(number).collect();
        for _ in 0..2 {
            assert_eq!(swept.worker.step().await.unwrap_err().to_string(), "down");
            assert_eq!(swept.done(), others);
        }
    }
}

/// A document that cannot be read is passed over and does not fail the sweep.
#[tokio::test]
async fn a_document_that_cannot_be_read_is_passed_over() {
    let world = World::new();
    world.save_bytes(1, b"{", DUE, Key::new().time(at(&world, 0))).await;
    world.schedule(2, at(&world, 0)).await;
    let swept = Swept::new(&world, &[]);
    assert_eq!(swept.worker.step().await.unwrap(), Next::Idle);
    assert_eq!(swept.done(), [number(2)]);
}

/// One step does all that is due, some at a time: a service that was down for an hour neither does one
/// after the other nor asks others for everything at once.
#[tokio::test]
async fn a_step_does_everything_some_at_a_time() {
    let world = World::new();
    for id in 1..=450 {
        world.schedule(id, at(&world, 0)).await;
    }
    let swept = Swept::new(&world, &[7]);
    swept.worker.step().await.unwrap_err();
    assert_eq!(swept.done().len(), 449);
    assert_eq!(swept.running_max.load(Ordering::SeqCst), 32);
}
