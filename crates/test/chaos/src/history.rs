//! What was asked and what was answered: every call with the time it was sent and the time its answer
//! came, or with an outcome that is not known because the connection broke.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use stubmart_contract::{
    ChargeId, Code, OrderId, TicketId, Timestamp, UserId,
    api::{CancelReason, Charge, ChargeStatus, Order, OrderStatus, Ticket, TicketStatus},
};

/// A point in time: microseconds since the history began, by a clock that does not jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// Before everything.
    pub const START: Self = Self(0);
    /// After everything.
    pub const NEVER: Self = Self(u64::MAX);
}

/// A ticket as an answer showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSeen {
    /// Names it.
    pub id: TicketId,
    /// How often it was changed.
    pub version: u64,
    /// The title, which each listing of a run has for itself.
    pub title: String,
    /// In minor units.
    pub price: u32,
    /// Where it stands.
    pub status: TicketStatus,
    /// Who holds it, where the caller may know.
    pub order: Option<OrderId>,
}

/// An order as an answer showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSeen {
    /// Names it.
    pub id: OrderId,
    /// What it is for.
    pub ticket: TicketId,
    /// The price of the lock, in minor units.
    pub price: u32,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it was cancelled.
    pub reason: Option<CancelReason>,
    /// Until when the ticket is held.
    pub expires: Moment,
}

/// A charge as an answer showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeSeen {
    /// Names it.
    pub id: ChargeId,
    /// What it pays for.
    pub order: OrderId,
    /// Where it stands.
    pub status: ChargeStatus,
    /// In minor units.
    pub amount: u32,
    /// Whether the money was given back.
    pub refunded: bool,
}

impl ChargeSeen {
    /// Whether its outcome is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.status, ChargeStatus::Created)
    }
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// List a ticket.
    ListTicket {
        /// The title.
        title: String,
        /// The price.
        price: u32,
    },
    /// Change a ticket's price.
    EditPrice {
        /// Whose.
        ticket: TicketId,
        /// To what.
        price: u32,
    },
    /// Withdraw a ticket.
    Withdraw {
        /// Which.
        ticket: TicketId,
    },
    /// Start a checkout.
    Order {
        /// Of what.
        ticket: TicketId,
    },
    /// Leave a checkout.
    Leave {
        /// Which.
        order: OrderId,
    },
    /// Tell that the checkout's page was closed.
    ClosePage {
        /// Whose.
        order: OrderId,
    },
    /// Pay.
    Pay {
        /// For what.
        order: OrderId,
        /// With what.
        method: String,
    },
    /// Look at a ticket; by its seller.
    ReadTicket {
        /// Which.
        ticket: TicketId,
    },
    /// Look at an order; by its buyer.
    ReadOrder {
        /// Which.
        order: OrderId,
    },
    /// Look at the charges of an order; by its buyer.
    ReadCharges {
        /// Which.
        order: OrderId,
    },
    /// Go through a list of one's own.
    ReadList,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A success that shows these tickets.
    Tickets(Vec<TicketSeen>),
    /// A success that shows these orders.
    Orders(Vec<OrderSeen>),
    /// A success that shows these charges: 201 of a payment, 200 of a list.
    Charges(Vec<ChargeSeen>),
    /// 202: the payment is not decided.
    Pending(ChargeSeen),
    /// A success that shows nothing.
    Done,
    /// An error of the API.
    Refused(Code),
    /// No answer: it may have happened, or happen yet.
    Unknown(String),
    /// An answer that came whole and is none of the API's. Nothing excuses it.
    Unreadable(String),
}

