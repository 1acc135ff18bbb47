//! Documents, the bus and timers in one SQLite file: no server to install.
//!
//! [`Database`] opens one file that all services share and hands out the store, the bus and the timers
//! over it. A save and the events that leave with it are one commit, and the histories of the services
//! are at the same time the log of the bus, so an event is on the bus by the very commit that saved it.
//!
//! All writes go through one writer thread that commits whatever is waiting as a group
//! (`writer.rs`); reads run on pooled connections right where they are asked for (`readers.rs`);
//! checkpoints run on a thread of their own (`checkpoint.rs`).

mod archive;
mod archiving;
mod bus;
mod bytes;
mod checkpoint;
mod database;
mod db;
mod entries;
mod feed;
mod group;
mod live;
mod names;
mod packed;
mod readers;
mod schema;
pub mod snapshot;
mod sql;
mod store;
mod timers;
mod writer;

pub use bus::SqliteBus;
pub use database::Database;
pub use db::Options;
pub use schema::OpenError;
pub use store::SqliteStore;
pub use timers::SqliteTimers;
