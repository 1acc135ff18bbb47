//! Rules of what happens at once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_ports::store::{Save, Store, StoreError};

use super::{Draft, all, key, published, scanned, stored};
use crate::rules::at_once;

/// How many try at once.
const RIVALS: u64 = 12;

/// How often a race is run.
const ROUNDS: u64 = 40;

/// Makes every save at once, half of them through each handle.
async fn race(
    a: &Arc<dyn Store>,
    b: &Arc<dyn Store>,
    saves: Vec<Arc<Save>>,
) -> Vec<Result<u64, StoreError>> {
    let handles = [Arc::clone(a), Arc::clone(b)].into_iter().cycle();
    let tasks =
        saves.into_iter().zip(handles).map(|(save, store)| async move { store.save(save).await });
    at_once(tasks.collect::<Vec<_>>()).await
}

/// The one save of a race that happened; every other one must have been refused as `refused` says.
fn only_winner(
    saves: &[Arc<Save>],
    results: &[Result<u64, StoreError>],
    refused: impl Fn(&StoreError) -> bool,
) -> Arc<Save> {
    let mut winners = Vec::new();
    for (save, result) in saves.iter().zip(results) {
        match result {
            Ok(_) => winners.push(Arc::clone(save)),
            Err(error) => assert!(refused(error), "{error:?}"),
        }
    }
    assert_eq!(winners.len(), 1, "{results:?}");
    winners.remove(0)
}

/// Of any number of concurrent saves that expect no document, exactly one happens, whole.
pub async fn of_concurrent_creations_one_happens(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let mut won = Vec::new();
    for round in 1..=ROUNDS {
        let rivals = (1..=RIVALS).map(|rival| round * 100 + rival);
        let saves: Vec<_> =
            rivals.map(|event| Draft::create(round).rank("a").event(event).0).collect();
        let results = race(&a, &b, saves.clone()).await;
        let winner = only_winner(&saves, &results, |it| matches!(it, StoreError::Conflict));
        assert_eq!(a.load(key(round)).await.unwrap(), Some(stored(&winner, 1)));
        won.extend(winner.events.iter().map(|event| event.id.0.as_u128()));
    }
    assert_eq!(scanned(&*b, all("rank")).await, (1..=ROUNDS).collect::<Vec<_>>());
    let published = published(&*b).await;
    assert_eq!(published.into_iter().map(u128::from).collect::<Vec<_>>(), won);
}

/// Of any number of concurrent saves that expect the same revision exactly one happens, with its
/// entries and events and nobody else's.
pub async fn of_concurrent_saves_of_a_revision_one_happens(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).save(&*a).await;
    let mut won = Vec::new();
    for revision in 1..=ROUNDS {
        let rivals = (1..=RIVALS).map(|rival| revision * 100 + rival);
        let saves: Vec<_> = rivals
            .map(|event| {
                let draft = Draft::change(1, revision).rank(event.to_be_bytes().to_vec());
                draft.published(revision - 1).event(event).0
            })
            .collect();
        let results = race(&a, &b, saves.clone()).await;
        let winner = only_winner(&saves, &results, |it| matches!(it, StoreError::Conflict));
        assert_eq!(b.load(key(1)).await.unwrap(), Some(stored(&winner, revision + 1)));
        let ranks = a.keys(all("rank")).await.unwrap();
        let of_winner: Vec<_> = winner.entries.iter().map(|it| it.key.bytes().to_vec()).collect();
        assert_eq!(ranks.into_iter().map(|it| it.key).collect::<Vec<_>>(), of_winner);
        won.extend(winner.events.iter().map(|event| event.id.0.as_u128()));
    }
    let published = published(&*a).await;
    assert_eq!(published.into_iter().map(u128::from).collect::<Vec<_>>(), won);
}

/// Of any number of documents that want one unique key at once exactly one gets it; the others are
/// answered that it is taken.
pub async fn of_concurrent_claims_of_a_unique_key_one_succeeds(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
) {
    for round in 1..=ROUNDS {
        let name = round.to_be_bytes().to_vec();
        let rivals = (1..=RIVALS).map(|rival| round * 100 + rival);
        let saves: Vec<_> =
            rivals.map(|number| Draft::create(number).entry("name", name.clone()).0).collect();
        let results = race(&a, &b, saves.clone()).await;
        let winner = only_winner(&saves, &results, |error| {
            matches!(error, StoreError::Taken { index: "name" })
        });
        for save in &saves {
            let expected = (save.key == winner.key).then(|| stored(save, 1));
            assert_eq!(b.load(save.key).await.unwrap(), expected);
        }
    }
    assert_eq!(a.keys(all("name")).await.unwrap().len(), usize::try_from(ROUNDS).unwrap());
}

