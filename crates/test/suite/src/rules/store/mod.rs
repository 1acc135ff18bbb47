//! The rules of the document store.

mod history;
mod race;
mod save;
mod scan;
mod unique;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

pub use history::*;
pub use race::*;
pub use save::*;
pub use scan::*;
use stubmart_contract::{Envelope, EventType};
use stubmart_ports::{
    key::Key,
    store::{Collection, DocKey, Expect, Index, IndexEntry, Save, SaveId, Scan, Store, Stored},
};
pub use unique::*;
use uuid::Uuid;

/// The collection that most rules use.
static ITEMS: Collection = Collection {
    name: "suite.item",
    indexes: &[
        Index { name: "name", unique: true },
        Index { name: "alias", unique: true },
        Index { name: "rank", unique: false },
    ],
};

/// Another collection of the same service.
static OTHERS: Collection =
    Collection { name: "suite.other", indexes: &[Index { name: "name", unique: true }] };

/// Collections of services whose names are like `suite` to a pattern or a careless prefix.
static ALIKE: [Collection; 3] = [
    Collection { name: "suites.item", indexes: &[] },
    Collection { name: "suite_a.item", indexes: &[] },
    Collection { name: "suitexa.item", indexes: &[] },
];

fn key(number: u64) -> DocKey {
    DocKey { collection: &ITEMS, id: Uuid::from_u128(u128::from(number)) }
}

/// A save of a document, made part by part.
struct Draft(Arc<Save>);

impl Draft {
    fn new(key: DocKey, expect: Expect) -> Self {
        static ATTEMPTS: AtomicU64 = AtomicU64::new(1);
        let attempt = ATTEMPTS.fetch_add(1, Ordering::SeqCst);
        Self(Arc::new(Save {
            key,
            expect,
            save_id: SaveId(Uuid::from_u128(u128::from(attempt) << 64)),
            body: format!("attempt {attempt}").into_bytes(),
            entries: Vec::new(),
            version: 0,
            events: Vec::new(),
        }))
    }

    fn create(number: u64) -> Self {
        Self::new(key(number), Expect::Absent)
    }

    fn change(number: u64, revision: u64) -> Self {
        Self::new(key(number), Expect::Revision(revision))
    }

    fn with(mut self, change: impl FnOnce(&mut Save)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    fn body(self, body: impl Into<Vec<u8>>) -> Self {
        self.with(|save| save.body = body.into())
    }

    fn entry(self, index: &'static str, key: impl Into<Vec<u8>>) -> Self {
        let key = Key::from(key.into());
        self.with(|save| save.entries.push(IndexEntry { index, key }))
    }

    /// An entry in the index that is not unique, whose keys end in the document's id.
    fn rank(self, rank: impl Into<Vec<u8>>) -> Self {
        let key = Key::from(rank.into()).id(self.0.key.id).into_bytes();
        self.entry("rank", key)
    }

    /// The document has published so many events before.
    fn published(self, version: u64) -> Self {
        self.with(|save| save.version = version)
    }

    fn event_of(self, kind: EventType, number: u64) -> Self {
        self.with(|save| {
            save.version += 1;
            let event = super::event_of(kind, number, save.key.id, save.version);
            save.events.push(Arc::new(event));
        })
    }

    fn event(self, number: u64) -> Self {
        self.event_of(EventType::UserCreated, number)
    }

    /// Saves it, which must succeed.
    async fn save(self, store: &dyn Store) -> u64 {
        store.save(self.0).await.unwrap()
    }
}

/// What must be read back after a save.
fn stored(save: &Save, revision: u64) -> Stored {
    Stored {
        id: save.key.id,
        revision,
        save_id: save.save_id,
        version: save.version,
        body: save.body.clone(),
    }
}

/// Everything in an index.
fn all(index: &'static str) -> Scan {
    Scan::prefix(&ITEMS, index, &Key::new())
}

/// The ids that a scan finds, as numbers, in its order; with and without documents alike.
async fn scanned(store: &dyn Store, scan: Scan) -> Vec<u64> {
    let keys = store.keys(scan.clone()).await.unwrap();
    let found = store.find(scan).await.unwrap();
    let of_found: Vec<_> = found.iter().map(|it| (it.key.clone(), it.doc.id)).collect();
    let of_keys: Vec<_> = keys.iter().map(|it| (it.key.clone(), it.id)).collect();
    assert_eq!(of_found, of_keys, "find and keys disagree");
    keys.iter().map(|it| u64::try_from(it.id.as_u128()).unwrap()).collect()
}

/// The numbers of events, in order.
fn numbers(events: &[Arc<Envelope>]) -> Vec<u64> {
    events.iter().map(|event| super::number_of(event)).collect()
}

/// The numbers of all events in the history of the suite's service.
async fn published(store: &dyn Store) -> Vec<u64> {
    numbers(&store.history("suite", None, usize::MAX).await.unwrap())
}

/// Makes a test of each rule of the [`Store`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Store>>`.
#[macro_export]
macro_rules! store_suite {
    ($factory:expr) => {
        $crate::rule_tests!(
            store,
            $factory,
            [
                a_store_that_works_is_ready,
                an_absent_document_is_none,
                what_was_saved_is_read_back_whole,
                a_save_that_expects_no_document_refuses_one,
                a_save_that_expects_a_revision_refuses_any_other,
                the_revision_grows_by_one_with_each_save,
                the_version_is_what_the_save_says,
                a_stale_save_writes_nothing,
                any_body_is_kept_as_it_is,
                the_collections_keep_apart,
                a_delete_of_another_revision_changes_nothing,
                a_deleted_document_is_gone_with_its_entries,
                a_deleted_document_can_be_made_again,
                a_document_that_has_published_is_not_deleted,
                a_key_of_another_document_is_taken,
                a_save_of_a_taken_key_writes_nothing,
                a_document_keeps_its_own_unique_key,
                a_unique_key_is_freed_by_change,
                a_unique_key_is_freed_by_delete,
                unique_indexes_keep_apart,
                a_conflict_comes_before_a_taken_key,
                entries_are_replaced_by_each_save,
                a_document_is_found_by_its_entry_in_each_index,
                a_second_entry_in_one_index_is_refused,
                an_entry_in_an_index_that_is_not_declared_is_refused,
                a_scan_goes_by_the_bytes_of_the_keys,
                a_descending_scan_is_the_ascending_one_reversed,
                a_prefix_finds_all_that_begins_with_it,
                a_scan_begins_at_from_and_ends_before_to,
                a_scan_that_ends_before_it_begins_is_empty,
                a_limit_cuts_the_end_of_a_scan,
                no_scan_is_unbounded,
                pages_behind_a_cursor_make_the_whole_scan,
                found_documents_are_the_stored_ones,
                paging_misses_nothing_while_others_insert,
                a_scan_shows_a_moving_document_once,
                of_concurrent_creations_one_happens,
                of_concurrent_saves_of_a_revision_one_happens,
                of_concurrent_claims_of_a_unique_key_one_succeeds,
                of_a_concurrent_save_and_delete_one_happens,
                concurrent_changes_of_different_documents_all_happen,
                concurrent_increments_are_all_counted,
                a_read_sees_every_save_acknowledged_before,
                events_leave_with_the_save_and_in_its_order,
                the_history_goes_by_document_and_version,
                the_history_is_read_from_any_point_on,
                the_history_is_the_services_own,
                a_reader_of_the_history_misses_nothing_that_was_there,
            ]
        );
    };
}
