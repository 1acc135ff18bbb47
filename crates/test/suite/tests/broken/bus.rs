//! Broken buses.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use stubmart_contract::{Envelope, EventType, MessageId};
use stubmart_memory::MemoryBus;
use stubmart_ports::bus::{
    Bus, BusError, Consumer, Delivery, Disposition, Seen, Subscription, Tail, TailFrom,
};
use stubmart_suite::{host, rules::Time};
use uuid::Uuid;

use crate::caught;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    LosesEvents,
    SettlesBeforeHandling,
    NeverSettles,
    RetriesAtOnce,
    TakesRetriesForDone,
    ForgetsTheAttempt,
    RetriesWhatWasRejected,
    BeginsNewConsumersAtTheEnd,
    IgnoresTheKinds,
    IgnoresTheLimit,
    ForgetsWhatItHas,
    GivesEveryReaderEverything,
    LosesWhatADroppedWaitTook,
    DoesNotWake,
    TailsTheWholePast,
    TailsNoPast,
    TailsTakeEvents,
    ShowsBatchesBackwards,
    ForgetsItsPosition,
}

use Defect::*;

/// A bus with one defect.
struct Broken {
    inner: MemoryBus,
    defect: Defect,
    count: AtomicU64,
    known: Mutex<BTreeSet<&'static str>>,
}

impl Broken {
    fn with(defect: Defect) -> (Arc<dyn Bus>, Arc<dyn Time>) {
        let (host, clock) = host::manual(1);
        let inner = MemoryBus::new(host);
        let count = AtomicU64::new(0);
        (Arc::new(Self { inner, defect, count, known: Mutex::default() }), Arc::new(clock))
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::SeqCst)
    }

    /// The consumer as the defect sees it. It lives as long as the test.
    fn consumer(&self, consumer: &'static Consumer) -> &'static Consumer {
        match self.defect {
            IgnoresTheKinds => {
                Box::leak(Box::new(Consumer { name: consumer.name, types: EventType::ALL }))
            }
            GivesEveryReaderEverything => {
                let name = format!("{} {}", consumer.name, self.next()).leak();
                Box::leak(Box::new(Consumer { name, types: consumer.types }))
            }
            _ => consumer,
        }
    }
}

#[async_trait]
impl Bus for Broken {
    async fn publish(&self, events: &[Arc<Envelope>]) -> Result<(), BusError> {
        let mut events = events.to_vec();
        match self.defect {
            LosesEvents if self.next().is_multiple_of(2) => drop(events.pop()),
            ForgetsWhatItHas => {
                for event in &mut events {
                    let id = MessageId(Uuid::from_u128(u128::from(self.next()) << 64));
                    Arc::make_mut(event).id = id;
                }
            }
            ShowsBatchesBackwards => events.reverse(),
            _ => {}
        }
        self.inner.publish(&events).await
    }

    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError> {
        let mut inner = self.inner.subscribe(self.consumer(consumer)).await?;
        if self.defect == BeginsNewConsumersAtTheEnd
            && self.known.lock().unwrap().insert(consumer.name)
        {
            while let Some(old) = inner.next(1000).now_or_never() {
                let done = old?.into_iter().map(|it| (it.token, Disposition::Done));
                inner.settle(done.collect()).await?;
            }
        }
        Ok(Box::new(Reader { inner, defect: self.defect }))
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        let types = if self.defect == IgnoresTheKinds { EventType::ALL } else { types };
        let from = match self.defect {
            TailsTheWholePast => TailFrom::Behind(0),
            TailsNoPast => TailFrom::Now,
            _ => from,
        };
        let inner = self.inner.tail(types, from).await?;
        Ok(Box::new(Follower { inner, bus: self.inner.clone(), defect: self.defect }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        if self.defect == ForgetsItsPosition { Ok(0) } else { self.inner.position().await }
    }

    async fn life(&self) -> Result<u64, BusError> {
        self.inner.life().await
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.inner.ready().await
    }
}

struct Reader {
    inner: Box<dyn Subscription>,
    defect: Defect,
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError> {
        let limit = if self.defect == IgnoresTheLimit { 1000 } else { limit };
        let mut deliveries = match (self.defect, self.inner.next(limit).now_or_never()) {
            (_, Some(deliveries)) => deliveries?,
            (DoesNotWake, None) => std::future::pending().await,
            (_, None) => self.inner.next(limit).await?,
        };
        match self.defect {
            SettlesBeforeHandling => {
                let done = deliveries.iter().map(|it| (it.token, Disposition::Done));
                self.inner.settle(done.collect()).await?;
            }
            ForgetsTheAttempt => deliveries.iter_mut().for_each(|it| it.attempt = 1),
            LosesWhatADroppedWaitTook => tokio::task::yield_now().await,
            _ => {}
        }
        Ok(deliveries)
    }

    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError> {
        let now = Disposition::RetryAfter(Duration::ZERO);
        let settled = settled.into_iter().map(|(token, disposition)| {
            let disposition = match (self.defect, disposition) {
                (RetriesAtOnce, Disposition::RetryAfter(_)) => now.clone(),
                (TakesRetriesForDone, Disposition::RetryAfter(_)) => Disposition::Done,
                (RetriesWhatWasRejected, Disposition::Reject(_)) => now.clone(),
                (_, other) => other,
            };
            (token, disposition)
        });
        let settled = settled.collect();
        if self.defect == NeverSettles { Ok(()) } else { self.inner.settle(settled).await }
    }
}

struct Follower {
    inner: Box<dyn Tail>,
    bus: MemoryBus,
    defect: Defect,
}

#[async_trait]
impl Tail for Follower {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let seen = self.inner.next(limit).await?;
        match self.defect {
            TailsTakeEvents => self.bus.wipe(),
            LosesWhatADroppedWaitTook => tokio::task::yield_now().await,
            _ => {}
        }
        Ok(seen)
    }
}

macro_rules! subject {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let (bus, _) = Broken::with($defect);
        stubmart_suite::rules::$port::$rule(Arc::clone(&bus), bus)
    }};
}

