//! The charge: one attempt to pay for an order.

mod document;
mod failure;
mod rules;

pub use document::{ATTEMPT, BUYER, CHARGES, Charge, DUE, ORDER, RefundRequest, Stage};
pub use failure::{Failure, FailureReason};
pub use rules::{Command, NewCharge, Refusal};
