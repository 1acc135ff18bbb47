//! Every port in memory, for tests and simulations. Clones of an adapter are handles on the same data.
//!
//! Nothing here reads the machine's time, draws random numbers or starts a task; what iterates does so
//! in a fixed order. The same calls in the same order have the same results, on any executor.

mod bus;
mod limits;
mod mailer;
mod store;
mod timers;

pub use bus::{MemBus, Rejected};
pub use limits::MemRateLimits;
pub use mailer::MemMailer;
pub use store::MemStore;
pub use timers::MemTimers;
