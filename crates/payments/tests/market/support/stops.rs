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
use stubmart_suite::fault::{Call, Fault, Faults, FaultyGateway, FaultyOrders, FaultyStore, Op};
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

impl Ports {
    /// The same ports, with a stop.
    pub(crate) fn stopping(self, stop: &Stop) -> Self {
        Self {
            store: Arc::new(FaultyStore::new(self.store, Arc::new(stop.clone()))),
            gateway: Arc::new(FaultyGateway::new(self.gateway, Arc::new(stop.clone()))),
            orders: Arc::new(FaultyOrders::new(self.orders, Arc::new(stop.clone()))),
        }
    }
}
