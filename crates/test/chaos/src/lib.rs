//! The market from outside: real processes, real kills, and a checker over every answer they gave.
//!
//! A run has three parts. A [`System`](system::System) is the market under test: the real binary with data
//! of its own, which can be killed and started again ([`process`]). Its users
//! ([`actor`]) record each request and its answer in a [`History`](history::History). The
//! [`checker`] then says whether all those answers can be true of a market that keeps its promises, and
//! `stubmart check` audits what is stored. The [`scenario`]s put these together at any size: the tests run
//! them small, the binary of this crate as large as one likes.
//!
//! Nothing here knows the market's code: only its public API, its command line and its log.

pub mod actor;
pub mod checker;
mod failure;
pub mod history;
pub mod left_out;
pub mod process;
pub mod report;
pub mod scenario;
pub mod split;
pub mod system;
mod violation;
mod wal;

pub use failure::Failure;
pub use violation::Violation;
