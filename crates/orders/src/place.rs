//! Placing an order: the ticket is locked first, then the order is saved with the price of the lock.

use stubmart_contract::{
    Context, OrderId, Price, TicketId, UserId,
    calls::{LockRefusal, LockRequest},
};
use stubmart_kernel::{ApplyError, RepositoryError, Versioned, mark};
use stubmart_ports::calls::CallError;

use crate::{
    order::{Command, Order, Placement, index},
    service::Orders,
};

/// A ticket that a buyer wants to check out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRequest {
    /// The order's id.
    pub id: OrderId,
    /// Whether an earlier try may have saved the order under this id.
    pub may_exist: bool,
    /// The buyer.
    pub buyer_id: UserId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The price that the buyer saw.
    pub price: Option<Price>,
}

/// Why no order was placed.
#[derive(Debug)]
pub enum PlaceError {
    /// The ticket was not locked. Nothing happened.
    Refused(LockRefusal),
    /// The order ran out before it was saved. The ticket is free, or will be.
    Expired,
    /// The buyer's account was deleted. The order is cancelled.
    BuyerDeleted,
    /// Tickets did not answer. The ticket may be locked; it is free again when the hold runs out.
    Call(CallError),
    /// The order was not saved, or may not be. The ticket is free again when the hold runs out.
    Repository(RepositoryError),
}

impl From<RepositoryError> for PlaceError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Orders {
    /// Starts the checkout of a ticket. Asked again for the same id, it answers with the order as it is.
    ///
    /// # Errors
    /// [`PlaceError`], which says what happened.
    pub async fn place(
        &self,
        context: &Context,
        request: &PlaceRequest,
    ) -> Result<Versioned<Order>, PlaceError> {
        let PlaceRequest { id, may_exist, buyer_id, ticket_id, price } = *request;
        if may_exist && let Some(existing) = self.orders().load(id).await? {
            return unless_expired(existing);
        }
        let until = self.host().now().after(self.config().hold);
        let lock = LockRequest { ticket_id, order_id: id, buyer_id, price, until };
        let locked = self.tickets().lock(context, lock).await.map_err(PlaceError::Call)?;
        let locked = locked.map_err(PlaceError::Refused)?;
        let command = Command::Place(Placement { id, buyer_id, ticket_id, locked });
        let saved = match self.orders().create(context, id, &command).await {
            Ok(applied) => applied.after,
            // Only a lock that was taken around this order could do that; its ticket is not free.
            Err(ApplyError::Repository(RepositoryError::Taken { index: index::LIVE_TICKET })) => {
                return Err(PlaceError::Refused(LockRefusal::Locked));
            }
            Err(ApplyError::Repository(error)) => return Err(error.into()),
            // An order is placed where there is none, and stays as it is where there is one.
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                return Err(RepositoryError::Contended.into());
            }
        };
        // Looked for after the save: see `stubmart_kernel::deleted_users`.
        if self.deleted_users().contains(buyer_id).await? {
            mark!("a checkout came after its buyer's account was deleted");
            self.apply_if_possible(context, id, &Command::BuyerDeleted).await?;
            return Err(PlaceError::BuyerDeleted);
        }
        if saved.state.has_ended() {
            // An earlier try was at work under this id, and its order ended before this lock.
            self.follow(context, &saved.state).await;
        }
        if saved.state.has_expired() {
            mark!("a tombstone stopped a sleeper");
        }
        unless_expired(saved)
    }
}

/// The answer to placing an order that exists. One that ran out before it was saved is no success.
fn unless_expired(order: Versioned<Order>) -> Result<Versioned<Order>, PlaceError> {
    if order.state.has_expired() { Err(PlaceError::Expired) } else { Ok(order) }
}
