//! Stops a service at a port call: before it is made, or after it was made and before its answer is seen.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::{ChargeId, OrderId, TicketId, UserId, api::Order};
use stubmart_ports::calls::{CallError, SecureOrders, SecureRefusal};
use stubmart_suite::fault::{Call, Fault, Faults, FaultyGateway, FaultyStore, Op};
use tokio::sync::watch;

use super::Ports;

/// Where to stop, and what became of it.
#[derive(Debug, Clone)]
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

/// The only thing that goes wrong with a call is that it stops, before or after.
#[async_trait]
impl Faults for Stop {
    async fn begin(&self, call: Call) -> Fault {
        if call.op != Op::History {
            self.pass().await;
        }
        Fault::None
    }

    async fn end(&self, call: Call) {
        if call.op != Op::History {
            self.pass().await;
        }
    }

    fn later(&self, _: Call, _: BoxFuture<'static, ()>) {}

    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// Orders whose calls can be stopped at.
struct StoppingOrders {
    inner: Arc<dyn SecureOrders>,
    stop: Stop,
}

impl Ports {
    /// The same ports, with a stop.
    pub(crate) fn stopping(self, stop: &Stop) -> Self {
        Self {
            store: Arc::new(FaultyStore::new(self.store, Arc::new(stop.clone()))),
            gateway: Arc::new(FaultyGateway::new(self.gateway, Arc::new(stop.clone()))),
            orders: Arc::new(StoppingOrders { inner: self.orders, stop: stop.clone() }),
        }
    }
}

#[async_trait]
impl SecureOrders for StoppingOrders {
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
