//! Payments as a whole: the real service on in-memory ports and the sandbox, through its HTTP routes.

#![expect(
    clippy::as_conversions,
    clippy::items_after_statements,
    reason = "tests are read from top to bottom"
)]

mod faults;
mod flow;
mod http;
mod late_money;
mod races;
mod stops;
mod support;
