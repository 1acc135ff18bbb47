//! A buyer whose account was deleted buys nothing.

use futures_util::future::try_join_all;
use stubmart_contract::{Context, UserId, api::OrderStatus};
use stubmart_kernel::RepositoryError;

use crate::{
    order::{self, Command, index},
    service::Orders,
};

/// How many orders are cancelled at once.
const BATCH: usize = 100;

impl Orders {
    /// Cancels the buyer's open checkouts, and those that are still to be saved. An order that awaits
    /// its money goes on. Again is fine.
    ///
    /// # Errors
    /// [`RepositoryError`]: some may be cancelled.
    pub async fn buyer_deleted(
        &self,
        context: &Context,
        buyer: UserId,
    ) -> Result<(), RepositoryError> {
        self.deleted_users().add(context, buyer).await?;
        let created = order::of_user_in(buyer, OrderStatus::Created);
        let mut scan = self.orders().scan(index::USER_STATUS, &created).limit(BATCH);
        loop {
            let keys = self.orders().keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { return Ok(()) };
            scan = scan.behind(last);
            let cancelled = keys
                .into_iter()
                .map(|(_, id)| self.apply_if_possible(context, id, &Command::BuyerDeleted));
            try_join_all(cancelled).await?;
        }
    }
}
