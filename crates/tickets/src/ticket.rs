//! A ticket and the rules of its lock, as a pure state machine.
//!
//! ```text
//!              lock                sell
//!  available ─────────▶ locked ─────────▶ sold
//!      │  ▲               │
//!      │  └── unlock ─────┘   (unlock becomes withdraw when the seller is gone)
//!      └── withdraw ──▶ withdrawn
//! ```

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Currency, DomainEvent, EventId, OrderId, Price, TicketId, Timestamp, UserId,
    api::{self, OrderTicket, TicketStatus},
    event::TicketState,
};
use stubmart_http_kit::Patch;
use stubmart_kernel::{mutant, repo::Document};
use stubmart_ports::{
    calls::{LockRefusal, LockRequest, Locked},
    key::Key,
    store::{Collection, Index},
};
use uuid::Uuid;

use crate::catalogue::Standing;

/// Where tickets are kept.
pub static TICKETS: Collection = Collection {
    name: "tickets.ticket",
    indexes: &[
        Index { name: index::EVENT_PRICE, unique: false },
        Index { name: index::EVENT_NEWEST, unique: false },
        Index { name: index::PRICE, unique: false },
        Index { name: index::NEWEST, unique: false },
        Index { name: index::SELLER_PRICE, unique: false },
        Index { name: index::SELLER_NEWEST, unique: false },
        Index { name: index::LOCKED, unique: false },
    ],
};

/// The indexes of [`TICKETS`]. A lock changes no key but that of `locked`.
pub mod index {
    /// Event, shelf, price.
    pub const EVENT_PRICE: &str = "event_price";
    /// Event, shelf.
    pub const EVENT_NEWEST: &str = "event_newest";
    /// Shelf, price.
    pub const PRICE: &str = "price";
    /// Shelf.
    pub const NEWEST: &str = "newest";
    /// Seller, price.
    pub const SELLER_PRICE: &str = "seller_price";
    /// Seller.
    pub const SELLER_NEWEST: &str = "seller_newest";
    /// When the lock runs out; only of locked tickets.
    pub const LOCKED: &str = "locked";
}

/// A stored ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Names it.
    pub id: TicketId,
    /// The seller.
    pub user_id: UserId,
    /// What is sold, in the seller's words.
    pub title: String,
    /// The price of the whole lot.
    pub price: Price,
    /// The price's currency.
    pub currency: Currency,
    /// Where the listing stands.
    pub status: TicketStatus,
    /// The show it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Section of the venue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// Row in the section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
    /// Seat names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seats: Vec<String>,
    /// Seats in the lot.
    pub quantity: u32,
    /// The order that holds or bought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Whose order that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_id: Option<UserId>,
    /// When the checkout that holds it runs out; set exactly while it is locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
    /// The seller's account was deleted while it was locked: it must not be offered again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub seller_gone: bool,
    /// When it was listed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

impl Document for Ticket {
    const COLLECTION: &'static Collection = &TICKETS;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        let (shelf, price) = (shelf(self.status), self.price.minor());
        let mut entries = vec![
            (index::PRICE, Key::new().number(shelf).number(price)),
            (index::NEWEST, Key::new().number(shelf)),
            (index::SELLER_PRICE, Key::new().id(self.user_id.0).number(price)),
            (index::SELLER_NEWEST, Key::new().id(self.user_id.0)),
        ];
        if let Some(event_id) = self.event_id {
            let event = Key::new().id(event_id.0).number(shelf);
            entries.push((index::EVENT_PRICE, event.clone().number(price)));
            entries.push((index::EVENT_NEWEST, event));
        }
        if let Some(until) = self.locked_until {
            entries.push((index::LOCKED, Key::new().time(until)));
        }
        entries
    }
}

/// Which part of an index a status stands in: what is offered, locked or not, stands together, so that
/// a lock moves nothing.
#[must_use]
pub const fn shelf(status: TicketStatus) -> u32 {
    match status {
        TicketStatus::Available | TicketStatus::Locked => 0,
        TicketStatus::Sold => 1,
        TicketStatus::Withdrawn => 2,
    }
}

