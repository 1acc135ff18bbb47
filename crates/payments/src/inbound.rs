//! Events from other services, and of the charges and sales themselves.

mod sales;

use async_trait::async_trait;
use stubmart_contract::{
    Context, DomainEvent, Envelope, EventType, OrderId,
    api::{ClaimOutcome, DeliveryCancelReason},
};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::bus::Consumer;

use crate::{
    refund_order::{RefundOrder, RefundOrderError},
    service::Payments,
};

pub use sales::{CLAIM_HOLDS, DELIVERIES, PAYOUTS, SALES};
pub(crate) use sales::{ClaimHolds, Deliveries, Payouts, Sales, Shows};

/// The consumer of cancelled and expired orders.
pub static ORDER_CANCELLED: Consumer = Consumer {
    name: "payments.order-cancelled",
    types: &[EventType::OrderCancelled, EventType::OrderExpired],
};

/// The consumer that posts to the ledger. An event that was saved is never lost, so what was captured or
/// given back is booked whatever became of the process that did it. The first time it runs it reads every
/// event there ever was.
pub static LEDGER: Consumer = Consumer {
    name: "payments.ledger",
    types: &[EventType::ChargeCompleted, EventType::ChargeRefunded, EventType::ChargeRefundFailed],
};

/// The consumer that gives the money of a ticket back that was not delivered.
pub static UNDELIVERED: Consumer =
    Consumer { name: "payments.undelivered", types: &[EventType::DeliveryCancelled] };

/// The consumer that gives the money back of what a buyer claimed rightly.
pub static CLAIMS: Consumer =
    Consumer { name: "payments.claims", types: &[EventType::ClaimDecided] };

/// Posts what happened to a charge's money.
pub(crate) struct Money(pub(crate) Payments);

#[async_trait]
impl Handler for Money {
    fn consumer(&self) -> &'static Consumer {
        &LEDGER
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let (DomainEvent::ChargeCompleted(charge)
        | DomainEvent::ChargeRefunded(charge)
        | DomainEvent::ChargeRefundFailed(charge)) = &envelope.event
        else {
            return Ok(());
        };
        self.0.post(context, charge.id).await?;
        Ok(())
    }
}

/// Has the reconciler work on every charge of an order that was cancelled: it voids what is held and
/// refunds what was captured.
pub(crate) struct OrderCancelled(pub(crate) Payments);

#[async_trait]
impl Handler for OrderCancelled {
    fn consumer(&self) -> &'static Consumer {
        &ORDER_CANCELLED
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let (DomainEvent::OrderCancelled(order) | DomainEvent::OrderExpired(order)) =
            &envelope.event
        else {
            return Ok(());
        };
        for charge in self.0.charges_of(order.id).await? {
            if !charge.state.is_cleared() {
                self.0.schedule_by(context, charge, self.0.host().now()).await?;
            }
        }
        Ok(())
    }
}

/// Names the refund of an order that was not delivered, so that it is asked for once.
const UNDELIVERED_KEY: &str = "undelivered";

/// Gives the money of an order back whose ticket was late, or never came.
pub(crate) struct Undelivered(pub(crate) Payments);

#[async_trait]
impl Handler for Undelivered {
    fn consumer(&self) -> &'static Consumer {
        &UNDELIVERED
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let DomainEvent::DeliveryCancelled(delivery) = &envelope.event else { return Ok(()) };
        let reason = match delivery.cancel_reason {
            Some(DeliveryCancelReason::Late) => "the ticket was late",
            Some(DeliveryCancelReason::NeverCame) => "the ticket never came",
            Some(DeliveryCancelReason::Refunded) | None => return Ok(()),
        };
        make_good(&self.0, context, delivery.order_id, reason, UNDELIVERED_KEY).await
    }
}

/// Names the refund of an order whose buyer claimed rightly.
const CLAIM_KEY: &str = "claim";

/// Gives the money of an order back whose buyer claimed rightly.
pub(crate) struct Claims(pub(crate) Payments);

#[async_trait]
impl Handler for Claims {
    fn consumer(&self) -> &'static Consumer {
        &CLAIMS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        match &envelope.event {
            DomainEvent::ClaimDecided(claim) if claim.outcome == Some(ClaimOutcome::Refund) => {
                let reason = format!("claim {}", claim.id);
                make_good(&self.0, context, claim.order_id, &reason, CLAIM_KEY).await
            }
            _ => Ok(()),
        }
    }
}

/// Gives all that is left of what was paid for an order back.
async fn make_good(
    payments: &Payments,
    context: &Context,
    order_id: OrderId,
    reason: &str,
    key: &str,
) -> Result<(), HandleError> {
    let request = RefundOrder { order_id, amount: None, reason, key: Some(key) };
    match payments.refund_order(context, &request).await {
        // Nothing is left of it.
        Ok(_) | Err(RefundOrderError::Refused(_)) => Ok(()),
        Err(error @ (RefundOrderError::NotPaid | RefundOrderError::Repository(_))) => {
            Err(error.into())
        }
    }
}
