//! Load, decide, save: one change at a time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::{Actor, Context, MessageId, RequestId, context::CausedBy};
use stubmart_kernel::{ApplyError, Precondition, Repository, RepositoryError, aggregate::Key};
use stubmart_suite::fault::{Call, Fault, Faults, FaultyStore, Injector, Op};

use crate::ledger::{Command, LENGTH, Ledger, NAME, Refusal, World, append, context, number};

/// The version counts the published events, 1, 2, 3 …; a silent change leaves it as it is.
#[tokio::test]
async fn the_version_counts_the_events() {
    let (world, id) = (World::new(), number(1));
    let silent = Command::Schedule { id, at: None };
    let steps = [(append(id, "a", 1), 1), (silent, 1), (append(id, "a", 2), 2)];
    for (command, version) in steps {
        let applied = world.ledgers.apply(&context(), id, &command).await.unwrap();
        assert_eq!((applied.changed, applied.after.version), (true, version), "{command:?}");
        assert_eq!(world.ledgers.load(id).await.unwrap(), Some(applied.after));
    }
    let versions: Vec<_> = world.events().await.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2]);
}

/// A command whose effect is there already changes nothing and publishes nothing.
#[tokio::test]
async fn a_command_that_was_applied_before_changes_nothing() {
    let (world, id) = (World::new(), number(1));
    let first = world.ledgers.apply(&context(), id, &append(id, "a", 1)).await.unwrap();
    let again = world.ledgers.apply(&context(), id, &append(id, "a", 1)).await.unwrap();
    assert_eq!((again.changed, &again.after), (false, &first.after));
    assert_eq!(world.events().await.len(), 1);
}

/// A change of the latest version loads nothing: it happens even while no load would.
#[tokio::test]
async fn a_change_of_the_latest_version_loads_nothing() {
    let (world, id) = (World::new(), number(1));
    let no_loads = Injector::new(|op, _| if op == Op::Load { Fault::Fail } else { Fault::None });
    let ledgers = world.over(FaultyStore::new(Arc::new(world.store.clone()), no_loads));
    let mut known = ledgers.create(&context(), id, &append(id, "a", 1)).await.unwrap().after;
    for entry in 2..=3 {
        let command = append(id, "a", entry);
        let applied = ledgers.apply_to(&context(), known, &Precondition::None, &command).await;
        known = applied.unwrap().after;
    }
    assert_eq!(world.ledgers.load(id).await.unwrap(), Some(known));
}

/// A command that would leave an outdated version as it is, or would be refused on it, is decided on the
/// stored one.
#[tokio::test]
async fn an_outdated_version_neither_refuses_nor_leaves_a_change_undone() {
    let (world, id, any) = (World::new(), number(1), Precondition::None);
    let known = world.ledgers.apply(&context(), id, &append(id, "a", 1)).await.unwrap().after;
    world.ledgers.apply(&context(), id, &append(id, "a", 2)).await.unwrap();
    let kept = world.ledgers.apply_to(&context(), known.clone(), &any, &Command::Keep).await;
    assert_eq!(kept.unwrap().after.state.entries, [1, 2]);
    let refused = world.ledgers.apply_to(&context(), known.clone(), &any, &Command::Refuse).await;
    let Err(ApplyError::Refused { refusal, version }) = refused else { panic!("{refused:?}") };
    assert_eq!((refusal, version), (Refusal(2), Some(2)));
    let command = append(id, "a", 3);
    let changed = world.ledgers.apply_to(&context(), known, &any, &command).await.unwrap();
    assert_eq!(changed.after.state.entries, [1, 2, 3]);
    assert_eq!(changed.before.unwrap().entries, [1, 2]);
}

