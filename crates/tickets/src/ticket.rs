//! A ticket and the rules of its lock, as a pure state machine.
//!
//! ```text
//!        list           lock               sell
//!  ∅ ─────────▶ available ─────▶ locked ─────────▶ sold
//!               │  ▲               │
//!               │  └─── release ───┘   (release withdraws it when it was retired meanwhile)
//!               └─ withdraw ──▶ withdrawn
//! ```
//!
//! While people wait in line for it (`line.rs`), a ticket that is released is available to the first of them
//! alone, for three minutes; to everybody else it is as good as locked.

mod entries;
mod indexes;
mod line;
mod lock;
mod price;
mod seats;
mod shown;
#[cfg(test)]
mod tests;
mod waiting;
mod wanted;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Currency, DomainEvent, EventId, InvalidAmount, OrderId, Price, TicketId, Timestamp, UserId,
    api::{CreateTicketRequest, DeliveryKind, TicketStatus, UpdateTicketRequest},
    calls::{LockRefusal, LockRequest},
    fees::{FeeSchedule, Fees, SaleFees, TooMuch},
};
use stubmart_kernel::{Aggregate, Decision, aggregate::Key, mutant};

pub use self::{
    indexes::{Phase, TICKETS, index},
    line::{Line, Place, Turn},
    price::PendingPrice,
    wanted::{GiveWay, WantedSeats},
};

/// A stored ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// Names it.
    pub id: TicketId,
    /// The seller.
    pub user_id: UserId,
    /// The seller's headline.
    pub title: String,
    /// The price of the whole lot.
    pub price: Price,
    /// The fees of a sale at this price.
    #[serde(default, skip_serializing_if = "SaleFees::is_none")]
    pub fees: SaleFees,
    /// The currency of both.
    pub currency: Currency,
    /// Where the listing stands.
    pub status: TicketStatus,
    /// The show it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// The kind of show, which its fees may depend on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
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
    /// How it comes to its buyer.
    #[serde(default, skip_serializing_if = "DeliveryKind::is_default")]
    pub delivery_kind: DeliveryKind,
    /// The seller's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// The order that holds or bought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_id: Option<OrderId>,
    /// Whose order that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_id: Option<UserId>,
    /// When the checkout that holds it runs out; set exactly while it is locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
    /// What it is to cost once it is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_price: Option<PendingPrice>,
    /// Who waits for it, and whose turn it is.
    #[serde(default, skip_serializing_if = "Line::is_empty")]
    pub line: Line,
    /// It was retired while it was locked: it must not be offered again.
    #[serde(default, rename = "sellerGone", skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
    /// When its event is over: nobody buys it from then on, and it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_ends_at: Option<Timestamp>,
    /// Grows when it gives way to another listing that takes over seats it once claimed and does not
    /// have. What was claimed with a lower fence cannot be saved any more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub fence: u32,
    /// When it was listed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A change of a ticket.
#[derive(Debug, Clone)]
pub enum Command {
    /// A seller lists it.
    List {
        /// Its id.
        id: TicketId,
        /// The seller.
        seller: UserId,
        /// The listing.
        listing: Box<CreateTicketRequest>,
        /// The kind of show it is for.
        category: Option<String>,
        /// The operator's fees.
        fees: Arc<FeeSchedule>,
        /// When its event is over.
        event_ends_at: Option<Timestamp>,
        /// The seats that were claimed for it.
        claimed: Option<WantedSeats>,
    },
    /// A user edits it.
    Edit {
        /// The user who asks.
        by: UserId,
        /// The fields to change.
        edit: Box<UpdateTicketRequest>,
        /// The operator's fees.
        fees: Arc<FeeSchedule>,
        /// The seats that were claimed for it.
        claimed: Option<WantedSeats>,
    },
    /// The operator's fees have changed. What an order has agreed to stays as it is.
    SetFees(Arc<FeeSchedule>),
    /// A user withdraws it.
    Withdraw {
        /// The user who asks.
        by: UserId,
    },
    /// A user wants to wait in line for it.
    Join(UserId),
    /// A user waits no longer, or does not take their turn.
    LeaveLine(UserId),
    /// A turn may be over: the next in line has theirs.
    PassOn,
    /// An order locks it.
    Lock(LockRequest),
    /// The order was cancelled.
    Release(OrderId),
    /// The order was completed.
    Sell(OrderId),
    /// It must not be offered any longer: its seller's account was deleted, say.
    Retire,
    /// Another listing wants seats that it has claimed.
    GiveWay(GiveWay),
    /// Its event ends at this moment.
    EventEnds(Timestamp),
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such ticket, or none that the caller may see.
    NotFound,
    /// It is another user's.
    NotOwner,
    /// A checkout holds it.
    Locked,
    /// It is somebody else's turn in line to buy it.
    Reserved,
    /// Nobody holds it: it can be bought without waiting.
    Free,
    /// The user's own checkout holds it.
    OwnCheckout,
    /// As many wait in line as may.
    LineFull,
    /// Something else than the price is to change once the ticket is free.
    OnlyPriceWaits,
    /// It is sold.
    Sold,
    /// It is no longer offered.
    Withdrawn,
    /// The buyer is its seller.
    OwnTicket,
    /// Its price is another.
    PriceChanged,
    /// Price and fees come to more than can be charged.
    TooMuch,
    /// A lot has a name for each of its seats, or for none.
    SeatCount {
        /// How many seats are named.
        named: u32,
        /// How many seats the lot has.
        quantity: u32,
    },
    /// The payment provider does not take its price.
    Price(InvalidAmount),
    /// Its event is over.
    EventOver,
    /// Two of its seats are one seat.
    SeatTwice,
    /// These seats have to be claimed first.
    NotClaimed(Box<WantedSeats>),
    /// These seats, in normal form, are in another listing.
    SeatsListed(Vec<String>),
}

