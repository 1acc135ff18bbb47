//! The Stripe adapter over the emulator: the rules of the payment gateway, every trouble on the wire, and
//! Stripe's own mock server and specification as judges of what is sent and answered.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rules;
mod spec;
mod support;
mod trouble;
mod wire;
