//! Events that lead to mails.

use async_trait::async_trait;
use stubmart_contract::{
    Context, DomainEvent, Envelope, EventType, Price, UserId,
    api::{ClaimOutcome, TicketStatus},
    event::{ChargeState, ClaimState, DeliveryState, TicketState, TicketTurn},
};
use stubmart_kernel::{
    RepositoryError,
    consumer::{HandleError, Handler},
};
use stubmart_ports::bus::Consumer;

use crate::{
    outbox::{Command, GIVEN_UP_AFTER, Money, News, Reason, Sold, ToDeliver, TurnOf},
    service::Notify,
};

static TRADE: Consumer = Consumer {
    name: "notify.trade",
    types: &[
        EventType::TicketUpdated,
        EventType::ChargeCompleted,
        EventType::ChargeFailed,
        EventType::ChargeRefunded,
        EventType::DeliveryCreated,
        EventType::DeliveryDueSoon,
        EventType::DeliveryLate,
        EventType::DeliverySent,
        EventType::DeliveryCancelled,
        EventType::ClaimOpened,
        EventType::ClaimDecided,
    ],
};

/// What happens to tickets, to money and to deliveries. A receipt is told of the ticket by one event and of
/// the money by another; it is sent when both have come. So is what a seller hears of a sale.
#[derive(Debug)]
pub(crate) struct Trade(pub(crate) Notify);

#[async_trait]
impl Handler for Trade {
    fn consumer(&self) -> &'static Consumer {
        &TRADE
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        // A bus that is filled again brings everything that ever happened.
        if self.0.inner.host.now().since(envelope.at) > GIVEN_UP_AFTER {
            return Ok(());
        }
        for news in news(&envelope.event) {
            self.0.learn(context, news).await?;
        }
        Ok(())
    }
}

impl Notify {
    /// Notes what is said about a mail, which is sent once all is known that stands in it.
    ///
    /// # Errors
    /// [`RepositoryError`]: it may be noted.
    pub(crate) async fn learn(&self, context: &Context, news: News) -> Result<(), RepositoryError> {
        let id = news.reason.mail_id(news.recipient);
        self.change(context, id, &Command::Learn(Box::new(news))).await?;
        self.inner.wake.wake();
        Ok(())
    }
}

/// What an event says about mails.
fn news(event: &DomainEvent) -> Vec<News> {
    match event {
        DomainEvent::TicketUpdated(ticket) if ticket.status == TicketStatus::Sold => sale(ticket),
        DomainEvent::TicketUpdated(ticket) => turn(ticket),
        DomainEvent::ChargeCompleted(charge) => {
            vec![of_money(charge, Reason::OrderCompleted(charge.order_id))]
        }
        DomainEvent::ChargeFailed(charge) if charge.ends_order => {
            vec![of_money(charge, Reason::PaymentFailed(charge.id))]
        }
        DomainEvent::ChargeRefunded(charge) => {
            let refunds = charge.given_back().into_iter();
            refunds
                .map(|(id, amount)| of_amount(charge, Reason::PaymentRefunded(id), amount))
                .collect()
        }
        DomainEvent::DeliveryCreated(it) => {
            vec![of_delivery(it, it.seller_id, Reason::TicketSold(it.order_id))]
        }
        DomainEvent::DeliveryDueSoon(it) => {
            vec![of_delivery(it, it.seller_id, Reason::DeliverSoon(it.order_id))]
        }
        DomainEvent::DeliveryLate(it) => vec![
            of_delivery(it, it.seller_id, Reason::DeliverLate(it.order_id)),
            of_delivery(it, it.buyer_id, Reason::DeliveryLate(it.order_id)),
        ],
        DomainEvent::DeliverySent(it) => {
            vec![of_delivery(it, it.buyer_id, Reason::TicketSent(it.order_id))]
        }
        DomainEvent::DeliveryCancelled(it) => {
            vec![of_delivery(it, it.seller_id, Reason::SaleCancelled(it.order_id))]
        }
        DomainEvent::ClaimOpened(it) => {
            let reason = Reason::ClaimOpened(it.order_id);
            vec![News { answer_by: Some(it.answer_by), ..News::plain(it.seller_id, reason) }]
        }
        DomainEvent::ClaimDecided(it) => decided(it),
        _ => Vec::new(),
    }
}

/// A claim was decided: both sides learn of it.
fn decided(claim: &ClaimState) -> Vec<News> {
    let reason = match claim.outcome {
        Some(ClaimOutcome::Refund) => Reason::ClaimRefunded(claim.order_id),
        Some(ClaimOutcome::Rejected) => Reason::ClaimRejected(claim.order_id),
        None => return Vec::new(),
    };
    [claim.buyer_id, claim.seller_id].map(|side| News::plain(side, reason)).into()
}

fn of_delivery(delivery: &DeliveryState, recipient: UserId, reason: Reason) -> News {
    let DeliveryState { ticket, kind, deliver_by, .. } = delivery.clone();
    let delivery = Some(ToDeliver { ticket, kind, by: deliver_by });
    News { delivery, ..News::plain(recipient, reason) }
}

/// A ticket was sold: its buyer and its seller learn of it.
fn sale(ticket: &TicketState) -> Vec<News> {
    let (Some(order_id), Some(buyer_id)) = (ticket.order_id, ticket.buyer_id) else {
        return Vec::new();
    };
    let sold = Sold::of(ticket);
    let news = |recipient, reason| {
        let ticket = Some(sold.clone());
        News { ticket, ..News::plain(recipient, reason) }
    };
    vec![
        news(buyer_id, Reason::OrderCompleted(order_id)),
        news(ticket.user_id, Reason::TicketSold(order_id)),
    ]
}

/// Somebody's turn in line has begun. The event may be of a later change: it says the same.
fn turn(ticket: &TicketState) -> Vec<News> {
    let Some(TicketTurn { user_id, until }) = ticket.turn else { return Vec::new() };
    let reason = Reason::YourTurn(TurnOf { ticket_id: ticket.id, until });
    vec![News { ticket: Some(Sold::of(ticket)), ..News::plain(user_id, reason) }]
}

fn of_money(charge: &ChargeState, reason: Reason) -> News {
    of_amount(charge, reason, charge.amount)
}

fn of_amount(charge: &ChargeState, reason: Reason, amount: Price) -> News {
    let money = Money { amount, currency: charge.currency };
    News { money: Some(money), ..News::plain(charge.user_id, reason) }
}
