//! The rules of each port, as functions over two handles on the same data: what one handle does, the
//! other must see, and what both do at once must end as if one came after the other.
//!
//! Each port has a macro that makes a test of each of its rules ([`store_suite!`](crate::store_suite),
//! [`outbox_suite!`](crate::outbox_suite), [`delivery_suite!`](crate::delivery_suite),
//! [`bus_suite!`](crate::bus_suite), [`calls_suite!`](crate::calls_suite),
//! [`timers_suite!`](crate::timers_suite), [`limits_suite!`](crate::limits_suite),
//! [`mailer_suite!`](crate::mailer_suite), [`blobs_suite!`](crate::blobs_suite), [`keys_suite!`](crate::keys_suite),
//! [`outbound_suite!`](crate::outbound_suite), [`gateway_suite!`](crate::gateway_suite)). It is given an
//! `fn() -> impl Future<Output = Subject<…>>` that makes an empty subject for each test.
//!
//! A rule fails by panicking. Rules wait for what must happen as long as [`bounded`] lets them, so that
//! a slow machine fails none. That something does not happen is watched for a moment only.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a rule fails by panicking")]

pub mod blobs;
pub mod bus;
pub mod calls;
pub mod delivery;
pub mod gateway;
pub mod keys;
pub mod limits;
pub mod mailer;
pub mod outbound;
pub mod outbox;
pub mod store;
pub mod timers;

use std::{any::Any, fmt, future::Future, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use stubmart_contract::{
    Actor, DomainEvent, Envelope, EventType, MessageId, Timestamp, UserId, event::UserState,
};
use stubmart_ports::bus::Event;
use tokio::{sync::Barrier, time::timeout};
use uuid::Uuid;

use crate::host::ManualClock;

/// How long a rule may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a rule watches for what must not happen.
const MOMENT: Duration = Duration::from_millis(40);

/// What a suite is run against: two handles on the same data, and what else its rules need.
pub struct Subject<P: ?Sized, With = ()> {
    /// One handle.
    pub a: Arc<P>,
    /// Another handle, as independent of the first as two processes' are.
    pub b: Arc<P>,
    /// What the rules of this port need besides.
    pub with: With,
    /// What is to live as long as the handles: a directory that is removed with it.
    pub guard: Box<dyn Any + Send>,
}

impl<P: ?Sized, With> fmt::Debug for Subject<P, With> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").finish_non_exhaustive()
    }
}

/// Lets time pass for an adapter: moves its manual clock, or waits where it goes by the machine's.
/// Between, its time may stand still or run as fast as the machine's.
pub trait Time: Send + Sync + 'static {
    /// Lets `duration` pass.
    fn pass(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// A wait so long that the time the rule itself takes does not matter. By the machine's clock it can be
    /// some seconds only, since the rule waits for it.
    fn long(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

impl Time for ManualClock {
    fn pass(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.advance(duration);
        Box::pin(std::future::ready(()))
    }
}

/// Runs a rule; it fails when it does not end.
///
/// # Panics
/// When the rule does, and when it takes too long.
pub async fn bounded(rule: impl Future<Output = ()>) {
    assert!(timeout(PATIENCE, rule).await.is_ok(), "the rule waits for what does not happen");
}

/// Whether `waiting` is still waiting after a moment; it is dropped then.
async fn keeps_waiting(waiting: impl Future) -> bool {
    timeout(MOMENT, waiting).await.is_err()
}

/// Runs tasks at once, on as many threads as there are, and gives their results in order.
async fn at_once<T, F>(tasks: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = tasks.into_iter().collect();
    let barrier = Arc::new(Barrier::new(tasks.len()));
    let spawned: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let barrier = Arc::clone(&barrier);
            tokio::spawn(async move {
                barrier.wait().await;
                task.await
            })
        })
        .collect();
    let mut results = Vec::with_capacity(spawned.len());
    for task in spawned {
        results.push(task.await.unwrap());
    }
    results
}

/// The `number`th event of a rule, of one of the three `USER_*` kinds, about an aggregate of its own.
fn event(kind: EventType, number: u64) -> Arc<Envelope> {
    Arc::new(event_of(kind, number, Uuid::from_u128(u128::from(number)), 1))
}

/// The `number`th event of a rule, as this version of this aggregate.
fn event_of(kind: EventType, number: u64, aggregate_id: Uuid, version: u64) -> Envelope {
    let id = MessageId(Uuid::from_u128(u128::from(number)));
    let state = UserState { id: UserId(aggregate_id) };
    Envelope {
        id,
        aggregate_id,
        version,
        at: Timestamp::EPOCH,
        causation_id: id,
        correlation_id: id,
        actor: Actor::System,
        request_id: None,
        event: match kind {
            EventType::UserUpdated => DomainEvent::UserUpdated(state),
            EventType::UserDeleted => DomainEvent::UserDeleted(state),
            _ => DomainEvent::UserCreated(state),
        },
    }
}

/// Events of one kind with the numbers of `numbers`.
fn events(numbers: impl IntoIterator<Item = u64>) -> Vec<Arc<Envelope>> {
    numbers.into_iter().map(|number| event(EventType::UserCreated, number)).collect()
}

/// The number of an event.
fn number_of(event: &Envelope) -> u64 {
    u64::try_from(event.id.0.as_u128()).unwrap()
}

/// The number of an event that the bus shows.
fn number_shown(event: &Event) -> u64 {
    number_of(event.as_ref().unwrap())
}

/// Makes a test of each rule; the suites of the ports are made of it.
#[doc(hidden)]
#[macro_export]
macro_rules! rule_tests {
    ($port:ident, $factory:expr, [$($rule:ident),* $(,)?] $(, with [$($with:ident),* $(,)?])?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $rule() {
                let subject = $factory().await;
                let (a, b) = (::std::sync::Arc::clone(&subject.a), ::std::sync::Arc::clone(&subject.b));
                $crate::rules::bounded($crate::rules::$port::$rule(a, b)).await;
            }
        )*
        $($(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $with() {
                let subject = $factory().await;
                let (a, b) = (::std::sync::Arc::clone(&subject.a), ::std::sync::Arc::clone(&subject.b));
                let with = ::std::clone::Clone::clone(&subject.with);
                $crate::rules::bounded($crate::rules::$port::$with(a, b, with)).await;
            }
        )*)?
    };
}
