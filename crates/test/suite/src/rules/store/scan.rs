//! Rules of index entries and scans.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_ports::{
    key::Key,
    store::{Scan, Store, StoreError},
};
use tokio::sync::{mpsc, oneshot};

use super::{Draft, ITEMS, all, key, published, scanned};
use crate::rules::at_once;

/// Keys in the order of their bytes: empty ones, zeros, the ends of the range, what begins alike.
const KEYS: [&[u8]; 12] = [
    b"",
    b"\0",
    b"\0\0",
    b"\0\xff",
    b"\x01",
    b"A",
    b"a",
    b"a\0",
    b"a\0b",
    b"ab",
    b"\xff",
    b"\xff\xff",
];

/// Saves a document for each of the keys, the `n`th key's being the `n`th, and not in that order.
async fn save_keys(store: &dyn Store) {
    for number in [7, 3, 12, 1, 9, 5, 11, 2, 8, 4, 10, 6] {
        let key = *KEYS.get(number - 1).unwrap();
        Draft::create(u64::try_from(number).unwrap()).entry("name", key).save(store).await;
    }
}

/// A save replaces all entries: those it does not name are gone, through either handle.
pub async fn entries_are_replaced_by_each_save(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).rank("a").entry("alias", "uno").entry("name", "one").save(&*a).await;
    Draft::change(1, 1).rank("b").entry("alias", "uno").save(&*b).await;
    for store in [&*a, &*b] {
        let ranks = store.keys(all("rank")).await.unwrap();
        let firsts: Vec<_> = ranks.iter().filter_map(|it| it.key.first().copied()).collect();
        assert_eq!(firsts, *b"b");
        assert_eq!(scanned(store, all("alias")).await, [1]);
        assert_eq!(scanned(store, all("name")).await, [0; 0]);
    }
    Draft::change(1, 2).save(&*a).await;
    assert_eq!(scanned(&*b, all("rank")).await, [0; 0]);
}

/// A document is found by its entry in each index, and in no index in which it has none.
pub async fn a_document_is_found_by_its_entry_in_each_index(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).rank("c").entry("name", "a").save(&*a).await;
    Draft::create(2).rank("b").entry("alias", "a").save(&*a).await;
    Draft::create(3).rank("a").entry("name", "b").entry("alias", "b").save(&*a).await;
    assert_eq!(scanned(&*b, all("rank")).await, [3, 2, 1]);
    assert_eq!(scanned(&*b, all("name")).await, [1, 3]);
    assert_eq!(scanned(&*b, all("alias")).await, [2, 3]);
}

/// A save with two entries in one index is refused and writes nothing, since an engine may keep one
/// only.
pub async fn a_second_entry_in_one_index_is_refused(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).rank("a").save(&*a).await;
    let refused = a.save(Draft::change(1, 1).rank("b").rank("c").event(1).0).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(b.load(key(1)).await.unwrap().unwrap().revision, 1);
    assert_eq!(b.keys(all("rank")).await.unwrap().len(), 1);
    assert_eq!(published(&*b).await, [0; 0]);
}

/// A save with an entry in an index that its collection does not declare is refused and writes nothing.
/// So is a scan of one.
pub async fn an_entry_in_an_index_that_is_not_declared_is_refused(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
) {
    let refused = a.save(Draft::create(1).entry("no such index", "a").event(1).0).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(b.load(key(1)).await.unwrap(), None);
    assert_eq!(published(&*b).await, [0; 0]);
    assert!(b.keys(all("no such index")).await.is_err());
    assert!(b.find(all("no such index")).await.is_err());
}

/// A scan goes through the keys in the order of their bytes, as unsigned numbers, the shorter of two
/// that begin alike first.
pub async fn a_scan_goes_by_the_bytes_of_the_keys(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_keys(&*a).await;
    let found = b.keys(all("name")).await.unwrap();
    assert_eq!(found.iter().map(|it| &*it.key).collect::<Vec<_>>(), KEYS);
    assert_eq!(scanned(&*b, all("name")).await, (1..=12).collect::<Vec<_>>());
}

/// The names from one on, and up to another.
fn between(from: &[u8], to: Option<&[u8]>) -> Scan {
    let mut scan = all("name");
    scan.from = from.to_vec();
    scan.to = to.map(<[u8]>::to_vec);
    scan
}

