//! Domain events: what one service tells the others, in an envelope that lets them be handled twice,
//! late and out of order.
//!
//! Payloads carry the state after the change, so that a consumer never has to ask back. They carry no
//! personal data: an event is kept for ever, a person's data is erased with the account.

mod payouts;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    actor::{Actor, RequestId, Role},
    api::{
        CancelReason, ChargeStatus, ClaimKind, ClaimOutcome, ClaimStatus, DeliveryCancelReason,
        DeliveryKind, DeliveryStatus, EventOrder, EventPayment, EventStatus, OrderStatus,
        OrderTicket, RefundStatus, Ticket, TicketStatus, Venue,
    },
    fees::{Breakdown, SaleFees},
    ids::{ChargeId, ClaimId, EventId, MessageId, OrderId, RefundId, TicketId, UserId},
    money::{Currency, Price},
    time::Timestamp,
    zone::LocalTime,
};

pub use payouts::{PayoutItem, PayoutState, SaleState};

macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($payload:ty) = $word:literal;)+) => {
        /// The kinds of domain events; on the wire the kind is the subject, in capitals.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        pub enum EventType { $($(#[$doc])* $name,)+ }

        impl EventType {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The kind's name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }

        /// What happened, and the state it led to.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum DomainEvent {
            $($(#[$doc])* $name($payload),)+
            /// `ORDER_EXPIRED` as expiration published it in schema 1, about a lock instead of an
            /// order. It is read because events are kept for ever; nobody acts on it.
            LockExpired(LockExpired),
        }

        impl DomainEvent {
            /// Its kind.
            #[must_use]
            pub const fn event_type(&self) -> EventType {
                match self {
                    $(Self::$name(_) => EventType::$name,)+
                    Self::LockExpired(_) => EventType::OrderExpired,
                }
            }

            fn payload(&self) -> serde_json::Result<Box<RawValue>> {
                match self {
                    $(Self::$name(payload) => serde_json::value::to_raw_value(payload),)+
                    Self::LockExpired(payload) => serde_json::value::to_raw_value(payload),
                }
            }

            fn decode(kind: EventType, schema: u32, payload: &RawValue) -> serde_json::Result<Self> {
                fn read<T: DeserializeOwned>(payload: &RawValue) -> serde_json::Result<T> {
                    serde_json::from_str(payload.get())
                }
                Ok(match kind {
                    EventType::OrderExpired if schema == 1 => Self::LockExpired(read(payload)?),
                    $(EventType::$name => Self::$name(read(payload)?),)+
                })
            }
        }
    };
}

events! {
    /// Somebody signed up.
    UserCreated(UserState) = "USER_CREATED";
    /// Email, name or password changed.
    UserUpdated(UserState) = "USER_UPDATED";
    /// The user may do other things than before.
    UserRoleChanged(UserRole) = "USER_ROLE_CHANGED";
    /// The account is gone and its personal data erased.
    UserDeleted(UserState) = "USER_DELETED";
    /// A show was added to the catalogue.
    ShowCreated(ShowState) = "SHOW_CREATED";
    /// A show was changed.
    ShowUpdated(ShowState) = "SHOW_UPDATED";
    /// A ticket was listed.
    TicketCreated(TicketState) = "TICKET_CREATED";
    /// A ticket was edited, locked, unlocked or sold.
    TicketUpdated(TicketState) = "TICKET_UPDATED";
    /// A listing was withdrawn.
    TicketDeleted(TicketState) = "TICKET_DELETED";
    /// A checkout began: the ticket is locked for this order.
    OrderCreated(OrderState) = "ORDER_CREATED";
    /// The order ended without a sale; its ticket is free again.
    OrderCancelled(OrderState) = "ORDER_CANCELLED";
    /// The order was cancelled because its time ran out, or was never saved before that; its ticket is
    /// free again.
    OrderExpired(OrderState) = "ORDER_EXPIRED";
    /// The order is secured for a payment: it can neither expire nor be left.
    OrderAwaitingPayment(OrderState) = "ORDER_AWAITING_PAYMENT";
    /// The order is paid for; its ticket is sold.
    OrderCompleted(OrderState) = "ORDER_COMPLETED";
    /// A charge was saved; the provider is asked next.
    ChargeCreated(ChargeState) = "CHARGE_CREATED";
    /// The money was captured.
    ChargeCompleted(ChargeState) = "CHARGE_COMPLETED";
    /// The charge ended and took nothing.
    ChargeFailed(ChargeState) = "CHARGE_FAILED";
    /// Captured money was given back, all of it or a part.
    ChargeRefunded(ChargeState) = "CHARGE_REFUNDED";
    /// Money that was to be given back did not reach the buyer: the provider has it again.
    ChargeRefundFailed(ChargeState) = "CHARGE_REFUND_FAILED";
    /// A ticket was sold: its seller is to deliver it.
    DeliveryCreated(DeliveryState) = "DELIVERY_CREATED";
    /// The time to deliver is another, or the buyer of a late ticket chose to wait.
    DeliveryUpdated(DeliveryState) = "DELIVERY_UPDATED";
    /// The time to deliver is nearly over.
    DeliveryDueSoon(DeliveryState) = "DELIVERY_DUE_SOON";
    /// The time to deliver is over.
    DeliveryLate(DeliveryState) = "DELIVERY_LATE";
    /// The seller sent the ticket.
    DeliverySent(DeliveryState) = "DELIVERY_SENT";
    /// The buyer has the ticket.
    DeliveryAccepted(DeliveryState) = "DELIVERY_ACCEPTED";
    /// The ticket will not be delivered.
    DeliveryCancelled(DeliveryState) = "DELIVERY_CANCELLED";
    /// A buyer claims: the seller's money waits.
    ClaimOpened(ClaimState) = "CLAIM_OPENED";
    /// The seller answered a claim.
    ClaimAnswered(ClaimState) = "CLAIM_ANSWERED";
    /// A claim was decided.
    ClaimDecided(ClaimState) = "CLAIM_DECIDED";
    /// Something was sold: the money is held for the seller.
    PayoutScheduled(SaleState) = "PAYOUT_SCHEDULED";
    /// What the seller of an order gets, when, or why not yet has changed.
    PayoutUpdated(SaleState) = "PAYOUT_UPDATED";
    /// The money of a sale may be paid to its seller.
    PayoutDue(SaleState) = "PAYOUT_DUE";
    /// A seller was paid.
    PayoutPaid(PayoutState) = "PAYOUT_PAID";
}

/// Payload of `USER_*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserState {
    /// The user.
    pub id: UserId,
}

