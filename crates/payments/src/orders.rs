//! What payments asks of orders.

use futures_util::future::BoxFuture;
use stubmart_contract::api::{CancelReason, Order, OrderStatus};
use stubmart_ports::calls::{CallError, SecureRefusal};

use crate::{Payments, charge::Charge, charge::Reason};

/// What a charge may expect of its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Footing {
    /// It can be secured.
    Payable,
    /// It is secured for a charge.
    Secured,
    /// It is paid for.
    Completed,
    /// It is cancelled, or there is none.
    Ended(Reason),
}

/// Where `order` stands.
pub(crate) const fn footing(order: Option<&Order>) -> Footing {
    let Some(order) = order else { return Footing::Ended(Reason::OrderMissing) };
    match (order.status, order.cancel_reason) {
        (OrderStatus::Created, _) => Footing::Payable,
        (OrderStatus::AwaitingPayment, _) => Footing::Secured,
        (OrderStatus::Completed, _) => Footing::Completed,
        (OrderStatus::Cancelled, Some(CancelReason::Expired)) => {
            Footing::Ended(Reason::OrderExpired)
        }
        (OrderStatus::Cancelled, _) => Footing::Ended(Reason::OrderCancelled),
    }
}

/// Why a charge fails whose order was not secured.
pub(crate) const fn refused(refusal: SecureRefusal) -> Reason {
    match refusal {
        SecureRefusal::NotFound => Reason::OrderMissing,
        SecureRefusal::Expired => Reason::OrderExpired,
        SecureRefusal::Cancelled => Reason::OrderCancelled,
        SecureRefusal::Completed => Reason::OrderCompleted,
        SecureRefusal::PaymentInProgress => Reason::OrderSecured,
    }
}

impl Payments {
    /// Watches the order, when this is called, if its end may be near: what is given ends when the
    /// order has ended and its ticket has followed, or after a limit.
    pub(crate) fn watch(&self, order: Option<&Order>) -> Option<BoxFuture<'_, ()>> {
        let order = order?;
        let may_end = matches!(footing(Some(order)), Footing::Payable | Footing::Secured);
        may_end.then(|| self.0.orders.watch(order.id, order.ticket_id))
    }

    /// Where the charge's order stands.
    pub(crate) async fn footing_of(&self, charge: &Charge) -> Result<Footing, CallError> {
        let order = self.0.orders.order(charge.user_id, charge.order_id).await?;
        Ok(footing(order.as_ref()))
    }
}
