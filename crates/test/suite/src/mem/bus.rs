//! The bus in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Bound::{Excluded, Unbounded},
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::select;
use stubmart_contract::{EventType, MessageId, Timestamp};
use stubmart_ports::{
    bus::{Bus, BusError, Consumer, Delivery, Disposition, Seen, Subscription, Tail, TailFrom},
    host::Host,
    store::Outgoing,
};
use tokio::sync::Notify;

use crate::host::lock;

/// A bus in memory that remembers everything. Clones are handles on the same data.
#[derive(Clone)]
pub struct MemBus {
    host: Host,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// One more after each wipe, so that readers of the old life notice.
    life: u64,
    position: u64,
    log: BTreeMap<u64, Outgoing>,
    ids: BTreeSet<MessageId>,
    groups: BTreeMap<&'static str, Group>,
    readers: u64,
    tokens: u64,
}

/// A consumer's place on the bus.
struct Group {
    types: &'static [EventType],
    /// Events up to here were delivered once at least.
    cursor: u64,
    /// Those that are to be delivered again, by position.
    again: BTreeMap<u64, Again>,
    /// Those that are delivered and not settled, by token.
    unsettled: BTreeMap<u64, Unsettled>,
    rejected: Vec<(u64, String)>,
}

struct Again {
    attempts: u32,
    due: Timestamp,
}

struct Unsettled {
    position: u64,
    attempt: u32,
    reader: u64,
}

/// An event that a consumer put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The consumer's name.
    pub consumer: &'static str,
    /// The encoded envelope.
    pub body: Vec<u8>,
    /// Why.
    pub reason: String,
}

impl fmt::Debug for MemBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemBus").finish_non_exhaustive()
    }
}

impl MemBus {
    /// An empty bus; what waits to be delivered again goes by the clock of `host`.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { host, shared: Arc::default() }
    }

    /// Loses everything: events, consumers and their places. Positions begin anew. Whoever reads is
    /// told [`BusError::Unavailable`] and has to join again.
    pub fn wipe(&self) {
        let mut state = lock(&self.shared.state);
        *state = State {
            life: state.life + 1,
            readers: state.readers,
            tokens: state.tokens,
            ..State::default()
        };
        drop(state);
        self.shared.changed.notify_waiters();
    }

    /// What was put aside, by consumer, oldest first.
    #[must_use]
    pub fn rejected(&self) -> Vec<Rejected> {
        let state = lock(&self.shared.state);
        let all = state.groups.iter().flat_map(|(consumer, group)| {
            group.rejected.iter().filter_map(|(position, reason)| {
                let body = state.log.get(position)?.body.clone();
                Some(Rejected { consumer, body, reason: reason.clone() })
            })
        });
        all.collect()
    }

    /// How many events are not settled yet, summed over the consumers: 0 when all is done.
    #[must_use]
    pub fn backlog(&self) -> usize {
        let state = lock(&self.shared.state);
        let left = state.groups.values().map(|group| {
            let unread = state.log.range((Excluded(group.cursor), Unbounded));
            let wanted = unread.filter(|(_, event)| group.types.contains(&event.event_type));
            group.again.len() + group.unsettled.len() + wanted.count()
        });
        left.sum()
    }
}

impl State {
    fn publish(&mut self, event: &Outgoing) {
        if self.ids.insert(event.id) {
            self.position += 1;
            self.log.insert(self.position, event.clone());
        }
    }

    /// The next deliveries of `consumer` to `reader`: first those that are due again, then new ones.
    fn take(
        &mut self,
        consumer: &'static Consumer,
        reader: u64,
        now: Timestamp,
        limit: usize,
    ) -> Vec<Delivery> {
        let Some(group) = self.groups.get_mut(consumer.name) else { return Vec::new() };
        let due = group.again.iter().filter(|(_, again)| again.due <= now);
        let due: Vec<_> = due.map(|(position, _)| *position).take(limit).collect();
        let mut taken: Vec<(u64, u32)> = Vec::new();
        for position in due {
            let attempts = group.again.remove(&position).map_or(0, |again| again.attempts);
            taken.push((position, attempts.saturating_add(1)));
        }
        for (position, event) in self.log.range((Excluded(group.cursor), Unbounded)) {
            if taken.len() >= limit {
                break;
            }
            group.cursor = *position;
            if consumer.types.contains(&event.event_type) {
                taken.push((*position, 1));
            }
        }
        let mut deliveries = Vec::with_capacity(taken.len());
        for (position, attempt) in taken {
            let Some(event) = self.log.get(&position) else { continue };
            self.tokens += 1;
            group.unsettled.insert(self.tokens, Unsettled { position, attempt, reader });
            deliveries.push(Delivery { token: self.tokens, attempt, body: event.body.clone() });
        }
        deliveries
    }

    /// When the next event of `consumer` is due again.
    fn due_again(&self, consumer: &Consumer) -> Option<Timestamp> {
        self.groups.get(consumer.name)?.again.values().map(|again| again.due).min()
    }

