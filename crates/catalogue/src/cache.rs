//! Offers of the shows whose tickets change, in memory: loaded when they are first asked for, saved now and
//! then, and dropped again when there are too many.

use std::collections::BTreeMap;

use stubmart_contract::EventId;

use crate::offers::{Offer, Offers, Summary};

/// How many offers stay in memory, at about 50 bytes each. Those that are not saved yet stay in any case.
const OFFERS_MAX: usize = 1_000_000;

/// The loaded shows.
#[derive(Debug, Default)]
pub(crate) struct OfferCache {
    /// In order, so that the same is saved in the same order wherever the same happened.
    loaded: BTreeMap<EventId, Loaded>,
    /// How many offers are loaded.
    offers: usize,
    /// How many changes are not saved.
    unsaved: usize,
    /// How many shows were dropped so far.
    dropped: u64,
}

#[derive(Debug)]
struct Loaded {
    offers: Offers,
    /// Offers that changed since the show was saved last.
    unsaved: Vec<Offer>,
    /// Whether a save is under way. What is stored lags behind until it has ended.
    is_being_saved: bool,
}

/// A show's offers are not in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotLoaded;

impl OfferCache {
    /// How many changes are not saved.
    pub(crate) const fn unsaved(&self) -> usize {
        self.unsaved
    }

    /// The offers of a show.
    pub(crate) fn get(&self, id: EventId) -> Result<&Offers, NotLoaded> {
        self.loaded.get(&id).map(|loaded| &loaded.offers).ok_or(NotLoaded)
    }

    /// How many shows were dropped so far, to be read before a show is read in the store.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Puts in what is stored of a show, unless the show is loaded by now. What was read before a show was
    /// dropped is refused: it may be that show, as it was before its last changes were saved.
    pub(crate) fn load(&mut self, id: EventId, offers: Offers, dropped: u64) {
        if self.loaded.contains_key(&id) || self.dropped != dropped {
            return;
        }
        self.make_room(offers.all().len());
        self.offers = self.offers.saturating_add(offers.all().len());
        self.loaded.insert(id, Loaded { offers, unsaved: Vec::new(), is_being_saved: false });
    }

    /// Applies a change of a listing. The answer is the show's summary from now on, or `None` when
    /// the change was known.
    pub(crate) fn apply(
        &mut self,
        id: EventId,
        offer: Offer,
    ) -> Result<Option<Summary>, NotLoaded> {
        let loaded = self.loaded.get_mut(&id).ok_or(NotLoaded)?;
        let before = loaded.offers.all().len();
        if !loaded.offers.apply(offer) {
            return Ok(None);
        }
        let after = loaded.offers.all().len();
        self.offers = self.offers.saturating_add(after).saturating_sub(before);
        loaded.unsaved.push(offer);
        self.unsaved = self.unsaved.saturating_add(1);
        Ok(Some(loaded.offers.summary()))
    }

    /// Begins to save: what is not saved, show by show. Each ends with [`Self::end_save`].
    pub(crate) fn begin_save(&mut self) -> Vec<(EventId, Vec<Offer>)> {
        self.unsaved = 0;
        let dirty = self.loaded.iter_mut().filter(|(_, loaded)| !loaded.unsaved.is_empty());
        let begin = |(id, loaded): (&EventId, &mut Loaded)| {
            loaded.is_being_saved = true;
            (*id, std::mem::take(&mut loaded.unsaved))
        };
        dirty.map(begin).collect()
    }

    /// A show was saved, or was not: `left` is what has to be saved again.
    pub(crate) fn end_save(&mut self, id: EventId, left: Vec<Offer>) {
        let Some(loaded) = self.loaded.get_mut(&id) else { return };
        loaded.is_being_saved = false;
        self.unsaved = self.unsaved.saturating_add(left.len());
        loaded.unsaved.extend(left);
    }

    /// Drops saved shows, any of them, until so many more offers have room.
    fn make_room(&mut self, wanted: usize) {
        while self.offers.saturating_add(wanted) > OFFERS_MAX {
            let saved = self.loaded.iter().find(|(_, loaded)| loaded.is_saved());
            let Some(id) = saved.map(|(id, _)| *id) else { return };
            let offers = self.loaded.remove(&id).map_or(0, |it| it.offers.all().len());
            self.offers = self.offers.saturating_sub(offers);
            self.dropped = self.dropped.wrapping_add(1);
        }
    }
}

impl Loaded {
    fn is_saved(&self) -> bool {
        self.unsaved.is_empty() && !self.is_being_saved
    }
}

#[cfg(test)]
mod tests {
    use stubmart_contract::{Currency, Price, TicketId, api::TicketStatus};
    use uuid::Uuid;

    use super::*;

    const SHOW: EventId = EventId(Uuid::nil());

    fn offer(version: u64) -> Offer {
        Offer {
            ticket: TicketId(Uuid::nil()),
            version,
            price: Price::try_from(500).unwrap(),
            currency: Currency::USD,
            quantity: 1,
            status: TicketStatus::Available,
        }
    }

    #[test]
    fn a_show_that_was_read_before_it_was_dropped_is_read_again() {
        let mut cache = OfferCache::default();
        let read_at = cache.dropped();
        cache.load(SHOW, Offers::default(), read_at);
        cache.apply(SHOW, offer(1)).unwrap().unwrap();
        for (id, left) in cache.begin_save() {
            cache.make_room(OFFERS_MAX);
            assert!(cache.get(id).is_ok(), "it is being saved");
            cache.end_save(id, Vec::new());
            assert_eq!(left, [offer(1)]);
        }
        cache.make_room(OFFERS_MAX);
        assert_eq!(cache.get(SHOW), Err(NotLoaded));
        cache.load(SHOW, Offers::default(), read_at);
        assert_eq!(cache.get(SHOW), Err(NotLoaded), "it was read before the save");
        let stored: Offers = [offer(1)].into_iter().collect();
        cache.load(SHOW, stored.clone(), cache.dropped());
        assert_eq!(cache.get(SHOW), Ok(&stored));
    }

    #[test]
    fn what_was_not_saved_is_saved_next_time() {
        let mut cache = OfferCache::default();
        cache.load(SHOW, Offers::default(), 0);
        cache.apply(SHOW, offer(1)).unwrap();
        assert_eq!(cache.apply(SHOW, offer(1)), Ok(None), "it is known");
        let begun = cache.begin_save();
        assert_eq!((begun.len(), cache.unsaved()), (1, 0));
        cache.end_save(SHOW, vec![offer(1)]);
        assert_eq!(cache.unsaved(), 1);
        assert_eq!(cache.begin_save(), begun);
    }
}
