//! The adapters for one process: no server to install, one file that holds everything.
//!
//! [`Database`] opens one `SQLite` file that all services share and hands out the store, the bus and the
//! timers over it. A save and the events that leave with it are one commit, and the record of events is
//! at the same time the log of the bus, so an event is on the bus by the very commit that recorded it.
//!
//! All writes go through one writer thread that commits whatever is waiting as a group
//! (`writer.rs`); reads run on pooled connections right where they are asked for (`readers.rs`);
//! checkpoints run on a thread of their own (`checkpoint.rs`).

mod bus;
mod checkpoint;
mod db;
mod entries;
mod feed;
mod group;
mod live;
pub mod mailer;
mod names;
pub mod password;
mod readers;
mod schema;
pub mod snapshot;
mod store;
pub mod system;
mod timers;
mod writer;

pub use bus::SqliteBus;
pub use db::{Database, Options};
pub use schema::OpenError;
pub use store::SqliteStore;
pub use timers::SqliteTimers;
