//! Leaving a checkout: by the button at once, by closing the page after a grace.

use async_trait::async_trait;
use stubmart_contract::{
    Code, DomainEvent, Envelope, OrderId, UserId,
    api::{self, OrderStatus, TicketStatus},
};
use stubmart_http_kit::Problem;
use stubmart_ports::{
    Cause,
    key::Key,
    mark,
    repo::{Decision, Trace, Versioned},
    store::Scan,
    worker::{Next, Wake, Worker},
};

use crate::{
    Orders,
    order::{Command, ORDERS, Order, Refusal, index},
};

/// How many closed checkouts are left at once.
const BATCH: usize = 200;

impl Orders {
    /// The buyer leaves the checkout: the order is cancelled, and its ticket unlocked before this
    /// answers (unless tickets is down). Again is fine.
    ///
    /// # Errors
    /// `not_found`, `payment_in_progress`, `order_completed`: nothing happened. `unavailable`: it may
    /// be left.
    pub async fn leave(&self, id: OrderId, buyer: UserId) -> Result<api::Order, Problem> {
        let order = self.own(id, buyer).await?;
        let unlocked = self.0.echo.listen(order.ticket_id.0);
        let was_cancelled = order.status == OrderStatus::Cancelled;
        let left = self.command(id, buyer, Command::Leave).await?;
        if !was_cancelled {
            unlocked.hear(|envelope| is_released(envelope, id)).await;
        }
        Ok(left.public(self.0.host.now()))
    }

    /// The buyer's page was closed: the checkout is left after the grace.
    ///
    /// # Errors
    /// `not_found`; `unavailable`.
    pub async fn begin_leaving(&self, id: OrderId, buyer: UserId) -> Result<(), Problem> {
        let at = self.0.host.now().after(self.0.config.leave_grace);
        self.command(id, buyer, Command::BeginLeaving(at)).await?;
        self.0.leaving.wake();
        Ok(())
    }

    /// The buyer looks at the order, which takes a closed page back.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub async fn look(&self, id: OrderId, buyer: UserId) -> Result<api::Order, Problem> {
        let mut order = self.own(id, buyer).await?;
        if order.leaving_at.is_some() {
            mark!("a buyer came back to a closed checkout");
            order = self.command(id, buyer, Command::ComeBack).await?;
        }
        Ok(order.public(self.0.host.now()))
    }

    /// The order, if it is this buyer's.
    pub(crate) async fn own(&self, id: OrderId, buyer: UserId) -> Result<Order, Problem> {
        let found = self.0.orders.load(id.0).await?;
        found.map(|it| it.doc).filter(|it| it.user_id == buyer).ok_or_else(Problem::not_found)
    }

    /// Applies a command of the buyer's.
    async fn command(
        &self,
        id: OrderId,
        buyer: UserId,
        command: Command,
    ) -> Result<Order, Problem> {
        let now = self.0.host.now();
        let changed =
            self.0.orders.change(id.0, Trace::REQUEST, |current: Option<&Versioned<Order>>| {
                let current = current.map(|it| &it.doc).filter(|it| it.user_id == buyer);
                let current = current.ok_or_else(Problem::not_found)?;
                Ok::<_, Problem>(match current.decide(command, now)? {
                    None => Decision::Keep(current.clone()),
                    Some(doc) => Decision::Save {
                        events: doc.event(Some(current.status)).into_iter().collect(),
                        answer: doc.clone(),
                        doc,
                    },
                })
            });
        Ok(changed.await?)
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

#[async_trait]
impl Worker for Closed {
    fn name(&self) -> &'static str {
        "orders-closed-checkouts"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let it = &self.0.0;
        let now = it.host.now();
        let scan = Scan::prefix(&ORDERS, index::LEAVING, &Key::new()).limit(BATCH);
        let rows = it.orders.find(scan).await?;
        let full = rows.len() == BATCH;
        for row in rows {
            match row.doc.leaving_at {
                Some(at) if at <= now => {
                    mark!("a closed checkout was left after its grace");
                    self.0
                        .command_by_event(row.doc.id, Command::LeaveWhenDue, Trace::REQUEST)
                        .await?;
                }
                Some(at) => return Ok(Next::At(at)),
                None => {}
            }
        }
        Ok(if full { Next::Again } else { Next::Idle })
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.0.leaving.clone())
    }
}
