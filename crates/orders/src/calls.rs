//! Calls from other services.

use async_trait::async_trait;
use stubmart_contract::{
    ChargeId, Context, OrderId, UserId,
    calls::{ExpiredLock, OrderForPayment, SecureRefusal},
};
use stubmart_kernel::{ApplyError, RepositoryError};
use stubmart_ports::calls::{self, CallError};

use crate::{
    expire::ExpireError,
    order::{Command, Order, Refusal},
    service::Orders,
};

#[async_trait]
impl calls::Orders for Orders {
    async fn order(
        &self,
        context: &Context,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<OrderForPayment>, CallError> {
        let order = self.order_now(context, order_id, buyer).await.map_err(failed)?;
        Ok(order.map(|it| for_payment(&it.state)))
    }

    async fn secure(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        match Self::secure(self, context, order_id, charge_id).await {
            Ok(()) => Ok(Ok(())),
            Err(ApplyError::Refused { refusal, .. }) => Ok(Err(refusal.into())),
            Err(ApplyError::Repository(error)) => Err(failed(error)),
            Err(ApplyError::Stale { .. }) => Err(failed(RepositoryError::Contended)),
        }
    }

    async fn complete(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        self.end(context, order_id, &Command::Complete(charge_id)).await
    }

    async fn fail(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        self.end(context, order_id, &Command::Fail(charge_id)).await
    }

    async fn expire(&self, context: &Context, lock: ExpiredLock) -> Result<(), CallError> {
        Self::expire(self, context, lock).await.map_err(|error| match error {
            ExpireError::Repository(error) => failed(error),
            ExpireError::Call(error) => error,
        })
    }
}

impl Orders {
    /// Ends an order for its charge. The caller's buyer looks at the ticket next: so it follows before the
    /// answer even where the charge's event has ended the order first, and its consumer is not done yet.
    async fn end(
        &self,
        context: &Context,
        id: OrderId,
        command: &Command,
    ) -> Result<(), CallError> {
        match self.orders().apply(context, id, command).await {
            Ok(applied) => {
                self.follow(context, &applied.after.state).await;
                Ok(())
            }
            // No such order, or one that does not end by this charge: nothing is to be done.
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(failed(error)),
        }
    }
}

fn failed(error: RepositoryError) -> CallError {
    CallError(error.into())
}

fn for_payment(order: &Order) -> OrderForPayment {
    OrderForPayment {
        id: order.id,
        user_id: order.user_id,
        seller_id: order.seller_id,
        ticket_id: order.ticket_id,
        status: order.status,
        has_expired: order.has_expired(),
        charge_id: order.charge_id,
        amount: order.breakdown().total,
        fees: order.fees,
        currency: order.currency,
        expires_at: order.expires_at,
        ticket: Some(order.ticket.clone()),
    }
}

impl From<Refusal> for SecureRefusal {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::NotFound,
            Refusal::PaymentInProgress => Self::PaymentInProgress,
            Refusal::Completed => Self::Completed,
            Refusal::Expired => Self::Expired,
            Refusal::Cancelled => Self::Cancelled,
        }
    }
}
