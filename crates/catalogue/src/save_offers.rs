//! The worker that saves offers that changed, and how far the bus was followed.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use stubmart_contract::{Context, EventId};
use stubmart_kernel::{
    ApplyError, RepositoryError,
    worker::{Next, Wake, Worker},
};
use stubmart_ports::Cause;

use crate::{
    feed::Mark,
    offers::Offer,
    service::{Catalogue, SERVICE},
    stored::{Merge, ProgressId},
};

/// How many shows are saved at the same time.
const IN_FLIGHT: usize = 64;

/// Saves offers that changed.
pub(crate) struct SaveOffers {
    catalogue: Catalogue,
    /// The mark that was saved last.
    saved: Mutex<Option<Mark>>,
}

impl SaveOffers {
    pub(crate) fn new(catalogue: Catalogue) -> Self {
        Self { catalogue, saved: Mutex::default() }
    }

    async fn save(&self, id: EventId, offers: Vec<Offer>) -> Result<(), RepositoryError> {
        let merge = Merge { id, offers };
        let context = Context::work(SERVICE);
        let saved = self.catalogue.stored_offers().apply(&context, id, &merge).await;
        let saved = match saved {
            Ok(_) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended),
            Err(ApplyError::Refused { refusal, .. }) => match refusal {},
        };
        let left = if saved.is_ok() { Vec::new() } else { merge.offers };
        self.catalogue.offers().end_save(id, left);
        saved
    }

    async fn save_mark(&self, mark: Mark) -> Result<(), RepositoryError> {
        let context = Context::work(SERVICE);
        let saved = self.catalogue.progress().apply(&context, ProgressId::ONE, &mark).await;
        match saved {
            Ok(_) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended),
            Err(ApplyError::Refused { refusal, .. }) => match refusal {},
        }
    }
}

#[async_trait]
impl Worker for SaveOffers {
    fn name(&self) -> &'static str {
        "catalogue-offers"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let catalogue = &self.catalogue;
        // Read first: what was followed up to there is among what is saved below, or was saved before.
        let mark = catalogue.feed().reached();
        let unsaved = catalogue.offers().begin_save();
        let saves = unsaved.into_iter().map(|(id, offers)| self.save(id, offers));
        let saved: Vec<_> = stream::iter(saves).buffer_unordered(IN_FLIGHT).collect().await;
        saved.into_iter().collect::<Result<(), _>>()?;
        let last = *self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mark) = mark.filter(|mark| Some(*mark) != last) {
            self.save_mark(mark).await?;
            *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(mark);
        }
        Ok(Next::At(catalogue.host().now().after(catalogue.config().save_every)))
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.catalogue.save().clone())
    }
}
