//! The calls that services make to each other while somebody waits. In one process a call goes straight
//! to the other service; split, it goes over HTTP.
//!
//! A call is the fast way; the event of the same change is the sure way. Every call may be made again,
//! and then answers as before.

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Context, EventId, OrderId, TicketId, UserId, calls};

use crate::Cause;

/// The other service did not answer, or could not. Whether the call had its effect is not known; every
/// call here may be made again.
#[derive(Debug, thiserror::Error)]
#[error("a call to another service failed: {0}")]
pub struct CallError(pub Cause);

/// What auth answers.
#[async_trait]
pub trait Auth: Send + Sync + 'static {
    /// Whose session token this is; `None` when it is nobody's, has ended or was revoked.
    ///
    /// # Errors
    /// [`CallError`].
    async fn introspect(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<calls::Identity>, CallError>;

    /// Where a user is written to; `None` once the account is deleted. To be asked when a mail is sent,
    /// and not kept.
    ///
    /// # Errors
    /// [`CallError`].
    async fn recipient(
        &self,
        context: &Context,
        user_id: UserId,
    ) -> Result<Option<calls::Recipient>, CallError>;

    /// What may be shown of a user; `None` once the account is deleted.
    ///
    /// # Errors
    /// [`CallError`].
    async fn profile(
        &self,
        context: &Context,
        user_id: UserId,
    ) -> Result<Option<calls::Profile>, CallError>;
}

/// What tickets answers.
#[async_trait]
pub trait Tickets: Send + Sync + 'static {
    /// Locks a ticket for an order, in one conditional write: of any number of orders one wins.
    ///
    /// # Errors
    /// [`CallError`]: the lock may have been taken.
    async fn lock(
        &self,
        context: &Context,
        request: calls::LockRequest,
    ) -> Result<Result<calls::Locked, calls::LockRefusal>, CallError>;

    /// Frees a ticket that this order holds. Where another order holds it, or none, nothing changes.
    ///
    /// # Errors
    /// [`CallError`]: it may be free.
    async fn release(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError>;

    /// Sells a ticket to the order that holds it. Where another order holds it, or none, nothing
    /// changes.
    ///
    /// # Errors
    /// [`CallError`]: it may be sold.
    async fn sell(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError>;

    /// Listings as they are now, page by page.
    ///
    /// # Errors
    /// [`CallError`].
    async fn listings(
        &self,
        context: &Context,
        request: calls::ListingsRequest,
    ) -> Result<calls::Listings, CallError>;

    /// Locks whose time is over: expiration sets a timer again where one was lost.
    ///
    /// # Errors
    /// [`CallError`].
    async fn overdue_locks(
        &self,
        context: &Context,
        request: calls::OverdueLocksRequest,
    ) -> Result<calls::OverdueLocks, CallError>;
}

/// What catalogue answers.
#[async_trait]
pub trait Catalogue: Send + Sync + 'static {
    /// The show, if there is one. It is found as soon as the request that added it was answered.
    ///
    /// # Errors
    /// [`CallError`].
    async fn show(
        &self,
        context: &Context,
        id: EventId,
    ) -> Result<Option<calls::ShowForListing>, CallError>;

    /// The one show that is called so. It is found as soon as the request that added it was answered.
    ///
    /// # Errors
    /// [`CallError`].
    async fn show_by_name(
        &self,
        context: &Context,
        asked: calls::ShowByName,
    ) -> Result<Result<calls::ShowForListing, calls::NotFoundByName>, CallError>;

    /// A listing has changed. The event of the change says the same a moment later; by this call the
    /// instance that answers it counts the change at once. Old news change nothing.
    ///
    /// # Errors
    /// [`CallError`]: the change may be counted.
    async fn listing_changed(
        &self,
        context: &Context,
        listing: calls::Listing,
    ) -> Result<(), CallError>;
}

/// What orders answers.
#[async_trait]
pub trait Orders: Send + Sync + 'static {
    /// The order, if `buyer` has it; one whose time is over is ended by the question. To ask is not to
    /// come back: a checkout whose page was closed is left all the same.
    ///
    /// # Errors
    /// [`CallError`].
    async fn order(
        &self,
        context: &Context,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<calls::OrderForPayment>, CallError>;

    /// Created → Awaiting Payment for this charge, in one conditional write.
    ///
    /// # Errors
    /// [`CallError`]: the order may be secured.
    async fn secure(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), calls::SecureRefusal>, CallError>;

    /// The charge took its money: Awaiting Payment → Completed, and the ticket is sold. An order that
    /// does not await this charge stays as it is.
    ///
    /// # Errors
    /// [`CallError`]: the order may be completed.
    async fn complete(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError>;

    /// The charge failed for good: the order is cancelled and its ticket free. An order that has ended,
    /// or awaits another charge, stays as it is.
    ///
    /// # Errors
    /// [`CallError`]: the order may be cancelled.
    async fn fail(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError>;

    /// A lock's time is up: an order that is still Created is cancelled, one that was never saved gets
    /// a tombstone, and the ticket of one that has ended is released or sold again.
    ///
    /// # Errors
    /// [`CallError`]: ask again until it is answered.
    async fn expire(&self, context: &Context, lock: calls::ExpiredLock) -> Result<(), CallError>;
}

/// What payments answers.
#[async_trait]
pub trait Payments: Send + Sync + 'static {
    /// What is still open of the sales of this seller. A sale counts from the moment at which its charge's
    /// `CHARGE_COMPLETED` has reached payments, a moment after its order was completed.
    ///
    /// # Errors
    /// [`CallError`].
    async fn open_sales(
        &self,
        context: &Context,
        seller: UserId,
    ) -> Result<calls::OpenSales, CallError>;
}
