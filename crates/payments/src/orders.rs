//! What payments asks of orders.

use std::time::Duration;

use stubmart_contract::api::{CancelReason, Order, OrderStatus};
use stubmart_ports::calls::{CallError, SecureRefusal};

use crate::{Payments, charge::Charge, charge::Reason};

/// How long to wait before looking again whether an order has followed its charge; twice as long each
/// further time.
const PAUSE_MIN: Duration = Duration::from_millis(1);

/// How long to wait at the most.
const PAUSE_MAX: Duration = Duration::from_millis(50);

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
    /// Where the charge's order stands.
    pub(crate) async fn footing_of(&self, charge: &Charge) -> Result<Footing, CallError> {
        let order = self.0.orders.order(charge.user_id, charge.order_id).await?;
        Ok(footing(order.as_ref()))
    }

    /// Waits until the charge's order is in `status`: it follows by an event. Gives up after
    /// [`crate::Config::order_wait`]; the event comes all the same.
    pub(crate) async fn await_order(&self, charge: &Charge, status: OrderStatus) {
        let (mut waited, mut pause) = (Duration::ZERO, PAUSE_MIN);
        while waited < self.0.config.order_wait {
            // An order that can not be asked now may be asked again in a moment.
            if let Ok(Some(order)) = self.0.orders.order(charge.user_id, charge.order_id).await
                && order.status == status
            {
                return;
            }
            self.0.host.clock.sleep(pause).await;
            waited = waited.saturating_add(pause);
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
        tracing::warn!(charge.id = %charge.id, "order has not followed its charge in time");
    }
}
