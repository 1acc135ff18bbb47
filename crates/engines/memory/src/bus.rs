//! The bus in memory.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    ops::Bound::{Excluded, Unbounded},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::select;
use stubmart_contract::{Envelope, EventType, MessageId, Timestamp};
use stubmart_kernel::mark;
use stubmart_ports::{
    bus::{Bus, BusError, Consumer, Delivery, Disposition, Seen, Subscription, Tail, TailFrom},
    host::Host,
};
use tokio::sync::Notify;

use crate::lock::lock;

/// A bus in memory that remembers everything. Clones are handles on the same data.
#[derive(Clone)]
pub struct MemoryBus {
    host: Host,
    /// How long a reader has to settle a delivery, if there is a limit.
    lease: Option<Duration>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// For tails.
    published: Notify,
}

#[derive(Default)]
struct State {
    /// One more after each wipe, so that readers of the old life notice.
    life: u64,
    position: u64,
    log: BTreeMap<u64, Arc<Envelope>>,
    ids: BTreeSet<MessageId>,
    groups: BTreeMap<&'static str, Group>,
    readers: u64,
    tokens: u64,
}

/// A consumer's place on the bus.
struct Group {
    types: &'static [EventType],
    /// What was not delivered yet: position and number of deliveries so far.
    fresh: VecDeque<(u64, u32)>,
    /// What is to be delivered again, by when it is due and in which order it was put here.
    again: BTreeMap<(Timestamp, u64), (u64, u32)>,
    /// What is delivered and not settled, by token.
    unsettled: BTreeMap<u64, Unsettled>,
    rejected: Vec<(u64, String)>,
    returns: u64,
    changed: Arc<Notify>,
}

#[derive(Clone, Copy)]
struct Unsettled {
    position: u64,
    attempt: u32,
    reader: u64,
    until: Option<Timestamp>,
}

/// An event that a consumer put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The consumer's name.
    pub consumer: &'static str,
    /// The event.
    pub event: Arc<Envelope>,
    /// Why.
    pub reason: String,
}

impl fmt::Debug for MemoryBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBus").finish_non_exhaustive()
    }
}

impl MemoryBus {
    /// An empty bus; what waits to be delivered again goes by the clock of `host`.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { host, lease: None, shared: Arc::default() }
    }

    /// Delivers to another reader what a reader has not settled after `lease`.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = Some(lease);
        self
    }

    /// Loses everything: events, consumers and their places. Positions begin at 1 again. Readers get
    /// [`BusError::Unavailable`] and have to join again.
    pub fn wipe(&self) {
        let mut state = lock(&self.shared.state);
        let (readers, tokens) = (state.readers, state.tokens);
        let next = State { life: state.life + 1, readers, tokens, ..State::default() };
        let groups = std::mem::replace(&mut *state, next).groups;
        drop(state);
        for group in groups.into_values() {
            group.changed.notify_waiters();
        }
        self.shared.published.notify_waiters();
    }

    /// Delivers every event to every consumer again, in the order that `order` puts the positions in.
    pub fn repeat(&self, mut order: impl FnMut(&mut Vec<u64>)) {
        let mut state = lock(&self.shared.state);
        let State { log, groups, .. } = &mut *state;
        for group in groups.values_mut() {
            let wanted = log.iter().filter(|(_, event)| group.wants(event));
            let mut positions: Vec<u64> = wanted.map(|(position, _)| *position).collect();
            order(&mut positions);
            group.fresh.extend(positions.into_iter().map(|position| (position, 1)));
            group.changed.notify_waiters();
        }
    }

    /// Whether this event is on the bus.
    #[must_use]
    pub fn contains(&self, id: MessageId) -> bool {
        lock(&self.shared.state).ids.contains(&id)
    }

    /// What was put aside, by consumer, oldest first.
    #[must_use]
    pub fn rejected(&self) -> Vec<Rejected> {
        let state = lock(&self.shared.state);
        let all = state.groups.iter().flat_map(|(consumer, group)| {
            group.rejected.iter().filter_map(|(position, reason)| {
                let event = Arc::clone(state.log.get(position)?);
                Some(Rejected { consumer, event, reason: reason.clone() })
            })
        });
        all.collect()
    }

    /// For each consumer, how many events it has not settled yet.
    #[must_use]
    pub fn backlog(&self) -> BTreeMap<&'static str, usize> {
        let state = lock(&self.shared.state);
        let left = state.groups.iter().map(|(name, group)| {
            (*name, group.fresh.len() + group.again.len() + group.unsettled.len())
        });
        left.collect()
    }
}

