//! Rules of several readers and publishers at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{Arc, Mutex},
};

use futures_util::future::{BoxFuture, Either, FutureExt as _, select};
use stubmart_ports::bus::{Bus, Disposition, Subscription};
use tokio::{sync::Semaphore, time::timeout};

use super::{ALL, ALSO, keeps_nothing, publish, settle, subscribe, take_done};
use crate::rules::{MOMENT, at_once, number_shown};

/// Has two readers settle what `bus` publishes, and counts how often each event was delivered.
async fn shared(bus: Arc<dyn Bus>, readers: [Box<dyn Subscription>; 2]) -> BTreeMap<u64, u32> {
    const COUNT: u64 = 300;
    let handled = Arc::new(Mutex::new(BTreeMap::<u64, u32>::new()));
    let all = Arc::new(Semaphore::new(0));
    let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
    for mut reader in readers {
        let (handled, all) = (Arc::clone(&handled), Arc::clone(&all));
        tasks.push(
            async move {
                loop {
                    let taken = match select(reader.next(7), pin!(all.acquire())).await {
                        Either::Left((taken, _)) => taken.unwrap(),
                        Either::Right(_) => break,
                    };
                    let numbers: Vec<_> = taken.iter().map(|it| number_shown(&it.event)).collect();
                    settle(&mut *reader, taken, Disposition::Done).await;
                    let mut handled = handled.lock().unwrap();
                    for number in numbers {
                        *handled.entry(number).or_default() += 1;
                    }
                    if handled.len() == usize::try_from(COUNT).unwrap() {
                        all.close();
                    }
                }
            }
            .boxed(),
        );
    }
    tasks.push(
        async move {
            for first in (1..=COUNT).step_by(10) {
                publish(&*bus, first..first + 10).await;
            }
        }
        .boxed(),
    );
    at_once(tasks).await;
    let handled = handled.lock().unwrap().clone();
    assert_eq!(handled.keys().copied().collect::<Vec<_>>(), (1..=COUNT).collect::<Vec<_>>());
    handled
}

/// Two readers of a consumer on one handle share its events: each event goes to one of them, once,
/// and none is left.
pub async fn two_readers_share_the_events(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let readers = [subscribe(&*a, &ALL).await, subscribe(&*a, &ALL).await];
    let handled = shared(b, readers).await;
    assert!(handled.values().all(|times| *times == 1), "{handled:?}");
    keeps_nothing(&*a, &ALL).await;
}

/// Two readers of a consumer on two handles handle every event, and none is left.
pub async fn two_readers_apart_leave_nothing(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    let readers = [subscribe(&*a, &ALL).await, subscribe(&*b, &ALL).await];
    shared(Arc::clone(&a), readers).await;
    keeps_nothing(&*b, &ALL).await;
    keeps_nothing(&*a, &ALL).await;
}

/// Events that many publish at once through both handles all reach every consumer.
pub async fn events_published_at_once_are_all_delivered(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    const WRITERS: u64 = 6;
    const EACH: u64 = 40;
    let handles = [&a, &b].into_iter().cycle().map(Arc::clone);
    let publishers = (0..WRITERS).zip(handles).map(|(writer, bus)| {
        async move {
            for number in 1..=EACH {
                publish(&*bus, [writer * 1000 + number]).await;
            }
        }
        .boxed()
    });
    let readers = [(&a, &ALL), (&b, &ALSO)].map(|(bus, consumer)| {
        let bus = Arc::clone(bus);
        async move {
            let mut reader = subscribe(&*bus, consumer).await;
            let count = usize::try_from(WRITERS * EACH).unwrap();
            let numbers: BTreeSet<_> = take_done(&mut *reader, count).await.into_iter().collect();
            assert_eq!(numbers.len(), count);
        }
        .boxed()
    });
    at_once::<(), BoxFuture<'static, ()>>(publishers.chain(readers).collect::<Vec<_>>()).await;
    keeps_nothing(&*a, &ALL).await;
}

/// Readers that join, take some, settle a part and are gone, again and again, lose no event.
pub async fn readers_that_come_and_go_lose_nothing(a: Arc<dyn Bus>, b: Arc<dyn Bus>) {
    const COUNT: u64 = 120;
    publish(&*a, 1..=COUNT).await;
    let done = Arc::new(Mutex::new(BTreeSet::new()));
    let tasks = [&a, &b, &a].map(|bus| {
        let (bus, done) = (Arc::clone(bus), Arc::clone(&done));
        async move {
            while done.lock().unwrap().len() < usize::try_from(COUNT).unwrap() {
                let mut reader = subscribe(&*bus, &ALL).await;
                // The others may hold all there is.
                let Ok(taken) = timeout(MOMENT, reader.next(5)).await else { continue };
                // The first three are handled, the others lost with the reader.
                let mut taken = taken.unwrap();
                taken.truncate(3);
                let numbers: Vec<_> = taken.iter().map(|it| number_shown(&it.event)).collect();
                settle(&mut *reader, taken, Disposition::Done).await;
                done.lock().unwrap().extend(numbers);
            }
        }
        .boxed()
    });
    at_once::<(), BoxFuture<'static, ()>>(tasks).await;
    keeps_nothing(&*b, &ALL).await;
}
