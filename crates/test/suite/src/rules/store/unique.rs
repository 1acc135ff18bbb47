//! Rules of unique indexes.

use std::sync::Arc;

use stubmart_ports::store::{DocKey, Expect, Store, StoreError};

use super::{Draft, OTHERS, all, key, published, scanned, stored};

/// A key that another document has in a unique index is refused, with the index's name, to a new
/// document and to one that is changed.
pub async fn a_key_of_another_document_is_taken(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).entry("name", "one").entry("alias", "uno").save(&*a).await;
    Draft::create(2).entry("name", "two").save(&*a).await;
    let created = b.save(Draft::create(3).entry("name", "one").0).await;
    assert!(matches!(created, Err(StoreError::Taken { index: "name" })), "{created:?}");
    let changed = b.save(Draft::change(2, 1).entry("name", "two").entry("alias", "uno").0).await;
    assert!(matches!(changed, Err(StoreError::Taken { index: "alias" })), "{changed:?}");
    // Keys are bytes: another case, a longer and a shorter one are others.
    for (number, name) in (4..).zip(["One", "one ", "on", "one\0", ""]) {
        Draft::create(number).entry("name", name).save(&*b).await;
    }
}

/// A save that is refused for a taken key writes nothing: no document, none of its other entries, no
/// events.
pub async fn a_save_of_a_taken_key_writes_nothing(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).entry("name", "one").event(1).save(&*a).await;
    let second = Draft::create(2).entry("name", "two").rank("b").event(2).0;
    a.save(second.clone()).await.unwrap();
    let created = Draft::create(3).rank("c").entry("alias", "c").entry("name", "one").event(3).0;
    let created = b.save(created).await;
    assert!(matches!(created, Err(StoreError::Taken { index: "name" })), "{created:?}");
    let changed = Draft::change(2, 1).rank("d").entry("alias", "d").entry("name", "one");
    let changed = b.save(changed.published(1).event(4).0).await;
    assert!(matches!(changed, Err(StoreError::Taken { index: "name" })), "{changed:?}");
    for store in [&*a, &*b] {
        assert_eq!(store.load(key(2)).await.unwrap(), Some(stored(&second, 1)));
        assert_eq!(store.load(key(3)).await.unwrap(), None);
        assert_eq!(scanned(store, all("name")).await, [1, 2]);
        assert_eq!(scanned(store, all("alias")).await, [0; 0]);
        let ranks = store.keys(all("rank")).await.unwrap();
        assert!(matches!(&*ranks, [only] if only.key.starts_with(b"b")), "{ranks:?}");
        assert_eq!(published(store).await, [1, 2]);
    }
}

/// A document that is saved again may keep its unique keys, and swap them between its indexes.
pub async fn a_document_keeps_its_own_unique_key(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).entry("name", "one").entry("alias", "uno").save(&*a).await;
    Draft::change(1, 1).entry("name", "one").entry("alias", "uno").save(&*b).await;
    Draft::change(1, 2).entry("name", "uno").entry("alias", "one").save(&*a).await;
    assert_eq!(scanned(&*b, all("name")).await, [1]);
    assert_eq!(scanned(&*b, all("alias")).await, [1]);
}

/// A unique key that its document gave up can be had by another one.
pub async fn a_unique_key_is_freed_by_change(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).entry("name", "one").save(&*a).await;
    Draft::change(1, 1).entry("name", "other").save(&*a).await;
    Draft::create(2).entry("name", "one").save(&*b).await;
    Draft::change(1, 2).save(&*b).await;
    Draft::create(3).entry("name", "other").save(&*a).await;
    let back = a.save(Draft::change(1, 3).entry("name", "one").0).await;
    assert!(matches!(back, Err(StoreError::Taken { index: "name" })), "{back:?}");
}

/// A unique key of a deleted document can be had by another one.
pub async fn a_unique_key_is_freed_by_delete(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).entry("name", "one").save(&*a).await;
    a.delete(key(1), 1).await.unwrap();
    Draft::create(2).entry("name", "one").save(&*b).await;
    let back = a.save(Draft::create(1).entry("name", "one").0).await;
    assert!(matches!(back, Err(StoreError::Taken { index: "name" })), "{back:?}");
}

/// A key is unique within its index only: not among the indexes of a collection, not among
/// collections.
pub async fn unique_indexes_keep_apart(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).entry("name", "one").save(&*a).await;
    Draft::create(2).entry("alias", "one").save(&*b).await;
    let other = DocKey { collection: &OTHERS, id: key(3).id };
    Draft::new(other, Expect::Absent).entry("name", "one").save(&*a).await;
    assert_eq!(scanned(&*b, all("name")).await, [1]);
    assert_eq!(scanned(&*b, all("alias")).await, [2]);
}

/// A save that is stale and wants a taken key learns of the conflict: its caller has to look again
/// before it may blame the key.
pub async fn a_conflict_comes_before_a_taken_key(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).entry("name", "one").save(&*a).await;
    Draft::create(2).entry("name", "two").save(&*a).await;
    for expect in [Expect::Absent, Expect::Revision(2)] {
        let refused = b.save(Draft::new(key(2), expect).entry("name", "one").0).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
}
