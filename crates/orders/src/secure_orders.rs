//! The calls from payments in the form that payments uses until it has moved to `calls::Orders`.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::{ChargeId, Context, OrderId, TicketId, UserId, api, calls::SecureRefusal};
use stubmart_kernel::RepositoryError;
use stubmart_ports::calls::{self, CallError, SecureOrders};

use crate::{
    http,
    service::{Orders, SERVICE},
};

fn failed(error: RepositoryError) -> CallError {
    CallError(error.into())
}

/// How often [`SecureOrders::watch`] looks, and how often at the most.
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LOOKS_MAX: u32 = 400;

#[async_trait]
impl SecureOrders for Orders {
    async fn order(
        &self,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<api::Order>, CallError> {
        let order = self.order_now(&Context::work(SERVICE), order_id, buyer).await;
        let now = self.host().now();
        Ok(order.map_err(failed)?.map(|it| http::public(it.state, now)))
    }

    async fn secure(
        &self,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), calls::SecureRefusal>, CallError> {
        let context = Context::work(SERVICE);
        let secured = calls::Orders::secure(self, &context, order_id, charge_id).await?;
        Ok(secured.map_err(|refusal| match refusal {
            SecureRefusal::NotFound => calls::SecureRefusal::NotFound,
            SecureRefusal::Expired => calls::SecureRefusal::Expired,
            SecureRefusal::Cancelled => calls::SecureRefusal::Cancelled,
            SecureRefusal::Completed => calls::SecureRefusal::Completed,
            SecureRefusal::PaymentInProgress => calls::SecureRefusal::PaymentInProgress,
        }))
    }

    fn watch(&self, order_id: OrderId, _: TicketId) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            for _ in 0..LOOKS_MAX {
                if let Ok(Some(order)) = self.orders().load(order_id).await
                    && order.state.has_ended()
                {
                    return self.follow(&Context::work(SERVICE), &order.state).await;
                }
                self.host().clock.sleep(LOOK_EVERY).await;
            }
        })
    }
}
