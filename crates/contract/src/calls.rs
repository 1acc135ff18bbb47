//! What services say to each other while somebody waits.
//!
//! Each call has request and answer types of its own, so that a change of the public API is no change of
//! the protocol between services. All of it can be put on the wire; in one process it never is.

use serde::{Deserialize, Serialize};

use crate::{
    actor::Role,
    api::{EventStatus, OrderStatus, OrderTicket},
    email::Email,
    event::TicketState,
    fees::SaleFees,
    ids::{ChargeId, EventId, OrderId, SessionId, TicketId, UserId},
    language::Language,
    money::{Currency, Price},
    time::Timestamp,
    zone::LocalTime,
};

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// The user.
    pub user_id: UserId,
    /// The session or access token.
    pub session_id: SessionId,
    /// What the user may do.
    pub role: Role,
    /// Whether the user may put tickets up for sale: not before the address is verified, where the market
    /// asks for that.
    pub may_sell: bool,
    /// Whether the account is trusted to create much: its address is verified, or it is no new one.
    #[serde(default)]
    pub is_established: bool,
    /// Whether the token may only look.
    pub read_only: bool,
}

/// Where a user is written to, at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipient {
    /// The address. It is not to be kept.
    pub email: Email,
    /// What to call the user; empty where nothing is known that may stand in a mail.
    pub name: String,
    /// The user's language.
    pub language: Language,
}

/// What may be shown of a user to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The version of the account. An answer with a lower one is older.
    pub version: u64,
    /// The name that the user chose to show, if it may be shown.
    pub name: Option<String>,
    /// When the account was opened.
    pub since: Timestamp,
    /// Whether the user has shown that mail to the address arrives.
    pub email_verified: bool,
}

/// What orders wants locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockRequest {
    /// The ticket.
    pub ticket_id: TicketId,
    /// The order it is locked for; the same at every retry.
    pub order_id: OrderId,
    /// Whose order it is.
    pub buyer_id: UserId,
    /// The price that the buyer saw.
    pub price: Option<Price>,
    /// When the checkout runs out.
    pub until: Timestamp,
}

/// A lock that was taken, and the ticket as it was locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Locked {
    /// The seller.
    pub seller_id: UserId,
    /// The price at the lock.
    pub price: Price,
    /// The fees at the lock.
    #[serde(default, skip_serializing_if = "SaleFees::is_none")]
    pub fees: SaleFees,
    /// The currency of both.
    pub currency: Currency,
    /// What is bought.
    pub ticket: OrderTicket,
    /// When the checkout runs out: that of the first answer, where the order held the lock already.
    pub until: Timestamp,
}

/// Why a ticket was not locked. Nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockRefusal {
    /// No such ticket, or it is no longer offered.
    NotFound,
    /// Another order holds it.
    Locked,
    /// It is another buyer's turn in line.
    Reserved,
    /// It is sold.
    Sold,
    /// The buyer is its seller.
    OwnTicket,
    /// Its price is another.
    PriceChanged,
    /// The event is over, or does not take place.
    EventOver,
}

/// A lock whose time is up, with all that orders needs to write a tombstone for an order it never saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpiredLock {
    /// The order that holds the lock.
    pub order_id: OrderId,
    /// Whose order it is.
    pub buyer_id: UserId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// When the checkout ran out.
    pub until: Timestamp,
    /// The ticket as it was locked.
    pub locked: Locked,
}

/// Which overdue locks are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverdueLocksRequest {
    /// Those that ran out before this moment.
    pub due_before: Timestamp,
    /// Behind this place, which the page before gave.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// One page of overdue locks, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OverdueLocks {
    /// The locks.
    pub locks: Vec<ExpiredLock>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// A listing after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    /// The version of the change.
    pub version: u64,
    /// The ticket after it.
    pub ticket: TicketState,
}

/// Whose listings are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListingsOf {
    /// Those of an event, but not those that were withdrawn.
    Event(EventId),
    /// This ticket, in whatever state.
    Ticket(TicketId),
}

/// Which listings are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListingsRequest {
    /// Whose.
    pub of: ListingsOf,
    /// Behind this place, which the page before gave.
    pub cursor: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// One page of listings as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listings {
    /// The listings.
    pub listings: Vec<Listing>,
    /// Where the next page begins, if there is one.
    pub next: Option<String>,
}

/// What tickets, payments and delivery need to know of a show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowForListing {
    /// The show.
    pub id: EventId,
    /// What is on.
    #[serde(default)]
    pub name: String,
    /// The kind of show.
    pub category: String,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it is over: nothing of it is listed or bought from then on.
    pub ends_at: Timestamp,
    /// Where it stands, by the clock of catalogue.
    #[serde(default)]
    pub status: EventStatus,
    /// The one currency that its tickets are sold in.
    #[serde(default)]
    pub currency: Currency,
    /// Who performs; its own name where nobody is named.
    #[serde(default)]
    pub performers: Vec<String>,
}

/// A show by what it is called, in any spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowByName {
    /// What is on.
    pub name: String,
    /// The name of the venue.
    pub venue: String,
    /// The city of the venue, where it is told.
    pub city: Option<String>,
    /// When it begins, as clocks at the venue show it; a date alone fits any time of that day.
    pub local_start: LocalTime,
}

/// Why no show is answered for a name. Nothing happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotFoundByName {
    /// No show is called so.
    Unknown,
    /// More than one is.
    Several,
}

/// What payments and delivery need to know of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderForPayment {
    /// The order.
    pub id: OrderId,
    /// The buyer.
    pub user_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// Where it stands.
    pub status: OrderStatus,
    /// Whether it was cancelled because its time ran out.
    pub has_expired: bool,
    /// The charge it is secured for or was paid with.
    pub charge_id: Option<ChargeId>,
    /// What is to be paid, in minor units.
    pub amount: Price,
    /// The fees that are in it.
    #[serde(default, skip_serializing_if = "SaleFees::is_none")]
    pub fees: SaleFees,
    /// In this currency.
    pub currency: Currency,
    /// When the checkout runs out.
    pub expires_at: Timestamp,
    /// What is bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<OrderTicket>,
}

/// What is still open of a seller's sales.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenSales {
    /// How many sales are not settled: their money is held, to be paid or owed.
    pub unsettled: u32,
    /// Of how many of them the ticket is not delivered.
    pub undelivered: u32,
}

/// Why an order was not secured. The money stays where it is; an order whose time is over is ended by
/// the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecureRefusal {
    /// No such order.
    NotFound,
    /// It was cancelled because its time ran out.
    Expired,
    /// It was cancelled for another reason.
    Cancelled,
    /// It is paid for already.
    Completed,
    /// It is secured for another charge.
    PaymentInProgress,
}
