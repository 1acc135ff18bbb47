//! The auth service through its routes, on the in-memory adapters and a clock that the test moves.

mod accounts;
mod faults;
mod idempotency;
mod limits;
mod logins;
mod market;
mod routes;
mod sessions;
mod tokens;