    fn settle(&mut self, consumer: &Consumer, settled: Vec<(u64, Disposition)>, now: Timestamp) {
        let Some(group) = self.groups.get_mut(consumer.name) else { return };
        for (token, disposition) in settled {
            let Some(Unsettled { position, attempt, .. }) = group.unsettled.remove(&token) else {
                continue;
            };
            match disposition {
                Disposition::Done => {}
                Disposition::RetryAfter(wait) => {
                    let again = Again { attempts: attempt, due: now.after(wait) };
                    group.again.insert(position, again);
                }
                Disposition::Reject(reason) => group.rejected.push((position, reason)),
            }
        }
    }

    /// Takes back what a reader that is gone did not settle.
    fn leave(&mut self, consumer: &Consumer, reader: u64, now: Timestamp) {
        let Some(group) = self.groups.get_mut(consumer.name) else { return };
        let left = group.unsettled.extract_if(.., |_, unsettled| unsettled.reader == reader);
        for (_, Unsettled { position, attempt, .. }) in left {
            group.again.insert(position, Again { attempts: attempt, due: now });
        }
    }
}

#[async_trait]
impl Bus for MemBus {
    async fn publish(&self, events: &[Outgoing]) -> Result<(), BusError> {
        let mut state = lock(&self.shared.state);
        for event in events {
            state.publish(event);
        }
        drop(state);
        self.shared.changed.notify_waiters();
        Ok(())
    }

    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError> {
        let mut state = lock(&self.shared.state);
        state.readers += 1;
        let (life, reader) = (state.life, state.readers);
        let group = state.groups.entry(consumer.name).or_insert_with(|| Group {
            types: consumer.types,
            cursor: 0,
            again: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            rejected: Vec::new(),
        });
        group.types = consumer.types;
        drop(state);
        Ok(Box::new(MemSubscription { bus: self.clone(), consumer, life, reader }))
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        let state = lock(&self.shared.state);
        let after = match from {
            TailFrom::Now => state.position,
            // A position of a life before a wipe tells nothing about this one.
            TailFrom::Behind(position) => position.min(state.position),
        };
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(MemTail { shared, types, life: state.life, after }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        Ok(lock(&self.shared.state).position)
    }

    async fn ready(&self) -> Result<(), BusError> {
        Ok(())
    }
}

fn wiped() -> BusError {
    BusError::Unavailable("the bus was wiped".into())
}

struct MemSubscription {
    bus: MemBus,
    consumer: &'static Consumer,
    life: u64,
    reader: u64,
}

impl MemSubscription {
    /// The next deliveries, or how long until one that waits is due.
    fn take(&self, limit: usize) -> Result<Result<Vec<Delivery>, Option<Duration>>, BusError> {
        let now = self.bus.host.now();
        let mut state = lock(&self.bus.shared.state);
        if state.life != self.life {
            return Err(wiped());
        }
        let deliveries = state.take(self.consumer, self.reader, now, limit.max(1));
        if deliveries.is_empty() {
            return Ok(Err(state.due_again(self.consumer).map(|due| due.since(now))));
        }
        Ok(Ok(deliveries))
    }
}

#[async_trait]
impl Subscription for MemSubscription {
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError> {
        loop {
            // Listening begins before looking, so that nothing is missed in between.
            let mut changed = pin!(self.bus.shared.changed.notified());
            changed.as_mut().enable();
            match self.take(limit)? {
                Ok(deliveries) => return Ok(deliveries),
                Err(Some(wait)) => {
                    drop(select(changed, self.bus.host.clock.sleep(wait)).await);
                }
                Err(None) => changed.await,
            }
        }
    }

    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError> {
        let now = self.bus.host.now();
        let mut state = lock(&self.bus.shared.state);
        if state.life != self.life {
            return Err(wiped());
        }
        state.settle(self.consumer, settled, now);
        drop(state);
        self.bus.shared.changed.notify_waiters();
        Ok(())
    }
}

impl Drop for MemSubscription {
    fn drop(&mut self) {
        let now = self.bus.host.now();
        let mut state = lock(&self.bus.shared.state);
        if state.life == self.life {
            state.leave(self.consumer, self.reader, now);
        }
        drop(state);
        self.bus.shared.changed.notify_waiters();
    }
}

struct MemTail {
    shared: Arc<Shared>,
    types: &'static [EventType],
    life: u64,
    after: u64,
}

impl MemTail {
    fn take(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let state = lock(&self.shared.state);
        if state.life != self.life {
            return Err(wiped());
        }
        let mut seen = Vec::new();
        for (position, event) in state.log.range((Excluded(self.after), Unbounded)) {
            self.after = *position;
            if self.types.contains(&event.event_type) {
                seen.push(Seen { position: *position, body: event.body.clone() });
                if seen.len() >= limit.max(1) {
                    break;
                }
            }
        }
        Ok(seen)
    }
}

#[async_trait]
impl Tail for MemTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let shared = Arc::clone(&self.shared);
        loop {
            let mut changed = pin!(shared.changed.notified());
            changed.as_mut().enable();
            let seen = self.take(limit)?;
            if !seen.is_empty() {
                return Ok(seen);
            }
            changed.await;
        }
    }
}
