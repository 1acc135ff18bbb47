//! A payment gateway that fails.

use std::{fmt, future::Future, sync::Arc};

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Timestamp};
use stubmart_ports::gateway::{
    AuthoriseRequest, BadNotice, GatewayError, Intent, IntentState, Notice, PaymentGateway,
};

use super::{Fault, Held, Injector, Op, injected};

/// A payment gateway with faults injected. Clones share what is late.
#[derive(Clone)]
pub struct FaultyGateway {
    inner: Arc<dyn PaymentGateway>,
    injector: Arc<Injector>,
    held: Arc<Held<Ask>>,
}

/// A request that changes something at the provider.
#[derive(Debug, Clone)]
enum Ask {
    Authorise(AuthoriseRequest),
    Capture(ChargeId, String),
    Void(ChargeId, String),
    Refund(ChargeId, String),
}

impl fmt::Debug for FaultyGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyGateway").field("late", &self.late()).finish_non_exhaustive()
    }
}

impl FaultyGateway {
    /// `inner` with the faults of `injector`.
    #[must_use]
    pub fn new(inner: Arc<dyn PaymentGateway>, injector: Arc<Injector>) -> Self {
        Self { inner, injector, held: Arc::default() }
    }

    /// How many requests are late.
    #[must_use]
    pub fn late(&self) -> usize {
        self.held.count()
    }

    /// Lets the late request at this place arrive, 0 being the oldest; false when there is none.
    pub async fn release(&self, place: usize) -> bool {
        match self.held.take(place) {
            Some(Ask::Authorise(request)) => drop(self.inner.authorise(&request).await),
            Some(Ask::Capture(charge_id, intent_id)) => {
                drop(self.inner.capture(charge_id, &intent_id).await);
            }
            Some(Ask::Void(charge_id, intent_id)) => {
                drop(self.inner.void(charge_id, &intent_id).await);
            }
            Some(Ask::Refund(charge_id, intent_id)) => {
                drop(self.inner.refund(charge_id, &intent_id).await);
            }
            None => return false,
        }
        true
    }

    /// Lets every late request arrive, oldest first.
    pub async fn release_all(&self) {
        while self.release(0).await {}
    }

    /// Makes the call as the fault of the moment has it; `ask` is what arrives later, where it is late.
    async fn faulty<T, Answer>(
        &self,
        op: Op,
        ask: Ask,
        call: impl Fn() -> Answer + Send,
    ) -> Result<T, GatewayError>
    where
        T: Send,
        Answer: Future<Output = Result<T, GatewayError>> + Send,
    {
        match self.injector.ask(op) {
            Fault::None => call().await,
            Fault::Fail => Err(GatewayError::Unavailable(injected())),
            Fault::LoseAnswer => {
                drop(call().await);
                Err(GatewayError::Indeterminate(injected()))
            }
            Fault::Late => {
                self.held.push(ask);
                Err(GatewayError::Indeterminate(injected()))
            }
            Fault::Twice => {
                let answer = call().await;
                drop(call().await);
                answer
            }
        }
    }

    fn read(&self, op: Op) -> Result<(), GatewayError> {
        match self.injector.ask(op) {
            Fault::None | Fault::Twice => Ok(()),
            Fault::Fail => Err(GatewayError::Unavailable(injected())),
            Fault::LoseAnswer | Fault::Late => Err(GatewayError::Indeterminate(injected())),
        }
    }
}

#[async_trait]
impl PaymentGateway for FaultyGateway {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Intent, GatewayError> {
        let ask = Ask::Authorise(request.clone());
        self.faulty(Op::Authorise, ask, || self.inner.authorise(request)).await
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        let ask = Ask::Capture(charge_id, intent_id.to_owned());
        self.faulty(Op::Capture, ask, || self.inner.capture(charge_id, intent_id)).await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        let ask = Ask::Void(charge_id, intent_id.to_owned());
        self.faulty(Op::Void, ask, || self.inner.void(charge_id, intent_id)).await
    }

    async fn refund(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        let ask = Ask::Refund(charge_id, intent_id.to_owned());
        self.faulty(Op::Refund, ask, || self.inner.refund(charge_id, intent_id)).await
    }

    async fn intent(&self, intent_id: &str) -> Result<Intent, GatewayError> {
        self.read(Op::Intent)?;
        self.inner.intent(intent_id).await
    }

    async fn intent_of(&self, charge_id: ChargeId) -> Result<Option<Intent>, GatewayError> {
        self.read(Op::IntentOf)?;
        self.inner.intent_of(charge_id).await
    }

    fn publishable_key(&self) -> Option<&str> {
        self.inner.publishable_key()
    }

    fn notice(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice> {
        self.inner.notice(signature, body, now)
    }
}
