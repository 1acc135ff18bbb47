//! An alert: which tickets a user wants to hear about, as a pure state machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    AlertId, Currency, EventId, Price, TicketId, Timestamp, UserId, api, names::plain,
    seats::normal_section,
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

/// The alerts.
pub(crate) static ALERTS: Collection = Collection {
    name: "notify.alerts",
    indexes: &[
        Index { name: OWNER, unique: false },
        Index { name: SUBJECT, unique: false },
        Index { name: ENDS, unique: false },
    ],
};

/// The index of alerts by their owner. Ids grow with time, so a user's alerts are in the order in which they
/// were made.
pub(crate) const OWNER: &str = "owner";

/// The index of alerts by what they are for, those that were made first at the beginning.
pub(crate) const SUBJECT: &str = "subject";

/// The index of alerts that end by themselves, by when.
pub(crate) const ENDS: &str = "ends";

/// Of how many tickets an alert tells within [`A_DAY`]: an event with a thousand new listings is no reason for
/// a thousand mails.
const TOLD_MAX: usize = 10;

const A_DAY: Duration = Duration::from_secs(24 * 3600);

/// What an alert is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "of", rename_all = "snake_case")]
pub(crate) enum Subject {
    /// One event.
    Event(EventId),
    /// Every event of a performer, by the name as it is compared.
    Performer(String),
}

impl Subject {
    /// The performer of this name, in any spelling.
    pub(crate) fn performer(name: &str) -> Self {
        Self::Performer(plain(name))
    }

    /// The beginning of the places of its alerts in the index of subjects.
    pub(crate) fn key(&self) -> Key {
        match self {
            Self::Event(id) => Key::new().number(0).id(id.0),
            Self::Performer(name) => Self::performers().text(name),
        }
    }

    /// The beginning of the places of all alerts for performers.
    pub(crate) fn performers() -> Key {
        Key::new().number(1)
    }
}

/// Which tickets of its subject an alert tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Criteria {
    pub(crate) quantity: Option<u32>,
    /// What one ticket may cost, fees included.
    pub(crate) max_total: Option<Price>,
    pub(crate) currency: Currency,
    /// As they were typed.
    pub(crate) sections: Vec<String>,
}

/// What is on offer, as far as criteria ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    pub(crate) seller: UserId,
    pub(crate) quantity: u32,
    /// What one ticket costs, fees included.
    pub(crate) total: Price,
    pub(crate) currency: Currency,
    /// In its normal form; empty for none.
    pub(crate) section: String,
}

impl Criteria {
    /// Whether such a ticket is wanted.
    pub(crate) fn take(&self, offer: &Offer) -> bool {
        let is_cheap = |max| self.currency == offer.currency && offer.total <= max;
        self.quantity.is_none_or(|quantity| quantity == offer.quantity)
            && self.max_total.is_none_or(is_cheap)
            && (self.sections.is_empty()
                || self.sections.iter().any(|it| normal_section(it) == offer.section))
    }
}

/// A ticket that an alert has announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    ticket_id: TicketId,
    at: Timestamp,
}

/// An alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alert {
    pub(crate) id: AlertId,
    pub(crate) user_id: UserId,
    pub(crate) subject: Subject,
    /// What people call the subject.
    pub(crate) name: String,
    pub(crate) criteria: Criteria,
    /// Stops the alert, together with its id: it is in the links of its mails.
    pub(crate) secret: String,
    /// The tickets that it announced last.
    told: Vec<Told>,
    pub(crate) created_at: Timestamp,
    pub(crate) ends_at: Option<Timestamp>,
}

/// What an alert is made of.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) id: AlertId,
    pub(crate) user_id: UserId,
    pub(crate) subject: Subject,
    pub(crate) name: String,
    pub(crate) criteria: Criteria,
    pub(crate) secret: String,
    pub(crate) ends_at: Option<Timestamp>,
}

/// A command to an alert.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Create(Box<New>),
    /// Tell its owner about this ticket.
    Tell(TicketId),
    /// Its event is over at another time.
    EndsAt(Timestamp),
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such alert.
    NotFound,
    /// It has announced as many tickets as it may in a day.
    ToldEnough,
}

impl Aggregate for Alert {
    type Id = AlertId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> AlertId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let owner = (OWNER, Self::owned_by(self.user_id));
        let subject = (SUBJECT, self.subject.key());
        let ends = self.ends_at.map(|at| (ENDS, Key::new().time(at)));
        [owner, subject].into_iter().chain(ends).collect()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let after = match (current, command) {
            (None, Command::Create(new)) => return Ok(Decision::silent(Self::new(new, now))),
            (None, _) => return Err(Refusal::NotFound),
            (Some(alert), Command::Create(_)) => alert.clone(),
            (Some(alert), Command::Tell(ticket_id)) => alert.tell(*ticket_id, now)?,
            (Some(alert), Command::EndsAt(at)) => Self { ends_at: Some(*at), ..alert.clone() },
        };
        Ok(if current == Some(&after) { Decision::Unchanged } else { Decision::silent(after) })
    }
}

impl Alert {
    fn new(new: &New, now: Timestamp) -> Self {
        let New { id, user_id, subject, name, criteria, secret, ends_at } = new.clone();
        let (told, created_at) = (Vec::new(), now);
        Self { id, user_id, subject, name, criteria, secret, told, created_at, ends_at }
    }

    /// The beginning of the places of a user's alerts in the index of owners.
    pub(crate) fn owned_by(user_id: UserId) -> Key {
        Key::new().id(user_id.0)
    }

    /// Whether its owner wants to hear about such a ticket. Nobody hears about their own.
    pub(crate) fn wants(&self, offer: &Offer) -> bool {
        self.user_id != offer.seller && self.criteria.take(offer)
    }

    /// A ticket that it has announced already changes nothing.
    fn tell(&self, ticket_id: TicketId, now: Timestamp) -> Result<Self, Refusal> {
        let mut after = self.clone();
        if after.told.iter().any(|it| it.ticket_id == ticket_id) {
            return Ok(after);
        }
        after.told.retain(|it| now.since(it.at) < A_DAY);
        if after.told.len() >= TOLD_MAX {
            return Err(Refusal::ToldEnough);
        }
        after.told.push(Told { ticket_id, at: now });
        Ok(after)
    }

    /// What stops it without a session.
    pub(crate) fn token(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

impl From<Alert> for api::Alert {
    fn from(alert: Alert) -> Self {
        let Criteria { quantity, max_total, currency, sections } = alert.criteria;
        let (event_id, performer) = match alert.subject {
            Subject::Event(id) => (Some(id), None),
            Subject::Performer(_) => (None, Some(alert.name.clone())),
        };
        Self {
            id: alert.id,
            name: alert.name,
            event_id,
            performer,
            quantity,
            max_total,
            currency,
            sections,
            ends_at: alert.ends_at,
            created_at: alert.created_at,
        }
    }
}

#[cfg(test)]
#[path = "alert_tests.rs"]
mod tests;
