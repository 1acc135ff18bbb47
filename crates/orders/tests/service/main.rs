//! The orders service on ports in memory: every use case and what it answers, races, lost calls, closed
//! pages, lists.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

mod close;
mod expire;
mod http;
mod leave;
mod list;
mod pay;
mod place;
mod races;