/// A descending scan finds what the ascending one finds, from its end.
pub async fn a_descending_scan_is_the_ascending_one_reversed(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_keys(&*a).await;
    let bounds: [(&[u8], Option<&[u8]>); 5] = [
        (b"", None),
        (b"\0", Some(b"a\0b")),
        (b"", Some(b"")),
        (b"a\0", None),
        (b"\xff\xff\xff", None),
    ];
    for (from, to) in bounds {
        let scan = between(from, to);
        let mut ascending = scanned(&*b, scan.clone()).await;
        ascending.reverse();
        assert_eq!(scanned(&*b, scan.descending()).await, ascending);
    }
}

/// A prefix finds all keys that begin with it, itself included, and no other.
pub async fn a_prefix_finds_all_that_begins_with_it(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_keys(&*a).await;
    for prefix in KEYS.into_iter().chain([&b"b"[..], b"a\x01", b"\xfe"]) {
        let expected: Vec<_> = (1_u64..)
            .zip(KEYS)
            .filter(|(_, key)| key.starts_with(prefix))
            .map(|(number, _)| number)
            .collect();
        let scan = Scan::prefix(&ITEMS, "name", &Key::from(prefix.to_vec()));
        assert_eq!(scanned(&*b, scan).await, expected, "{prefix:?}");
    }
}

/// A scan finds the key it begins at and not the one it ends at.
pub async fn a_scan_begins_at_from_and_ends_before_to(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_keys(&*a).await;
    for (first, from) in (1_u64..).zip(KEYS) {
        for (end, to) in (1_u64..).zip(KEYS) {
            assert_eq!(
                scanned(&*b, between(from, Some(to))).await,
                (first..end).collect::<Vec<_>>()
            );
        }
    }
}

/// A scan whose end lies before its beginning finds nothing, in either direction.
pub async fn a_scan_that_ends_before_it_begins_is_empty(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_keys(&*a).await;
    for to in [&b"A"[..], b"a", b""] {
        let scan = between(b"a", Some(to));
        assert_eq!(scanned(&*b, scan.clone()).await, [0; 0]);
        assert_eq!(scanned(&*b, scan.descending()).await, [0; 0]);
    }
}

/// A limit keeps the first entries of the scan's order, none for a limit of 0, all for one that is
/// larger than the index.
pub async fn a_limit_cuts_the_end_of_a_scan(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_keys(&*a).await;
    for (limit, expected) in [(0, 0), (1, 1), (5, 5), (12, 12), (13, 12), (usize::MAX, 12)] {
        let ascending = scanned(&*b, all("name").limit(limit)).await;
        assert_eq!(ascending, (1..=expected).collect::<Vec<_>>());
        let descending = scanned(&*b, all("name").limit(limit).descending()).await;
        assert_eq!(descending, (1..=12).rev().take(ascending.len()).collect::<Vec<_>>());
    }
}

/// No scan finds more than [`Scan::LIMIT_MAX`] entries, whatever limit it asks for; the others come
/// behind its last key.
pub async fn no_scan_is_unbounded(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let most = u64::try_from(Scan::LIMIT_MAX).unwrap();
    let saves = (1..=most + 2).map(|number| {
        let rank = Key::new().number(u32::try_from(number).unwrap()).into_bytes();
        a.save(Draft::create(number).rank(rank).0)
    });
    for saved in futures_util::future::join_all(saves).await {
        saved.unwrap();
    }
    for scan in [all("rank"), all("rank").limit(usize::MAX)] {
        let found = scanned(&*b, scan.clone()).await;
        assert_eq!(found, (1..=most).collect::<Vec<_>>());
        let last = b.keys(scan.clone()).await.unwrap().pop().unwrap();
        assert_eq!(scanned(&*b, scan.behind(&last.key)).await, [most + 1, most + 2]);
    }
}

/// Pages, each behind the last key of the one before, make the whole scan: nothing twice, nothing left
/// out, in both directions, at any page size.
pub async fn pages_behind_a_cursor_make_the_whole_scan(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_keys(&*a).await;
    for scan in [all("name"), all("name").descending()] {
        let whole = b.keys(scan.clone()).await.unwrap();
        for size in [1, 2, 5, 11, 12, 13] {
            let mut paged = Vec::new();
            let mut page = b.keys(scan.clone().limit(size)).await.unwrap();
            while let Some(last) = page.last().map(|it| it.key.clone()) {
                paged.append(&mut page);
                assert!(paged.len() <= whole.len(), "pages of {size} repeat themselves");
                page = b.keys(scan.clone().limit(size).behind(&last)).await.unwrap();
            }
            assert_eq!(paged, whole, "pages of {size}");
        }
    }
}