/// Payload of `USER_ROLE_CHANGED`. Who changed it is the actor of its envelope: the record of these events
/// is the audit log of roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRole {
    /// The user.
    pub id: UserId,
    /// What the user may do from now on.
    pub role: Role,
}

/// Payload of `SHOW_*`: the show after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShowState {
    /// The show.
    pub id: EventId,
    /// What is on.
    pub name: String,
    /// The kind of show.
    pub category: String,
    /// Who performs.
    #[serde(default)]
    pub performers: Vec<String>,
    /// Where. Events of versions that knew no time zones have none.
    pub venue: Venue,
    /// When it begins; the beginning of the day at the venue where the time is not known.
    pub starts_at: Timestamp,
    /// When it begins, as clocks at the venue show it; a date alone where the time is not known. Events of
    /// versions that knew no time zones have none.
    #[serde(default)]
    pub local_start: Option<LocalTime>,
    /// When it is over. Events of versions that did not know have none.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
    /// Where it stands, but for whether it is over by now.
    #[serde(default)]
    pub status: EventStatus,
    /// The one currency that tickets for it are sold in.
    #[serde(default)]
    pub currency: Currency,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Payload of `TICKET_*`: the ticket after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketState {
    /// The ticket.
    pub id: TicketId,
    /// The seller.
    pub user_id: UserId,
    /// What is sold, in the seller's words.
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
    pub event_id: Option<EventId>,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row in the section.
    pub row: Option<String>,
    /// Seat names.
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
    pub order_id: Option<OrderId>,
    /// Whose order that is.
    pub buyer_id: Option<UserId>,
    /// When the checkout that holds it runs out; set exactly while `status` is `locked`.
    pub locked_until: Option<Timestamp>,
    /// Whose turn in line it is to buy it, while nobody's checkout holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<TicketTurn>,
    /// When it was listed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// In the payload of `TICKET_*`: one user alone can buy the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketTurn {
    /// The user.
    pub user_id: UserId,
    /// Until then.
    pub until: Timestamp,
}

impl TicketState {
    /// Where it stands to `viewer`: a ticket that is available to the one whose turn it is, is locked to all
    /// others.
    #[must_use]
    pub fn status_to(&self, viewer: Option<UserId>) -> TicketStatus {
        match self.turn {
            Some(turn) if viewer != Some(turn.user_id) => TicketStatus::Locked,
            Some(_) | None => self.status,
        }
    }

