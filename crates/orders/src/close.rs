//! A checkout whose page was closed is left after a grace, unless its buyer comes back.

use async_trait::async_trait;
use stubmart_contract::{Context, OrderId, UserId};
use stubmart_kernel::{
    ApplyError, Precondition, Repository, Versioned,
    due::{Due, DueError},
    mark,
    worker::Wake,
};

use crate::{
    order::{Command, Order, Refusal, index},
    service::{Orders, SERVICE},
};

impl Orders {
    /// The buyer's page was closed: the checkout is left after the grace.
    ///
    /// # Errors
    /// [`ApplyError::Refused`]: nothing happened. [`ApplyError::Repository`]: it may be left then.
    pub async fn close(
        &self,
        context: &Context,
        id: OrderId,
        buyer: UserId,
    ) -> Result<(), ApplyError<Refusal>> {
        let order = self.own(id, buyer).await?;
        let at = self.host().now().after(self.config().leave_grace);
        let command = Command::BeginLeaving(at);
        self.orders().apply_to(context, order, &Precondition::None, &command).await?;
        self.leaving().wake();
        Ok(())
    }

    /// The order for its buyer, who is back at its page by looking at it.
    ///
    /// # Errors
    /// [`ApplyError::Refused`]: nothing happened. [`ApplyError::Repository`]: the checkout may still be
    /// left after the grace.
    pub async fn come_back(
        &self,
        context: &Context,
        id: OrderId,
        buyer: UserId,
    ) -> Result<Versioned<Order>, ApplyError<Refusal>> {
        let order = self.own(id, buyer).await?;
        if order.state.leaving_at.is_none() {
            return Ok(order);
        }
        mark!("a buyer came back to a closed checkout");
        let none = Precondition::None;
        Ok(self.orders().apply_to(context, order, &none, &Command::ComeBack).await?.after)
    }
}

/// Leaves checkouts whose page was closed, when their grace is over.
pub(crate) struct Closed(pub(crate) Orders);

#[async_trait]
impl Due for Closed {
    type Aggregate = Order;

    fn name(&self) -> &'static str {
        "orders-closed-checkouts"
    }

    fn repository(&self) -> &Repository<Order> {
        self.0.orders()
    }

    fn index(&self) -> &'static str {
        index::LEAVING
    }

    async fn run(&self, id: OrderId) -> Result<(), DueError> {
        mark!("a closed checkout was left after its grace");
        self.0.apply_if_possible(&Context::work(SERVICE), id, &Command::LeaveWhenDue).await?;
        Ok(())
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.leaving().clone())
    }
}
