//! Wrappers that make any adapter fail as real ones do, by a plan that a test, a seed or a simulation
//! gives.
//!
//! They do what the ports allow and the market claims to survive, and no more:
//!
//! | call | [`Fault::Fail`] | [`Fault::LoseAnswer`] | [`Fault::Late`] | [`Fault::Twice`] |
//! |---|---|---|---|---|
//! | store: save, delete; outbox: published | not done, `Unavailable` | done, `Indeterminate` | `Indeterminate`, done later | done twice, the first answer given |
//! | store, outbox: every read | `Unavailable` | as `Fail` | as `Fail` | as `None` |
//! | bus: publish | not done, `Unavailable` | done, `Unavailable` | `Unavailable`, done later | done twice |
//! | bus: next | `Unavailable`, and delivered by the next call | taken and lost on the way, `Unavailable` | as `Fail` | as `None` |
//! | bus: deliver, for each delivery that comes for the first time | as `None` | as `None` | delivered later, as a further attempt | delivered, and again later as a further attempt |
//! | bus: settle | not done, `Unavailable` | done, `Unavailable` | as `Fail` | as `None` |
//! | bus: subscribe, tail, its next, position, ready | `Unavailable` | as `Fail` | as `Fail` | as `None` |
//! | timers: change, finish | not done, `Unavailable` | done, `Unavailable` | `Unavailable`, done later | done twice |
//! | timers: claim | nothing claimed, `Unavailable` | claimed, `Unavailable` | as if none were due | claimed, and answered again by the next claim |
//! | timers: `next_due` | `Unavailable` | as `Fail` | as `Fail` | as `None` |
//! | gateway: authorise, capture, void, refund | not done, `Unavailable` | done, `Indeterminate` | `Indeterminate`, done later | done twice, the first answer given |
//! | gateway: payment, `payment_of` | `Unavailable` | `Indeterminate` | as `LoseAnswer` | as `None` |
//! | mailer: send | not sent, `Failed` | sent, `Failed` | `Failed`, sent later | sent twice |
//! | limits: take, peek | `LimitsUnavailable` | as `Fail` | as `Fail` | as `None` |
//!
//! [`Fault::Forget`] is for a change of timers alone: it is acknowledged and not done, as by a memory
//! store that lost its newest second. Anything else treats it as `None`: a store or bus that loses what
//! it acknowledged is no fault that the market claims to survive, save for a bus and timers that are
//! emptied whole.
//!
//! Within a batch the bus shuffles what it delivers.
//!
//! No revision stops one thing that a late write can do: a save that expects no document makes it again
//! when it lands after the document was deleted.

mod bus;
mod gateway;
mod injector;
mod limits;
mod mailer;
mod outbox;
mod store;
mod timers;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
pub use bus::FaultyBus;
use futures_util::future::{BoxFuture, FutureExt as _};
pub use gateway::FaultyGateway;
pub use injector::{Injector, Rates};
pub use limits::FaultyLimits;
pub use mailer::FaultyMailer;
pub use outbox::FaultyOutbox;
pub use store::FaultyStore;
use stubmart_ports::Cause;
pub use timers::FaultyTimers;
use uuid::Uuid;

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is not done, and the caller learns so as far as the port can tell.
    Fail,
    /// It is done, and the answer is lost.
    LoseAnswer,
    /// The answer is lost, and it is done later.
    Late,
    /// It is done twice.
    Twice,
    /// It is acknowledged and not done.
    Forget,
}

/// The calls that can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is named as the method of the port that it stands for")]
pub enum Op {
    Load,
    Save,
    Delete,
    Find,
    Keys,
    History,
    StoreReady,
    Pending,
    Published,
    Publish,
    Subscribe,
    Next,
    Deliver,
    Settle,
    Tail,
    TailNext,
    Position,
    BusReady,
    Change,
    Claim,
    Finish,
    NextDue,
    Authorise,
    Capture,
    Void,
    Refund,
    Payment,
    PaymentOf,
    SendMail,
    TakeLimit,
    PeekLimit,
}

/// A call that is about to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub op: Op,
    /// What it is about, for a log: a document's or timer's id, or nil.
    pub subject: Uuid,
    /// Who makes it, for a log: the consumer's name where it has one, or nothing.
    pub caller: &'static str,
}

impl Call {
    const fn new(op: Op) -> Self {
        Self { op, subject: Uuid::nil(), caller: "" }
    }

    const fn about(op: Op, subject: Uuid) -> Self {
        Self { op, subject, caller: "" }
    }
}

/// Decides what goes wrong, for any number of wrappers.
#[async_trait]
pub trait Faults: fmt::Debug + Send + Sync + 'static {
    /// A call begins: it may be slow, and something may go wrong with it.
    async fn begin(&self, call: Call) -> Fault;

    /// A call was made and its caller is about to see the answer, which may be slow too.
    async fn end(&self, _: Call) {}

    /// What goes wrong with a delivery that comes for the first time.
    fn deliver(&self, _: Call) -> Fault {
        Fault::None
    }

    /// Does `work` later.
    fn later(&self, call: Call, work: BoxFuture<'static, ()>);

    /// After how long a delivery that is late comes, or comes again.
    fn delay(&self) -> Duration;

    /// Which of `count` deliveries that are ready is shown next; 0 keeps their order.
    fn pick(&self, _count: usize) -> usize {
        0
    }
}

/// The cause that injected failures give.
#[must_use]
pub fn injected() -> Cause {
    "an injected fault".into()
}

/// The errors of a port for a call that was not made, and for one whose answer was lost.
type Errors<E> = (fn(Cause) -> E, fn(Cause) -> E);

/// Makes a call that changes something, as the fault of the moment has it.
async fn change<T, E>(
    faults: &Arc<dyn Faults>,
    call: Call,
    errors: Errors<E>,
    make: impl Fn() -> BoxFuture<'static, Result<T, E>> + Send,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    let fault = faults.begin(call).await;
    let answer = change_with(fault, faults, call, errors, make).await;
    faults.end(call).await;
    answer
}

/// Makes a call that changes something, as this fault has it.
async fn change_with<T, E>(
    fault: Fault,
    faults: &Arc<dyn Faults>,
    call: Call,
    (fail, lost): Errors<E>,
    make: impl Fn() -> BoxFuture<'static, Result<T, E>> + Send,
) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
{
    match fault {
        Fault::None | Fault::Forget => make().await,
        Fault::Fail => Err(fail(injected())),
        Fault::LoseAnswer => {
            drop(make().await);
            Err(lost(injected()))
        }
        Fault::Late => {
            faults.later(call, make().map(drop).boxed());
            Err(lost(injected()))
        }
        Fault::Twice => {
            let answer = make().await;
            drop(make().await);
            answer
        }
    }
}

/// Makes a call that changes nothing: it is answered, or it fails.
async fn ask<T, E>(
    faults: &Arc<dyn Faults>,
    call: Call,
    fail: fn(Cause) -> E,
    make: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, E>
where
    T: Send,
    E: Send,
{
    let answer = match faults.begin(call).await {
        Fault::None | Fault::Twice | Fault::Forget => make.await,
        Fault::Fail | Fault::LoseAnswer | Fault::Late => Err(fail(injected())),
    };
    faults.end(call).await;
    answer
}
