//! Rules of saving, loading and deleting one document.

use std::sync::Arc;

use stubmart_ports::store::{DocKey, Expect, Store, StoreError};

use super::{Draft, OTHERS, all, key, published, scanned, stored};

/// A store that works says that it is ready.
pub async fn a_store_that_works_is_ready(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    a.ready().await.unwrap();
    b.ready().await.unwrap();
}

/// A document that was never saved loads as none.
pub async fn an_absent_document_is_none(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    assert_eq!(a.load(key(1)).await.unwrap(), None);
    Draft::create(1).save(&*a).await;
    assert_eq!(b.load(key(2)).await.unwrap(), None);
}

/// Every part of a save is read back as it was written, through either handle: body, revision, save id
/// and version.
pub async fn what_was_saved_is_read_back_whole(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let first = Draft::create(1).body("{\"a\":1}").event(1).event(2).0;
    assert_eq!(a.save(first.clone()).await.unwrap(), 1);
    assert_eq!(a.load(key(1)).await.unwrap(), Some(stored(&first, 1)));
    assert_eq!(b.load(key(1)).await.unwrap(), Some(stored(&first, 1)));
    let second = Draft::change(1, 1).published(2).event(3).0;
    assert_eq!(b.save(second.clone()).await.unwrap(), 2);
    assert_eq!(a.load(key(1)).await.unwrap(), Some(stored(&second, 2)));
    assert_eq!(b.load(key(1)).await.unwrap(), Some(stored(&second, 2)));
}

/// A save that expects no document is refused where there is one.
pub async fn a_save_that_expects_no_document_refuses_one(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let first = Draft::create(1).0;
    a.save(first.clone()).await.unwrap();
    let again = b.save(Draft::create(1).0).await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    // The very same attempt is refused too: its caller reads the save id back.
    let same = b.save(first.clone()).await;
    assert!(matches!(same, Err(StoreError::Conflict)), "{same:?}");
    assert_eq!(b.load(key(1)).await.unwrap(), Some(stored(&first, 1)));
}

/// A save that expects a revision is refused where there is no document, an older or a newer one.
pub async fn a_save_that_expects_a_revision_refuses_any_other(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
) {
    for revision in [0, 1, u64::from(u32::MAX)] {
        let refused = a.save(Draft::change(1, revision).0).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{revision}: {refused:?}");
    }
    assert_eq!(a.load(key(1)).await.unwrap(), None);
    Draft::create(1).save(&*a).await;
    let second = Draft::change(1, 1).0;
    b.save(second.clone()).await.unwrap();
    for revision in [0, 1, 3] {
        let refused = a.save(Draft::change(1, revision).0).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{revision}: {refused:?}");
    }
    assert_eq!(a.load(key(1)).await.unwrap(), Some(stored(&second, 2)));
}

/// The revision is 1 after the first save and one more after each, whether the save publishes or not,
/// and the save answers with it.
pub async fn the_revision_grows_by_one_with_each_save(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    assert_eq!(Draft::create(1).save(&*a).await, 1);
    for revision in 1..20 {
        let store = if revision % 2 == 0 { &a } else { &b };
        assert_eq!(Draft::change(1, revision).save(&**store).await, revision + 1);
        assert_eq!(a.load(key(1)).await.unwrap().unwrap().revision, revision + 1);
    }
}

/// The version is the number of events that the document has published: a save without an event leaves
/// it as it is.
pub async fn the_version_is_what_the_save_says(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).event(1).event(2).save(&*a).await;
    Draft::change(1, 1).published(2).save(&*b).await;
    let silent = a.load(key(1)).await.unwrap().unwrap();
    assert_eq!((silent.revision, silent.version), (2, 2));
    Draft::change(1, 2).published(2).event(3).save(&*a).await;
    let stored = b.load(key(1)).await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.version), (3, 3));
}

/// A save that expects another revision writes nothing: no body, no entries, no events.
pub async fn a_stale_save_writes_nothing(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let first = Draft::create(1).entry("name", "one").rank("a").event(1).0;
    a.save(first).await.unwrap();
    let second = Draft::change(1, 1).entry("name", "two").rank("b").published(1).event(2).0;
    a.save(second.clone()).await.unwrap();
    for expect in [Expect::Absent, Expect::Revision(1), Expect::Revision(3)] {
        let stale = Draft::new(key(1), expect).entry("name", "three").rank("c");
        let refused = b.save(stale.published(2).event(3).0).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    }
    for store in [&*a, &*b] {
        assert_eq!(store.load(key(1)).await.unwrap(), Some(stored(&second, 2)));
        let names = store.keys(all("name")).await.unwrap();
        assert_eq!(names.iter().map(|it| &*it.key).collect::<Vec<_>>(), [b"two"]);
        assert_eq!(scanned(store, all("rank")).await, [1]);
        assert_eq!(published(store).await, [1, 2]);
    }
    // A key that only the stale save had is free.
    Draft::create(2).entry("name", "three").save(&*a).await;
}