    /// The ticket as `viewer` may see it after the change with this version: its order is shown to its
    /// seller and to that order's buyer alone, and the seller's own name for it to the seller. Events say
    /// nothing else of the seller.
    #[must_use]
    pub fn seen_by(self, viewer: Option<UserId>, version: u64) -> Ticket {
        let total = Breakdown::new(self.price, self.fees).total;
        let status = self.status_to(viewer);
        let may_see_order =
            viewer.is_some_and(|it| it == self.user_id || Some(it) == self.buyer_id);
        Ticket {
            id: self.id,
            version,
            title: self.title,
            price: self.price,
            pending_price: None,
            currency: self.currency,
            total,
            price_per_ticket: self.price.per_ticket(self.quantity),
            total_per_ticket: total.per_ticket(self.quantity),
            user_id: self.user_id,
            seller: None,
            order_id: self.order_id.filter(|_| may_see_order),
            status,
            event_id: self.event_id,
            section: self.section,
            row: self.row,
            seats: self.seats,
            quantity: self.quantity,
            delivery_kind: self.delivery_kind,
            external_id: self.external_id.filter(|_| viewer == Some(self.user_id)),
            locked_until: self.locked_until.or_else(|| self.turn.map(|turn| turn.until)),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// Payload of `ORDER_*`: the order after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderState {
    /// The order.
    pub id: OrderId,
    /// The buyer.
    pub user_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// Where the order stands.
    pub status: OrderStatus,
    /// The price at the lock.
    pub price: Price,
    /// The fees at the lock.
    #[serde(default, skip_serializing_if = "SaleFees::is_none")]
    pub fees: SaleFees,
    /// The currency of both.
    pub currency: Currency,
    /// When the checkout runs out.
    pub expires_at: Timestamp,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// The charge it was secured for.
    pub charge_id: Option<ChargeId>,
}

impl From<&OrderState> for EventOrder {
    fn from(order: &OrderState) -> Self {
        let breakdown = Breakdown::new(order.price, order.fees);
        Self {
            id: order.id,
            number: order.id.number(),
            user_id: order.user_id,
            ticket_id: order.ticket_id,
            status: order.status,
            breakdown,
            total: breakdown.total,
            currency: order.currency,
            expires_at: order.expires_at,
            cancel_reason: order.cancel_reason,
        }
    }
}

impl From<&ChargeState> for EventPayment {
    fn from(charge: &ChargeState) -> Self {
        Self {
            id: charge.id,
            order_id: charge.order_id,
            status: charge.status,
            amount: charge.amount,
            currency: charge.currency,
            failure_code: charge.failure_code.clone(),
        }
    }
}

/// Payload of `ORDER_EXPIRED` in schema 1: the lock whose time was up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockExpired {
    /// The order the ticket was locked for.
    pub order_id: OrderId,
    /// The ticket as it was locked.
    pub ticket: TicketState,
}

/// Payload of `CHARGE_*`: the charge after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChargeState {
    /// The charge.
    pub id: ChargeId,
    /// The order it pays for.
    pub order_id: OrderId,
    /// The buyer.
    pub user_id: UserId,
    /// Where the charge stands.
    pub status: ChargeStatus,
    /// What was asked for, in minor units.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// The provider's id of the payment.
    pub stripe_id: Option<String>,
    /// The provider's id of the refund that gave back all of it, or the last part.
    pub stripe_refund_id: Option<String>,
    /// What was given back, oldest first. Events of versions that knew no parts have none.
    #[serde(default)]
    pub refunds: Vec<RefundState>,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// Whether the failure ends the order: false while further tries are allowed.
    pub ends_order: bool,
}

/// Payload of `DELIVERY_*`: the delivery after the change. Neither link nor code nor address of it leaves
/// its service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryState {
    /// The order that is delivered.
    pub order_id: OrderId,
    /// The ticket that was sold to it.
    pub ticket_id: TicketId,
    /// The buyer.
    pub buyer_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// What was sold.
    pub ticket: OrderTicket,
    /// How it comes to the buyer.
    pub kind: DeliveryKind,
    /// Where the delivery stands.
    pub status: DeliveryStatus,
    /// By when the seller is to deliver.
    pub deliver_by: Timestamp,
    /// Why it is not delivered.
    pub cancel_reason: Option<DeliveryCancelReason>,
}

