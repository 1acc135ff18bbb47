//! The auth service through its routes, on the in-memory adapters and a clock that the test moves.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accounts;
mod faults;
mod idempotency;
mod limits;
mod links;
mod logins;
mod market;
mod routes;
mod sessions;
mod tokens;
mod totp;
