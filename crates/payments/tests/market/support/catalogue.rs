//! A catalogue without shows.

use async_trait::async_trait;
use stubmart_contract::{
    Context, EventId,
    calls::{Listing, NotFoundByName, ShowByName, ShowForListing},
};
use stubmart_ports::calls::{CallError, Catalogue};

/// Knows no show: the tickets of this market are for none.
#[derive(Default)]
pub(crate) struct FakeCatalogue;

#[async_trait]
impl Catalogue for FakeCatalogue {
    async fn show(&self, _: &Context, _: EventId) -> Result<Option<ShowForListing>, CallError> {
        Ok(None)
    }

    async fn show_by_name(
        &self,
        _: &Context,
        _: ShowByName,
    ) -> Result<Result<ShowForListing, NotFoundByName>, CallError> {
        Ok(Err(NotFoundByName::Unknown))
    }

    async fn listing_changed(&self, _: &Context, _: Listing) -> Result<(), CallError> {
        Ok(())
    }
}
