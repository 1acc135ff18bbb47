//! Calls to orders that fail.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use stubmart_contract::{
    ChargeId, Context, OrderId, UserId,
    calls::{ExpiredLock, OrderForPayment, SecureRefusal},
};
use stubmart_ports::calls::{CallError, Orders};

use super::{
    call::{Errors, ask, change},
    plan::{Call, Faults, Op},
};

const ERRORS: Errors<CallError> = (CallError, CallError);

/// The calls to orders, with faults injected.
#[derive(Clone)]
pub struct FaultyOrders {
    inner: Arc<dyn Orders>,
    faults: Arc<dyn Faults>,
}

impl std::fmt::Debug for FaultyOrders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyOrders").finish_non_exhaustive()
    }
}

impl FaultyOrders {
    /// `inner` with these faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Orders>, faults: Arc<dyn Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl Orders for FaultyOrders {
    async fn order(
        &self,
        context: &Context,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<OrderForPayment>, CallError> {
        let call = Call::about(Op::FindOrder, order_id.0);
        ask(&self.faults, call, CallError, self.inner.order(context, buyer, order_id)).await
    }

    async fn secure(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        change(&self.faults, Call::about(Op::SecureOrder, order_id.0), ERRORS, || {
            let (inner, context) = (Arc::clone(&self.inner), context.clone());
            async move { inner.secure(&context, order_id, charge_id).await }.boxed()
        })
        .await
    }

    async fn complete(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        change(&self.faults, Call::about(Op::CompleteOrder, order_id.0), ERRORS, || {
            let (inner, context) = (Arc::clone(&self.inner), context.clone());
            async move { inner.complete(&context, order_id, charge_id).await }.boxed()
        })
        .await
    }

    async fn fail(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        change(&self.faults, Call::about(Op::FailOrder, order_id.0), ERRORS, || {
            let (inner, context) = (Arc::clone(&self.inner), context.clone());
            async move { inner.fail(&context, order_id, charge_id).await }.boxed()
        })
        .await
    }

    async fn expire(&self, context: &Context, lock: ExpiredLock) -> Result<(), CallError> {
        change(&self.faults, Call::about(Op::ExpireOrder, lock.order_id.0), ERRORS, || {
            let (inner, context, lock) = (Arc::clone(&self.inner), context.clone(), lock.clone());
            async move { inner.expire(&context, lock).await }.boxed()
        })
        .await
    }
}
