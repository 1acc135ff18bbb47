//! Events that change what a seller gets, and when.

use async_trait::async_trait;
use stubmart_contract::{Context, DomainEvent, Envelope, EventType};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::bus::Consumer;

use crate::{
    sale::{ClaimNews, Command, DeliveryNews},
    service::Payments,
};

/// The consumer that records sales, and what is given back of them. The first time it runs it reads every event
/// there ever was: so there is a sale of every order that was ever completed.
pub static SALES: Consumer = Consumer {
    name: "payments.sales",
    types: &[EventType::ChargeCompleted, EventType::ChargeRefunded, EventType::ChargeRefundFailed],
};

/// The consumer that tells sales how their tickets are delivered.
pub static DELIVERIES: Consumer = Consumer {
    name: "payments.deliveries",
    types: &[
        EventType::DeliveryCreated,
        EventType::DeliveryUpdated,
        EventType::DeliveryLate,
        EventType::DeliverySent,
        EventType::DeliveryAccepted,
        EventType::DeliveryCancelled,
    ],
};

/// The consumer that holds the money of what is claimed.
pub static CLAIM_HOLDS: Consumer = Consumer {
    name: "payments.claim-holds",
    types: &[EventType::ClaimOpened, EventType::ClaimAnswered, EventType::ClaimDecided],
};

static SHOWS: Consumer = Consumer { name: "payments.shows", types: &[EventType::ShowUpdated] };

/// The consumer that posts the moves of a sale, and tells sales that they were paid.
pub static PAYOUTS: Consumer = Consumer {
    name: "payments.payouts",
    types: &[EventType::PayoutDue, EventType::PayoutUpdated, EventType::PayoutPaid],
};

/// A charge's money was captured, or some of it was given back.
pub(crate) struct Sales(pub(crate) Payments);

#[async_trait]
impl Handler for Sales {
    fn consumer(&self) -> &'static Consumer {
        &SALES
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let (DomainEvent::ChargeCompleted(charge)
        | DomainEvent::ChargeRefunded(charge)
        | DomainEvent::ChargeRefundFailed(charge)) = &envelope.event
        else {
            return Ok(());
        };
        Ok(self.0.record_sale(context, charge.id).await?)
    }
}

/// A delivery has moved on.
pub(crate) struct Deliveries(pub(crate) Payments);

#[async_trait]
impl Handler for Deliveries {
    fn consumer(&self) -> &'static Consumer {
        &DELIVERIES
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let (DomainEvent::DeliveryCreated(it)
        | DomainEvent::DeliveryUpdated(it)
        | DomainEvent::DeliveryLate(it)
        | DomainEvent::DeliverySent(it)
        | DomainEvent::DeliveryAccepted(it)
        | DomainEvent::DeliveryCancelled(it)) = &envelope.event
        else {
            return Ok(());
        };
        let news = DeliveryNews {
            version: envelope.version,
            status: it.status,
            deliver_by: it.deliver_by,
            at: envelope.at,
        };
        Ok(self.0.tell_sale(context, it.order_id, &Command::Delivery(news)).await?)
    }
}

/// A buyer claims, or a claim was decided.
pub(crate) struct ClaimHolds(pub(crate) Payments);

#[async_trait]
impl Handler for ClaimHolds {
    fn consumer(&self) -> &'static Consumer {
        &CLAIM_HOLDS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let (DomainEvent::ClaimOpened(it)
        | DomainEvent::ClaimAnswered(it)
        | DomainEvent::ClaimDecided(it)) = &envelope.event
        else {
            return Ok(());
        };
        let (id, version, at) = (it.id, envelope.version, envelope.at);
        let news = ClaimNews { id, version, outcome: it.outcome, at };
        Ok(self.0.tell_sale(context, it.order_id, &Command::Claim(news)).await?)
    }
}

/// A show was changed.
pub(crate) struct Shows(pub(crate) Payments);

#[async_trait]
impl Handler for Shows {
    fn consumer(&self) -> &'static Consumer {
        &SHOWS
    }

    /// Goes by the catalogue, not by the event: events come late and in any order.
    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let DomainEvent::ShowUpdated(show) = &envelope.event else { return Ok(()) };
        Ok(self.0.reschedule_sales(context, show.id).await?)
    }
}

/// The money of a sale moved, or a seller was paid.
pub(crate) struct Payouts(pub(crate) Payments);

#[async_trait]
impl Handler for Payouts {
    fn consumer(&self) -> &'static Consumer {
        &PAYOUTS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        match &envelope.event {
            DomainEvent::PayoutDue(sale) | DomainEvent::PayoutUpdated(sale) => {
                Ok(self.0.post_sale(context, sale.order_id).await?)
            }
            DomainEvent::PayoutPaid(it) => {
                Ok(self.0.settle_payout(context, it.id, &it.items).await?)
            }
            _ => Ok(()),
        }
    }
}
