//! Leaving a checkout: by the button at once, by closing the page after a grace.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use stubmart_contract::{
    Code, DomainEvent, Envelope, OrderId, UserId,
    api::{OrderStatus, TicketStatus},
};
use stubmart_http_kit::{IfMatch, Problem};
use stubmart_kernel::{
    mark,
    repo::{Decision, RepoError, Trace, Versioned},
    worker::{Next, Wake, Worker},
};
use stubmart_ports::{Cause, key::Key, store::Scan};
use uuid::Uuid;

use crate::{
    Orders,
    order::{Command, ORDERS, Order, Refusal, index},
};

/// How many closed checkouts are left at once.
const BATCH: usize = 200;

/// The smallest step of time.
const INSTANT: Duration = Duration::from_millis(1);

impl Orders {
    /// The buyer leaves the checkout, if the order is at a version that is meant: it is cancelled, and its
    /// ticket unlocked before this answers (unless tickets is down). Again is fine.
    ///
    /// # Errors
    /// `not_found`, `version_mismatch`, `payment_in_progress`, `order_completed`: nothing happened.
    /// `unavailable`: it may be left.
    pub async fn leave(
        &self,
        id: OrderId,
        buyer: UserId,
        if_match: &IfMatch,
    ) -> Result<Versioned<Order>, Problem> {
        let order = self.own(id, buyer).await?;
        let unlocked = self.0.echo.listen(order.doc.ticket_id.0);
        let was_cancelled = order.doc.status == OrderStatus::Cancelled;
        let left = self.command(order, Command::Leave, if_match).await?;
        if !was_cancelled {
            unlocked.hear(|envelope| is_released(envelope, id)).await;
        }
        Ok(left)
    }

    /// The buyer's page was closed: the checkout is left after the grace.
    ///
    /// # Errors
    /// `not_found`; `unavailable`.
    pub async fn begin_leaving(&self, id: OrderId, buyer: UserId) -> Result<(), Problem> {
        let order = self.own(id, buyer).await?;
        let at = self.0.host.now().after(self.0.config.leave_grace);
        self.command(order, Command::BeginLeaving(at), &IfMatch::ANY).await?;
        self.0.leaving.wake();
        Ok(())
    }

    /// The order for its buyer, whose look takes a closed page back.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub async fn come_back(&self, id: OrderId, buyer: UserId) -> Result<Versioned<Order>, Problem> {
        let order = self.own(id, buyer).await?;
        if order.doc.leaving_at.is_none() {
            return Ok(order);
        }
        mark!("a buyer came back to a closed checkout");
        self.command(order, Command::ComeBack, &IfMatch::ANY).await
    }

    /// The order, if it is this buyer's.
    pub(crate) async fn own(
        &self,
        id: OrderId,
        buyer: UserId,
    ) -> Result<Versioned<Order>, Problem> {
        let found = self.0.orders.load(id.0).await?;
        found.filter(|it| it.doc.user_id == buyer).ok_or_else(Problem::not_found)
    }

    /// Applies a command of the buyer's to their order, and gives it as it is stored then.
    async fn command(
        &self,
        order: Versioned<Order>,
        command: Command,
        if_match: &IfMatch,
    ) -> Result<Versioned<Order>, Problem> {
        let now = self.0.host.now();
        let id = order.doc.id.0;
        let apply = |current: Option<&Versioned<Order>>| {
            let current = current.ok_or_else(Problem::not_found)?;
            let Some(doc) = current.doc.decide(command, now)? else {
                return Ok::<_, Problem>(Decision::Keep(current.clone()));
            };
            if_match.check(current.version)?;
            let events: Vec<_> = doc.event(Some(current.doc.status)).into_iter().collect();
            let answer = Versioned::over(Some(current), doc.clone(), &events);
            Ok(Decision::Save { doc, events, answer })
        };
        Ok(self.0.orders.change_from(id, Some(order), Trace::REQUEST, apply).await?)
    }
}

/// Whether an event tells that its ticket is not, or no longer, locked for an order.
pub(crate) fn is_released(envelope: &Envelope, order_id: OrderId) -> bool {
    match &envelope.event {
        DomainEvent::TicketUpdated(ticket) | DomainEvent::TicketDeleted(ticket) => {
            ticket.order_id != Some(order_id)
        }
        _ => false,
    }
}

/// Whether an event tells that its ticket is sold to an order.
pub(crate) fn is_sold(envelope: &Envelope, order_id: OrderId) -> bool {
    match &envelope.event {
        DomainEvent::TicketUpdated(ticket) => {
            ticket.status == TicketStatus::Sold && ticket.order_id == Some(order_id)
        }
        _ => false,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::PaymentInProgress => Self::new(Code::PaymentInProgress),
            Refusal::Completed => Self::new(Code::OrderCompleted),
            Refusal::Expired => Self::new(Code::OrderExpired),
            Refusal::Cancelled => Self::new(Code::OrderCancelled),
        }
    }
}

/// Leaves checkouts whose page was closed, when their grace is over.
pub(crate) struct Closed(pub(crate) Orders);

impl Closed {
    async fn leave(&self, id: OrderId) -> Result<(), RepoError> {
        mark!("a closed checkout was left after its grace");
        let left = self.0.apply(id, Command::LeaveWhenDue, Trace::REQUEST).await;
        readable(id.0, left).map(drop)
    }
}

#[async_trait]
impl Worker for Closed {
    fn name(&self) -> &'static str {
        "orders-closed-checkouts"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let orders = &self.0.0.orders;
        let due_before = self.0.0.host.now().after(INSTANT);
        let closed = Scan::prefix(&ORDERS, index::LEAVING, &Key::new());
        let mut due = closed.clone().limit(BATCH);
        due.to = Some(Key::new().time(due_before).into_bytes());
        let mut next = Some(due.clone());
        while let Some(scan) = next.take() {
            let keys = orders.keys(scan).await?;
            next = keys.get(BATCH - 1).map(|last| due.clone().behind(&last.key));
            let left = join_all(keys.into_iter().map(|found| self.leave(OrderId(found.id))));
            // One that fails holds up none of the others.
            left.await.into_iter().collect::<Result<(), _>>()?;
        }
        let mut later = closed.limit(1);
        later.from = Key::new().time(due_before).into_bytes();
        let Some(first) = orders.keys(later).await?.into_iter().next() else {
            return Ok(Next::Idle);
        };
        let at = readable(first.id, orders.load(first.id).await)?;
        Ok(at.flatten().and_then(|it| it.doc.leaving_at).map_or(Next::Idle, Next::At))
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.0.leaving.clone())
    }
}

/// What was read, or nothing when it can not be read: no other waits for that.
fn readable<T>(id: Uuid, read: Result<T, RepoError>) -> Result<Option<T>, RepoError> {
    match read {
        Err(error @ RepoError::Corrupt(_)) => {
            tracing::error!(order.id = %id, %error, "closed checkout not left");
            Ok(None)
        }
        read => read.map(Some),
    }
}