/// A scan finds documents as they are stored now, through the handle that did not write them.
pub async fn found_documents_are_the_stored_ones(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    for number in 1..=3 {
        Draft::create(number).rank("a").save(&*a).await;
    }
    assert_eq!(scanned(&*b, all("rank")).await, [1, 2, 3]);
    Draft::change(2, 1).rank("a").event(1).body("changed").save(&*a).await;
    for found in b.find(all("rank")).await.unwrap() {
        let number = u64::try_from(found.doc.id.as_u128()).unwrap();
        assert_eq!(Some(found.doc), b.load(key(number)).await.unwrap());
    }
}

/// A reader that pages through an index finds each entry that was there all the time exactly once, in order,
/// however many are inserted meanwhile.
pub async fn paging_misses_nothing_while_others_insert(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    // Every other number is there from the start, the ones between are inserted meanwhile: one for
    // each page that is read, so that the two overlap on the fastest store.
    for number in (2..=120).step_by(2) {
        Draft::create(number).rank(rank(number)).save(&*a).await;
    }
    let (page_read, mut pages_read) = mpsc::channel(1);
    let inserting = async move {
        for number in (1..=119).step_by(2) {
            pages_read.recv().await;
            Draft::create(number).rank(rank(number)).save(&*a).await;
        }
    };
    let paging = async move {
        while !page_read.is_closed() {
            let mut seen = Vec::new();
            let mut scan = all("rank").limit(7);
            loop {
                let page = b.find(scan.clone()).await.unwrap();
                // The inserter may have done all that it had to.
                page_read.send(()).await.ok();
                let Some(last) = page.last() else { break };
                scan = scan.behind(&last.key);
                seen.extend(page.into_iter().map(|found| found.key));
                assert!(seen.len() <= 120, "pages repeat themselves");
            }
            assert!(seen.windows(2).all(|pair| pair.first() < pair.last()), "out of order");
            let seen: BTreeSet<_> = seen.into_iter().collect();
            for number in (2..=120).step_by(2) {
                let rank = Key::from(rank(number)).id(key(number).id).into_bytes();
                assert!(seen.contains(&rank), "{number} was there and was not found");
            }
        }
    };
    at_once::<(), BoxFuture<'static, ()>>([inserting.boxed(), paging.boxed()]).await;
}

/// Spreads the numbers 1 to 120 over an index, so that inserts happen all over it.
fn rank(number: u64) -> Vec<u8> {
    Key::new().number(u32::try_from(number * 37 % 121).unwrap()).into_bytes()
}

/// A document whose entry moves from one end of an index to the other while others scan is found once
/// by each scan, as it was or as it is.
pub async fn a_scan_shows_a_moving_document_once(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    for number in 2..=60 {
        Draft::create(number).rank("m").save(&*a).await;
    }
    Draft::create(1).rank("a").body("a").save(&*a).await;
    let (scanner, scanned) = oneshot::channel::<()>();
    let moving = async move {
        for version in 1.. {
            // The scanner's end is closed when it is through, or has failed.
            if scanner.is_closed() {
                break;
            }
            let rank = if version % 2 == 0 { "a" } else { "z" };
            Draft::change(1, version).rank(rank).body(rank).save(&*a).await;
            tokio::task::yield_now().await;
        }
    };
    let scanning = async move {
        let _until_the_end = scanned;
        for _ in 0..150 {
            let found = b.find(all("rank")).await.unwrap();
            let moved: Vec<_> = found.iter().filter(|it| it.doc.id == key(1).id).collect();
            let once = matches!(*moved, [once] if once.key.starts_with(&once.doc.body));
            assert!(once, "{moved:?}");
            assert_eq!(found.len(), 60);
            tokio::task::yield_now().await;
        }
    };
    at_once::<(), BoxFuture<'static, ()>>([moving.boxed(), scanning.boxed()]).await;
}
