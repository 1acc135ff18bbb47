//! The bus: it delivers late, twice and in any order, loses acknowledgements, and can be wiped.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt::Write as _,
    ops::Bound::{Excluded, Unbounded},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{EventType, MessageId};
use stubmart_kernel::mark;
use stubmart_ports::{
    bus::{Bus, BusError, Consumer, Delivery, Disposition, Seen, Subscription, Tail, TailFrom},
    store::Outgoing,
};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{
    exec::{Owner, lock},
    scenario::Kind,
    world::{Plan, Port, Violation, World, injected},
};

/// The bus of the world.
#[derive(Debug, Default)]
pub struct BusCore {
    state: Mutex<State>,
    /// Every consumer that any instance runs.
    consumers: Mutex<BTreeSet<&'static str>>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// One more after each wipe, so that readers of the old life notice.
    life: u64,
    position: u64,
    log: BTreeMap<u64, Outgoing>,
    ids: BTreeSet<MessageId>,
    groups: BTreeMap<&'static str, Group>,
    tokens: u64,
}

impl State {
    /// Each group, with the positions of all that it reads.
    fn groups_and_log(&mut self) -> impl Iterator<Item = (&mut Group, Vec<u64>)> {
        let log = &self.log;
        self.groups.values_mut().map(|group| {
            let wanted = log.iter().filter(|(_, event)| group.types.contains(&event.event_type));
            let positions = wanted.map(|(position, _)| *position).collect();
            (group, positions)
        })
    }
}

#[derive(Debug)]
struct Group {
    types: &'static [EventType],
    /// What is to be delivered: position and attempt.
    queue: VecDeque<(u64, u32)>,
    unsettled: BTreeMap<u64, Unsettled>,
    /// What waits to be delivered later.
    waiting: usize,
    handled: BTreeSet<u64>,
    changed: Arc<Notify>,
}

#[derive(Debug, Clone, Copy)]
struct Unsettled {
    position: u64,
    attempt: u32,
    owner: Owner,
}

fn down() -> BusError {
    BusError::Unavailable(injected())
}

impl BusCore {
    /// Puts events on the bus, and delivers them: now, later, twice.
    pub fn put(&self, world: &Arc<World>, events: &[Outgoing]) {
        let mut later: Vec<(&'static str, u64, Duration)> = Vec::new();
        {
            let mut state = lock(&self.state);
            for event in events {
                if !state.ids.insert(event.id) {
                    mark!("an event that was on the bus already was not put there twice");
                    continue;
                }
                state.position += 1;
                let position = state.position;
                state.log.insert(position, event.clone());
                for (name, group) in &mut state.groups {
                    if !group.types.contains(&event.event_type) {
                        continue;
                    }
                    if world.happens(Kind::Bus, "deliver") {
                        let delay = world.time_below(Duration::from_secs(2 << world.below(7)));
                        group.waiting += 1;
                        later.push((name, position, delay));
                        if world.below(2) == 0 {
                            continue;
                        }
                    }
                    group.queue.push_back((position, 1));
                    group.changed.notify_one();
                }
            }
        }
        for (name, position, delay) in later {
            self.requeue(world, name, position, 2, delay);
        }
        self.changed.notify_waiters();
    }

    /// Delivers an event later; it has been counted as waiting.
    fn requeue(
        &self,
        world: &Arc<World>,
        name: &'static str,
        position: u64,
        attempt: u32,
        delay: Duration,
    ) {
        let life = lock(&self.state).life;
        world.later(delay, move |world| {
            let mut state = lock(&world.bus.state);
            if state.life != life {
                return;
            }
            let Some(group) = state.groups.get_mut(name) else { return };
            group.waiting = group.waiting.saturating_sub(1);
            group.queue.push_back((position, attempt));
            group.changed.notify_one();
        });
    }

    /// Gives what `owner` has and did not settle to somebody else: it is dead, or asleep.
    pub fn take_back(&self, world: &Arc<World>, owner: Owner) {
        let mut again = Vec::new();
        for (name, group) in &mut lock(&self.state).groups {
            for (_, left) in group.unsettled.extract_if(.., |_, it| it.owner == owner) {
                group.waiting += 1;
                again.push((*name, left));
            }
        }
        for (name, left) in again {
            let delay = world.time_below(Duration::from_secs(10));
            self.requeue(world, name, left.position, left.attempt + 1, delay);
        }
    }

    /// Loses everything.
    pub fn wipe(&self) {
        {
            let mut state = lock(&self.state);
            for group in state.groups.values() {
                group.changed.notify_waiters();
            }
            *state = State { life: state.life + 1, tokens: state.tokens, ..State::default() };
        }
        self.changed.notify_waiters();
    }

    /// An instance runs this consumer: at rest it has a group.
    pub(crate) fn expect(&self, consumer: &'static str) {
        lock(&self.consumers).insert(consumer);
    }

    /// The first consumer that is run and does not read.
    #[must_use]
    pub fn missing(&self) -> Option<&'static str> {
        let state = lock(&self.state);
        lock(&self.consumers).iter().find(|name| !state.groups.contains_key(*name)).copied()
    }

