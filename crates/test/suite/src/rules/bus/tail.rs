//! Rules of tails and positions.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_contract::EventType;
use stubmart_ports::bus::{Bus, Seen, Tail, TailFrom};

use super::{ALL, publish, subscribe, take_done};
use crate::rules::{at_once, event, events, keeps_waiting, number_shown};

async fn tail(bus: &dyn Bus, from: TailFrom) -> Box<dyn Tail> {
    bus.tail(EventType::ALL, from).await.unwrap()
}

/// The next `count` events of a tail, whose positions must grow.
async fn see(tail: &mut dyn Tail, count: usize) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    while seen.len() < count {
        let limit = count - seen.len();
        let page = tail.next(limit).await.unwrap();
        assert!((1..=limit).contains(&page.len()), "{} of {limit}", page.len());
        seen.extend(page);
    }
    let positions: Vec<_> = seen.iter().map(|it| it.position).collect();
    assert!(positions.windows(2).all(|pair| pair.first() < pair.last()), "{positions:?}");
    seen
}

/// The numbers of the next `count` events of a tail.
async fn see_numbers(tail: &mut dyn Tail, count: usize) -> Vec<u64> {
    see(tail, count).await.iter().map(|it| number_shown(&it.event)).collect()
}

/// The position is 0 on an empty bus, and then that of the newest event; it grows with each.
pub async fn the_position_is_that_of_the_newest_event(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    assert_eq!(a.position().await.unwrap(), 0);
    let mut follower = tail(&*a, TailFrom::Behind(0)).await;
    let mut before = 0;
    for (number, bus) in (1..=6).zip([&a, &b].into_iter().cycle()) {
        publish(&**bus, [number]).await;
        let position = b.position().await.unwrap();
        assert!(position > before);
        assert_eq!(a.position().await.unwrap(), position);
        assert_eq!(see(&mut *follower, 1).await.first().unwrap().position, position);
        before = position;
    }
}

/// A tail from now shows nothing of the past and every event that is published after, through either
/// handle, to everybody who follows.
pub async fn a_tail_from_now_shows_what_comes(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    publish(&*a, 1..=3).await;
    let mut tails = [tail(&*a, TailFrom::Now).await, tail(&*b, TailFrom::Now).await];
    for tail in &mut tails {
        assert!(keeps_waiting(tail.next(1)).await, "the past was shown");
    }
    publish(&*a, [4]).await;
    publish(&*b, [5]).await;
    for tail in &mut tails {
        assert_eq!(see_numbers(&mut **tail, 2).await, [4, 5]);
    }
}

/// A tail from behind a position shows all that was published behind it, in the order of positions,
/// and then what comes. A position that was not reached yet is as good as now.
pub async fn a_tail_from_behind_shows_what_was_and_what_comes(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    publish(&*a, 1..=5).await;
    let all = see(&mut *tail(&*b, TailFrom::Behind(0)).await, 5).await;
    assert_eq!(all.iter().map(|it| number_shown(&it.event)).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let third = all.get(2).unwrap().position;
    let mut rest = tail(&*a, TailFrom::Behind(third)).await;
    assert_eq!(see_numbers(&mut *rest, 2).await, [4, 5]);
    let mut end = tail(&*a, TailFrom::Behind(a.position().await.unwrap())).await;
    assert!(keeps_waiting(end.next(1)).await);
    publish(&*b, [6]).await;
    assert_eq!(see_numbers(&mut *rest, 1).await, [6]);
    assert_eq!(see_numbers(&mut *end, 1).await, [6]);
}

/// A tail shows the kinds it names and no others.
pub async fn a_tail_shows_the_kinds_it_wants_and_no_others(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    const WANTED: &[EventType] = &[EventType::UserUpdated];
    let mut follower = b.tail(WANTED, TailFrom::Behind(0)).await.unwrap();
    for number in 1..=20 {
        let kind = if number % 4 == 0 { EventType::UserUpdated } else { EventType::UserDeleted };
        a.publish(&[event(kind, number)]).await.unwrap();
    }
    assert_eq!(see_numbers(&mut *follower, 5).await, [4, 8, 12, 16, 20]);
    publish(&*a, 21..=25).await;
    assert!(keeps_waiting(follower.next(1)).await, "an unwanted kind was shown");
}

/// The events of one publish are shown in its order, each as it was published.
pub async fn a_tail_shows_a_batch_in_its_order(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let batch = events([5, 3, 9, 1, 7]);
    a.publish(&batch).await.unwrap();
    let seen = see(&mut *tail(&*b, TailFrom::Behind(0)).await, 5).await;
    for (seen, event) in seen.iter().zip(&batch) {
        assert_eq!(seen.event.as_ref(), Ok(event));
    }
}

/// A tail takes nothing from anybody: consumers and other tails get the same events.
pub async fn a_tail_settles_nothing(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let mut follower = tail(&*a, TailFrom::Now).await;
    publish(&*a, 1..=4).await;
    assert_eq!(see_numbers(&mut *follower, 4).await, [1, 2, 3, 4]);
    let mut reader = subscribe(&*b, &ALL).await;
    assert_eq!(take_done(&mut *reader, 4).await, [1, 2, 3, 4]);
    assert_eq!(see_numbers(&mut *tail(&*b, TailFrom::Behind(0)).await, 4).await, [1, 2, 3, 4]);
}

/// Followers see every event that many publish at once through both handles, each once, in the same
/// order.
pub async fn a_tail_misses_nothing_while_others_publish(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    const WRITERS: u64 = 4;
    const EACH: u64 = 60;
    let mut tasks: Vec<BoxFuture<'static, Vec<u64>>> = Vec::new();
    for (writer, bus) in (0..WRITERS).zip([&a, &b].into_iter().cycle()) {
        let bus = Arc::clone(bus);
        tasks.push(
            async move {
                for number in 1..=EACH {
                    publish(&*bus, [writer * 1000 + number]).await;
                }
                Vec::new()
            }
            .boxed(),
        );
    }
    for bus in [&a, &b] {
        let mut follower = tail(&**bus, TailFrom::Behind(0)).await;
        let count = usize::try_from(WRITERS * EACH).unwrap();
        tasks.push(async move { see_numbers(&mut *follower, count).await }.boxed());
    }
    let seen = at_once(tasks).await.split_off(usize::try_from(WRITERS).unwrap());
    assert_eq!(seen.first(), seen.last(), "two followers saw another order");
    let seen: BTreeSet<_> = seen.into_iter().flatten().collect();
    assert_eq!(seen.len(), usize::try_from(WRITERS * EACH).unwrap());
}

/// A wait for the next events that is dropped loses none.
pub async fn a_tail_that_is_dropped_while_it_waits_loses_nothing(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let mut follower = tail(&*a, TailFrom::Now).await;
    for number in 1..=20 {
        assert!(follower.next(1).now_or_never().is_none(), "there was nothing to show");
        publish(&*b, [number]).await;
        assert_eq!(see_numbers(&mut *follower, 1).await, [number]);
    }
}
