//! Payments as a whole: the real service on in-memory ports and the sandbox, through its HTTP routes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test fails by panicking"
)]

mod faults;
mod flow;
mod http;
mod late_money;
mod payouts;
mod races;
mod stops;
mod support;