impl Group {
    fn wants(&self, event: &Envelope) -> bool {
        self.types.contains(&event.event.event_type())
    }

    fn deliver_again(&mut self, position: u64, attempts: u32, due: Timestamp) {
        self.returns += 1;
        self.again.insert((due, self.returns), (position, attempts));
    }

    /// Takes back what readers did not settle, of those that `is_lost` names.
    fn take_back(&mut self, now: Timestamp, is_lost: impl Fn(&Unsettled) -> bool) {
        let lost: Vec<_> = self.unsettled.extract_if(.., |_, it| is_lost(it)).collect();
        for (_, Unsettled { position, attempt, .. }) in lost {
            self.deliver_again(position, attempt, now);
        }
    }

    /// The next deliveries: first those that are due again, then fresh ones.
    fn take(&mut self, now: Timestamp, limit: usize) -> Vec<(u64, u32)> {
        self.take_back(now, |it| it.until.is_some_and(|until| until <= now));
        let mut taken = Vec::new();
        while taken.len() < limit
            && let Some(first) = self.again.first_entry().filter(|it| it.key().0 <= now)
        {
            taken.push(first.remove());
        }
        let room = limit.saturating_sub(taken.len()).min(self.fresh.len());
        taken.extend(self.fresh.drain(..room));
        taken
    }

    /// When the next event is due again, or a reader loses what it has not settled.
    fn next_due(&self) -> Option<Timestamp> {
        let again = self.again.first_key_value().map(|((due, _), _)| *due);
        again.into_iter().chain(self.unsettled.values().filter_map(|it| it.until)).min()
    }

    fn settle(&mut self, token: u64, disposition: Disposition, now: Timestamp) {
        // One that is not there was taken back meanwhile, and is delivered again.
        let Some(Unsettled { position, attempt, .. }) = self.unsettled.remove(&token) else {
            return;
        };
        match disposition {
            Disposition::Done => {}
            Disposition::RetryAfter(wait) => self.deliver_again(position, attempt, now.after(wait)),
            Disposition::Reject(reason) => self.rejected.push((position, reason)),
        }
    }
}

impl State {
    fn publish(&mut self, event: &Arc<Envelope>) {
        if !self.ids.insert(event.id) {
            mark!("an event that was on the bus already was not put there twice");
            return;
        }
        self.position += 1;
        self.log.insert(self.position, Arc::clone(event));
        for group in self.groups.values_mut() {
            if group.wants(event) {
                group.fresh.push_back((self.position, 0));
                group.changed.notify_waiters();
            }
        }
    }

