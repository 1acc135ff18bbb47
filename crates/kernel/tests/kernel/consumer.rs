//! The loop that takes events from the bus to a handler.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{Context, Envelope, EventType, context::CausedBy};
use stubmart_kernel::{
    consumer::{self, HandleError, Handler},
    worker::ShutdownTrigger,
};
use stubmart_memory::MemoryBus;
use stubmart_ports::bus::{Bus as _, Consumer};
use tokio::task::JoinHandle;

use crate::{
    ledger::{World, append, context, entry_of, number},
    worker::others_run,
};

static READER: Consumer = Consumer { name: "reader.test", types: &[EventType::UserUpdated] };

/// Remembers each event that it was given, and answers by the event's number and how often it came.
struct Script {
    seen: Mutex<Vec<(u64, Context)>>,
    answer: fn(u64, usize) -> Result<(), HandleError>,
}

impl Script {
    fn seen(&self) -> Vec<u64> {
        self.seen.lock().unwrap().iter().map(|(event, _)| *event).collect()
    }
}

#[async_trait]
impl Handler for Script {
    fn consumer(&self) -> &'static Consumer {
        &READER
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let event = entry_of(envelope);
        self.seen.lock().unwrap().push((event, context.clone()));
        let times = self.seen().into_iter().filter(|it| *it == event).count();
        tokio::task::yield_now().await;
        (self.answer)(event, times)
    }
}

/// A consumer that runs on a bus with events of the numbers 1, 2, 3 ….
struct Running {
    world: World,
    bus: MemoryBus,
    events: Vec<Arc<Envelope>>,
    script: Arc<Script>,
    shutdown: ShutdownTrigger,
    task: JoinHandle<()>,
}

impl Running {
    async fn new(count: u64, answer: fn(u64, usize) -> Result<(), HandleError>) -> Self {
        let world = World::new();
        for entry in 1..=count {
            let command = append(number(1), "a", entry);
            world.ledgers.apply(&context(), number(1), &command).await.unwrap();
        }
        let (bus, events) = (MemoryBus::new(world.host.clone()), world.events().await);
        bus.publish(&events).await.unwrap();
        let script = Arc::new(Script { seen: Mutex::default(), answer });
        let (shutdown, signal) = ShutdownTrigger::new();
        let (host, on_bus, handler) = (world.host.clone(), Arc::new(bus.clone()), script.clone());
        let task = tokio::spawn(consumer::run(host, on_bus, handler, signal));
        Self { world, bus, events, script, shutdown, task }
    }

    async fn pass(&self, millis: u64) {
        others_run().await;
        self.world.clock.advance(Duration::from_millis(millis));
        others_run().await;
    }
}

/// Every event is handled and settled, in the name of the service and because of the event.
#[tokio::test]
async fn an_event_is_handled_for_its_service_and_because_of_the_event() {
    let running = Running::new(300, |_, _| Ok(())).await;
    while running.bus.backlog().get(READER.name) != Some(&0) {
        others_run().await;
    }
    assert_eq!(running.script.seen(), (1..=300).collect::<Vec<_>>());
    let (_, context) = running.script.seen.lock().unwrap().first().unwrap().clone();
    let first = running.events.first().unwrap();
    let caused_by = CausedBy { event: first.id, correlation: first.correlation_id };
    assert_eq!(context, Context { caused_by: Some(caused_by), ..Context::work("reader") });
}

/// An event that was not handled comes again, each time after twice as long, and keeps no other waiting.
#[tokio::test]
async fn an_event_that_was_not_handled_comes_again() {
    let running = Running::new(2, |event, times| match (event, times) {
        (1, 1..=2) => Err(HandleError::Retry("down".into())),
        _ => Ok(()),
    })
    .await;
    for (millis, seen) in [
        (49, &[1, 2][..]),
        (1, &[1, 2, 1]),
        (99, &[1, 2, 1]),
        (1, &[1, 2, 1, 1]),
        (60_000, &[1, 2, 1, 1]),
    ] {
        running.pass(millis).await;
        assert_eq!(running.script.seen(), seen, "{millis}");
    }
}

/// An event that can never be handled is put aside, with the reason.
#[tokio::test]
async fn an_event_that_can_never_be_handled_is_put_aside() {
    let running = Running::new(2, |event, _| match event {
        1 => Err(HandleError::Reject("of no use".to_owned())),
        _ => Ok(()),
    })
    .await;
    running.pass(60_000).await;
    assert_eq!(running.script.seen(), [1, 2]);
    let [rejected] = &running.bus.rejected()[..] else { panic!("one is put aside") };
    assert_eq!(rejected.reason, "of no use");
}

/// At the end what is under way is handled and settled, and nothing more is begun.
#[tokio::test]
async fn what_is_under_way_at_the_end_is_handled() {
    let running = Running::new(1, |_, _| Ok(())).await;
    while running.script.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    running.shutdown.shut_down();
    running.task.await.unwrap();
    assert_eq!(running.bus.backlog().get(READER.name), Some(&0));
}