/// What a seller changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// A new title.
    pub title: Option<String>,
    /// A new price.
    pub price: Option<Price>,
    /// Another section.
    pub section: Patch<String>,
    /// Another row.
    pub row: Patch<String>,
    /// Other seat names.
    pub seats: Patch<Vec<String>>,
}

/// What can be done to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Its seller edits it.
    Edit {
        /// Who asks.
        by: UserId,
        /// What changes.
        edit: Box<Edit>,
    },
    /// Its seller withdraws it.
    Withdraw {
        /// Who asks.
        by: UserId,
    },
    /// An order locks it.
    Lock(LockRequest),
    /// The order was cancelled.
    Unlock(OrderId),
    /// The order was completed.
    Sell(OrderId),
    /// The seller's account was deleted.
    SellerGone,
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody else's.
    NotOwner,
    /// A checkout holds it.
    Locked,
    /// It is sold.
    Sold,
    /// It is no longer offered.
    Withdrawn,
    /// The buyer is its seller.
    OwnTicket,
    /// Its price is another.
    PriceChanged,
    /// There must be a name for each seat or for none.
    SeatCount,
}

impl From<Refusal> for LockRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Locked => Self::Locked,
            Refusal::Sold => Self::Sold,
            Refusal::OwnTicket => Self::OwnTicket,
            Refusal::PriceChanged => Self::PriceChanged,
            Refusal::Withdrawn | Refusal::NotOwner | Refusal::SeatCount => Self::NotFound,
        }
    }
}

