//! Rules of deliveries to one reader, and of settling them.

use std::{sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_contract::EventType;
use stubmart_ports::bus::{Bus, Disposition};

use super::{ALL, ALSO, SOME, publish, settle, subscribe, take, take_done};
use crate::rules::{Time, at_once, event, events, keeps_waiting, number_shown};

/// A bus that works says that it is ready.
pub async fn a_bus_that_works_is_ready(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    a.ready().await.unwrap();
    b.ready().await.unwrap();
}

/// Every published event reaches each consumer, whole, as a first attempt, through either
/// handle. To publish nothing does nothing.
pub async fn every_event_reaches_each_consumer_as_it_was_published(
    a: Arc<dyn Bus>,
    b: Arc<dyn Bus>,
) {
    let mut readers = [subscribe(&*a, &ALL).await, subscribe(&*b, &ALSO).await];
    let sent = events(1..=30);
    let (first, second) = sent.split_at(20);
    a.publish(first).await.unwrap();
    a.publish(&[]).await.unwrap();
    b.publish(second).await.unwrap();
    for reader in &mut readers {
        let taken = take(&mut **reader, 30).await;
        for (delivery, event) in taken.values().zip(&sent) {
            assert_eq!((delivery.event.as_ref(), delivery.attempt), (Ok(event), 1));
        }
        settle(&mut **reader, taken.into_values(), Disposition::Done).await;
        assert!(keeps_waiting(reader.next(1)).await, "more was delivered than published");
    }
}

/// A reader that waits for its first delivery is woken by a publish, through either handle.
pub async fn a_reader_that_waits_gets_what_is_published_next(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let mut reader = subscribe(&*a, &ALL).await;
    for (number, bus) in [(1, a), (2, b)] {
        assert!(keeps_waiting(reader.next(1)).await);
        let waiting = async move {
            assert_eq!(take_done(&mut *reader, 1).await, [number]);
            Some(reader)
        };
        let publishing = async move {
            tokio::task::yield_now().await;
            publish(&*bus, [number]).await;
            None
        };
        let done = at_once::<_, BoxFuture<'static, _>>([waiting.boxed(), publishing.boxed()]).await;
        reader = done.into_iter().flatten().next().unwrap();
    }
}

/// A consumer that is new begins with the oldest event on the bus.
pub async fn a_new_consumer_begins_with_the_oldest_event(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    publish(&*a, 1..=5).await;
    let mut first = subscribe(&*b, &ALL).await;
    assert_eq!(take_done(&mut *first, 5).await, [1, 2, 3, 4, 5]);
    publish(&*b, [6]).await;
    let mut second = subscribe(&*a, &ALSO).await;
    assert_eq!(take_done(&mut *second, 6).await, [1, 2, 3, 4, 5, 6]);
}

/// A consumer without a reader for a while gets what was published meanwhile, and what it settled
/// before not again.
pub async fn a_consumer_that_was_away_gets_what_it_missed(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let mut reader = subscribe(&*a, &ALL).await;
    publish(&*a, 1..=3).await;
    assert_eq!(take_done(&mut *reader, 3).await, [1, 2, 3]);
    drop(reader);
    publish(&*b, 4..=6).await;
    let mut reader = subscribe(&*b, &ALL).await;
    assert_eq!(take_done(&mut *reader, 3).await, [4, 5, 6]);
    assert!(keeps_waiting(reader.next(1)).await);
}

/// A consumer gets the kinds it names, whatever lies between, and no others.
pub async fn a_consumer_gets_the_kinds_it_wants_and_no_others(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let mut reader = subscribe(&*b, &SOME).await;
    for number in (1..=60).step_by(3) {
        let batch = [
            event(EventType::UserCreated, number),
            event(EventType::UserUpdated, number + 1),
            event(EventType::UserDeleted, number + 2),
        ];
        a.publish(&batch).await.unwrap();
    }
    let wanted: Vec<_> = (1..=60).filter(|number| number % 3 != 1).collect();
    assert_eq!(take_done(&mut *reader, 40).await, wanted);
    publish(&*a, 61..=70).await;
    assert!(keeps_waiting(reader.next(1)).await, "an unwanted kind was delivered");
    a.publish(&[event(EventType::UserDeleted, 71)]).await.unwrap();
    assert_eq!(take_done(&mut *reader, 1).await, [71]);
}

/// No more is delivered at once than was asked for, and at least one.
pub async fn no_more_is_delivered_at_once_than_asked_for(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    publish(&*a, 1..=20).await;
    let mut reader = subscribe(&*b, &ALL).await;
    let mut left = 20;
    for limit in [1, 3, 5, 5, 100] {
        if left == 0 {
            break;
        }
        let deliveries = reader.next(limit).await.unwrap();
        assert!((1..=limit).contains(&deliveries.len()), "{} of {limit}", deliveries.len());
        left -= deliveries.len();
        settle(&mut *reader, deliveries, Disposition::Done).await;
    }
}

/// An event that was settled as done does not come again: not to this reader, not to the next one.
pub async fn a_settled_event_does_not_come_again(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    publish(&*a, 1..=10).await;
    let mut reader = subscribe(&*a, &ALL).await;
    assert_eq!(take_done(&mut *reader, 10).await.len(), 10);
    assert!(keeps_waiting(reader.next(1)).await);
    drop(reader);
    let mut reader = subscribe(&*b, &ALL).await;
    assert!(keeps_waiting(reader.next(1)).await);
    publish(&*b, [11]).await;
    assert_eq!(take_done(&mut *reader, 1).await, [11]);
}

/// What was delivered and not settled comes again once its reader is gone, each time as one attempt
/// more, and to a reader on the other handle too, until it is settled.
pub async fn an_unsettled_event_comes_again_when_its_reader_is_gone(
    a: Arc<dyn Bus>,
    b: Arc<dyn Bus>,
) {
    publish(&*a, 1..=3).await;
    for attempt in 1..=4 {
        let mut reader = subscribe(&*a, &ALL).await;
        let taken = take(&mut *reader, 3).await;
        assert!(taken.values().all(|it| it.attempt == attempt), "attempt {attempt}: {taken:?}");
        drop(reader);
    }
    let mut reader = subscribe(&*b, &ALL).await;
    assert_eq!(take_done(&mut *reader, 3).await, [1, 2, 3]);
    drop(reader);
    let mut reader = subscribe(&*a, &ALL).await;
    assert!(keeps_waiting(reader.next(1)).await);
}

/// What a reader that is gone had not settled goes to one of its consumer that waits.
pub async fn what_a_lost_reader_held_goes_to_one_that_waits(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let mut lost = subscribe(&*a, &ALL).await;
    publish(&*b, 1..=4).await;
    let held = take(&mut *lost, 4).await;
    let mut other = subscribe(&*a, &ALL).await;
    assert!(keeps_waiting(other.next(1)).await, "two readers hold one event");
    drop(lost);
    assert_eq!(take_done(&mut *other, 4).await, held.into_keys().collect::<Vec<_>>());
}

/// When a reader settles a part of what it was given and is gone, the other part comes again and only
/// that.
pub async fn settling_a_part_leaves_the_rest_to_be_delivered_again(
    a: Arc<dyn Bus>,
    b: Arc<dyn Bus>,
) {
    publish(&*a, 1..=10).await;
    let mut reader = subscribe(&*a, &ALL).await;
    let taken = take(&mut *reader, 10).await;
    let done = taken.into_iter().filter(|(number, _)| [2, 3, 7, 10].contains(number));
    settle(&mut *reader, done.map(|(_, delivery)| delivery), Disposition::Done).await;
    drop(reader);
    let mut reader = subscribe(&*b, &ALL).await;
    assert_eq!(take_done(&mut *reader, 6).await, [1, 4, 5, 6, 8, 9]);
    assert!(keeps_waiting(reader.next(1)).await);
}

/// A wait for deliveries that is dropped, at whatever moment, loses none.
pub async fn a_wait_that_is_dropped_loses_nothing(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    const COUNT: u64 = 200;
    let mut reader = subscribe(&*a, &ALL).await;
    let publishing = async move {
        for number in 1..=COUNT {
            publish(&*b, [number]).await;
        }
    };
    let reading = async move {
        let mut seen = Vec::new();
        while seen.len() < usize::try_from(COUNT).unwrap() {
            // Polled once and dropped, or awaited in full.
            let taken = match reader.next(3).now_or_never() {
                Some(taken) => taken.unwrap(),
                None if seen.len() % 2 == 0 => continue_later().await,
                None => reader.next(3).await.unwrap(),
            };
            seen.extend(taken.iter().map(|delivery| number_shown(&delivery.event)));
            settle(&mut *reader, taken, Disposition::Done).await;
        }
        seen.sort_unstable();
        assert_eq!(seen, (1..=COUNT).collect::<Vec<_>>());
    };
    at_once::<(), BoxFuture<'static, ()>>([publishing.boxed(), reading.boxed()]).await;
}

/// Lets others run and has nothing.
async fn continue_later<T>() -> Vec<T> {
    tokio::task::yield_now().await;
    Vec::new()
}

/// A rejected event does not come again, to no reader, and keeps none from being delivered.
pub async fn a_rejected_event_does_not_come_again_and_holds_up_none(
    a: Arc<dyn Bus>,
    b: Arc<dyn Bus>,
) {
    publish(&*a, 1..=3).await;
    let mut reader = subscribe(&*a, &ALL).await;
    let mut taken = take(&mut *reader, 3).await;
    let bad = taken.remove(&1).unwrap();
    settle(&mut *reader, [bad], Disposition::Reject("no such thing".to_owned())).await;
    settle(&mut *reader, taken.into_values(), Disposition::Done).await;
    publish(&*b, 4..=6).await;
    assert_eq!(take_done(&mut *reader, 3).await, [4, 5, 6]);
    drop(reader);
    let mut reader = subscribe(&*b, &ALL).await;
    assert!(keeps_waiting(reader.next(1)).await, "a rejected event came again");
    let mut other = subscribe(&*b, &ALSO).await;
    assert_eq!(take_done(&mut *other, 6).await, [1, 2, 3, 4, 5, 6]);
}

/// An event that is published again, alone or among others, is delivered once as long as the bus
/// remembers it.
pub async fn an_event_published_twice_is_delivered_once(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    publish(&*a, 1..=3).await;
    publish(&*b, 1..=3).await;
    publish(&*a, [3, 4, 4, 2]).await;
    let mut reader = subscribe(&*b, &ALL).await;
    assert_eq!(take_done(&mut *reader, 4).await, [1, 2, 3, 4]);
    publish(&*b, [4]).await;
    assert!(keeps_waiting(reader.next(1)).await, "an event was delivered twice");
}

/// An event that is to be retried after a while does not come before that time has passed, and comes
/// then as one attempt more, to whichever reader.
pub async fn a_retry_does_not_come_before_its_time(
    a: Arc<dyn Bus>,
    b: Arc<dyn Bus>,
    time: Arc<dyn Time>,
) {
    publish(&*a, [1]).await;
    let mut reader = subscribe(&*b, &ALL).await;
    for attempt in 1..=4 {
        let taken = take(&mut *reader, 1).await;
        assert!(taken.values().all(|it| it.attempt == attempt), "{taken:?}");
        let wait = Disposition::RetryAfter(time.long());
        settle(&mut *reader, taken.into_values(), wait).await;
        assert!(keeps_waiting(reader.next(1)).await, "a retry came at once");
        time.pass(time.long() * 3 / 4).await;
        assert!(keeps_waiting(reader.next(1)).await, "a retry came early");
        time.pass(time.long() / 4).await;
    }
    assert_eq!(take_done(&mut *reader, 1).await, [1]);
    time.pass(time.long() * 2).await;
    assert!(keeps_waiting(reader.next(1)).await, "it came again after it was done");
}

/// Events that wait for their retry hold up none behind them; a retry of no wait comes at once.
pub async fn a_retry_holds_up_none(a: Arc<dyn Bus>, b: Arc<dyn Bus>, time: Arc<dyn Time>) {
    publish(&*a, 1..=3).await;
    let mut reader = subscribe(&*a, &ALL).await;
    let mut taken = take(&mut *reader, 3).await;
    let second = taken.remove(&2).unwrap();
    settle(&mut *reader, [second], Disposition::RetryAfter(Duration::ZERO)).await;
    let wait = Disposition::RetryAfter(time.long());
    settle(&mut *reader, taken.into_values(), wait).await;
    assert_eq!(take_done(&mut *reader, 1).await, [2]);
    publish(&*b, 4..=5).await;
    assert_eq!(take_done(&mut *reader, 2).await, [4, 5]);
    time.pass(time.long()).await;
    assert_eq!(take_done(&mut *reader, 2).await, [1, 3]);
}

/// A retry that waits is not lost and does not come early when its reader is gone.
pub async fn a_retry_outlives_its_reader(a: Arc<dyn Bus>, b: Arc<dyn Bus>, time: Arc<dyn Time>) {
    publish(&*a, 1..=2).await;
    let mut reader = subscribe(&*a, &ALL).await;
    let taken = take(&mut *reader, 2).await;
    let wait = Disposition::RetryAfter(time.long());
    settle(&mut *reader, taken.into_values(), wait).await;
    drop(reader);
    let mut reader = subscribe(&*b, &ALL).await;
    assert!(keeps_waiting(reader.next(1)).await, "a retry came early");
    time.pass(time.long()).await;
    let taken = take(&mut *reader, 2).await;
    assert!(taken.values().all(|it| it.attempt == 2), "{taken:?}");
    settle(&mut *reader, taken.into_values(), Disposition::Done).await;
}

/// A reader that is already waiting when a retry's time comes gets it then.
pub async fn a_reader_that_waits_gets_a_retry_when_it_is_due(
    a: Arc<dyn Bus>,
    b: Arc<dyn Bus>,
    time: Arc<dyn Time>,
) {
    publish(&*a, [1]).await;
    let mut reader = subscribe(&*b, &ALL).await;
    let taken = take(&mut *reader, 1).await;
    let wait = Disposition::RetryAfter(time.long());
    settle(&mut *reader, taken.into_values(), wait).await;
    let waiting = async move { assert_eq!(take_done(&mut *reader, 1).await, [1]) };
    let passing = async move {
        assert!(keeps_waiting(std::future::pending::<()>()).await);
        time.pass(time.long()).await;
    };
    at_once::<(), BoxFuture<'static, ()>>([waiting.boxed(), passing.boxed()]).await;
}