/// A precondition is checked against the stored version, however old the caller's is, and only a command
/// that would change something can fail it (RFC 9110, 13.1.1). What fails it writes nothing.
#[tokio::test]
async fn a_precondition_is_about_what_is_stored() {
    let (world, id) = (World::new(), number(1));
    let known = world.ledgers.apply(&context(), id, &append(id, "a", 1)).await.unwrap().after;
    world.ledgers.apply(&context(), id, &append(id, "a", 2)).await.unwrap();
    let apply = async |versions: &[u64], command: Command| {
        let only = Precondition::OneOf(versions.to_vec());
        match world.ledgers.apply_to(&context(), known.clone(), &only, &command).await {
            Ok(applied) => Ok(applied.after.version),
            Err(ApplyError::Stale { version }) => Err(version),
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(apply(&[1], append(id, "a", 3)).await, Err(2));
    assert_eq!(apply(&[], append(id, "a", 3)).await, Err(2));
    assert_eq!(apply(&[1], Command::Keep).await, Ok(2));
    assert_eq!(world.events().await.len(), 2);
    assert_eq!(apply(&[1, 2], append(id, "a", 3)).await, Ok(3));
}

/// An event carries who asked, for which request, and what led to it; the first of a chain leads to
/// itself.
#[tokio::test]
async fn an_event_says_who_and_why() {
    let (world, id) = (World::new(), number(1));
    let cause = CausedBy { event: MessageId(number(7)), correlation: MessageId(number(8)) };
    let context = Context {
        request_id: Some(RequestId::from(number(9))),
        caused_by: Some(cause),
        ..Context::of(Actor::Operator("root".into()))
    };
    world.ledgers.apply(&context, id, &append(id, "a", 1)).await.unwrap();
    world.ledgers.apply(&crate::ledger::context(), id, &append(id, "a", 2)).await.unwrap();
    let [first, second] = &world.events().await[..] else { panic!("two events") };
    assert_eq!((&first.actor, &first.request_id), (&context.actor, &context.request_id));
    assert_eq!((first.causation_id, first.correlation_id), (cause.event, cause.correlation));
    assert_eq!((&second.actor, &second.request_id), (&Actor::System, &None));
    assert_eq!((second.causation_id, second.correlation_id), (second.id, second.id));
    assert_eq!((second.aggregate_id, second.at), (id, world.host.now()));
}

/// A key of a unique index belongs to one; an index that is not unique tells apart all with the same key.
#[tokio::test]
async fn a_unique_key_belongs_to_one() {
    let world = World::new();
    for id in [number(1), number(2)] {
        world.ledgers.apply(&context(), id, &append(id, &id.to_string(), 1)).await.unwrap();
    }
    let (name, id) = (number(1).to_string(), number(3));
    let taken = world.ledgers.apply(&context(), id, &append(id, &name, 1)).await;
    let Err(ApplyError::Repository(RepositoryError::Taken { index })) = taken else { panic!() };
    assert_eq!(index, NAME);
    assert_eq!(world.ledgers.load(id).await.unwrap(), None);
    let owner = world.ledgers.by_unique(NAME, &Key::new().text(&name)).await.unwrap().unwrap();
    assert_eq!(owner.state.id, number(1));
    let of_one = world.ledgers.scan(LENGTH, &Key::new().number(1)).limit(9);
    let ids = world.ledgers.keys(of_one.clone()).await.unwrap();
    assert_eq!(ids.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [number(1), number(2)]);
    let found = world.ledgers.find(of_one).await.unwrap();
    assert!(
        found
            .iter()
            .map(|row| (&row.key, row.found.state.id))
            .eq(ids.iter().map(|(key, id)| (key, *id)))
    );
}

/// An aggregate is deleted as the caller has seen it, or not at all.
#[tokio::test]
async fn only_what_was_seen_is_deleted() {
    let (world, id) = (World::new(), number(1));
    world.schedule(1, world.host.now()).await;
    let seen = world.ledgers.load(id).await.unwrap().unwrap();
    world.schedule(1, world.host.now().after(Duration::from_secs(1))).await;
    assert!(!world.ledgers.delete(&seen).await.unwrap());
    let seen = world.ledgers.load(id).await.unwrap().unwrap();
    assert!(world.ledgers.delete(&seen).await.unwrap());
    assert_eq!(world.ledgers.load(id).await.unwrap(), None);
    assert!(!world.ledgers.delete(&seen).await.unwrap());
}

/// A document that cannot be read is named, and never overwritten.
#[tokio::test]
async fn a_document_that_cannot_be_read_is_named_and_kept() {
    let (world, id) = (World::new(), number(1));
    world.save_bytes(1, b"{", LENGTH, Key::new().number(0)).await;
    let failed = world.ledgers.apply(&context(), id, &append(id, "a", 1)).await;
    let Err(ApplyError::Repository(error @ RepositoryError::Corrupt(_))) = failed else { panic!() };
    let text = error.to_string();
    assert!(text.contains("test.ledger") && text.contains(&id.to_string()), "{text}");
    assert!(matches!(world.ledgers.load(id).await, Err(RepositoryError::Corrupt(_))));
    let [key] =
        &world.ledgers.keys(world.ledgers.scan(LENGTH, &Key::new()).limit(9)).await.unwrap()[..]
    else {
        panic!("the document is gone")
    };
    assert_eq!(key.1, id);
}

/// Appends to the same ledger right before each save of another, so often.
#[derive(Debug)]
struct Rival {
    ledgers: Repository<Ledger>,
    left: AtomicU64,
}

#[async_trait]
impl Faults for Rival {
    async fn begin(&self, call: Call) -> Fault {
        let is_left = |left: u64| left.checked_sub(1);
        if call.op == Op::Save
            && let Ok(left) = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_left)
        {
            let command = append(call.subject, "a", 1000 + left);
            self.ledgers.apply(&context(), call.subject, &command).await.unwrap();
        }
        Fault::None
    }

    fn later(&self, _: Call, _: BoxFuture<'static, ()>) {}

    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// When another change comes first, the command is decided again on it; when others come first each
/// time, the repository gives up and writes nothing.
#[tokio::test]
async fn a_change_that_others_overtake_is_decided_again() {
    for (rivals, is_applied) in [(1, true), (30, true), (1000, false)] {
        let (world, id) = (World::new(), number(1));
        let rival = Rival { ledgers: world.ledgers.clone(), left: AtomicU64::new(rivals) };
        let store = FaultyStore::new(Arc::new(world.store.clone()), Arc::new(rival));
        let applied = world.over(store).apply(&context(), id, &append(id, "a", 1)).await;
        let stored = world.ledgers.load(id).await.unwrap().unwrap();
        assert_eq!(stored.state.entries.contains(&1), is_applied, "{rivals}");
        let events = u64::try_from(world.events().await.len()).unwrap();
        assert_eq!(stored.version, events, "{rivals}");
        match applied {
            Ok(applied) => assert_eq!(applied.after, stored),
            Err(ApplyError::Repository(RepositoryError::Contended)) => assert!(!is_applied),
            Err(other) => panic!("{other:?}"),
        }
    }
}
