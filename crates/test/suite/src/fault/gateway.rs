//! A payment gateway that fails.

use std::{future::Future, sync::Arc};

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use stubmart_contract::{ChargeId, Timestamp};
use stubmart_ports::gateway::{
    AuthoriseRequest, BadNotice, GatewayError, Notice, Payment, PaymentGateway, PaymentState,
    RefundRequest,
};

use super::{
    call::{Errors, change, injected},
    plan::{Call, Fault, Faults, Op},
};

const ERRORS: Errors<GatewayError> = (GatewayError::Unavailable, GatewayError::Indeterminate);

/// A payment gateway with faults injected.
#[derive(Clone)]
pub struct FaultyGateway {
    inner: Arc<dyn PaymentGateway>,
    faults: Arc<dyn Faults>,
}

impl std::fmt::Debug for FaultyGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyGateway").finish_non_exhaustive()
    }
}

impl FaultyGateway {
    /// `inner` with these faults.
    #[must_use]
    pub fn new(inner: Arc<dyn PaymentGateway>, faults: Arc<dyn Faults>) -> Self {
        Self { inner, faults }
    }

    /// Has the provider change the payment of a charge.
    async fn change<Answer>(
        &self,
        op: Op,
        charge_id: ChargeId,
        payment_id: &str,
        make: fn(Arc<dyn PaymentGateway>, ChargeId, String) -> Answer,
    ) -> Result<PaymentState, GatewayError>
    where
        Answer: Future<Output = Result<PaymentState, GatewayError>> + Send + 'static,
    {
        change(&self.faults, Call::about(op, charge_id.0), ERRORS, || {
            make(Arc::clone(&self.inner), charge_id, payment_id.to_owned()).boxed()
        })
        .await
    }

    /// Asks the provider. No answer leaves it open what the provider would have said.
    async fn read<T: Send>(
        &self,
        call: Call,
        read: impl Future<Output = Result<T, GatewayError>> + Send,
    ) -> Result<T, GatewayError> {
        let answer = match self.faults.begin(call).await {
            Fault::None | Fault::Twice | Fault::Forget => read.await,
            Fault::Fail => Err(GatewayError::Unavailable(injected())),
            Fault::LoseAnswer | Fault::Late => Err(GatewayError::Indeterminate(injected())),
        };
        self.faults.end(call).await;
        answer
    }
}

#[async_trait]
impl PaymentGateway for FaultyGateway {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Payment, GatewayError> {
        let call = Call::about(Op::Authorise, request.charge_id.0);
        change(&self.faults, call, ERRORS, || {
            let (inner, request) = (Arc::clone(&self.inner), request.clone());
            async move { inner.authorise(&request).await }.boxed()
        })
        .await
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let make = |inner: Arc<dyn PaymentGateway>, charge_id, payment_id: String| async move {
            inner.capture(charge_id, &payment_id).await
        };
        self.change(Op::Capture, charge_id, payment_id, make).await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let make = |inner: Arc<dyn PaymentGateway>, charge_id, payment_id: String| async move {
            inner.void(charge_id, &payment_id).await
        };
        self.change(Op::Void, charge_id, payment_id, make).await
    }

    async fn refund(&self, request: &RefundRequest) -> Result<PaymentState, GatewayError> {
        let call = Call::about(Op::Refund, request.charge_id.0);
        change(&self.faults, call, ERRORS, || {
            let (inner, request) = (Arc::clone(&self.inner), request.clone());
            async move { inner.refund(&request).await }.boxed()
        })
        .await
    }

    async fn payment(&self, payment_id: &str) -> Result<Payment, GatewayError> {
        self.read(Call::new(Op::Payment), self.inner.payment(payment_id)).await
    }

    async fn payment_of(&self, charge_id: ChargeId) -> Result<Option<Payment>, GatewayError> {
        let call = Call::about(Op::PaymentOf, charge_id.0);
        self.read(call, self.inner.payment_of(charge_id)).await
    }

    fn notice(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice> {
        self.inner.notice(signature, body, now)
    }

    async fn undelivered_notices(&self, since: Timestamp) -> Result<Vec<Notice>, GatewayError> {
        self.read(Call::new(Op::Payment), self.inner.undelivered_notices(since)).await
    }
}
