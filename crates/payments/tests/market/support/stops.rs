//! Stops a service at a port call: before it is made, or after it was made and before its answer is seen.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::{ChargeId, OrderId, TicketId, Timestamp, UserId, api::Order};
use stubmart_ports::{
    calls::{CallError, SecureOrders, SecureRefusal},
    gateway::{
        AuthoriseRequest, BadNotice, GatewayError, Intent, IntentState, Notice, PaymentGateway,
    },
    store::{DocKey, Found, FoundKey, Recorded, Save, Scan, Store, StoreError, Stored},
};
use tokio::sync::watch;

use super::Ports;

/// Where to stop, and what became of it.
#[derive(Clone)]
pub(crate) struct Stop {
    at: u32,
    passed: Arc<AtomicU32>,
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    Stopped,
    GoesOn,
}

impl Stop {
    /// Stops at the `at`-th place that is passed, counted from 1.
    pub(crate) fn at(at: u32) -> Self {
        Self { at, passed: Arc::default(), state: watch::Sender::new(State::Runs) }
    }

    /// Waits until it has stopped.
    pub(crate) async fn stopped(&self) {
        self.state.subscribe().wait_for(|state| *state == State::Stopped).await.unwrap();
    }

    /// Lets what was stopped go on.
    pub(crate) fn go_on(&self) {
        self.state.send_replace(State::GoesOn);
    }

    async fn pass(&self) {
        if self.passed.fetch_add(1, Ordering::SeqCst) + 1 == self.at {
            self.state.send_replace(State::Stopped);
        }
        let mut state = self.state.subscribe();
        state.wait_for(|state| *state != State::Stopped).await.unwrap();
    }

    async fn around<T>(&self, call: impl Future<Output = T> + Send) -> T {
        self.pass().await;
        let answer = call.await;
        self.pass().await;
        answer
    }
}

/// A port whose calls can be stopped at.
pub(crate) struct Stopping<P: ?Sized> {
    inner: Arc<P>,
    stop: Stop,
}

impl<P: ?Sized> Stopping<P> {
    fn new(inner: Arc<P>, stop: &Stop) -> Arc<Self> {
        Arc::new(Self { inner, stop: stop.clone() })
    }
}

impl Ports {
    /// The same ports, with a stop.
    pub(crate) fn stopping(self, stop: &Stop) -> Self {
        Self {
            store: Stopping::new(self.store, stop),
            gateway: Stopping::new(self.gateway, stop),
            orders: Stopping::new(self.orders, stop),
        }
    }
}

#[async_trait]
impl Store for Stopping<dyn Store> {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        self.stop.around(self.inner.load(key)).await
    }

    async fn save(&self, save: Save) -> Result<u64, StoreError> {
        self.stop.around(self.inner.save(save)).await
    }

    async fn delete(&self, key: DocKey, version: u64) -> Result<(), StoreError> {
        self.stop.around(self.inner.delete(key, version)).await
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        self.stop.around(self.inner.find(scan)).await
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        self.stop.around(self.inner.keys(scan)).await
    }

    async fn pending(
        &self,
        service: &'static str,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.inner.pending(service, limit).await
    }

    async fn published(
        &self,
        service: &'static str,
        events: &[Recorded],
    ) -> Result<(), StoreError> {
        self.inner.published(service, events).await
    }

    async fn record(
        &self,
        service: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.inner.record(service, after, limit).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}

#[async_trait]
impl PaymentGateway for Stopping<dyn PaymentGateway> {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Intent, GatewayError> {
        self.stop.around(self.inner.authorise(request)).await
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        self.stop.around(self.inner.capture(charge_id, intent_id)).await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        self.stop.around(self.inner.void(charge_id, intent_id)).await
    }

    async fn refund(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        self.stop.around(self.inner.refund(charge_id, intent_id)).await
    }

    async fn intent(&self, intent_id: &str) -> Result<Intent, GatewayError> {
        self.stop.around(self.inner.intent(intent_id)).await
    }

    async fn intent_of(&self, charge_id: ChargeId) -> Result<Option<Intent>, GatewayError> {
        self.stop.around(self.inner.intent_of(charge_id)).await
    }

    fn publishable_key(&self) -> Option<&str> {
        self.inner.publishable_key()
    }

    fn notice(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice> {
        self.inner.notice(signature, body, now)
    }
}

#[async_trait]
impl SecureOrders for Stopping<dyn SecureOrders> {
    async fn order(&self, buyer: UserId, order_id: OrderId) -> Result<Option<Order>, CallError> {
        self.stop.around(self.inner.order(buyer, order_id)).await
    }

    async fn secure(
        &self,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        self.stop.around(self.inner.secure(order_id, charge_id)).await
    }

    fn watch(&self, order_id: OrderId, ticket_id: TicketId) -> BoxFuture<'_, ()> {
        self.inner.watch(order_id, ticket_id)
    }
}
