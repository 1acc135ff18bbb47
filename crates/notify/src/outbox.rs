//! The outbox entry: one mail to one user for one reason, from the first event that speaks of it until it
//! is sent, and then its line in the log.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stubmart_contract::{
    AlertId, ChargeId, Currency, EventId, OrderId, Price, RefundId, TicketId, Timestamp, UserId,
    api::{DeliveryKind, OrderTicket},
    event::TicketState,
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};
use uuid::Uuid;

/// The outbox.
pub static OUTBOX: Collection = Collection {
    name: "notify.outbox",
    indexes: &[
        Index { name: DUE, unique: false },
        Index { name: RECIPIENT, unique: false },
        Index { name: PURGE, unique: false },
    ],
};

/// The index of entries that can be sent, by when.
pub(crate) const DUE: &str = "due";

/// The index of entries by the user that they are for: the log.
pub(crate) const RECIPIENT: &str = "recipient";

/// The index of entries by when they are deleted.
pub(crate) const PURGE: &str = "purge";

/// How long the log goes back.
const LOGGED: Duration = Duration::from_secs(90 * 24 * 3600);

/// After this a mail is of no use any more.
pub(crate) const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long sending one may take: a mailer that does not answer is given up long before. After it a mail whose
/// sending was cut off is sent again.
pub(crate) const SENDING_MAX: Duration = Duration::from_secs(300);

/// How long a mail waits after the first try that failed; twice as long after each further one.
const RETRY_MIN: Duration = Duration::from_secs(60);

/// How long it waits at the most.
const RETRY_MAX: Duration = Duration::from_secs(3600);

/// Why a mail is sent. With the recipient it names the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The recipient's order is complete.
    OrderCompleted(OrderId),
    /// The recipient's ticket is sold to this order.
    TicketSold(OrderId),
    /// The recipient has little time left to deliver to this order.
    DeliverSoon(OrderId),
    /// The recipient has not delivered to this order in time.
    DeliverLate(OrderId),
    /// The recipient's order was not delivered in time.
    DeliveryLate(OrderId),
    /// The ticket of the recipient's order was sent.
    TicketSent(OrderId),
    /// The recipient's sale to this order ended without a delivery.
    SaleCancelled(OrderId),
    /// The recipient is to answer what was claimed about this order.
    ClaimOpened(OrderId),
    /// What was claimed about this order was decided for its buyer.
    ClaimRefunded(OrderId),
    /// What was claimed about this order was decided for its seller.
    ClaimRejected(OrderId),
    /// This charge failed, and its order with it.
    PaymentFailed(ChargeId),
    /// This charge was given back.
    PaymentRefunded(RefundId),
    /// A webhook of the recipient was disabled; the id is of this webhook and the moment.
    WebhookDisabled(Uuid),
    /// It is the recipient's turn in line for this ticket, until this moment.
    YourTurn(TurnOf),
    /// This ticket fits an alert of the recipient.
    AlertMatched(TicketId),
}

/// One turn in the line for a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TurnOf {
    pub(crate) ticket_id: TicketId,
    pub(crate) until: Timestamp,
}