/// Of a save and a delete of the same revision exactly one happens.
pub async fn of_a_concurrent_save_and_delete_one_happens(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    for round in 1..=ROUNDS {
        Draft::create(round).rank("a").save(&*a).await;
        let (saving, deleting) = if round % 2 == 0 {
            (Arc::clone(&a), Arc::clone(&b))
        } else {
            (Arc::clone(&b), Arc::clone(&a))
        };
        let save = Draft::change(round, 1).rank("a").0;
        let results = at_once::<Result<(), StoreError>, BoxFuture<'static, _>>([
            async move { saving.save(save).await.map(|_| ()) }.boxed(),
            async move { deleting.delete(key(round), 1).await }.boxed(),
        ])
        .await;
        let refused = results.iter().filter(|it| matches!(it, Err(StoreError::Conflict))).count();
        let done = results.iter().filter(|it| it.is_ok()).count();
        assert_eq!((done, refused), (1, 1), "{results:?}");
        let left = a.load(key(round)).await.unwrap();
        assert_eq!(left.is_some(), results.first().is_some_and(Result::is_ok));
        assert_eq!(scanned(&*b, all("rank")).await.contains(&round), left.is_some());
    }
}

/// Concurrent saves of different documents do not hinder each other: all of them happen, and each of
/// their events is in the history once.
pub async fn concurrent_changes_of_different_documents_all_happen(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
) {
    let saves: Vec<_> = (1..=300).map(|number| Draft::create(number).event(number).0).collect();
    for result in race(&a, &b, saves.clone()).await {
        assert_eq!(result.unwrap(), 1);
    }
    for (number, save) in (1..).zip(&saves) {
        assert_eq!(a.load(key(number)).await.unwrap(), Some(stored(save, 1)));
    }
    assert_eq!(published(&*b).await, (1..=300).collect::<Vec<_>>());
}

/// Writers that read, count up and save, and begin again when refused, lose no count.
pub async fn concurrent_increments_are_all_counted(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    const EACH: u64 = 15;
    Draft::create(1).body("0").save(&*a).await;
    let handles = [&a, &b].into_iter().cycle();
    let tasks = handles.take(6).map(|store| {
        let store = Arc::clone(store);
        async move {
            for _ in 0..EACH {
                while !increment(&*store).await {}
            }
        }
    });
    at_once(tasks.collect::<Vec<_>>()).await;
    let counted = a.load(key(1)).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(counted.body).unwrap(), (6 * EACH).to_string());
    assert_eq!(counted.revision, 6 * EACH + 1);
}

/// Counts up once; false when another came first.
async fn increment(store: &dyn Store) -> bool {
    let current = store.load(key(1)).await.unwrap().unwrap();
    // Lets others come between, on the fastest store too.
    tokio::task::yield_now().await;
    let count: u64 = String::from_utf8(current.body).unwrap().parse().unwrap();
    let draft = Draft::change(1, current.revision).body((count + 1).to_string());
    match store.save(draft.0).await {
        Ok(_) => true,
        Err(StoreError::Conflict) => false,
        Err(other) => unreachable!("{other:?}"),
    }
}

/// A read sees every save that was acknowledged before it began, whichever handle made it: loads,
/// scans and the history alike.
pub async fn a_read_sees_every_save_acknowledged_before(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    const SAVES: u64 = 150;
    let acknowledged = Arc::new(AtomicU64::new(1));
    Draft::create(1).rank("a").event(1).save(&*a).await;
    // The readers' handle has read once before the first change, however late their tasks begin.
    assert_eq!(b.load(key(1)).await.unwrap().unwrap().revision, 1);
    let writing = {
        let acknowledged = Arc::clone(&acknowledged);
        async move {
            for revision in 1..SAVES {
                let draft = Draft::change(1, revision).rank("a").published(revision);
                let saved = draft.event(revision + 1).save(&*a).await;
                acknowledged.store(saved, Ordering::SeqCst);
            }
        }
        .boxed()
    };
    let reading = |store: Arc<dyn Store>| {
        let acknowledged = Arc::clone(&acknowledged);
        async move {
            let mut at_least = 0;
            while at_least < SAVES {
                at_least = acknowledged.load(Ordering::SeqCst);
                let loaded = store.load(key(1)).await.unwrap().unwrap().revision;
                assert!(loaded >= at_least, "read {loaded} after {at_least} was acknowledged");
                let found = store.find(all("rank")).await.unwrap();
                assert!(found.iter().any(|it| it.doc.revision >= loaded), "{found:?}");
                let published = u64::try_from(published(&*store).await.len()).unwrap();
                assert!(published >= loaded, "events are behind");
                tokio::task::yield_now().await;
            }
        }
        .boxed()
    };
    let readers = [reading(Arc::clone(&b)), reading(b)];
    at_once::<(), BoxFuture<'static, ()>>(readers.into_iter().chain([writing])).await;
}
