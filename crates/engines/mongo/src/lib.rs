//! Documents and their events in MongoDB, or in a database that speaks its protocol.
//!
//! The adapter keeps to what MongoDB, Atlas, Firestore with MongoDB compatibility and the smaller servers of
//! that protocol have in common: atomic writes of one document, unique sparse indexes on one scalar field,
//! range scans over such a field, majority writes. It needs no transactions, change streams, pipeline
//! updates, partial or TTL indexes, and relies on no error text.
//!
//! An aggregate is one document. Its index entries are fields of it, and its new events wait in it until
//! they are moved into the service's history (`history.rs`): so one conditional write saves all of it or
//! nothing. A relay then takes the history's new events to the bus.
//!
//! A server must be a member of a replica set, be it one of one member: linearizable and snapshot reads are
//! refused elsewhere by MongoDB.

mod audit;
mod database;
mod failure;
mod form;
mod history;
mod outbox;
mod store;

pub use audit::Listed;
pub use database::MongoOptions;
pub use store::MongoStore;