    /// Delivers everything that is on the bus to everybody again, in any order.
    pub fn redeliver(&self, world: &World) {
        for (group, mut again) in lock(&self.state).groups_and_log() {
            while !again.is_empty() {
                let bound = u64::try_from(again.len()).unwrap_or(0);
                let place = usize::try_from(world.below(bound)).unwrap_or(0);
                group.queue.push_back((again.swap_remove(place), 2));
            }
            group.changed.notify_one();
        }
    }

    /// What is not handled yet, by consumer, in words; empty when there is nothing.
    #[must_use]
    pub fn backlog(&self) -> String {
        let mut text = String::new();
        for (name, group) in &lock(&self.state).groups {
            let (queued, out) = (group.queue.len(), group.unsettled.len());
            if queued + out + group.waiting > 0 {
                let waiting = group.waiting;
                let _ =
                    write!(text, "{name} has {queued} to come, {out} under way, {waiting} later; ");
            }
        }
        text
    }

    /// Whether this event is on the bus.
    #[must_use]
    pub fn has(&self, id: MessageId) -> bool {
        lock(&self.state).ids.contains(&id)
    }

    fn subscribe(&self, consumer: &'static Consumer) -> u64 {
        let state = &mut *lock(&self.state);
        let log = &state.log;
        state.groups.entry(consumer.name).or_insert_with(|| {
            let wanted = log.iter().filter(|(_, event)| consumer.types.contains(&event.event_type));
            Group {
                types: consumer.types,
                queue: wanted.map(|(position, _)| (*position, 1)).collect(),
                unsettled: BTreeMap::new(),
                waiting: 0,
                handled: BTreeSet::new(),
                changed: Arc::default(),
            }
        });
        state.life
    }

    /// The next deliveries; none when there are none, and then what to wait for.
    fn take(
        &self,
        world: &World,
        reader: &Reader,
        limit: usize,
    ) -> Result<Result<Vec<Delivery>, Arc<Notify>>, BusError> {
        let state = &mut *lock(&self.state);
        if state.life != reader.life {
            return Err(down());
        }
        let Some(group) = state.groups.get_mut(reader.consumer.name) else { return Err(down()) };
        let shuffled = world.scenario.rate(Kind::Bus) > 0 && !world.is_healed();
        let mut taken = Vec::new();
        while taken.len() < limit {
            let bound = u64::try_from(group.queue.len()).unwrap_or(0);
            let place = if shuffled { world.below(bound) } else { 0 };
            let place = usize::try_from(place).unwrap_or(0);
            let Some((position, attempt)) = group.queue.swap_remove_front(place) else { break };
            let Some(event) = state.log.get(&position) else { continue };
            if group.handled.contains(&position) {
                mark!("an event that was handled before came again");
            }
            state.tokens += 1;
            let owner = reader.port.owner;
            group.unsettled.insert(state.tokens, Unsettled { position, attempt, owner });
            taken.push(Delivery { token: state.tokens, attempt, body: event.body.clone() });
        }
        if !group.queue.is_empty() {
            group.changed.notify_one();
        }
        Ok(if taken.is_empty() { Err(Arc::clone(&group.changed)) } else { Ok(taken) })
    }

    fn settle(
        &self,
        world: &Arc<World>,
        reader: &Reader,
        settled: Vec<(u64, Disposition)>,
    ) -> Result<(), BusError> {
        let name = reader.consumer.name;
        let mut again = Vec::new();
        {
            let mut state = lock(&self.state);
            if state.life != reader.life {
                return Err(down());
            }
            let Some(group) = state.groups.get_mut(name) else { return Err(down()) };
            for (token, disposition) in settled {
                let Some(delivery) = group.unsettled.remove(&token) else { continue };
                match disposition {
                    Disposition::Done => {
                        group.handled.insert(delivery.position);
                    }
                    Disposition::RetryAfter(wait) => {
                        group.waiting += 1;
                        again.push((delivery, wait));
                    }
                    Disposition::Reject(reason) => {
                        let text = format!("{name} put an event aside: {reason}");
                        world.violate(Violation {
                            invariant: "EVT-1",
                            text,
                            documents: Vec::new(),
                        });
                    }
                }
            }
        }
        for (delivery, wait) in again {
            self.requeue(world, name, delivery.position, delivery.attempt + 1, wait);
        }
        Ok(())
    }
}

/// The bus, as one instance sees it.
#[derive(Debug, Clone)]
pub(crate) struct SimBus(pub(crate) Port);

