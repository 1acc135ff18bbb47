//! A ticket on offer is announced to those whose alerts it fits: in batches, with a pause after each, in the
//! order in which the alerts were made. It is nobody's meanwhile, and whatever became of it ends the rest.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{AlertId, EventId, TicketId, Timestamp};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

use crate::alert::Offer;

/// The announcements.
pub(crate) static ANNOUNCEMENTS: Collection =
    Collection { name: "notify.announcements", indexes: &[Index { name: DUE, unique: false }] };

/// The index of announcements by when something is to be done.
pub(crate) const DUE: &str = "due";

/// How many are told at once.
pub(crate) const BATCH: usize = 10;

/// How long the next ones wait: long enough that those before them can look and decide.
pub(crate) const PAUSE: Duration = Duration::from_secs(30);

/// The announcement of one ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announcement {
    pub(crate) ticket_id: TicketId,
    pub(crate) event_id: EventId,
    /// When its event is over, and with it the announcement.
    pub(crate) ends_at: Timestamp,
    /// What was announced; `None` before the first batch.
    pub(crate) offer: Option<Offer>,
    /// The last alert that was looked at.
    pub(crate) behind: Option<AlertId>,
    /// When the next batch may begin.
    next_at: Timestamp,
    /// Whether there is nobody to be told, or nothing to tell, until the ticket is offered again.
    is_resting: bool,
    /// How often the ticket was said to be on offer: what was found out before the last time is outdated.
    pub(crate) offers: u32,
}

/// A command to an announcement.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// The ticket can be bought.
    Offered { ticket_id: TicketId, event_id: EventId, ends_at: Timestamp },
    /// A batch begins; of several processes one begins it.
    Begin,
    /// A batch has ended behind this alert.
    Told {
        offer: Offer,
        behind: Option<AlertId>,
        /// Whether anybody was told.
        any: bool,
        /// Whether no alert is left, as far as was known after so many offers.
        all: Option<u32>,
    },
    /// The ticket cannot be bought for now, as far as was known after so many offers.
    Rest(u32),
}

/// There is no such announcement, or its next batch is not due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotDue;

impl Aggregate for Announcement {
    type Id = TicketId;
    type Command = Command;
    type Refusal = NotDue;

    fn id(&self) -> TicketId {
        self.ticket_id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        vec![(DUE, Key::new().time(self.due()))]
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, NotDue> {
        let after = match (current, command) {
            (None, Command::Offered { ticket_id, event_id, ends_at }) => {
                Self::new(*ticket_id, *event_id, *ends_at, now)
            }
            (None, _) => return Err(NotDue),
            (Some(it), Command::Offered { ends_at, .. }) => {
                let offers = it.offers.wrapping_add(1);
                Self { ends_at: *ends_at, is_resting: false, offers, ..it.clone() }
            }
            (Some(it), Command::Begin) if it.due() > now => return Err(NotDue),
            (Some(it), Command::Begin) => Self { next_at: now.after(PAUSE), ..it.clone() },
            (Some(it), Command::Told { offer, behind, any, all }) => {
                let next_at = if *any { it.next_at } else { now };
                let (offer, behind) = (Some(offer.clone()), *behind);
                let is_resting = *all == Some(it.offers);
                Self { offer, behind, next_at, is_resting, ..it.clone() }
            }
            (Some(it), Command::Rest(offers)) => {
                Self { is_resting: *offers == it.offers, ..it.clone() }
            }
        };
        Ok(if current == Some(&after) { Decision::Unchanged } else { Decision::silent(after) })
    }
}

impl Announcement {
    const fn new(
        ticket_id: TicketId,
        event_id: EventId,
        ends_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            ticket_id,
            event_id,
            ends_at,
            offer: None,
            behind: None,
            next_at: now,
            is_resting: false,
            offers: 0,
        }
    }

    /// When something is to be done: the next batch, or its end.
    pub(crate) fn due(&self) -> Timestamp {
        if self.is_resting { self.ends_at } else { self.next_at.min(self.ends_at) }
    }

    /// Behind which alert the next batch goes on: from the first one again when what is on offer has changed.
    /// Those who were told of the ticket are not told again.
    pub(crate) fn place(&self, offer: &Offer) -> Option<AlertId> {
        self.behind.filter(|_| self.offer.as_ref() == Some(offer))
    }
}

#[cfg(test)]
#[path = "announcement_tests.rs"]
mod tests;
