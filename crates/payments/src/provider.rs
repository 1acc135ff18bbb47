//! The payment provider, with a limit on how long it may take.

use std::{future::Future, sync::Arc, time::Duration};

use stubmart_contract::{ChargeId, Timestamp};
use stubmart_ports::{
    gateway::{
        AuthoriseRequest, BadNotice, GatewayError, Notice, Payment, PaymentGateway, PaymentState,
        RefundRequest,
    },
    host::Host,
};

use crate::charge::{Charge, Refund};

/// The gateway. An answer that does not come in time counts as lost.
pub(crate) struct Provider {
    gateway: Arc<dyn PaymentGateway>,
    host: Host,
    timeout: Duration,
}

impl Provider {
    pub(crate) fn new(gateway: Arc<dyn PaymentGateway>, host: Host, timeout: Duration) -> Self {
        Self { gateway, host, timeout }
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, GatewayError>> + Send,
    ) -> Result<T, GatewayError> {
        match self.host.timeout(self.timeout, call).await {
            Ok(answer) => answer,
            Err(timed_out) => Err(GatewayError::Indeterminate(timed_out.into())),
        }
    }

    /// Authorises a charge. Every retry sends the same request.
    pub(crate) async fn authorise(&self, charge: &Charge) -> Result<Payment, GatewayError> {
        let request = AuthoriseRequest {
            charge_id: charge.id,
            order_id: charge.order_id,
            amount: charge.amount,
            currency: charge.currency,
            payment_method: charge.payment_method.clone(),
        };
        self.within(self.gateway.authorise(&request)).await
    }

    pub(crate) async fn capture(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        self.within(self.gateway.capture(charge_id, payment_id)).await
    }

    pub(crate) async fn void(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        self.within(self.gateway.void(charge_id, payment_id)).await
    }

    /// Gives money of a charge back. Every retry sends the same request.
    pub(crate) async fn refund(
        &self,
        charge: &Charge,
        payment_id: &str,
        refund: &Refund,
    ) -> Result<PaymentState, GatewayError> {
        let request = RefundRequest {
            charge_id: charge.id,
            payment_id: payment_id.to_owned(),
            refund_id: refund.id,
            amount: refund.amount,
        };
        self.within(self.gateway.refund(&request)).await
    }

    pub(crate) async fn payment(&self, payment_id: &str) -> Result<Payment, GatewayError> {
        self.within(self.gateway.payment(payment_id)).await
    }

    pub(crate) async fn payment_of(
        &self,
        charge_id: ChargeId,
    ) -> Result<Option<Payment>, GatewayError> {
        self.within(self.gateway.payment_of(charge_id)).await
    }

    pub(crate) async fn undelivered_notices(
        &self,
        since: Timestamp,
    ) -> Result<Vec<Notice>, GatewayError> {
        self.gateway.undelivered_notices(since).await
    }

    pub(crate) fn notice(
        &self,
        signature: &str,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Notice, BadNotice> {
        self.gateway.notice(signature, body, now)
    }
}