macro_rules! subject_in_time {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let (bus, time) = Broken::with($defect);
        stubmart_suite::rules::$port::$rule(Arc::clone(&bus), bus, time)
    }};
}

caught! {bus, subject,
    a_bus_that_loses_events_is_caught: LosesEvents => [
        every_event_reaches_each_consumer_as_it_was_published,
        a_tail_misses_nothing_while_others_publish,
    ];
    a_bus_that_settles_before_handling_is_caught: SettlesBeforeHandling => [
        an_unsettled_event_comes_again_when_its_reader_is_gone,
        what_a_lost_reader_held_goes_to_one_that_waits,
        settling_a_part_leaves_the_rest_to_be_delivered_again,
        readers_that_come_and_go_lose_nothing,
    ];
    a_bus_that_never_settles_is_caught: NeverSettles => [
        a_settled_event_does_not_come_again,
        a_consumer_that_was_away_gets_what_it_missed,
    ];
    a_bus_that_retries_what_was_rejected_is_caught: RetriesWhatWasRejected => [
        a_rejected_event_does_not_come_again_and_holds_up_none,
    ];
    a_bus_that_begins_new_consumers_at_the_end_is_caught: BeginsNewConsumersAtTheEnd => [
        a_new_consumer_begins_with_the_oldest_event,
    ];
    a_bus_that_ignores_the_kinds_is_caught: IgnoresTheKinds => [
        a_consumer_gets_the_kinds_it_wants_and_no_others,
        a_tail_shows_the_kinds_it_wants_and_no_others,
    ];
    a_bus_that_ignores_the_limit_is_caught: IgnoresTheLimit => [
        no_more_is_delivered_at_once_than_asked_for,
    ];
    a_bus_that_forgets_what_it_has_is_caught: ForgetsWhatItHas => [
        an_event_published_twice_is_delivered_once,
    ];
    a_bus_that_gives_every_reader_everything_is_caught: GivesEveryReaderEverything => [
        two_readers_share_the_events,
        a_settled_event_does_not_come_again,
    ];
    a_bus_that_loses_what_a_dropped_wait_took_is_caught: LosesWhatADroppedWaitTook => [
        a_wait_that_is_dropped_loses_nothing,
    ];
    a_bus_that_does_not_wake_its_readers_is_caught: DoesNotWake => [
        a_reader_that_waits_gets_what_is_published_next,
    ];
    a_bus_that_tails_the_whole_past_is_caught: TailsTheWholePast => [
        a_tail_from_now_shows_what_comes,
    ];
    a_bus_that_tails_no_past_is_caught: TailsNoPast => [
        a_tail_from_behind_shows_what_was_and_what_comes,
    ];
    a_bus_whose_tails_take_events_is_caught: TailsTakeEvents => [a_tail_settles_nothing];
    a_bus_that_shows_batches_backwards_is_caught: ShowsBatchesBackwards => [
        a_tail_shows_a_batch_in_its_order,
    ];
    a_bus_that_forgets_its_position_is_caught: ForgetsItsPosition => [
        the_position_is_that_of_the_newest_event,
    ];
}

caught! {bus, subject_in_time,
    a_bus_that_retries_at_once_is_caught: RetriesAtOnce => [
        a_retry_does_not_come_before_its_time,
        a_retry_outlives_its_reader,
    ];
    a_bus_that_takes_retries_for_done_is_caught: TakesRetriesForDone => [
        a_retry_does_not_come_before_its_time,
        a_retry_holds_up_none,
        a_retry_outlives_its_reader,
    ];
    a_bus_that_forgets_the_attempt_is_caught: ForgetsTheAttempt => [
        a_retry_does_not_come_before_its_time,
        a_retry_outlives_its_reader,
    ];
    a_bus_that_does_not_wake_for_a_retry_is_caught: DoesNotWake => [
        a_reader_that_waits_gets_a_retry_when_it_is_due,
    ];
}