impl TurnOf {
    /// Names this very turn: whose it is may be theirs again later.
    fn id(self) -> Uuid {
        let hash = Sha256::new()
            .chain_update(self.ticket_id.0.as_bytes())
            .chain_update(self.until.millis().to_be_bytes())
            .finalize();
        let bytes = hash.first_chunk::<16>().copied().unwrap_or_default();
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl Reason {
    /// What its letter needs to be told.
    const fn needs(self) -> Needs {
        match self {
            Self::OrderCompleted(_) => Needs { ticket: true, money: true, delivery: false },
            Self::TicketSold(_) => Needs { ticket: true, money: false, delivery: true },
            Self::DeliverSoon(_)
            | Self::DeliverLate(_)
            | Self::DeliveryLate(_)
            | Self::TicketSent(_)
            | Self::SaleCancelled(_) => Needs { ticket: false, money: false, delivery: true },
            Self::ClaimOpened(_)
            | Self::ClaimRefunded(_)
            | Self::ClaimRejected(_)
            | Self::YourTurn(_)
            | Self::AlertMatched(_)
            | Self::WebhookDisabled(_) => Needs { ticket: false, money: false, delivery: false },
            Self::PaymentFailed(_) | Self::PaymentRefunded(_) => {
                Needs { ticket: false, money: true, delivery: false }
            }
        }
    }

    /// The id of the mail to `recipient` for this reason.
    pub(crate) fn mail_id(self, recipient: UserId) -> Uuid {
        let (word, id) = match self {
            Self::OrderCompleted(id) => ("order_completed", id.0),
            Self::TicketSold(id) => ("ticket_sold", id.0),
            Self::DeliverSoon(id) => ("deliver_soon", id.0),
            Self::DeliverLate(id) => ("deliver_late", id.0),
            Self::DeliveryLate(id) => ("delivery_late", id.0),
            Self::TicketSent(id) => ("ticket_sent", id.0),
            Self::SaleCancelled(id) => ("sale_cancelled", id.0),
            Self::ClaimOpened(id) => ("claim_opened", id.0),
            Self::ClaimRefunded(id) => ("claim_refunded", id.0),
            Self::ClaimRejected(id) => ("claim_rejected", id.0),
            Self::PaymentFailed(id) => ("payment_failed", id.0),
            Self::PaymentRefunded(id) => ("payment_refunded", id.0),
            Self::WebhookDisabled(id) => ("webhook_disabled", id),
            Self::YourTurn(turn) => ("your_turn", turn.id()),
            Self::AlertMatched(id) => ("alert_matched", id.0),
        };
        let hash = Sha256::new()
            .chain_update(word)
            .chain_update(id.as_bytes())
            .chain_update(recipient.0.as_bytes())
            .finalize();
        let bytes = hash.first_chunk::<16>().copied().unwrap_or_default();
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// What a letter needs to be told.
struct Needs {
    ticket: bool,
    money: bool,
    delivery: bool,
}

/// The ticket that a mail is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sold {
    pub(crate) title: String,
    pub(crate) section: Option<String>,
    pub(crate) row: Option<String>,
    pub(crate) seats: Vec<String>,
    pub(crate) event_id: Option<EventId>,
    /// What the seller asked for it.
    pub(crate) price: Price,
    pub(crate) currency: Currency,
    /// What the seller pays out of it, in minor units.
    #[serde(default)]
    pub(crate) seller_fee: u32,
}

impl Sold {
    pub(crate) fn of(ticket: &TicketState) -> Self {
        Self {
            title: ticket.title.clone(),
            section: ticket.section.clone(),
            row: ticket.row.clone(),
            seats: ticket.seats.clone(),
            event_id: ticket.event_id,
            price: ticket.price,
            currency: ticket.currency,
            seller_fee: u32::try_from(ticket.fees.seller).unwrap_or(0),
        }
    }
}

/// An alert that a ticket fits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matched {
    pub(crate) alert_id: AlertId,
    /// What is on.
    pub(crate) event: String,
    pub(crate) quantity: u32,
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Money {
    pub(crate) amount: Price,
    pub(crate) currency: Currency,
}

/// The delivery that a mail is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ToDeliver {
    pub(crate) ticket: OrderTicket,
    pub(crate) kind: DeliveryKind,
    pub(crate) by: Timestamp,
}

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Status {
    /// It waits for what it lacks, or for its next try.
    Waiting {
        due: Timestamp,
        /// How many tries failed.
        failures: u32,
        /// Why the last one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<String>,
    },
    /// The mailer took it.
    Sent { at: Timestamp },
    /// It is not sent any more: the mailbox is not there, the user is gone, or it is too late.
    GivenUp { at: Timestamp, why: String },
}

/// An outbox entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outgoing {
    pub(crate) id: Uuid,
    pub(crate) recipient: UserId,
    pub(crate) reason: Reason,
    pub(crate) created_at: Timestamp,
    #[serde(default)]
    pub(crate) ticket: Option<Sold>,
    #[serde(default)]
    pub(crate) money: Option<Money>,
    /// The address of the webhook that it is about.
    #[serde(default)]
    pub(crate) webhook: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) delivery: Option<ToDeliver>,
    /// By when the recipient is to answer a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer_by: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) matched: Option<Matched>,
    pub(crate) status: Status,
}

/// What an event says about a mail; it says the same whenever it comes.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub(crate) recipient: UserId,
    pub(crate) reason: Reason,
    pub(crate) ticket: Option<Sold>,
    pub(crate) money: Option<Money>,
    pub(crate) webhook: Option<String>,
    pub(crate) delivery: Option<ToDeliver>,
    pub(crate) answer_by: Option<Timestamp>,
    pub(crate) matched: Option<Matched>,
}

