//! How the catalogue learns: from what it kept, from its own writes, from events and from calls. Everything
//! that is learned carries a version, so it does not matter how often and in which order it comes.

use stubmart_contract::{EventId, api::Event, calls::Listing};
use stubmart_kernel::{RepositoryError, Versioned, aggregate::Key};

use crate::{
    cache::NotLoaded,
    offers::{Offer, Offers, Summary},
    service::Catalogue,
    show::{Show, index},
    shows::Put,
    stored::{SUMMARY, summary},
};

/// How many entries are read at once.
const BATCH: usize = 1_000;

/// How many changes wait to be saved at the most before the worker is woken.
const UNSAVED_MAX: usize = 50_000;

impl Catalogue {
    /// Loads every show and the summary of its offers from the store, once. The offers themselves stay
    /// there.
    ///
    /// # Errors
    /// [`RepositoryError`]; the next call tries again.
    pub(crate) async fn load(&self) -> Result<(), RepositoryError> {
        self.is_loaded().get_or_try_init(|| self.load_now()).await.map(|_| ())
    }

    async fn load_now(&self) -> Result<(), RepositoryError> {
        let mut scan = self.shows().scan(index::ADDED, &Key::new()).limit(BATCH);
        loop {
            let rows = self.shows().find(scan.clone()).await?;
            let Some(last) = rows.last() else { break };
            scan = scan.behind(&last.key);
            for row in rows {
                self.put(row.found.state, row.found.version);
            }
        }
        let mut scan = self.stored_offers().scan(SUMMARY, &Key::new()).limit(BATCH);
        loop {
            let keys = self.stored_offers().keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { return Ok(()) };
            scan = scan.behind(last);
            let mut listed = self.listed_mut();
            for (key, id) in &keys {
                listed.set_offers(*id, summary(key).unwrap_or_default());
            }
        }
    }

    /// Learns a show. The answer is the show as clients see it.
    ///
    /// # Errors
    /// [`RepositoryError`]: its offers cannot be counted.
    pub(crate) async fn learn_show(&self, show: Versioned<Show>) -> Result<Event, RepositoryError> {
        let id = show.state.id;
        self.learn_version(show.state, show.version).await?;
        self.listed()
            .event(id, &self.seen())
            .ok_or_else(|| RepositoryError::Corrupt("a show vanished".into()))
    }

    /// Learns a version of a show, and the offers of a show that was not known.
    ///
    /// # Errors
    /// [`RepositoryError`]: its offers cannot be counted.
    pub(crate) async fn learn_version(
        &self,
        show: Show,
        version: u64,
    ) -> Result<(), RepositoryError> {
        let id = show.id;
        if self.put(show, version) {
            // An event about one of its tickets may have come before.
            let summary = self.with_offers(id, Offers::summary).await?;
            self.set_offers(id, summary);
        }
        Ok(())
    }

    /// Puts a show in the lists. Whether it is new there.
    fn put(&self, show: Show, version: u64) -> bool {
        let id = show.id;
        let mut listed = self.listed_mut();
        let put = listed.put(show, version);
        let Some(show) = listed.show(id) else { return false };
        match put {
            Put::Added(number) => {
                self.search().add(number, show, false);
                true
            }
            Put::Replaced(number) => {
                self.search().add(number, show, true);
                false
            }
            Put::Known => false,
        }
    }

    /// Whether there is a show with this id. One that is not in memory is looked up in the store: another
    /// instance may have added it a moment ago.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn knows(&self, id: EventId) -> Result<bool, RepositoryError> {
        self.load().await?;
        if self.listed().show(id).is_some() {
            return Ok(true);
        }
        match self.shows().load(id).await? {
            Some(found) => self.learn_version(found.state, found.version).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// Learns a change of a listing.
    ///
    /// # Errors
    /// [`RepositoryError`]: the change may not be counted.
    pub(crate) async fn learn_listing(&self, listing: &Listing) -> Result<(), RepositoryError> {
        let Some(id) = listing.ticket.event_id else { return Ok(()) };
        self.load().await?;
        let offer = Offer::of(listing);
        let is_known = loop {
            match self.apply(id, offer) {
                Ok(is_known) => break is_known,
                Err(NotLoaded) => self.load_offers(id).await?,
            }
        };
        if !is_known {
            self.knows(id).await?;
        }
        Ok(())
    }

    /// Applies a change to the offers in memory and to the lists. Whether the show is in the lists.
    fn apply(&self, id: EventId, offer: Offer) -> Result<bool, NotLoaded> {
        let mut offers = self.offers();
        let Some(summary) = offers.apply(id, offer)? else { return Ok(true) };
        if offers.unsaved() >= UNSAVED_MAX {
            self.save().wake();
        }
        // Both are locked, so that of two changes the later one stands in the lists.
        Ok(self.listed_mut().set_offers(id, summary))
    }

    fn set_offers(&self, id: EventId, before: Summary) {
        let offers = self.offers();
        // A change may have come since.
        let summary = offers.get(id).map_or(before, Offers::summary);
        self.listed_mut().set_offers(id, summary);
    }

    /// Looks at the offers of a show, which are loaded for it if they are not in memory.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn with_offers<T>(
        &self,
        id: EventId,
        look: impl Fn(&Offers) -> T + Send,
    ) -> Result<T, RepositoryError> {
        loop {
            if let Ok(seen) = self.offers().get(id).map(&look) {
                return Ok(seen);
            }
            self.load_offers(id).await?;
        }
    }

    async fn load_offers(&self, id: EventId) -> Result<(), RepositoryError> {
        let dropped = self.offers().dropped();
        let stored = self.stored_offers().load(id).await?;
        let mut offers = self.offers();
        offers.load(id, stored.map(|it| it.state.offers).unwrap_or_default(), dropped);
        if let Ok(loaded) = offers.get(id) {
            // Another instance may have saved more than the lists show. Its events, which are still to come
            // here, change nothing then.
            self.listed_mut().set_offers(id, loaded.summary());
        }
        Ok(())
    }
}
