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
//! | orders: secure, complete, fail, expire | not done, `CallError` | done, `CallError` | `CallError`, done later | done twice, the first answer given |
//! | orders: order | `CallError` | as `Fail` | as `Fail` | as `None` |
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
mod call;
mod gateway;
mod injector;
mod limits;
mod mailer;
mod orders;
mod outbox;
mod plan;
mod store;
mod timers;

pub use bus::FaultyBus;
pub use call::injected;
pub use gateway::FaultyGateway;
pub use injector::{Injector, Rates};
pub use limits::FaultyLimits;
pub use mailer::FaultyMailer;
pub use orders::FaultyOrders;
pub use outbox::FaultyOutbox;
pub use plan::{Call, Fault, Faults, Op};
pub use store::FaultyStore;
pub use timers::FaultyTimers;
