//! A bus that fails.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use stubmart_contract::EventType;
use stubmart_ports::{
    bus::{Bus, BusError, Consumer, Delivery, Disposition, Seen, Subscription, Tail, TailFrom},
    store::Outgoing,
};

use super::{Fault, Held, Injector, Op, injected};

/// A bus with faults injected. Clones share what is late.
#[derive(Clone)]
pub struct FaultyBus {
    inner: Arc<dyn Bus>,
    injector: Arc<Injector>,
    held: Arc<Held<Vec<Outgoing>>>,
}

impl fmt::Debug for FaultyBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyBus").field("late", &self.late()).finish_non_exhaustive()
    }
}

fn unavailable() -> BusError {
    BusError::Unavailable(injected())
}

impl FaultyBus {
    /// `inner` with the faults of `injector`.
    #[must_use]
    pub fn new(inner: Arc<dyn Bus>, injector: Arc<Injector>) -> Self {
        Self { inner, injector, held: Arc::default() }
    }

    /// How many batches of events are late.
    #[must_use]
    pub fn late(&self) -> usize {
        self.held.count()
    }

    /// Lets the late batch at this place reach the bus, 0 being the oldest; false when there is none.
    pub async fn release(&self, place: usize) -> bool {
        let Some(events) = self.held.take(place) else { return false };
        drop(self.inner.publish(&events).await);
        true
    }

    /// Lets every late batch reach the bus, oldest first.
    pub async fn release_all(&self) {
        while self.release(0).await {}
    }

    fn check(&self, op: Op) -> Result<(), BusError> {
        if self.injector.fails(op) { Err(unavailable()) } else { Ok(()) }
    }
}

#[async_trait]
impl Bus for FaultyBus {
    async fn publish(&self, events: &[Outgoing]) -> Result<(), BusError> {
        match self.injector.ask(Op::Publish) {
            Fault::None => self.inner.publish(events).await,
            Fault::Fail => Err(unavailable()),
            Fault::LoseAnswer => {
                drop(self.inner.publish(events).await);
                Err(unavailable())
            }
            Fault::Late => {
                self.held.push(events.to_vec());
                Err(unavailable())
            }
            Fault::Twice => {
                self.inner.publish(events).await?;
                self.inner.publish(events).await
            }
        }
    }

    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError> {
        self.check(Op::Subscribe)?;
        Ok(Box::new(FaultySubscription {
            inner: self.inner.subscribe(consumer).await?,
            injector: Arc::clone(&self.injector),
            tokens: 0,
            given: BTreeMap::new(),
            later: VecDeque::new(),
        }))
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        self.check(Op::Tail)?;
        let inner = self.inner.tail(types, from).await?;
        Ok(Box::new(FaultyTail { inner, injector: Arc::clone(&self.injector) }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        self.check(Op::Position)?;
        self.inner.position().await
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.check(Op::BusReady)?;
        self.inner.ready().await
    }
}

/// A reader that gives out tokens of its own, since it gives some deliveries twice.
struct FaultySubscription {
    inner: Box<dyn Subscription>,
    injector: Arc<Injector>,
    tokens: u64,
    /// The inner token of each token that was given; `None` for a repetition.
    given: BTreeMap<u64, Option<u64>>,
    /// What is delivered behind later ones, and what is delivered again.
    later: VecDeque<(Option<u64>, Delivery)>,
}

impl FaultySubscription {
    /// Gives a delivery out under a token of its own.
    fn give(&mut self, inner_token: Option<u64>, mut delivery: Delivery) -> Delivery {
        self.tokens += 1;
        self.given.insert(self.tokens, inner_token);
        delivery.token = self.tokens;
        delivery
    }

    /// Shuffles `fresh` and what was kept for later, and gives out at most `limit` of them.
    fn give_all(&mut self, fresh: Vec<Delivery>, limit: usize) -> Vec<Delivery> {
        let mut all: Vec<_> =
            fresh.into_iter().map(|delivery| (Some(delivery.token), delivery)).collect();
        let room = limit.saturating_sub(all.len()).min(self.later.len());
        all.extend(self.later.drain(..room));
        self.injector.shuffle(&mut all);
        all.into_iter().map(|(token, delivery)| self.give(token, delivery)).collect()
    }
}

#[async_trait]
impl Subscription for FaultySubscription {
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError> {
        let limit = limit.max(1);
        loop {
            let fault = self.injector.ask(Op::Next);
            if fault == Fault::Fail {
                return Err(unavailable());
            }
            let fresh = if self.later.is_empty() {
                self.inner.next(limit).await?
            } else {
                // There is something to deliver, so nobody has to wait for more.
                self.inner.next(limit).now_or_never().unwrap_or(Ok(Vec::new()))?
            };
            match fault {
                Fault::LoseAnswer => return Err(unavailable()),
                Fault::Late if !fresh.is_empty() => {
                    self.later.extend(fresh.into_iter().map(|it| (Some(it.token), it)));
                    continue;
                }
                Fault::None | Fault::Fail | Fault::Late | Fault::Twice => {}
            }
            let echoes: Vec<_> = if fault == Fault::Twice { fresh.clone() } else { Vec::new() };
            let given = self.give_all(fresh, limit);
            for mut echo in echoes {
                echo.attempt = echo.attempt.saturating_add(1);
                self.later.push_back((None, echo));
            }
            return Ok(given);
        }
    }

    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError> {
        let mut inner_settled = Vec::with_capacity(settled.len());
        for (token, disposition) in settled {
            if let Some(Some(inner_token)) = self.given.remove(&token) {
                inner_settled.push((inner_token, disposition));
            }
        }
        match self.injector.ask(Op::Settle) {
            Fault::Fail | Fault::Late => Err(unavailable()),
            Fault::LoseAnswer => {
                drop(self.inner.settle(inner_settled).await);
                Err(unavailable())
            }
            Fault::None | Fault::Twice => self.inner.settle(inner_settled).await,
        }
    }
}

struct FaultyTail {
    inner: Box<dyn Tail>,
    injector: Arc<Injector>,
}

#[async_trait]
impl Tail for FaultyTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        if self.injector.fails(Op::TailNext) {
            return Err(unavailable());
        }
        self.inner.next(limit).await
    }
}
