//! What payments asks: the order as its buyer sees it, and to hold it for a charge.

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::{
    ChargeId, OrderId, TicketId, UserId,
    api::{self, OrderStatus},
};
use stubmart_kernel::{
    mark,
    repo::{ChangeError, Decision, Trace, Versioned},
};
use stubmart_ports::calls::{CallError, SecureOrders, SecureRefusal};

use crate::{
    Orders,
    leave::{is_released, is_sold},
    order::{Command, Order, Refusal},
};

/// What became of securing an order.
enum Secured {
    Yes,
    /// Its time was over: it was cancelled for that, here and now.
    Expired,
}

#[async_trait]
impl SecureOrders for Orders {
    async fn order(
        &self,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<api::Order>, CallError> {
        // Not `come_back`: payments asks also while nobody is there, and must not keep a closed checkout open.
        let now = self.0.host.now();
        let mut found = self.load_for(buyer, order_id).await?;
        let is_late = |it: &Order| it.status == OrderStatus::Created && it.expires_at <= now;
        if found.as_ref().is_some_and(is_late) {
            // The timer is late. Nobody is asked for money for an order whose time is over.
            let expired = self.apply(order_id, Command::Expire, Trace::REQUEST).await;
            expired.map_err(|error| CallError(error.into()))?;
            found = self.load_for(buyer, order_id).await?;
        }
        Ok(found.map(|order| order.public(now)))
    }

    async fn secure(
        &self,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        let now = self.0.host.now();
        let changed = self.0.orders.change(
            order_id.0,
            Trace::REQUEST,
            |current: Option<&Versioned<Order>>| {
                let current = current.map(|it| &it.doc).ok_or(SecureRefusal::NotFound)?;
                let (after, secured) = match current.decide(Command::Secure(charge_id), now) {
                    Ok(after) => (after, Secured::Yes),
                    // The timer is late. Whoever is told that the order expired must find it so.
                    Err(Refusal::Expired) => match current.decide(Command::Expire, now) {
                        Ok(Some(expired)) => (Some(expired), Secured::Expired),
                        _ => return Err(SecureRefusal::Expired),
                    },
                    Err(refusal) => return Err(refusal.into()),
                };
                Ok(match after {
                    None => Decision::Keep(secured),
                    Some(doc) => Decision::Save {
                        events: doc.event(Some(current.status)).into_iter().collect(),
                        doc,
                        answer: secured,
                    },
                })
            },
        );
        match changed.await {
            Ok(Secured::Yes) => Ok(Ok(())),
            Ok(Secured::Expired) => {
                mark!("a payment lost to expiry");
                Ok(Err(SecureRefusal::Expired))
            }
            Err(ChangeError::Refused(refusal)) => Ok(Err(refusal)),
            Err(ChangeError::Repo(error)) => Err(CallError(error.into())),
        }
    }

    fn watch(&self, order_id: OrderId, ticket_id: TicketId) -> BoxFuture<'_, ()> {
        let ended = self.0.echo.listen(ticket_id.0);
        Box::pin(async move {
            ended
                .hear(|envelope| is_released(envelope, order_id) || is_sold(envelope, order_id))
                .await;
        })
    }
}

impl Orders {
    async fn load_for(&self, buyer: UserId, id: OrderId) -> Result<Option<Order>, CallError> {
        let found = self.0.orders.load(id.0).await.map_err(|error| CallError(error.into()))?;
        Ok(found.map(|it| it.doc).filter(|it| it.user_id == buyer))
    }
}

impl From<Refusal> for SecureRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::PaymentInProgress => Self::PaymentInProgress,
            Refusal::Completed => Self::Completed,
            Refusal::Expired => Self::Expired,
            Refusal::Cancelled => Self::Cancelled,
        }
    }
}
