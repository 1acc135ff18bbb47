//! Broken outboxes, and engines that lose events on the way from the store to the bus.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use stubmart_contract::{Envelope, EventType, MessageId};
use stubmart_kernel::worker::{Next, Wake, Worker as _};
use stubmart_memory::{MemoryBus, MemoryStore};
use stubmart_ports::{
    bus::{Bus, BusError, Consumer, Subscription, Tail, TailFrom},
    store::{DocKey, Found, FoundKey, HistoryCursor, Save, Scan, Store, StoreError, Stored},
};
use stubmart_relay::{Outbox, Relay};
use stubmart_suite::{
    host,
    rules::{delivery::SERVICE, outbox::Outboxes},
};
use uuid::Uuid;

use crate::caught;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    StrikesOffTooMuch,
    ForgetsWhatIsPublished,
    DoesNotWake,
    LosesEvents,
    DeliversUnderNewIds,
}

use Defect::*;

/// A store and a bus, connected with one defect.
#[derive(Clone)]
struct Broken {
    store: MemoryStore,
    bus: MemoryBus,
    defect: Defect,
    published: Arc<Mutex<Vec<MessageId>>>,
    count: Arc<AtomicU64>,
}

impl Broken {
    fn new(defect: Defect) -> Self {
        let (host, _) = host::manual(1);
        let (store, bus) = (MemoryStore::new(), MemoryBus::new(host));
        Self { store, bus, defect, published: Arc::default(), count: Arc::default() }
    }

    fn outboxes(&self) -> Outboxes {
        let this = self.clone();
        Arc::new(move |service| -> Arc<dyn Outbox> {
            Arc::new(BrokenOutbox { inner: this.store.outbox(service), broken: this.clone() })
        })
    }
}

struct BrokenOutbox {
    inner: Arc<dyn Outbox>,
    broken: Broken,
}

#[async_trait]
impl Outbox for BrokenOutbox {
    async fn pending(&self, limit: usize) -> Result<Vec<Arc<Envelope>>, StoreError> {
        self.inner.pending(limit).await
    }

    async fn published(&self, events: &[Arc<Envelope>]) -> Result<(), StoreError> {
        self.broken.published.lock().unwrap().extend(events.iter().map(|event| event.id));
        let all = self.inner.pending(usize::MAX).await?;
        let events = if self.broken.defect == StrikesOffTooMuch { &all } else { events };
        self.inner.published(events).await
    }

    fn saved(&self) -> Wake {
        if self.broken.defect == DoesNotWake { Wake::default() } else { self.inner.saved() }
    }
}

/// The store, whose saves are relayed at once.
#[async_trait]
impl Store for Broken {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        self.store.load(key).await
    }

    async fn save(&self, save: Arc<Save>) -> Result<u64, StoreError> {
        let saved = self.store.save(save).await?;
        let relay = Relay::new(self.store.outbox(SERVICE), Arc::new(BrokenBus(self.clone())));
        while relay.step().await.unwrap() == Next::Again {}
        Ok(saved)
    }

    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        self.store.delete(key, revision).await
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        self.store.find(scan).await
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        self.store.keys(scan).await
    }

    async fn history(
        &self,
        service: &'static str,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let mut events = self.store.history(service, after, limit).await?;
        if self.defect == ForgetsWhatIsPublished {
            let published = self.published.lock().unwrap();
            events.retain(|event| !published.contains(&event.id));
        }
        Ok(events)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.store.ready().await
    }
}

/// The bus, as the relay sees it.
struct BrokenBus(Broken);

#[async_trait]
impl Bus for BrokenBus {
    async fn publish(&self, events: &[Arc<Envelope>]) -> Result<(), BusError> {
        let mut events = events.to_vec();
        let number = self.0.count.fetch_add(1, Ordering::SeqCst);
        match self.0.defect {
            LosesEvents if number % 7 == 3 => events.clear(),
            DeliversUnderNewIds => {
                for event in &mut events {
                    let id = Uuid::from_u128(u128::from(number) << 64 | event.id.0.as_u128());
                    let again = Envelope { id: MessageId(id), ..Envelope::clone(event) };
                    self.0.bus.publish(&[Arc::new(again)]).await?;
                }
            }
            _ => {}
        }
        self.0.bus.publish(&events).await
    }

    async fn subscribe(&self, it: &'static Consumer) -> Result<Box<dyn Subscription>, BusError> {
        self.0.bus.subscribe(it).await
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        self.0.bus.tail(types, from).await
    }

    async fn position(&self) -> Result<u64, BusError> {
        self.0.bus.position().await
    }

    async fn life(&self) -> Result<u64, BusError> {
        self.0.bus.life().await
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.0.bus.ready().await
    }
}

macro_rules! subject {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let broken = Broken::new($defect);
        let store: Arc<dyn Store> = match $defect {
            ForgetsWhatIsPublished => Arc::new(broken.clone()),
            _ => Arc::new(broken.store.clone()),
        };
        let outboxes = broken.outboxes();
        stubmart_suite::rules::$port::$rule(Arc::clone(&store), store, outboxes)
    }};
}

macro_rules! connected {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let broken = Broken::new($defect);
        let (store, bus) = (Arc::new(broken.clone()), Arc::new(broken.bus));
        stubmart_suite::rules::$port::$rule(store.clone(), store, bus)
    }};
}

caught! {outbox, subject,
    an_outbox_that_strikes_off_too_much_is_caught: StrikesOffTooMuch => [
        published_events_are_pending_no_more_and_no_others,
        no_concurrently_saved_event_is_left_behind,
    ];
    a_store_that_forgets_published_events_is_caught: ForgetsWhatIsPublished => [
        the_history_keeps_published_events,
    ];
    an_outbox_that_does_not_wake_the_relay_is_caught: DoesNotWake => [a_save_wakes_the_relay];
}

caught! {delivery, connected,
    an_engine_that_loses_events_on_the_way_is_caught: LosesEvents => [
        saved_events_reach_the_bus,
        of_saves_at_once_all_events_reach_the_bus,
    ];
    an_engine_that_delivers_under_new_ids_is_caught: DeliversUnderNewIds => [
        saved_events_reach_the_bus,
    ];
}