impl Ticket {
    /// What `command` makes of this ticket; `None` when it changes nothing, as when it was done
    /// already.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn decide(&self, command: &Command, now: Timestamp) -> Result<Option<Self>, Refusal> {
        match command {
            Command::Edit { by, edit } => self.edit(*by, edit, now),
            Command::Withdraw { by } => self.withdraw(*by, now),
            Command::Lock(request) => self.lock(request, now),
            Command::Unlock(order_id) => Ok(self.unlock(*order_id, now)),
            Command::Sell(order_id) => Ok(self.sell(*order_id, now)),
            Command::SellerGone => Ok(self.seller_gone(now)),
        }
    }

    fn edit(&self, by: UserId, edit: &Edit, now: Timestamp) -> Result<Option<Self>, Refusal> {
        self.check_editable(by)?;
        let edit = edit.clone();
        let mut after = self.clone();
        after.title = edit.title.unwrap_or(after.title);
        after.price = edit.price.unwrap_or(after.price);
        after.section = edit.section.apply(after.section);
        after.row = edit.row.apply(after.row);
        after.seats = edit.seats.apply(Some(after.seats)).unwrap_or_default();
        let named = u32::try_from(after.seats.len()).unwrap_or(u32::MAX);
        if named != 0 && named != after.quantity {
            return Err(Refusal::SeatCount);
        }
        if after == *self {
            return Ok(None);
        }
        after.updated_at = now;
        Ok(Some(after))
    }

    fn withdraw(&self, by: UserId, now: Timestamp) -> Result<Option<Self>, Refusal> {
        if self.status == TicketStatus::Withdrawn && self.user_id == by {
            return Ok(None);
        }
        self.check_editable(by)?;
        Ok(Some(Self { status: TicketStatus::Withdrawn, updated_at: now, ..self.clone() }))
    }

    fn check_editable(&self, by: UserId) -> Result<(), Refusal> {
        if self.user_id != by {
            return Err(Refusal::NotOwner);
        }
        match self.status {
            TicketStatus::Available => Ok(()),
            TicketStatus::Locked if mutant!("edit a price under a lock") => Ok(()),
            TicketStatus::Locked => Err(Refusal::Locked),
            TicketStatus::Sold => Err(Refusal::Sold),
            TicketStatus::Withdrawn => Err(Refusal::Withdrawn),
        }
    }

    fn lock(&self, request: &LockRequest, now: Timestamp) -> Result<Option<Self>, Refusal> {
        match self.status {
            TicketStatus::Withdrawn => return Err(Refusal::Withdrawn),
            // What nobody else can have either is no better reason for who will never have it.
            _ if self.user_id == request.buyer_id => return Err(Refusal::OwnTicket),
            TicketStatus::Sold => return Err(Refusal::Sold),
            TicketStatus::Locked if self.order_id == Some(request.order_id) => return Ok(None),
            TicketStatus::Locked if mutant!("lock what is locked") => {}
            TicketStatus::Locked => return Err(Refusal::Locked),
            TicketStatus::Available => {}
        }
        if request.price.is_some_and(|price| price != self.price) {
            return Err(Refusal::PriceChanged);
        }
        Ok(Some(Self {
            status: TicketStatus::Locked,
            order_id: Some(request.order_id),
            buyer_id: Some(request.buyer_id),
            locked_until: Some(request.until),
            updated_at: now,
            ..self.clone()
        }))
    }

    fn unlock(&self, order_id: OrderId, now: Timestamp) -> Option<Self> {
        self.holds(order_id).then(|| Self {
            status: if self.seller_gone {
                TicketStatus::Withdrawn
            } else {
                TicketStatus::Available
            },
            order_id: None,
            buyer_id: None,
            locked_until: None,
            updated_at: now,
            ..self.clone()
        })
    }

    fn sell(&self, order_id: OrderId, now: Timestamp) -> Option<Self> {
        self.holds(order_id).then(|| Self {
            status: TicketStatus::Sold,
            locked_until: None,
            updated_at: now,
            ..self.clone()
        })
    }

    fn seller_gone(&self, now: Timestamp) -> Option<Self> {
        match self.status {
            TicketStatus::Available => {
                Some(Self { status: TicketStatus::Withdrawn, updated_at: now, ..self.clone() })
            }
            TicketStatus::Locked if !self.seller_gone => {
                Some(Self { seller_gone: true, updated_at: now, ..self.clone() })
            }
            TicketStatus::Locked | TicketStatus::Sold | TicketStatus::Withdrawn => None,
        }
    }

    /// Whether it is locked for this very order.
    fn holds(&self, order_id: OrderId) -> bool {
        let holds = self.order_id == Some(order_id) || mutant!("unlock by another order");
        self.status == TicketStatus::Locked && holds
    }

    /// Whether `viewer` may see it: one that was withdrawn is its seller's alone.
    #[must_use]
    pub fn is_visible_to(&self, viewer: Option<UserId>) -> bool {
        self.status != TicketStatus::Withdrawn || viewer == Some(self.user_id)
    }

    /// How it stands after the change that made it this version.
    #[must_use]
    pub const fn standing(&self, version: u64) -> Standing {
        let Self { id, event_id, price, status, .. } = *self;
        Standing { ticket: id, version, event_id, price, status }
    }

    /// The event that tells of this ticket after a change.
    #[must_use]
    pub fn event(&self) -> DomainEvent {
        match self.status {
            TicketStatus::Withdrawn => DomainEvent::TicketDeleted(self.state()),
            TicketStatus::Available | TicketStatus::Locked | TicketStatus::Sold => {
                DomainEvent::TicketUpdated(self.state())
            }
        }
    }

    /// What events tell of it.
    #[must_use]
    pub fn state(&self) -> TicketState {
        let it = self.clone();
        TicketState {
            id: it.id,
            user_id: it.user_id,
            title: it.title,
            price: it.price,
            currency: it.currency,
            status: it.status,
            event_id: it.event_id,
            section: it.section,
            row: it.row,
            seats: it.seats,
            quantity: it.quantity,
            order_id: it.order_id,
            buyer_id: it.buyer_id,
            locked_until: it.locked_until,
            created_at: it.created_at,
            updated_at: it.updated_at,
        }
    }

    /// What the lock's order is told.
    #[must_use]
    pub fn locked(&self, until: Timestamp) -> Locked {
        Locked {
            seller_id: self.user_id,
            price: self.price,
            currency: self.currency,
            ticket: OrderTicket {
                title: self.title.clone(),
                event_id: self.event_id,
                section: self.section.clone(),
                row: self.row.clone(),
                seats: self.seats.clone(),
                quantity: self.quantity,
            },
            until,
        }
    }
}