#[async_trait]
impl Bus for SimBus {
    async fn publish(&self, events: &[Outgoing]) -> Result<(), BusError> {
        let world = &self.0.world;
        let answer = match self.0.begin(Kind::Bus, "publish", Uuid::nil()).await {
            Plan::Fine | Plan::Twice => {
                world.bus.put(world, events);
                Ok(())
            }
            Plan::Fail => Err(down()),
            Plan::LoseAnswer => {
                world.bus.put(world, events);
                Err(down())
            }
            Plan::Late(delay) => {
                let events = events.to_vec();
                world.later(delay, move |world| world.bus.put(world, &events));
                Err(down())
            }
        };
        self.0.end("publish", Uuid::nil()).await;
        answer
    }

    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError> {
        let world = &self.0.world;
        let life = self
            .0
            .ask(Kind::Bus, "subscribe", Uuid::nil(), || world.bus.subscribe(consumer))
            .await
            .ok_or_else(down)?;
        Ok(Box::new(Reader { port: self.0.clone(), consumer, life }))
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        let world = &self.0.world;
        let begin = || {
            let state = lock(&world.bus.state);
            let after = match from {
                TailFrom::Now => state.position,
                // A position of a life before a wipe tells nothing about this one.
                TailFrom::Behind(position) => position.min(state.position),
            };
            (state.life, after)
        };
        let (life, after) =
            self.0.ask(Kind::Bus, "tail", Uuid::nil(), begin).await.ok_or_else(down)?;
        Ok(Box::new(Follower { port: self.0.clone(), types, life, after }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        let bus = &self.0.world.bus;
        let position = || lock(&bus.state).position;
        self.0.ask(Kind::Bus, "position", Uuid::nil(), position).await.ok_or_else(down)
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.0.ask(Kind::Bus, "ready", Uuid::nil(), || ()).await.ok_or_else(down)
    }
}

struct Reader {
    port: Port,
    consumer: &'static Consumer,
    life: u64,
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError> {
        let world = Arc::clone(&self.port.world);
        loop {
            let changed = match world.bus.take(&world, self, limit.max(1))? {
                Ok(deliveries) => {
                    let name = self.consumer.name;
                    let plan = self.port.begin(Kind::Bus, name, Uuid::nil()).await;
                    self.port.end(name, Uuid::nil()).await;
                    if matches!(plan, Plan::Fine | Plan::Twice) {
                        return Ok(deliveries);
                    }
                    world.bus.take_back(&world, self.port.owner);
                    return Err(down());
                }
                Err(changed) => changed,
            };
            changed.notified().await;
        }
    }

    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError> {
        let world = Arc::clone(&self.port.world);
        let name = self.consumer.name;
        let answer = match self.port.begin(Kind::Bus, "settle", Uuid::nil()).await {
            Plan::Fine | Plan::Twice => world.bus.settle(&world, self, settled),
            Plan::Fail | Plan::Late(_) => {
                mark!("an acknowledgement was lost");
                Err(down())
            }
            Plan::LoseAnswer => world.bus.settle(&world, self, settled).and(Err(down())),
        };
        self.port.end(name, Uuid::nil()).await;
        answer
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // What it did not settle is given to somebody else, after a while.
        let owner = self.port.owner;
        let delay = self.port.world.time_below(Duration::from_secs(5));
        self.port.world.later(delay, move |world| world.bus.take_back(world, owner));
    }
}

struct Follower {
    port: Port,
    types: &'static [EventType],
    life: u64,
    after: u64,
}

impl Follower {
    /// What comes next, and the position behind which it goes on.
    fn look(&self, limit: usize) -> Result<(Vec<Seen>, u64), BusError> {
        let state = lock(&self.port.world.bus.state);
        if state.life != self.life {
            return Err(down());
        }
        let (mut seen, mut after) = (Vec::new(), self.after);
        for (position, event) in state.log.range((Excluded(self.after), Unbounded)) {
            after = *position;
            if self.types.contains(&event.event_type) {
                seen.push(Seen { position: *position, body: event.body.clone() });
                if seen.len() >= limit.max(1) {
                    break;
                }
            }
        }
        Ok((seen, after))
    }
}

#[async_trait]
impl Tail for Follower {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let world = Arc::clone(&self.port.world);
        loop {
            let mut changed = std::pin::pin!(world.bus.changed.notified());
            changed.as_mut().enable();
            let (seen, after) = self.look(limit)?;
            if !seen.is_empty() {
                let plan = self.port.begin(Kind::Bus, "tail next", Uuid::nil()).await;
                self.port.end("tail next", Uuid::nil()).await;
                if !matches!(plan, Plan::Fine | Plan::Twice) {
                    return Err(down());
                }
                // Only now: who is not listened to any more has shown nothing.
                self.after = after;
                return Ok(seen);
            }
            self.after = after;
            changed.await;
        }
    }
}