/// Payload of `CLAIM_*`: the claim after the change, without what anybody wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimState {
    /// The claim.
    pub id: ClaimId,
    /// The order that it is about.
    pub order_id: OrderId,
    /// The buyer, who makes it.
    pub buyer_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// What was wrong.
    pub kind: ClaimKind,
    /// Where the claim stands.
    pub status: ClaimStatus,
    /// By when the seller is to answer.
    pub answer_by: Timestamp,
    /// How it was decided.
    pub outcome: Option<ClaimOutcome>,
}

/// A refund, in the payload of `CHARGE_*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundState {
    /// The refund.
    pub id: RefundId,
    /// How much, in minor units.
    pub amount: Price,
    /// Where it stands.
    pub status: RefundStatus,
    /// The provider's id of it.
    pub stripe_id: Option<String>,
}

impl ChargeState {
    /// The refunds whose money is on its way to the buyer, each with its amount. Events of versions that
    /// knew no parts tell of one refund, of everything.
    #[must_use]
    pub fn given_back(&self) -> Vec<(RefundId, Price)> {
        if self.refunds.is_empty() && self.stripe_refund_id.is_some() {
            return vec![(RefundId(self.id.0), self.amount)];
        }
        let stands =
            |it: &&RefundState| it.stripe_id.is_some() && it.status != RefundStatus::Failed;
        self.refunds.iter().filter(stands).map(|it| (it.id, it.amount)).collect()
    }
}

/// A domain event and what its handlers need to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Names this event. Delivered twice, it is the same.
    pub id: MessageId,
    /// The user, show, ticket, order, charge, delivery, claim, sale or payout it is about.
    pub aggregate_id: Uuid,
    /// The number of this event among those of its aggregate: 1, 2, 3, … without a gap.
    pub version: u64,
    /// When it happened, by the clock of the service that says so.
    pub at: Timestamp,
    /// The event that led to this one; its own id where a request did.
    pub causation_id: MessageId,
    /// The first event of the chain.
    pub correlation_id: MessageId,
    /// Who caused it.
    pub actor: Actor,
    /// The HTTP request it began with, if it began with one.
    pub request_id: Option<RequestId>,
    /// What happened.
    pub event: DomainEvent,
}

impl EventType {
    /// The schema version of its payload as it is written today. Older ones decode for ever.
    #[must_use]
    pub const fn schema(self) -> u32 {
        match self {
            Self::OrderExpired => 2,
            _ => 1,
        }
    }
}

impl DomainEvent {
    /// The schema version of its payload.
    const fn schema(&self) -> u32 {
        match self {
            Self::LockExpired(_) => 1,
            other => other.event_type().schema(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    id: MessageId,
    #[serde(rename = "type")]
    kind: EventType,
    schema: u32,
    aggregate_id: Uuid,
    version: u64,
    at: Timestamp,
    causation_id: MessageId,
    correlation_id: MessageId,
    #[serde(default, skip_serializing_if = "Actor::is_unrecorded")]
    actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_id: Option<RequestId>,
    payload: Box<RawValue>,
}

/// Bytes that are no envelope this version can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, a field is missing or wrong, or the kind is unknown.
    #[error("not an event envelope")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer Stubmart.
    #[error("event schema {0} is newer than this version reads")]
    NewerSchema(u32),
}

impl Envelope {
    /// Its bytes on the wire: JSON.
    ///
    /// # Errors
    /// Never for the payloads of this crate; the type is that of the JSON writer.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Wire {
            id: self.id,
            kind: self.event.event_type(),
            schema: self.event.schema(),
            aggregate_id: self.aggregate_id,
            version: self.version,
            at: self.at,
            causation_id: self.causation_id,
            correlation_id: self.correlation_id,
            actor: self.actor.clone(),
            request_id: self.request_id.clone(),
            payload: self.event.payload()?,
        })
    }

    /// Reads what [`Self::encode`] of this or an older version wrote.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are no envelope, or one of a newer schema.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: Wire = serde_json::from_slice(bytes)?;
        if wire.schema > wire.kind.schema() {
            return Err(DecodeError::NewerSchema(wire.schema));
        }
        Ok(Self {
            id: wire.id,
            aggregate_id: wire.aggregate_id,
            version: wire.version,
            at: wire.at,
            causation_id: wire.causation_id,
            correlation_id: wire.correlation_id,
            actor: wire.actor,
            request_id: wire.request_id,
            event: DomainEvent::decode(wire.kind, wire.schema, &wire.payload)?,
        })
    }
}