/// The ticket as `viewer` may see it.
#[must_use]
pub fn public(state: TicketState, version: u64, viewer: Option<UserId>) -> api::Ticket {
    let may_see_order = viewer.is_some_and(|it| it == state.user_id || Some(it) == state.buyer_id);
    api::Ticket {
        id: state.id,
        version,
        title: state.title,
        price: state.price,
        currency: state.currency,
        user_id: state.user_id,
        order_id: state.order_id.filter(|_| may_see_order),
        status: state.status,
        event_id: state.event_id,
        section: state.section,
        row: state.row,
        seats: state.seats,
        quantity: state.quantity,
        locked_until: state.locked_until,
        created_at: state.created_at,
        updated_at: state.updated_at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const LATER: Timestamp = Timestamp::from_millis(9_000);
    const SELLER: UserId = UserId(Uuid::from_u128(1));
    const BUYER: UserId = UserId(Uuid::from_u128(2));
    const HOLDER: OrderId = OrderId(Uuid::from_u128(10));
    const OTHER: OrderId = OrderId(Uuid::from_u128(11));

    fn ticket(status: TicketStatus) -> Ticket {
        let held = matches!(status, TicketStatus::Locked | TicketStatus::Sold);
        Ticket {
            id: TicketId(Uuid::from_u128(100)),
            user_id: SELLER,
            title: "Two in the stalls".to_owned(),
            price: Price::try_from(5000).unwrap(),
            currency: Currency::USD,
            status,
            event_id: None,
            section: None,
            row: None,
            seats: vec!["1".to_owned(), "2".to_owned()],
            quantity: 2,
            order_id: held.then_some(HOLDER),
            buyer_id: held.then_some(BUYER),
            locked_until: (status == TicketStatus::Locked).then_some(LATER),
            seller_gone: false,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    fn lock(order_id: OrderId, buyer_id: UserId, price: Option<i64>) -> Command {
        let price = price.map(|price| Price::try_from(price).unwrap());
        Command::Lock(LockRequest {
            ticket_id: TicketId(Uuid::from_u128(100)),
            order_id,
            buyer_id,
            price,
            until: LATER,
        })
    }

    fn edit(by: UserId) -> Command {
        let edit = Edit {
            title: None,
            price: Some(Price::try_from(7000).unwrap()),
            section: Patch::Keep,
            row: Patch::Keep,
            seats: Patch::Keep,
        };
        Command::Edit { by, edit: Box::new(edit) }
    }

    /// What becomes of a ticket: its status after the change, `None` for no change, or the refusal.
    type Outcome = Result<Option<TicketStatus>, Refusal>;

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table, row by row")]
    fn every_command_on_every_status_has_one_outcome() {
        use Refusal as R;
        use TicketStatus::{Available, Locked, Sold, Withdrawn};
        let commands: [(&str, Command, [Outcome; 4]); 14] = [
            // command, then what comes of it on available, locked (for HOLDER), sold (to HOLDER), withdrawn
            (
                "edit",
                edit(SELLER),
                [Ok(Some(Available)), Err(R::Locked), Err(R::Sold), Err(R::Withdrawn)],
            ),
            ("edit by another", edit(BUYER), [Err(R::NotOwner); 4]),
            (
                "withdraw",
                Command::Withdraw { by: SELLER },
                [Ok(Some(Withdrawn)), Err(R::Locked), Err(R::Sold), Ok(None)],
            ),
            ("withdraw by another", Command::Withdraw { by: BUYER }, [Err(R::NotOwner); 4]),
            (
                "lock",
                lock(OTHER, BUYER, None),
                [Ok(Some(Locked)), Err(R::Locked), Err(R::Sold), Err(R::Withdrawn)],
            ),
            (
                "lock again",
                lock(HOLDER, BUYER, None),
                [Ok(Some(Locked)), Ok(None), Err(R::Sold), Err(R::Withdrawn)],
            ),
            (
                "lock at its price",
                lock(OTHER, BUYER, Some(5000)),
                [Ok(Some(Locked)), Err(R::Locked), Err(R::Sold), Err(R::Withdrawn)],
            ),
            (
                "lock at another price",
                lock(OTHER, BUYER, Some(1)),
                [Err(R::PriceChanged), Err(R::Locked), Err(R::Sold), Err(R::Withdrawn)],
            ),
            (
                "lock one's own",
                lock(OTHER, SELLER, None),
                [Err(R::OwnTicket), Err(R::OwnTicket), Err(R::OwnTicket), Err(R::Withdrawn)],
            ),
            (
                "unlock",
                Command::Unlock(HOLDER),
                [Ok(None), Ok(Some(Available)), Ok(None), Ok(None)],
            ),
            ("unlock for another order", Command::Unlock(OTHER), [Ok(None); 4]),
            ("sell", Command::Sell(HOLDER), [Ok(None), Ok(Some(Sold)), Ok(None), Ok(None)]),
            ("sell to another order", Command::Sell(OTHER), [Ok(None); 4]),
            (
                "seller gone",
                Command::SellerGone,
                [Ok(Some(Withdrawn)), Ok(Some(Locked)), Ok(None), Ok(None)],
            ),
        ];
        for (name, command, outcomes) in commands {
            for (status, expected) in [Available, Locked, Sold, Withdrawn].into_iter().zip(outcomes)
            {
                let before = ticket(status);
                let after = before.decide(&command, NOW);
                let outcome =
                    after.as_ref().map(|it| it.as_ref().map(|it| it.status)).map_err(|it| *it);
                assert_eq!(outcome, expected, "{name} on {status:?}");
                if let Ok(Some(after)) = after {
                    assert_eq!(after.updated_at, NOW, "{name} on {status:?}");
                    assert_eq!(
                        after.locked_until.is_some(),
                        after.status == Locked,
                        "{name} on {status:?}"
                    );
                    assert_eq!(
                        after.order_id.is_some(),
                        matches!(after.status, Locked | Sold),
                        "{name} on {status:?}"
                    );
                    let edited = matches!(command, Command::Edit { .. });
                    assert!(
                        edited || after.price == before.price,
                        "{name} on {status:?} changed the price"
                    );
                }
            }
        }
    }

    #[test]
    fn a_locked_ticket_of_a_deleted_seller_is_withdrawn_when_its_checkout_ends() {
        let gone = ticket(TicketStatus::Locked).decide(&Command::SellerGone, NOW).unwrap().unwrap();
        let after = gone.decide(&Command::Unlock(HOLDER), NOW).unwrap().unwrap();
        assert_eq!(after.status, TicketStatus::Withdrawn);
        assert!(matches!(after.event(), DomainEvent::TicketDeleted(_)));
        let sold = gone.decide(&Command::Sell(HOLDER), NOW).unwrap().unwrap();
        assert_eq!(sold.status, TicketStatus::Sold);
    }

    #[test]
    fn a_lot_has_a_name_for_each_seat_or_for_none() {
        let seats = |seats: Patch<Vec<String>>| Command::Edit {
            by: SELLER,
            edit: Box::new(Edit {
                title: None,
                price: None,
                section: Patch::Keep,
                row: Patch::Keep,
                seats,
            }),
        };
        let before = ticket(TicketStatus::Available);
        assert_eq!(
            before.decide(&seats(Patch::Set(vec!["1".to_owned()])), NOW),
            Err(Refusal::SeatCount)
        );
        assert_eq!(
            before.decide(&seats(Patch::Clear), NOW).unwrap().unwrap().seats,
            Vec::<String>::new()
        );
    }

    #[test]
    fn the_order_is_shown_to_the_seller_and_to_its_buyer_only() {
        let state = ticket(TicketStatus::Locked).state();
        let shown = |viewer| public(state.clone(), 1, viewer).order_id;
        assert_eq!(shown(Some(SELLER)), Some(HOLDER));
        assert_eq!(shown(Some(BUYER)), Some(HOLDER));
        assert_eq!(shown(Some(UserId(Uuid::from_u128(3)))), None);
        assert_eq!(shown(None), None);
    }
}