impl News {
    /// News of nothing but the reason.
    pub(crate) const fn plain(recipient: UserId, reason: Reason) -> Self {
        Self {
            recipient,
            reason,
            ticket: None,
            money: None,
            webhook: None,
            delivery: None,
            answer_by: None,
            matched: None,
        }
    }
}

/// The outcome of a try.
#[derive(Debug, Clone)]
pub(crate) enum Tried {
    /// The mailer took it.
    Sent,
    /// It can be sent another time.
    Failed(String),
    /// It can never be sent.
    Refused(String),
}

/// A command to an entry.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// An event spoke of it.
    Learn(Box<News>),
    /// It is sent now, and by nobody else until [`SENDING_MAX`] has passed.
    Claim,
    /// It was tried.
    Settle(Tried),
}

/// There is no such entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

impl Aggregate for Outgoing {
    type Id = Uuid;
    type Command = Command;
    type Refusal = Gone;

    fn id(&self) -> Uuid {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let by_recipient = Key::new().id(self.recipient.0).time(self.created_at);
        let purge = (PURGE, Key::new().time(self.purge_at()));
        let due = self.due().map(|due| (DUE, Key::new().time(due)));
        [(RECIPIENT, by_recipient), purge].into_iter().chain(due).collect()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Gone> {
        let after = match (current, command) {
            (None, Command::Learn(news)) => Self::new(news, now),
            (Some(entry), Command::Learn(news)) => entry.with(news),
            (None, Command::Claim | Command::Settle(_)) => return Err(Gone),
            (Some(entry), Command::Claim) => entry.claimed(now),
            (Some(entry), Command::Settle(tried)) => entry.tried(tried, now),
        };
        Ok(if current == Some(&after) { Decision::Unchanged } else { Decision::silent(after) })
    }
}

impl Outgoing {
    fn new(news: &News, now: Timestamp) -> Self {
        let News { recipient, reason, ticket, money, webhook, delivery, answer_by, matched } =
            news.clone();
        Self {
            id: reason.mail_id(recipient),
            recipient,
            reason,
            created_at: now,
            ticket,
            money,
            webhook,
            delivery,
            answer_by,
            matched,
            status: Status::Waiting { due: now, failures: 0, failure: None },
        }
    }

    /// What was learned first stays.
    fn with(&self, news: &News) -> Self {
        let ticket = self.ticket.clone().or_else(|| news.ticket.clone());
        let delivery = self.delivery.clone().or_else(|| news.delivery.clone());
        Self { ticket, money: self.money.or(news.money), delivery, ..self.clone() }
    }

    /// Unchanged when it is not due: somebody else sends it.
    fn claimed(&self, now: Timestamp) -> Self {
        let mut entry = self.clone();
        if let Status::Waiting { due, .. } = &mut entry.status
            && self.due().is_some_and(|due| due <= now)
        {
            *due = now.after(SENDING_MAX);
        }
        entry
    }

    fn tried(&self, tried: &Tried, now: Timestamp) -> Self {
        let Status::Waiting { failures, .. } = self.status else { return self.clone() };
        let status = match tried {
            Tried::Sent => Status::Sent { at: now },
            Tried::Refused(why) => Status::GivenUp { at: now, why: why.clone() },
            Tried::Failed(why) if now.since(self.created_at) > GIVEN_UP_AFTER => {
                Status::GivenUp { at: now, why: why.clone() }
            }
            Tried::Failed(why) => {
                let wait = RETRY_MIN.saturating_mul(1 << failures.min(10)).min(RETRY_MAX);
                let (due, failures) = (now.after(wait), failures.saturating_add(1));
                Status::Waiting { due, failures, failure: Some(why.clone()) }
            }
        };
        Self { status, ..self.clone() }
    }

    /// When it is to be sent, once all is known that stands in it.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let needs = self.reason.needs();
        let is_complete = (self.ticket.is_some() || !needs.ticket)
            && (self.money.is_some() || !needs.money)
            && (self.delivery.is_some() || !needs.delivery);
        match self.status {
            Status::Waiting { due, .. } if is_complete => Some(due),
            Status::Waiting { .. } | Status::Sent { .. } | Status::GivenUp { .. } => None,
        }
    }

    /// When it leaves the log.
    pub(crate) fn purge_at(&self) -> Timestamp {
        self.created_at.after(LOGGED)
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
