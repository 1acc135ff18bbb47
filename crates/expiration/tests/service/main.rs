//! The expiration service on timers in memory: what arms and disarms a timer, what a due one does, and
//! the sweep that finds locks without one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

mod arm;
mod fire;
mod sweep;
