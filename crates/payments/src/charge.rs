//! The charge: one attempt to pay for an order.

mod document;
mod failure;
mod refund;
mod rules;

pub use document::{ATTEMPT, BUYER, CHARGES, Charge, DUE, ORDER, Stage};
pub use failure::{Failure, FailureReason};
pub use refund::{Cause, Refund, RefundStage, SaidOfRefund};
pub use rules::{Command, NewCharge, Refusal};
