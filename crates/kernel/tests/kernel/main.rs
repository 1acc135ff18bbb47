//! The rules of the kernel, on stores and a bus in memory: healthy ones, and ones that fail.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod consumer;
mod deleted_users;
mod due;
mod faults;
mod idempotency;
mod ledger;
mod page;
mod reindex;
mod repository;
mod worker;