/// A body is kept byte for byte: empty, in any script, not even text, and as large as documents get.
pub async fn any_body_is_kept_as_it_is(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let all_bytes: Vec<u8> = (0..=u8::MAX).collect();
    let bodies: [Vec<u8>; 5] = [
        Vec::new(),
        "Ærøskøbing, 東京, 🎫, e\u{301}, \u{0}, \u{202e}".into(),
        all_bytes.clone(),
        all_bytes.repeat(240),
        b"null".to_vec(),
    ];
    for (number, body) in (1..).zip(bodies) {
        Draft::create(number).body(body.clone()).rank("a").save(&*a).await;
        assert_eq!(b.load(key(number)).await.unwrap().unwrap().body, body);
        let found = b.find(all("rank")).await.unwrap();
        assert_eq!(found.last().unwrap().doc.body, body);
    }
}

/// Documents of two collections may have one id, and know nothing of each other.
pub async fn the_collections_keep_apart(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let other_key = DocKey { collection: &OTHERS, id: key(1).id };
    let other = Draft::new(other_key, Expect::Absent).0;
    a.save(other.clone()).await.unwrap();
    assert_eq!(b.load(key(1)).await.unwrap(), None);
    let item = Draft::create(1).0;
    b.save(item.clone()).await.unwrap();
    assert_eq!(a.load(key(1)).await.unwrap(), Some(stored(&item, 1)));
    assert_eq!(b.load(other_key).await.unwrap(), Some(stored(&other, 1)));
    a.delete(other_key, 1).await.unwrap();
    assert_eq!(b.load(key(1)).await.unwrap(), Some(stored(&item, 1)));
}

/// A delete of a revision that is not stored, or of nothing, is refused and changes nothing.
pub async fn a_delete_of_another_revision_changes_nothing(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let absent = a.delete(key(1), 1).await;
    assert!(matches!(absent, Err(StoreError::Conflict)), "{absent:?}");
    Draft::create(1).save(&*a).await;
    let second = Draft::change(1, 1).entry("name", "one").0;
    a.save(second.clone()).await.unwrap();
    for revision in [0, 1, 3] {
        let refused = b.delete(key(1), revision).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{revision}: {refused:?}");
    }
    assert_eq!(a.load(key(1)).await.unwrap(), Some(stored(&second, 2)));
    assert_eq!(scanned(&*a, all("name")).await, [1]);
}

/// A deleted document is gone through either handle, and no scan finds it. Deleting it again is
/// refused.
pub async fn a_deleted_document_is_gone_with_its_entries(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).entry("name", "one").rank("b").save(&*a).await;
    Draft::create(2).entry("name", "two").rank("a").save(&*a).await;
    b.delete(key(1), 1).await.unwrap();
    for store in [&*a, &*b] {
        assert_eq!(store.load(key(1)).await.unwrap(), None);
        assert_eq!(scanned(store, all("name")).await, [2]);
        assert_eq!(scanned(store, all("rank")).await, [2]);
        let again = store.delete(key(1), 1).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    }
}

/// A deleted document can be made again, and begins at revision 1; a save that expects the deleted one
/// is refused.
pub async fn a_deleted_document_can_be_made_again(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).save(&*a).await;
    Draft::change(1, 1).save(&*a).await;
    b.delete(key(1), 2).await.unwrap();
    let stale = a.save(Draft::change(1, 2).0).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    let again = Draft::create(1).rank("a").0;
    assert_eq!(a.save(again.clone()).await.unwrap(), 1);
    assert_eq!(b.load(key(1)).await.unwrap(), Some(stored(&again, 1)));
    assert_eq!(scanned(&*b, all("rank")).await, [1]);
}

/// A document that has published an event is not deleted, and nothing changes: else the number of its
/// next event, and events that are not on the bus yet, could be lost with it.
pub async fn a_document_that_has_published_is_not_deleted(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).event(1).save(&*a).await;
    let silent = Draft::change(1, 1).published(1).rank("a").0;
    a.save(silent.clone()).await.unwrap();
    let refused = b.delete(key(1), 2).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let stale = b.delete(key(1), 1).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    assert_eq!(a.load(key(1)).await.unwrap(), Some(stored(&silent, 2)));
    assert_eq!(scanned(&*b, all("rank")).await, [1]);
    assert_eq!(published(&*a).await, [1]);
}
