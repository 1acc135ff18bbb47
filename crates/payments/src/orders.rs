//! The calls to orders.

use stubmart_contract::{
    ChargeId, Context, Timestamp,
    api::OrderStatus,
    calls::{OrderForPayment, SecureRefusal},
};
use stubmart_kernel::mutant;
use stubmart_ports::calls::CallError;

use crate::{
    charge::{Charge, FailureReason, Stage},
    service::Payments,
};

/// The state of an order, as one of its charges sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderForCharge {
    /// It can be secured until this time.
    Payable(Timestamp),
    /// It is secured for the charge.
    Secured,
    /// It is paid for by the charge.
    Paid,
    /// It can never be secured for the charge.
    Closed(FailureReason),
}

impl OrderForCharge {
    /// The state of `order` for a charge; `None` is an order that the buyer does not have.
    pub(crate) fn of(order: Option<&OrderForPayment>, charge_id: ChargeId) -> Self {
        let Some(order) = order else { return Self::Closed(FailureReason::OrderMissing) };
        let is_ours = order.charge_id == Some(charge_id);
        match order.status {
            OrderStatus::Created => Self::Payable(order.expires_at),
            OrderStatus::AwaitingPayment if is_ours => Self::Secured,
            OrderStatus::AwaitingPayment => Self::Closed(FailureReason::OrderSecured),
            OrderStatus::Completed if is_ours => Self::Paid,
            OrderStatus::Completed => Self::Closed(FailureReason::OrderCompleted),
            OrderStatus::Cancelled if order.has_expired => {
                Self::Closed(FailureReason::OrderExpired)
            }
            OrderStatus::Cancelled => Self::Closed(FailureReason::OrderCancelled),
        }
    }
}

impl From<SecureRefusal> for FailureReason {
    fn from(refusal: SecureRefusal) -> Self {
        match refusal {
            SecureRefusal::NotFound => Self::OrderMissing,
            SecureRefusal::Expired => Self::OrderExpired,
            SecureRefusal::Cancelled => Self::OrderCancelled,
            SecureRefusal::Completed => Self::OrderCompleted,
            SecureRefusal::PaymentInProgress => Self::OrderSecured,
        }
    }
}

impl Payments {
    /// The state of the charge's order.
    ///
    /// # Errors
    /// [`CallError`]: it is not known.
    pub(crate) async fn order_for(
        &self,
        context: &Context,
        charge: &Charge,
    ) -> Result<OrderForCharge, CallError> {
        let order = self.orders().order(context, charge.user_id, charge.order_id).await?;
        Ok(OrderForCharge::of(order.as_ref(), charge.id))
    }

    /// Completes the order of a completed charge, and fails the order that a failed charge ends. Where
    /// orders does not answer, the charge's event does the same a little later.
    pub(crate) async fn follow(&self, context: &Context, charge: &Charge) {
        let Charge { id, order_id, .. } = *charge;
        let followed = match &charge.stage {
            Stage::Completed if charge.is_kept() => {
                self.orders().complete(context, order_id, id).await
            }
            Stage::Failed(failure) if failure.ends_order => self.end_order(context, charge).await,
            _ => return,
        };
        if let Err(error) = followed {
            tracing::info!(charge.id = %id, order.id = %order_id, %error, "order not ended yet");
        }
    }

    /// Ends the order of a failed charge, unless another charge has secured it or it has ended.
    ///
    /// # Errors
    /// [`CallError`]: it may have ended.
    pub(crate) async fn end_order(
        &self,
        context: &Context,
        charge: &Charge,
    ) -> Result<(), CallError> {
        if mutant!("a failure that does not end its order") {
            return Ok(());
        }
        self.orders().fail(context, charge.order_id, charge.id).await
    }
}