impl From<TooMuch> for Refusal {
    fn from(TooMuch: TooMuch) -> Self {
        Self::TooMuch
    }
}

impl From<Refusal> for LockRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Locked => Self::Locked,
            Refusal::Reserved => Self::Reserved,
            Refusal::Sold => Self::Sold,
            Refusal::OwnTicket => Self::OwnTicket,
            Refusal::PriceChanged => Self::PriceChanged,
            Refusal::EventOver => Self::EventOver,
            Refusal::NotFound
            | Refusal::Withdrawn
            | Refusal::Free
            | Refusal::OwnCheckout
            | Refusal::LineFull
            | Refusal::OnlyPriceWaits
            | Refusal::NotOwner
            | Refusal::TooMuch
            | Refusal::SeatCount { .. }
            | Refusal::SeatTwice
            | Refusal::Price(_)
            | Refusal::NotClaimed(_)
            | Refusal::SeatsListed(_) => Self::NotFound,
        }
    }
}

impl Aggregate for Ticket {
    type Id = TicketId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> TicketId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        self.entries()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let after = match (current, command) {
            (
                None,
                Command::List { id, seller, listing, category, fees, event_ends_at, claimed },
            ) => {
                let listed = Self::list(*id, *seller, listing, category.as_ref(), fees, now)?;
                let listed = Self { event_ends_at: *event_ends_at, ..listed };
                if listed.is_event_over(now) {
                    return Err(Refusal::EventOver);
                }
                listed.check_claimed(None, claimed.as_ref())?;
                let event = DomainEvent::TicketCreated(listed.state());
                return Ok(Decision::changed(listed, event));
            }
            (current, Command::GiveWay(asked)) => return Self::give_way(current, asked, now),
            (None, _) => return Err(Refusal::NotFound),
            (Some(ticket), Command::List { listing, .. }) if ticket.is_never_listed() => {
                return Err(Refusal::SeatsListed(listing.seats.clone().unwrap_or_default()));
            }
            (Some(_), Command::List { .. }) => None,
            (Some(ticket), Command::Edit { by, edit, fees, claimed }) => {
                let after = ticket.edit(*by, edit, fees)?;
                if let Some(after) = &after {
                    after.check_claimed(Some(ticket), claimed.as_ref())?;
                }
                after
            }
            (Some(ticket), Command::SetFees(fees)) => ticket.set_fees(fees)?,
            (Some(ticket), Command::Withdraw { by }) => ticket.withdraw(*by)?,
            (Some(ticket), Command::Join(by)) => return Ok(quiet(ticket.join(*by, now)?)),
            (Some(ticket), Command::LeaveLine(by)) if ticket.line.turn_of(*by).is_none() => {
                return Ok(quiet(ticket.leave_line(*by, now)));
            }
            (Some(ticket), Command::LeaveLine(by)) => ticket.leave_line(*by, now),
            (Some(ticket), Command::PassOn) => ticket.pass_on(now),
            (Some(ticket), Command::Lock(request)) => ticket.lock(request, now)?,
            (Some(ticket), Command::Release(order_id)) => ticket.release(*order_id, now),
            (Some(ticket), Command::Sell(order_id)) => ticket.sell(*order_id),
            (Some(ticket), Command::Retire) => ticket.retired(),
            (Some(ticket), Command::EventEnds(at)) => {
                if ticket.event_ends_at == Some(*at) {
                    return Ok(Decision::Unchanged);
                }
                let ticket = Self { event_ends_at: Some(*at), ..ticket.clone() };
                return Ok(Decision::silent(ticket));
            }
        };
        let Some(after) = after else { return Ok(Decision::Unchanged) };
        let after = Self { updated_at: now, ..after };
        let event = match after.status {
            TicketStatus::Withdrawn => DomainEvent::TicketDeleted(after.state()),
            TicketStatus::Available | TicketStatus::Locked | TicketStatus::Sold => {
                DomainEvent::TicketUpdated(after.state())
            }
        };
        Ok(Decision::changed(after, event))
    }
}

