//! Use case: the file of a ticket is here, and the ticket is sold: its buyer has it.

use stubmart_contract::{Context, OrderId};
use stubmart_kernel::RepositoryError;

use crate::{
    delivery::{Command, SentFile},
    service::Deliveries,
};

impl Deliveries {
    /// Delivers the file of a sold ticket, if both are known by now: the sale looks for a file after it is saved, and
    /// the upload looks for a sale after that, so that one of them finds the other.
    ///
    /// # Errors
    /// [`RepositoryError`]: the buyer may not have it yet. To do it again is fine.
    pub(crate) async fn fulfil(
        &self,
        context: &Context,
        order_id: OrderId,
    ) -> Result<(), RepositoryError> {
        let Some(delivery) = self.of_order(order_id).await?.map(|it| it.state) else {
            return Ok(());
        };
        if !delivery.is_awaiting_seller() {
            return Ok(());
        }
        let files = self.files().load(delivery.ticket_id).await?;
        let Some(file) = files.and_then(|it| it.state.file) else { return Ok(()) };
        let pages = u32::try_from(file.pages.len()).unwrap_or(u32::MAX);
        self.apply_if_possible(
            context,
            order_id,
            &Command::SendFile(SentFile { pages, kind: file.kind }),
        )
        .await
    }
}