impl Outcome {
    /// Whether the caller knows what happened. 503 leaves it open, as no answer does.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::Unreadable(_) => false,
            Self::Refused(code) => code.status() != 503,
            _ => true,
        }
    }

    /// Whether the call was answered with success, for a payment also one that is not decided yet.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Unknown(_) | Self::Unreadable(_))
    }

    /// The tickets that the answer shows.
    #[must_use]
    pub fn tickets(&self) -> &[TicketSeen] {
        match self {
            Self::Tickets(tickets) => tickets,
            _ => &[],
        }
    }

    /// The orders that the answer shows.
    #[must_use]
    pub fn orders(&self) -> &[OrderSeen] {
        match self {
            Self::Orders(orders) => orders,
            _ => &[],
        }
    }

    /// The charges that the answer shows.
    #[must_use]
    pub fn charges(&self) -> &[ChargeSeen] {
        match self {
            Self::Charges(charges) => charges,
            Self::Pending(charge) => std::slice::from_ref(charge),
            _ => &[],
        }
    }

    /// The ticket, where exactly one is shown.
    #[must_use]
    pub fn ticket(&self) -> Option<&TicketSeen> {
        self.tickets().first().filter(|_| self.tickets().len() == 1)
    }

    /// The order, where exactly one is shown.
    #[must_use]
    pub fn order(&self) -> Option<&OrderSeen> {
        self.orders().first().filter(|_| self.orders().len() == 1)
    }
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Who asked.
    pub user: UserId,
    /// When the request was sent, or just before.
    pub start: Moment,
    /// When the answer had come, or the connection had broken.
    pub end: Moment,
    /// Its idempotency key.
    pub key: Option<String>,
    /// What was asked.
    pub request: Request,
    /// What was answered.
    pub outcome: Outcome,
    /// Whether the answer is one that was given before, for the same idempotency key: it tells how things
    /// stood then, not now.
    pub replayed: bool,
}

impl Call {
    /// Whether it only looked.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        matches!(
            self.request,
            Request::ReadTicket { .. }
                | Request::ReadOrder { .. }
                | Request::ReadCharges { .. }
                | Request::ReadList
        )
    }

    /// Whether it changed something and the caller knows: a read acknowledges nothing, and neither
    /// does a refusal or an answer that was given before.
    #[must_use]
    pub const fn is_acknowledged_write(&self) -> bool {
        !self.is_read() && self.outcome.is_success() && !self.replayed
    }
}

/// All calls of a run.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// The calls, in the order in which they ended.
    pub calls: Vec<Call>,
    /// From when on nothing was under way any more and every lock had ended: what was read from then on
    /// is how the market stands at rest.
    pub rest: Option<Moment>,
    /// Whether faults were injected that make 503 a legitimate answer.
    pub faults: bool,
}

/// Takes the calls of many clients.
#[derive(Debug)]
pub struct Recorder {
    began: Instant,
    began_wall: Duration,
    history: Mutex<History>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            began_wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            history: Mutex::default(),
        }
    }
}

impl Recorder {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// A time of the servers' clock, which is this machine's.
    #[must_use]
    pub fn moment(&self, at: Timestamp) -> Moment {
        let began = i64::try_from(self.began_wall.as_micros()).unwrap_or(i64::MAX);
        let since = at.millis().saturating_mul(1000).saturating_sub(began);
        Moment(u64::try_from(since).unwrap_or(0))
    }

    /// Adds a call that has ended.
    pub fn add(&self, call: Call) {
        self.with(|history| history.calls.push(call));
    }

    /// Marks the market as at rest from now on.
    pub fn at_rest(&self) {
        let now = self.now();
        self.with(|history| history.rest = Some(now));
    }

    /// Marks the run as one with faults that make 503 a legitimate answer.
    pub fn with_faults(&self) {
        self.with(|history| history.faults = true);
    }

    /// Looks at what was recorded so far.
    pub fn with<T>(&self, look: impl FnOnce(&mut History) -> T) -> T {
        look(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn ticket(ticket: Ticket) -> TicketSeen {
        TicketSeen {
            id: ticket.id,
            version: ticket.version,
            title: ticket.title,
            price: ticket.price.minor(),
            status: ticket.status,
            order: ticket.order_id,
        }
    }

    pub(crate) fn order(&self, order: &Order) -> OrderSeen {
        OrderSeen {
            id: order.id,
            ticket: order.ticket_id,
            price: order.price.minor(),
            status: order.status,
            reason: order.cancel_reason,
            expires: self.moment(order.expires_at),
        }
    }

    pub(crate) const fn charge(charge: &Charge) -> ChargeSeen {
        ChargeSeen {
            id: charge.id,
            order: charge.order_id,
            status: charge.status,
            amount: charge.amount.minor(),
            refunded: charge.stripe_refund_id.is_some(),
        }
    }
}
