//! What can go wrong, and who decides it.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
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
    FindOrder,
    SecureOrder,
    CompleteOrder,
    FailOrder,
    ExpireOrder,
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
    pub(super) const fn new(op: Op) -> Self {
        Self { op, subject: Uuid::nil(), caller: "" }
    }

    pub(super) const fn about(op: Op, subject: Uuid) -> Self {
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
