//! A bus that fails.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use stubmart_contract::{Envelope, EventType};
use stubmart_kernel::mark;
use stubmart_ports::bus::{
    Bus, BusError, Consumer, Delivery, Disposition, Seen, Subscription, Tail, TailFrom,
};

use super::{
    call::{Errors, ask, change, injected},
    plan::{Call, Fault, Faults, Op},
};

/// The one error of the bus does not say whether anything happened.
const ERRORS: Errors<BusError> = (BusError::Unavailable, BusError::Unavailable);

/// A bus with faults injected.
#[derive(Clone)]
pub struct FaultyBus {
    inner: Arc<dyn Bus>,
    faults: Arc<dyn Faults>,
}

impl std::fmt::Debug for FaultyBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyBus").finish_non_exhaustive()
    }
}

impl FaultyBus {
    /// `inner` with these faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Bus>, faults: Arc<dyn Faults>) -> Self {
        Self { inner, faults }
    }

    async fn ask<T: Send>(
        &self,
        op: Op,
        make: impl Future<Output = Result<T, BusError>> + Send,
    ) -> Result<T, BusError> {
        ask(&self.faults, Call::new(op), BusError::Unavailable, make).await
    }
}

#[async_trait]
impl Bus for FaultyBus {
    async fn publish(&self, events: &[Arc<Envelope>]) -> Result<(), BusError> {
        change(&self.faults, Call::new(Op::Publish), ERRORS, || {
            let (inner, events) = (Arc::clone(&self.inner), events.to_vec());
            async move { inner.publish(&events).await }.boxed()
        })
        .await
    }

    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError> {
        let inner = self.ask(Op::Subscribe, self.inner.subscribe(consumer)).await?;
        Ok(Box::new(FaultySubscription {
            inner,
            faults: Arc::clone(&self.faults),
            name: consumer.name,
            ready: VecDeque::new(),
            settled: BTreeSet::new(),
        }))
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        let inner = self.ask(Op::Tail, self.inner.tail(types, from)).await?;
        let faults = Arc::clone(&self.faults);
        Ok(Box::new(FaultyTail { inner, faults, seen: Vec::new() }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        self.ask(Op::Position, self.inner.position()).await
    }

    async fn life(&self) -> Result<u64, BusError> {
        self.ask(Op::Position, self.inner.life()).await
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.ask(Op::BusReady, self.inner.ready()).await
    }
}

struct FaultySubscription {
    inner: Box<dyn Subscription>,
    faults: Arc<dyn Faults>,
    name: &'static str,
    /// What came from the bus and was not given out yet.
    ready: VecDeque<Delivery>,
    /// Deliveries that are settled already, since they come again whatever becomes of them.
    settled: BTreeSet<u64>,
}

impl FaultySubscription {
    fn call(&self, op: Op) -> Call {
        Call { caller: self.name, ..Call::new(op) }
    }

    /// Takes up what came from the bus. Some comes later, some twice.
    async fn take_up(&mut self, fresh: Vec<Delivery>) -> Result<(), BusError> {
        let mut again = Vec::new();
        for delivery in fresh {
            let fault = match delivery.attempt {
                1 => self.faults.deliver(self.call(Op::Deliver)),
                _ => Fault::None,
            };
            if matches!(fault, Fault::Late | Fault::Twice) {
                again.push((delivery.token, Disposition::RetryAfter(self.faults.delay())));
            }
            if fault == Fault::Twice {
                self.settled.insert(delivery.token);
            }
            if fault != Fault::Late {
                self.ready.push_back(delivery);
            }
        }
        if again.is_empty() { Ok(()) } else { self.inner.settle(again).await }
    }

    /// Gives out at most `limit` of what is ready, in any order.
    fn give_out(&mut self, limit: usize) -> Vec<Delivery> {
        let mut given = Vec::new();
        while given.len() < limit && !self.ready.is_empty() {
            let place = self.faults.pick(self.ready.len());
            given.extend(self.ready.swap_remove_front(place));
        }
        given
    }
}

#[async_trait]
impl Subscription for FaultySubscription {
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError> {
        let limit = limit.max(1);
        while self.ready.is_empty() {
            let fresh = self.inner.next(limit).await?;
            self.take_up(fresh).await?;
        }
        let call = self.call(Op::Next);
        let fault = self.faults.begin(call).await;
        let answer = match fault {
            Fault::None | Fault::Twice | Fault::Forget => Ok(self.give_out(limit)),
            Fault::Fail | Fault::Late => Err(BusError::Unavailable(injected())),
            Fault::LoseAnswer => {
                drop(self.give_out(limit));
                Err(BusError::Unavailable(injected()))
            }
        };
        self.faults.end(call).await;
        answer
    }

    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError> {
        let mut inner_settled = Vec::with_capacity(settled.len());
        for (token, disposition) in settled {
            if !self.settled.remove(&token) {
                inner_settled.push((token, disposition));
            } else if disposition == Disposition::Done {
                mark!("an event that was handled before came again");
            }
        }
        let call = self.call(Op::Settle);
        let answer = match self.faults.begin(call).await {
            Fault::Fail | Fault::Late => {
                mark!("an acknowledgement was lost");
                Err(BusError::Unavailable(injected()))
            }
            Fault::LoseAnswer => {
                self.inner.settle(inner_settled).await.and(Err(BusError::Unavailable(injected())))
            }
            Fault::None | Fault::Twice | Fault::Forget => self.inner.settle(inner_settled).await,
        };
        self.faults.end(call).await;
        answer
    }
}

struct FaultyTail {
    inner: Box<dyn Tail>,
    faults: Arc<dyn Faults>,
    /// What came from the bus and was not shown yet.
    seen: Vec<Seen>,
}

#[async_trait]
impl Tail for FaultyTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        if self.seen.is_empty() {
            self.seen = self.inner.next(limit).await?;
        }
        // Only what is shown is gone from here: a wait that is dropped loses nothing.
        let call = Call::new(Op::TailNext);
        let fault = self.faults.begin(call).await;
        self.faults.end(call).await;
        match fault {
            Fault::None | Fault::Twice | Fault::Forget => Ok(std::mem::take(&mut self.seen)),
            Fault::Fail | Fault::LoseAnswer | Fault::Late => Err(BusError::Unavailable(injected())),
        }
    }
}
