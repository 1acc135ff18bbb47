//! Use case: a seller's account was deleted. What they offered must not be offered any longer.

use stubmart_contract::{Context, UserId};
use stubmart_kernel::{RepositoryError, aggregate::Key};

use crate::{
    service::Tickets,
    ticket::{Command, Phase, index},
};

/// How many tickets are read at once.
const BATCH: usize = 100;

impl Tickets {
    /// Withdraws all that a user offers whose account was deleted. A ticket in a checkout is withdrawn
    /// when that ends without a sale.
    ///
    /// # Errors
    /// [`RepositoryError`]: some of it may be withdrawn.
    pub async fn seller_deleted(
        &self,
        context: &Context,
        user_id: UserId,
    ) -> Result<(), RepositoryError> {
        self.deleted_users().add(context, user_id).await?;
        self.sellers().close(context, user_id).await?;
        let offered = Key::new().id(user_id.0).number(Phase::Offered.number());
        let mut scan = self.tickets().scan(index::SELLER, &offered).limit(BATCH);
        loop {
            let keys = self.tickets().keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { return Ok(()) };
            scan = scan.behind(last);
            for (_, id) in keys {
                self.apply_if_possible(context, id, &Command::Retire).await?;
            }
        }
    }
}