    fn join(&mut self, consumer: &'static Consumer) -> Arc<Notify> {
        let log = &self.log;
        let group = self.groups.entry(consumer.name).or_insert_with(|| {
            let mut group = Group {
                types: consumer.types,
                fresh: VecDeque::new(),
                again: BTreeMap::new(),
                unsettled: BTreeMap::new(),
                rejected: Vec::new(),
                returns: 0,
                changed: Arc::default(),
            };
            let wanted = log.iter().filter(|(_, event)| group.wants(event));
            group.fresh = wanted.map(|(position, _)| (*position, 0)).collect();
            group
        });
        Arc::clone(&group.changed)
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publish(&self, events: &[Arc<Envelope>]) -> Result<(), BusError> {
        let mut state = lock(&self.shared.state);
        for event in events {
            state.publish(event);
        }
        drop(state);
        self.shared.published.notify_waiters();
        Ok(())
    }

    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError> {
        let mut state = lock(&self.shared.state);
        state.readers += 1;
        let (life, reader) = (state.life, state.readers);
        let changed = state.join(consumer);
        drop(state);
        Ok(Box::new(Reader { bus: self.clone(), name: consumer.name, changed, life, reader }))
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        let state = lock(&self.shared.state);
        let after = match from {
            TailFrom::Now => state.position,
            // A position of a life before a wipe means nothing in this one.
            TailFrom::Behind(position) => position.min(state.position),
        };
        let shared = Arc::clone(&self.shared);
        Ok(Box::new(Follower { shared, types, life: state.life, after }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        Ok(lock(&self.shared.state).position)
    }

    async fn life(&self) -> Result<u64, BusError> {
        Ok(lock(&self.shared.state).life)
    }

    async fn ready(&self) -> Result<(), BusError> {
        Ok(())
    }
}

fn wiped() -> BusError {
    BusError::Unavailable("the bus was wiped".into())
}

/// One reader of a consumer.
struct Reader {
    bus: MemoryBus,
    name: &'static str,
    changed: Arc<Notify>,
    life: u64,
    reader: u64,
}

impl Reader {
    /// The bus, unless it was wiped since this reader joined.
    fn state(&self) -> Result<MutexGuard<'_, State>, BusError> {
        let state = lock(&self.bus.shared.state);
        if state.life == self.life { Ok(state) } else { Err(wiped()) }
    }

    /// The next deliveries, or how long until one that waits is due.
    fn take(&self, limit: usize) -> Result<Result<Vec<Delivery>, Option<Duration>>, BusError> {
        let now = self.bus.host.now();
        let until = self.bus.lease.map(|lease| now.after(lease));
        let mut state = self.state()?;
        let State { log, groups, tokens, .. } = &mut *state;
        let group = groups.get_mut(self.name).ok_or_else(wiped)?;
        let mut deliveries = Vec::new();
        for (position, attempts) in group.take(now, limit) {
            let Some(event) = log.get(&position) else { continue };
            *tokens += 1;
            let (token, attempt) = (*tokens, attempts.saturating_add(1));
            group
                .unsettled
                .insert(token, Unsettled { position, attempt, reader: self.reader, until });
            deliveries.push(Delivery { token, attempt, event: Ok(Arc::clone(event)) });
        }
        if deliveries.is_empty() {
            return Ok(Err(group.next_due().map(|due| due.since(now))));
        }
        Ok(Ok(deliveries))
    }
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError> {
        loop {
            // Listening begins before looking, so that nothing is missed in between.
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            match self.take(limit.max(1))? {
                Ok(deliveries) => return Ok(deliveries),
                Err(Some(wait)) => drop(select(changed, self.bus.host.clock.sleep(wait)).await),
                Err(None) => changed.await,
            }
        }
    }

    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError> {
        let now = self.bus.host.now();
        if let Some(group) = self.state()?.groups.get_mut(self.name) {
            for (token, disposition) in settled {
                group.settle(token, disposition, now);
            }
        }
        self.changed.notify_waiters();
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let now = self.bus.host.now();
        // After a wipe there is nothing to give back.
        if let Ok(mut state) = self.state()
            && let Some(group) = state.groups.get_mut(self.name)
        {
            group.take_back(now, |it| it.reader == self.reader);
        }
        self.changed.notify_waiters();
    }
}

/// A follower of the bus.
struct Follower {
    shared: Arc<Shared>,
    types: &'static [EventType],
    life: u64,
    after: u64,
}

impl Follower {
    fn take(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let state = lock(&self.shared.state);
        if state.life != self.life {
            return Err(wiped());
        }
        let mut seen = Vec::new();
        for (&position, event) in state.log.range((Excluded(self.after), Unbounded)) {
            self.after = position;
            if self.types.contains(&event.event.event_type()) {
                seen.push(Seen { position, event: Ok(Arc::clone(event)) });
                if seen.len() >= limit.max(1) {
                    break;
                }
            }
        }
        Ok(seen)
    }
}

#[async_trait]
impl Tail for Follower {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let shared = Arc::clone(&self.shared);
        loop {
            let mut published = pin!(shared.published.notified());
            published.as_mut().enable();
            let seen = self.take(limit)?;
            if !seen.is_empty() {
                return Ok(seen);
            }
            published.await;
        }
    }
}
