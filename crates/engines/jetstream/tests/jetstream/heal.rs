//! A stream that lost its events is filled again, and what was put aside can be brought back.

use std::sync::Arc;

use async_nats::{ConnectOptions, ServerAddr, jetstream};
use percent_encoding::percent_decode_str;
use stubmart_contract::{
    Actor, DomainEvent, Envelope, EventType, MessageId, Timestamp, UserId, event::UserState,
};
use stubmart_memory::MemoryStore;
use stubmart_ports::{
    bus::{Bus, Consumer, Disposition},
    store::{Collection, DocKey, Expect, Save, SaveId, Store},
};
use stubmart_suite::host;
use uuid::Uuid;

use super::{buses, options};

static USERS: Collection = Collection { name: "auth.user", indexes: &[] };

static READER: Consumer = Consumer { name: "suite.heal", types: EventType::ALL };

/// Saves a document with one event.
async fn save(store: &dyn Store, number: u128) {
    let id = Uuid::from_u128(number);
    let event = Envelope {
        id: MessageId(id),
        aggregate_id: id,
        version: 1,
        at: Timestamp::EPOCH,
        causation_id: MessageId(id),
        correlation_id: MessageId(id),
        actor: Actor::System,
        request_id: None,
        event: DomainEvent::UserCreated(UserState { id: UserId(id) }),
    };
    let save = Save {
        key: DocKey { collection: &USERS, id },
        expect: Expect::Absent,
        save_id: SaveId(id),
        body: Vec::new(),
        entries: Vec::new(),
        version: 1,
        events: vec![Arc::new(event)],
    };
    store.save(Arc::new(save)).await.unwrap();
}

/// Reads `count` events and settles them alike.
async fn read(bus: &dyn Bus, count: usize, disposition: Disposition) -> Vec<u128> {
    let mut reader = bus.subscribe(&READER).await.unwrap();
    let mut read = Vec::new();
    while read.len() < count {
        for delivery in reader.next(count - read.len()).await.unwrap() {
            read.push(delivery.event.unwrap().id.0.as_u128());
            reader.settle(vec![(delivery.token, disposition.clone())]).await.unwrap();
        }
    }
    read.sort_unstable();
    read
}

/// A stream that was deleted, or purged, has every event again after a step of the worker: those that were
/// read before too. A step finds nothing to do where the history is.
#[tokio::test]
async fn a_lost_stream_is_filled_from_the_history() {
    let options = options();
    let [bus, _] = buses(options.clone()).await;
    let server: ServerAddr = options.url.parse().unwrap();
    let password = percent_decode_str(server.password().unwrap()).decode_utf8().unwrap();
    let user = server.username().unwrap().to_owned();
    let signed_in = ConnectOptions::with_user_and_password(user, password.into_owned());
    let client = signed_in.connect(server).await.unwrap();
    let streams = jetstream::new(client);
    let store = MemoryStore::new();
    for number in 1..=20 {
        save(&store, number).await;
    }
    let heal = bus.heal("auth", Arc::new(store), host::manual(1).0);
    let all: Vec<_> = (1..=20).collect();
    heal.step().await.unwrap();
    assert_eq!(read(&bus, 20, Disposition::Done).await, all);
    let position = bus.position().await.unwrap();
    heal.step().await.unwrap();
    assert_eq!(bus.position().await.unwrap(), position, "what was there was published again");

    let life = bus.life().await.unwrap();
    streams.delete_stream(&options.stream).await.unwrap();
    heal.step().await.unwrap();
    assert_eq!(read(&bus, 20, Disposition::Done).await, all);
    assert_ne!(bus.life().await.unwrap(), life);

    streams.get_stream(&options.stream).await.unwrap().purge().await.unwrap();
    heal.step().await.unwrap();
    assert_eq!(read(&bus, 20, Disposition::Done).await, all);
}

/// A rejected event waits aside, is brought back for its consumer by a replay, and then no more.
#[tokio::test]
async fn a_rejected_event_comes_back_by_a_replay() {
    let [bus, other] = buses(options()).await;
    let store = MemoryStore::new();
    for number in 1..=3 {
        save(&store, number).await;
    }
    bus.heal("auth", Arc::new(store), host::manual(1).0).step().await.unwrap();
    let reason = Disposition::Reject("a reason\nof two lines, in Ærøskøbing".to_owned());
    assert_eq!(read(&bus, 3, reason).await, [1, 2, 3]);
    assert_eq!(other.replay().await.unwrap(), 3);
    assert_eq!(read(&bus, 3, Disposition::Done).await, [1, 2, 3]);
    assert_eq!(other.replay().await.unwrap(), 0);
}
