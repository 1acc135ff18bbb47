//! Broken stores.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use stubmart_contract::Envelope;
use stubmart_memory::MemoryStore;
use stubmart_ports::store::{
    Collection, DocKey, Expect, Found, FoundKey, HistoryCursor, IndexEntry, Save, SaveId, Scan,
    Store, StoreError, Stored,
};
use uuid::Uuid;

use crate::caught;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    IgnoresTheRevision,
    ChecksBeforeItWrites,
    DropsEvents,
    KeepsRefusedEvents,
    KeepsOldEntries,
    IgnoresUniqueness,
    NeverFreesKeys,
    TakesItsOwnKeysForTaken,
    BlamesTheKeyFirst,
    DeletesAnyRevision,
    KeepsTextOnly,
    LosesTheVersion,
    ReadsFromACache,
    IncludesTheEnd,
    IgnoresTheDirection,
    IgnoresTheLimit,
    ScansWithoutBound,
    SortsSigned,
    FindsInTwoSteps,
    DeletesWhatHasPublished,
    TakesASecondEntry,
    SortsVersionsAsText,
    BeginsAtTheCursor,
    TakesAPrefixForAService,
    ShowsEventsLate,
}

use Defect::*;

/// A store with one defect.
struct Broken {
    inner: MemoryStore,
    defect: Defect,
    shared: Arc<Mutex<Shared>>,
    cache: Mutex<BTreeMap<(&'static str, Uuid), Option<Stored>>>,
}

/// What the handles of a broken store have in common.
#[derive(Default)]
struct Shared {
    entries: BTreeMap<(&'static str, Uuid), Vec<IndexEntry>>,
    taken: BTreeSet<(&'static str, Vec<u8>)>,
    deleted: BTreeSet<Uuid>,
    seen: BTreeSet<Uuid>,
    ghosts: u128,
}

static GHOSTS: Collection = Collection { name: "suite.ghost", indexes: &[] };

fn place(key: DocKey) -> (&'static str, Uuid) {
    (key.collection.name, key.id)
}

fn is_unique(save: &Save, entry: &IndexEntry) -> bool {
    save.key.collection.indexes.iter().any(|index| index.unique && index.name == entry.index)
}

impl Broken {
    fn two(defect: Defect) -> (Arc<dyn Store>, Arc<dyn Store>) {
        let (inner, shared) = (MemoryStore::new(), Arc::<Mutex<Shared>>::default());
        let handle = || {
            let (inner, shared) = (inner.clone(), Arc::clone(&shared));
            Arc::new(Self { inner, defect, shared, cache: Mutex::default() })
        };
        (handle(), handle())
    }

    /// Saves whatever revision is there.
    async fn overwrite(&self, mut save: Save) -> Result<u64, StoreError> {
        let current = self.inner.load(save.key).await?;
        save.expect = current.map_or(Expect::Absent, |it| Expect::Revision(it.revision));
        self.inner.save(Arc::new(save)).await
    }

    /// Puts events into the history by a save of something else.
    async fn keep_anyway(&self, save: &Save) {
        let ghost = {
            let mut shared = self.shared.lock().unwrap();
            shared.ghosts += 1;
            Uuid::from_u128(shared.ghosts)
        };
        let key = DocKey { collection: &GHOSTS, id: ghost };
        let ghost = Save {
            key,
            expect: Expect::Absent,
            save_id: SaveId(ghost),
            entries: Vec::new(),
            ..save.clone()
        };
        self.inner.save(Arc::new(ghost)).await.unwrap();
    }

    /// What the defect makes of a save before it is made, or the refusal it makes up.
    fn spoil(&self, save: &mut Save) -> Result<(), StoreError> {
        let mut shared = self.shared.lock().unwrap();
        match self.defect {
            DropsEvents => save.events.clear(),
            LosesTheVersion => save.version = 0,
            KeepsTextOnly => {
                save.body = String::from_utf8_lossy(&save.body).into_owned().into_bytes();
            }
            KeepsOldEntries => {
                let entries = shared.entries.entry(place(save.key)).or_default();
                entries.retain(|old| save.entries.iter().all(|it| it.index != old.index));
                entries.append(&mut save.entries);
                save.entries.clone_from(entries);
            }
            TakesASecondEntry => {
                let mut seen = BTreeSet::new();
                save.entries.retain(|entry| seen.insert(entry.index));
            }
            NeverFreesKeys | TakesItsOwnKeysForTaken => {
                let own = shared.entries.entry(place(save.key)).or_default().clone();
                for entry in save.entries.iter().filter(|entry| is_unique(save, entry)) {
                    let is_own = self.defect == NeverFreesKeys && own.contains(entry);
                    let name = (entry.index, entry.key.bytes().to_vec());
                    if !shared.taken.insert(name) && !is_own {
                        return Err(StoreError::Taken { index: entry.index });
                    }
                }
                shared.entries.insert(place(save.key), save.entries.clone());
            }
            _ => {}
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Broken {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        if self.shared.lock().unwrap().deleted.contains(&key.id) {
            return Ok(None);
        }
        let loaded = self.inner.load(key).await?;
        if self.defect != ReadsFromACache {
            return Ok(loaded);
        }
        Ok(self.cache.lock().unwrap().entry(place(key)).or_insert(loaded).clone())
    }

    async fn save(&self, save: Arc<Save>) -> Result<u64, StoreError> {
        let mut save = Save::clone(&save);
        self.spoil(&mut save)?;
        let again = save.clone();
        match (self.defect, self.inner.save(Arc::new(save)).await) {
            (IgnoresTheRevision, Err(StoreError::Conflict)) => self.overwrite(again).await,
            (ChecksBeforeItWrites, Err(StoreError::Conflict)) => {
                // It looked a moment ago, and the revision was right then.
                let Expect::Revision(expected) = again.expect else {
                    return Err(StoreError::Conflict);
                };
                let now = self.inner.load(again.key).await?.map_or(0, |it| it.revision);
                if now != expected + 1 {
                    Err(StoreError::Conflict)
                } else {
                    self.overwrite(again).await
                }
            }
            (KeepsRefusedEvents, Err(refused)) => {
                self.keep_anyway(&again).await;
                Err(refused)
            }
            (IgnoresUniqueness, Err(StoreError::Taken { index })) => {
                let mut entries = again.entries.clone();
                entries.retain(|entry| entry.index != index);
                self.inner.save(Arc::new(Save { entries, ..again })).await
            }
            (BlamesTheKeyFirst, Err(StoreError::Conflict)) => match self.overwrite(again).await {
                Err(taken @ StoreError::Taken { .. }) => Err(taken),
                _ => Err(StoreError::Conflict),
            },
            (_, answer) => answer,
        }
    }

    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        let current = self.inner.load(key).await?;
        let current = current.map_or((revision, 0), |it| (it.revision, it.version));
        let any = if self.defect == DeletesAnyRevision { current.0 } else { revision };
        if self.defect == DeletesWhatHasPublished && current.0 == revision && current.1 > 0 {
            self.shared.lock().unwrap().deleted.insert(key.id);
            return Ok(());
        }
        self.inner.delete(key, any).await
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        for FoundKey { key, id } in self.keys(scan.clone()).await? {
            if self.defect == FindsInTwoSteps {
                tokio::task::yield_now().await;
            }
            let doc = self.inner.load(DocKey { collection: scan.collection, id }).await?;
            found.extend(doc.map(|doc| Found { key, doc }));
        }
        Ok(found)
    }

    async fn keys(&self, mut scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        match self.defect {
            IncludesTheEnd => {
                if let Some(to) = &mut scan.to {
                    to.push(0);
                }
            }
            IgnoresTheDirection => scan.descending = false,
            IgnoresTheLimit => scan = scan.limit(Scan::LIMIT_MAX),
            _ => {}
        }
        let mut keys = self.inner.keys(scan.clone()).await?;
        while self.defect == ScansWithoutBound
            && let Some(last) = keys.last()
            && keys.len().is_multiple_of(Scan::LIMIT_MAX)
        {
            keys.extend(self.inner.keys(scan.clone().behind(&last.key)).await?);
        }
        if self.defect == SortsSigned {
            keys.sort_by_key(|it| it.key.iter().map(|byte| byte.cast_signed()).collect::<Vec<_>>());
        }
        Ok(keys)
    }

    async fn history(
        &self,
        service: &'static str,
        mut after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        if self.defect == BeginsAtTheCursor {
            after = after.map(|(id, version)| (id, version.saturating_sub(1)));
        }
        let mut events = self.inner.history(service, after, limit).await?;
        match self.defect {
            SortsVersionsAsText => {
                events.sort_by_key(|it| (it.aggregate_id, it.version.to_string()));
            }
            TakesAPrefixForAService if service == "suite" => {
                events.extend(self.inner.history("suites", after, limit).await?);
            }
            // As one that reads from a copy which is behind.
            ShowsEventsLate => {
                let mut shared = self.shared.lock().unwrap();
                events.retain(|it| !shared.seen.insert(it.id.0));
            }
            _ => {}
        }
        Ok(events)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}

macro_rules! subject {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let (a, b) = Broken::two($defect);
        stubmart_suite::rules::$port::$rule(a, b)
    }};
}

caught! {store, subject,
    a_store_that_ignores_the_revision_is_caught: IgnoresTheRevision => [
        a_save_that_expects_no_document_refuses_one,
        a_save_that_expects_a_revision_refuses_any_other,
        a_stale_save_writes_nothing,
        of_concurrent_creations_one_happens,
        of_concurrent_saves_of_a_revision_one_happens,
        concurrent_increments_are_all_counted,
    ];
    a_store_that_checks_before_it_writes_is_caught: ChecksBeforeItWrites => [
        of_concurrent_saves_of_a_revision_one_happens,
    ];
    a_store_that_drops_events_is_caught: DropsEvents => [
        events_leave_with_the_save_and_in_its_order,
        the_history_goes_by_document_and_version,
        the_history_is_read_from_any_point_on,
    ];
    a_store_that_keeps_the_events_of_refused_saves_is_caught: KeepsRefusedEvents => [
        a_stale_save_writes_nothing,
        a_save_of_a_taken_key_writes_nothing,
        a_second_entry_in_one_index_is_refused,
        an_entry_in_an_index_that_is_not_declared_is_refused,
    ];
    a_store_that_keeps_old_entries_is_caught: KeepsOldEntries => [
        entries_are_replaced_by_each_save,
        a_unique_key_is_freed_by_change,
    ];
    a_store_that_ignores_uniqueness_is_caught: IgnoresUniqueness => [
        a_key_of_another_document_is_taken,
        of_concurrent_claims_of_a_unique_key_one_succeeds,
    ];
    a_store_that_never_frees_unique_keys_is_caught: NeverFreesKeys => [
        a_unique_key_is_freed_by_change,
        a_unique_key_is_freed_by_delete,
    ];
    a_store_that_takes_a_documents_own_keys_for_taken_is_caught: TakesItsOwnKeysForTaken => [
        a_document_keeps_its_own_unique_key,
    ];
    a_store_that_blames_the_key_before_the_revision_is_caught: BlamesTheKeyFirst => [
        a_conflict_comes_before_a_taken_key,
    ];
    a_store_that_deletes_any_revision_is_caught: DeletesAnyRevision => [
        a_delete_of_another_revision_changes_nothing,
        of_a_concurrent_save_and_delete_one_happens,
    ];
    a_store_that_deletes_what_has_published_is_caught: DeletesWhatHasPublished => [
        a_document_that_has_published_is_not_deleted,
    ];
    a_store_that_keeps_text_only_is_caught: KeepsTextOnly => [any_body_is_kept_as_it_is];
    a_store_that_loses_the_version_is_caught: LosesTheVersion => [
        what_was_saved_is_read_back_whole,
        the_version_is_what_the_save_says,
    ];
    a_store_that_reads_from_a_cache_is_caught: ReadsFromACache => [
        what_was_saved_is_read_back_whole,
        the_revision_grows_by_one_with_each_save,
        a_read_sees_every_save_acknowledged_before,
    ];
    a_store_that_takes_a_second_entry_is_caught: TakesASecondEntry => [
        a_second_entry_in_one_index_is_refused,
    ];
    a_store_that_includes_the_end_of_a_scan_is_caught: IncludesTheEnd => [
        a_scan_begins_at_from_and_ends_before_to,
        pages_behind_a_cursor_make_the_whole_scan,
    ];
    a_store_that_ignores_the_direction_is_caught: IgnoresTheDirection => [
        a_descending_scan_is_the_ascending_one_reversed,
    ];
    a_store_that_ignores_the_limit_is_caught: IgnoresTheLimit => [a_limit_cuts_the_end_of_a_scan];
    a_store_that_scans_without_bound_is_caught: ScansWithoutBound => [no_scan_is_unbounded];
    a_store_that_sorts_bytes_as_signed_is_caught: SortsSigned => [
        a_scan_goes_by_the_bytes_of_the_keys,
    ];
    a_store_that_finds_in_two_steps_is_caught: FindsInTwoSteps => [
        a_scan_shows_a_moving_document_once,
    ];
    a_store_that_sorts_versions_as_text_is_caught: SortsVersionsAsText => [
        the_history_goes_by_document_and_version,
    ];
    a_store_whose_history_begins_at_the_cursor_is_caught: BeginsAtTheCursor => [
        the_history_is_read_from_any_point_on,
        a_reader_of_the_history_misses_nothing_that_was_there,
    ];
    a_store_that_takes_a_prefix_for_a_service_is_caught: TakesAPrefixForAService => [
        the_history_is_the_services_own,
    ];
    a_store_that_shows_events_late_is_caught: ShowsEventsLate => [
        events_leave_with_the_save_and_in_its_order,
        a_read_sees_every_save_acknowledged_before,
    ];
}
