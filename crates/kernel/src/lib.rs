//! The core of every Stubmart service: aggregates and their repository, consumers, workers, idempotency
//! and lists. It is built on the ports alone: no HTTP and no engines.

pub mod aggregate;
pub mod consumer;
pub mod deleted_users;
pub mod due;
pub mod hooks;
pub mod idempotency;
pub mod limited;
pub mod network;
pub mod page;
mod reindex;
pub mod repository;
pub mod turns;
pub mod worker;

pub use aggregate::{Aggregate, Decision, Precondition};
pub use repository::{Applied, ApplyError, Repository, RepositoryError, Versioned};
