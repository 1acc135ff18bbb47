//! Use cases: an order ended. It frees its ticket, or has bought it.

use stubmart_contract::{Context, OrderId, TicketId};
use stubmart_kernel::RepositoryError;

use crate::{service::Tickets, ticket::Command};

impl Tickets {
    /// Frees a ticket that this order holds. Where another order holds it, or none, nothing changes.
    ///
    /// # Errors
    /// [`RepositoryError`]: the ticket may be free.
    pub async fn release_ticket(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), RepositoryError> {
        self.apply_if_possible(context, ticket_id, &Command::Release(order_id)).await
    }

    /// Sells a ticket to the order that holds it. Where another order holds it, or none, nothing
    /// changes.
    ///
    /// # Errors
    /// [`RepositoryError`]: the ticket may be sold.
    pub async fn sell_ticket(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), RepositoryError> {
        self.apply_if_possible(context, ticket_id, &Command::Sell(order_id)).await
    }
}
