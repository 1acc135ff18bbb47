//! The calls that catalogue answers to other services.

use async_trait::async_trait;
use stubmart_contract::{
    Context, EventId,
    calls::{Listing, NotFoundByName, ShowByName, ShowForListing},
};
use stubmart_kernel::RepositoryError;
use stubmart_ports::calls::{self, CallError};

use crate::service::Catalogue;

#[async_trait]
impl calls::Catalogue for Catalogue {
    async fn show(&self, _: &Context, id: EventId) -> Result<Option<ShowForListing>, CallError> {
        self.knows(id).await.map_err(failed)?;
        let now = self.host().now();
        let listed = self.listed();
        Ok(listed.show(id).map(|show| ShowForListing {
            id,
            name: show.name.clone(),
            category: show.category.clone(),
            starts_at: show.starts_at,
            ends_at: show.ends_at(),
            status: show.status_at(now),
            currency: show.currency,
            performers: show.performers_or_name().to_vec(),
        }))
    }

    async fn show_by_name(
        &self,
        context: &Context,
        asked: ShowByName,
    ) -> Result<Result<ShowForListing, NotFoundByName>, CallError> {
        match self.find_by_name(&asked).await.map_err(failed)? {
            Ok(id) => Ok(self.show(context, id).await?.ok_or(NotFoundByName::Unknown)),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    async fn listing_changed(&self, _: &Context, listing: Listing) -> Result<(), CallError> {
        self.learn_listing(&listing).await.map_err(failed)
    }
}

fn failed(error: RepositoryError) -> CallError {
    CallError(error.into())
}
