//! Events that lead to mails.

use async_trait::async_trait;
use stubmart_contract::{
    Context, DomainEvent, Envelope, EventType, Price,
    api::TicketStatus,
    event::{ChargeState, TicketState},
};
use stubmart_kernel::{
    RepositoryError,
    consumer::{HandleError, Handler},
};
use stubmart_ports::bus::Consumer;

use crate::{
    outbox::{Command, GIVEN_UP_AFTER, Money, News, Reason, Sold},
    service::Notify,
};

static TRADE: Consumer = Consumer {
    name: "notify.trade",
    types: &[
        EventType::TicketUpdated,
        EventType::ChargeCompleted,
        EventType::ChargeFailed,
        EventType::ChargeRefunded,
    ],
};

/// What happens to tickets and to money. A receipt is told of the ticket by one event and of the money by
/// another; it is sent when both have come.
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
    async fn learn(&self, context: &Context, news: News) -> Result<(), RepositoryError> {
        let id = news.reason.mail_id(news.recipient);
        self.change(context, id, &Command::Learn(news)).await?;
        self.inner.wake.wake();
        Ok(())
    }
}

/// What an event says about mails.
fn news(event: &DomainEvent) -> Vec<News> {
    match event {
        DomainEvent::TicketUpdated(ticket) if ticket.status == TicketStatus::Sold => sale(ticket),
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
        _ => Vec::new(),
    }
}

/// A ticket was sold: its buyer and its seller learn of it.
fn sale(ticket: &TicketState) -> Vec<News> {
    let (Some(order_id), Some(buyer_id)) = (ticket.order_id, ticket.buyer_id) else {
        return Vec::new();
    };
    let sold = Sold {
        title: ticket.title.clone(),
        section: ticket.section.clone(),
        row: ticket.row.clone(),
        seats: ticket.seats.clone(),
        event_id: ticket.event_id,
        price: ticket.price,
        currency: ticket.currency,
        seller_fee: u32::try_from(ticket.fees.seller).unwrap_or(0),
    };
    let news =
        |recipient, reason| News { recipient, reason, ticket: Some(sold.clone()), money: None };
    vec![
        news(buyer_id, Reason::OrderCompleted(order_id)),
        news(ticket.user_id, Reason::TicketSold(order_id)),
    ]
}

fn of_money(charge: &ChargeState, reason: Reason) -> News {
    of_amount(charge, reason, charge.amount)
}

fn of_amount(charge: &ChargeState, reason: Reason, amount: Price) -> News {
    let money = Money { amount, currency: charge.currency };
    News { recipient: charge.user_id, reason, ticket: None, money: Some(money) }
}
