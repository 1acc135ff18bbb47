//! Requests under an idempotency key.

use std::{sync::Arc, time::Duration};

use serde_json::value::{RawValue, to_raw_value};
use stubmart_kernel::{
    aggregate::Collection,
    idempotency::{BeginError, Begun, INDEXES, Idempotency, RecordId, Scope},
    worker::{Next, Worker as _},
};
use uuid::Uuid;

use crate::ledger::{World, context};

static RECORDS: Collection = Collection { name: "test.idempotency", indexes: INDEXES };
static OTHERS: Collection = Collection { name: "other.idempotency", indexes: INDEXES };

const SCOPE: Scope<'_> =
    Scope { caller: "ann", operation: "buy", key: "1", request: b"one ticket" };

const DAY: Duration = Duration::from_secs(24 * 3600);

fn process(world: &World) -> Idempotency {
    Idempotency::new(&RECORDS, Arc::new(world.store.clone()), world.host.clone())
}

async fn work(process: &Idempotency, scope: Scope<'_>) -> (Uuid, RecordId) {
    match process.begin(&context(), scope).await.unwrap() {
        Begun::Work { creates, record } => (creates, record),
        Begun::Replay(answer) => unreachable!("answered already: {answer}"),
    }
}

async fn replay(process: &Idempotency, scope: Scope<'_>) -> String {
    match process.begin(&context(), scope).await.unwrap() {
        Begun::Replay(answer) => answer.get().to_owned(),
        Begun::Work { .. } => unreachable!("not answered"),
    }
}

async fn end(process: &Idempotency, record: RecordId, answer: &str) {
    let answer: Box<RawValue> = to_raw_value(answer).unwrap();
    process.end(&context(), record, Some(answer)).await.unwrap();
}

/// The first answer is given again, by every process, to the same request; another request under the key
/// is refused.
#[tokio::test]
async fn the_first_answer_is_given_again() {
    let world = World::new();
    let one = process(&world);
    let (_, record) = work(&one, SCOPE).await;
    end(&one, record, "paid").await;
    end(&one, record, "paid twice").await;
    for process in [one, process(&world)] {
        assert_eq!(replay(&process, SCOPE).await, "\"paid\"");
        let other = Scope { request: b"two tickets", ..SCOPE };
        let refused = process.begin(&context(), other).await;
        assert!(matches!(refused, Err(BeginError::Reused)), "{refused:?}");
    }
}

/// While a request is at work, a second one under its key waits, for a minute; another process does not
/// wait. A request that takes over creates under the same id.
#[tokio::test]
async fn a_request_without_an_answer_is_taken_over_with_its_id() {
    let world = World::new();
    let one = process(&world);
    let (id, _) = work(&one, SCOPE).await;
    let busy = one.begin(&context(), SCOPE).await;
    assert!(matches!(busy, Err(BeginError::InUse)), "{busy:?}");
    assert_eq!(work(&process(&world), SCOPE).await.0, id);
    world.clock.advance(Duration::from_secs(60));
    let (again, record) = work(&one, SCOPE).await;
    assert_eq!(again, id);
    // A request that ended without an answer that may be given again is done again at once.
    one.end(&context(), record, None).await.unwrap();
    assert_eq!(work(&one, SCOPE).await.0, id);
}

/// The keys of different callers, operations and services never meet.
#[tokio::test]
async fn keys_of_others_are_other_keys() {
    let world = World::new();
    let one = process(&world);
    let (first, record) = work(&one, SCOPE).await;
    end(&one, record, "paid").await;
    let others = [
        Scope { caller: "bob", ..SCOPE },
        Scope { operation: "sell", ..SCOPE },
        Scope { key: "2", ..SCOPE },
        // The parts do not run into each other.
        Scope { caller: "annb", operation: "uy", ..SCOPE },
    ];
    for scope in others {
        assert_ne!(work(&one, scope).await.0, first, "{scope:?}");
    }
    let service = Idempotency::new(&OTHERS, Arc::new(world.store.clone()), world.host.clone());
    assert_ne!(work(&service, SCOPE).await.0, first);
}

/// After a day a key is free, and its record is dropped; no younger record is.
#[tokio::test]
async fn a_key_is_free_after_a_day() {
    let world = World::new();
    let (one, purge) = (process(&world), process(&world).purge());
    for count in 0..250 {
        let (_, record) = work(&one, Scope { key: &format!("old {count}"), ..SCOPE }).await;
        end(&one, record, "paid").await;
    }
    world.clock.advance(DAY - Duration::from_secs(1));
    let (_, record) = work(&one, SCOPE).await;
    end(&one, record, "paid").await;
    let old = Scope { key: "old 0", ..SCOPE };
    assert_eq!(replay(&one, old).await, "\"paid\"");
    assert!(matches!(purge.step().await.unwrap(), Next::At(_)));
    world.clock.advance(Duration::from_secs(2));
    work(&one, old).await;
    let mut steps = 0;
    while purge.step().await.unwrap() == Next::Again {
        steps += 1;
    }
    assert_eq!(steps, 3, "249 records, at most 100 at once");
    assert_eq!(replay(&one, SCOPE).await, "\"paid\"");
}
