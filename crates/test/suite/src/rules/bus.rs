//! The rules of the bus.

mod deliver;
mod share;
mod tail;

use std::collections::BTreeMap;

pub use deliver::*;
pub use share::*;
use stubmart_contract::EventType;
use stubmart_ports::bus::{Bus, Consumer, Delivery, Disposition, Subscription};
pub use tail::*;

use super::{events, keeps_waiting, number_shown};

/// Readers of everything.
static ALL: Consumer = Consumer { name: "suite.all", types: EventType::ALL };

/// Other readers of everything.
static ALSO: Consumer = Consumer { name: "suite.also", types: EventType::ALL };

/// Readers of two kinds.
static SOME: Consumer =
    Consumer { name: "suite.some", types: &[EventType::UserUpdated, EventType::UserDeleted] };

/// Publishes events with these numbers.
async fn publish(bus: &dyn Bus, numbers: impl IntoIterator<Item = u64>) {
    bus.publish(&events(numbers)).await.unwrap();
}

async fn subscribe(bus: &dyn Bus, consumer: &'static Consumer) -> Box<dyn Subscription> {
    bus.subscribe(consumer).await.unwrap()
}

/// Takes `count` deliveries, unsettled, by the numbers of their events.
async fn take(reader: &mut dyn Subscription, count: usize) -> BTreeMap<u64, Delivery> {
    let mut taken = BTreeMap::new();
    while taken.len() < count {
        for delivery in reader.next(count - taken.len()).await.unwrap() {
            let number = number_shown(&delivery.event);
            assert!(taken.insert(number, delivery).is_none(), "{number} came twice");
        }
    }
    taken
}

/// Settles deliveries alike.
async fn settle(
    reader: &mut dyn Subscription,
    deliveries: impl IntoIterator<Item = Delivery>,
    disposition: Disposition,
) {
    let settled = deliveries.into_iter().map(|it| (it.token, disposition.clone()));
    reader.settle(settled.collect()).await.unwrap();
}

/// Takes `count` deliveries, settles them as done, and gives the numbers of their events.
async fn take_done(reader: &mut dyn Subscription, count: usize) -> Vec<u64> {
    let taken = take(reader, count).await;
    let numbers = taken.keys().copied().collect();
    settle(reader, taken.into_values(), Disposition::Done).await;
    numbers
}

/// Whether nothing is left for a consumer.
async fn keeps_nothing(bus: &dyn Bus, consumer: &'static Consumer) {
    let mut reader = subscribe(bus, consumer).await;
    assert!(keeps_waiting(reader.next(1)).await, "an event that was settled came again");
}

/// Makes a test of each rule of the [`Bus`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Bus, Arc<dyn Time>>>`.
#[macro_export]
macro_rules! bus_suite {
    ($factory:expr) => {
        $crate::rule_tests!(
            bus,
            $factory,
            [
                a_bus_that_works_is_ready,
                every_event_reaches_each_consumer_as_it_was_published,
                a_reader_that_waits_gets_what_is_published_next,
                a_new_consumer_begins_with_the_oldest_event,
                a_consumer_that_was_away_gets_what_it_missed,
                a_consumer_gets_the_kinds_it_wants_and_no_others,
                no_more_is_delivered_at_once_than_asked_for,
                a_settled_event_does_not_come_again,
                an_unsettled_event_comes_again_when_its_reader_is_gone,
                what_a_lost_reader_held_goes_to_one_that_waits,
                settling_a_part_leaves_the_rest_to_be_delivered_again,
                a_wait_that_is_dropped_loses_nothing,
                a_rejected_event_does_not_come_again_and_holds_up_none,
                an_event_published_twice_is_delivered_once,
                two_readers_share_the_events,
                two_readers_apart_leave_nothing,
                events_published_at_once_are_all_delivered,
                readers_that_come_and_go_lose_nothing,
                the_position_is_that_of_the_newest_event,
                a_tail_from_now_shows_what_comes,
                a_tail_from_behind_shows_what_was_and_what_comes,
                a_tail_shows_the_kinds_it_wants_and_no_others,
                a_tail_shows_a_batch_in_its_order,
                a_tail_settles_nothing,
                a_tail_misses_nothing_while_others_publish,
                a_tail_that_is_dropped_while_it_waits_loses_nothing,
            ],
            with [
                a_retry_does_not_come_before_its_time,
                a_retry_holds_up_none,
                a_retry_outlives_its_reader,
                a_reader_that_waits_gets_a_retry_when_it_is_due,
            ]
        );
    };
}