/// The transitions. Each answers with the ticket after the change, or `None` when the command changes
/// nothing, as when it had its effect before.
impl Ticket {
    fn list(
        id: TicketId,
        seller: UserId,
        listing: &CreateTicketRequest,
        category: Option<&String>,
        fees: &FeeSchedule,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let quantity = Self::quantity(listing)?;
        let fees = fees_of(listing, category, fees).at(listing.price)?;
        let currency = listing.currency.unwrap_or_default();
        check_money(listing.price, fees, currency)?;
        let listing = listing.clone();
        Ok(Self {
            id,
            user_id: seller,
            title: listing.title,
            price: listing.price,
            fees,
            currency,
            status: TicketStatus::Available,
            event_id: listing.event_id,
            category: category.cloned(),
            section: filled(listing.section),
            row: filled(listing.row),
            seats: listing.seats.unwrap_or_default(),
            quantity,
            delivery_kind: listing.delivery_kind.unwrap_or_default(),
            external_id: filled(listing.external_id),
            order_id: None,
            buyer_id: None,
            locked_until: None,
            pending_price: None,
            line: Line::default(),
            retired: false,
            event_ends_at: None,
            fence: 0,
            created_at: now,
            updated_at: now,
        })
    }

    fn edit(
        &self,
        by: UserId,
        edit: &UpdateTicketRequest,
        fees: &FeeSchedule,
    ) -> Result<Option<Self>, Refusal> {
        match self.check_editable(by) {
            Err(Refusal::Locked) if edit.when_free => return self.edit_when_free(edit, fees),
            checked => checked?,
        }
        let (edit, before) = (edit.clone(), self.clone());
        let price = edit.price.unwrap_or(before.price);
        let after = Self {
            title: edit.title.unwrap_or(before.title),
            price,
            fees: self.fees_by(fees).at(price)?,
            section: filled(edit.section.apply(before.section)),
            row: filled(edit.row.apply(before.row)),
            seats: edit.seats.apply(Some(before.seats)).unwrap_or_default(),
            quantity: edit.quantity.unwrap_or(before.quantity),
            external_id: filled(edit.external_id.apply(before.external_id)),
            ..before
        };
        Self::check_seats(&after.seats, after.quantity)?;
        if after.price != self.price {
            check_money(after.price, after.fees, after.currency)?;
        }
        Ok(if after == *self { None } else { Some(after) })
    }

    /// A ticket that is sold or withdrawn keeps the fees it had.
    fn set_fees(&self, fees: &FeeSchedule) -> Result<Option<Self>, Refusal> {
        let schedule = self.fees_by(fees);
        let fees = schedule.at(self.price)?;
        let pending_price = self.pending_price.map(|it| it.with(&schedule)).transpose()?;
        let after = Self { fees, pending_price, ..self.clone() };
        Ok((Phase::of(self.status) == Phase::Offered && after != *self).then_some(after))
    }

    fn fees_by(&self, schedule: &FeeSchedule) -> Fees {
        schedule.of_sale(self.event_id, self.category.as_deref(), self.currency)
    }

    fn withdraw(&self, by: UserId) -> Result<Option<Self>, Refusal> {
        if self.status == TicketStatus::Withdrawn && self.user_id == by {
            return Ok(None);
        }
        self.check_editable(by)?;
        Ok(Some(Self { status: TicketStatus::Withdrawn, ..self.clone() }))
    }

    fn check_editable(&self, by: UserId) -> Result<(), Refusal> {
        if !self.is_visible_to(Some(by)) {
            return Err(Refusal::NotFound);
        }
        if self.user_id != by {
            return Err(Refusal::NotOwner);
        }
        match self.status {
            TicketStatus::Available if self.line.turn().is_some() => Err(Refusal::Locked),
            TicketStatus::Available => Ok(()),
            TicketStatus::Locked if mutant!("edit a price under a lock") => Ok(()),
            TicketStatus::Locked => Err(Refusal::Locked),
            TicketStatus::Sold => Err(Refusal::Sold),
            TicketStatus::Withdrawn => Err(Refusal::Withdrawn),
        }
    }

    /// Whether it is on sale and may stay so.
    fn is_offered(&self) -> bool {
        matches!(self.status, TicketStatus::Available | TicketStatus::Locked) && !self.retired
    }

    fn is_event_over(&self, now: Timestamp) -> bool {
        self.event_ends_at.is_some_and(|at| at <= now)
    }
}

/// Who waits behind whom is nobody else's business.
fn quiet(after: Option<Ticket>) -> Decision<Ticket> {
    after.map_or(Decision::Unchanged, Decision::silent)
}

/// The fees of a lot that is to be listed for a show of this kind.
#[must_use]
pub fn fees_of(
    listing: &CreateTicketRequest,
    category: Option<&String>,
    schedule: &FeeSchedule,
) -> Fees {
    let currency = listing.currency.unwrap_or(Currency::USD);
    schedule.of_sale(listing.event_id, category.map(String::as_str), currency)
}

/// The payment provider has to take the price, and what the buyer pays.
///
/// # Errors
/// [`Refusal::Price`], [`Refusal::TooMuch`].
pub(crate) fn check_money(price: Price, fees: SaleFees, currency: Currency) -> Result<(), Refusal> {
    currency.check(price).map_err(Refusal::Price)?;
    let total = i64::from(price.minor()).saturating_add(fees.buyer);
    if total > i64::from(currency.most()) { Err(Refusal::TooMuch) } else { Ok(()) }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// An empty text is as good as none.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}
