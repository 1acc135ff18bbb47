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
    order::{Order, Refusal},
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
        Self::complete(self, context, order_id, charge_id).await.map_err(failed)
    }

    async fn fail(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        Self::fail(self, context, order_id, charge_id).await.map_err(failed)
    }

    async fn expire(&self, context: &Context, lock: ExpiredLock) -> Result<(), CallError> {
        Self::expire(self, context, lock).await.map_err(|error| match error {
            ExpireError::Repository(error) => failed(error),
            ExpireError::Call(error) => error,
        })
    }
}

fn failed(error: RepositoryError) -> CallError {
    CallError(error.into())
}

fn for_payment(order: &Order) -> OrderForPayment {
    OrderForPayment {
        id: order.id,
        user_id: order.user_id,
        status: order.status,
        has_expired: order.has_expired(),
        charge_id: order.charge_id,
        amount: order.price,
        currency: order.currency,
        expires_at: order.expires_at,
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
