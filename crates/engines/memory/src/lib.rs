//! Every port in memory: for tests and simulations, and for what may be lost with the process. Clones of
//! an adapter are handles on the same data.
//!
//! Nothing here reads the machine's time, draws random numbers or starts a task, and what iterates does
//! so in a fixed order. The same calls in the same order have the same results, on any executor.
//!
//! The store and the bus are two. An outbox inside the store and a [relay](MemoryStore::relay) connect
//! them.

mod blobs;
mod bus;
mod keys;
mod limits;
mod lock;
mod mailer;
mod outbound;
mod reader;
mod store;
mod timers;

pub use blobs::MemoryBlobs;
pub use bus::{MemoryBus, Rejected};
pub use keys::MemoryKeys;
pub use limits::{MemoryRateLimits, Unlimited};
pub use mailer::MemoryMailer;
pub use outbound::MemoryOutbound;
pub use reader::MemoryReader;
pub use store::MemoryStore;
pub use timers::MemoryTimers;
