//! A sale: the money of one completed order on its way to the seller. [`Command`] has what may happen to it, and
//! each [`Move`] of it is a transaction of the ledger.

mod document;
mod moves;
mod rules;

pub(crate) use document::of_seller_in;
pub use document::{
    ClaimNews, DeliveryNews, OperatorHold, Part, SALES, Sale, Show, index, of_event,
};
pub use moves::{Move, MoveKind, Position, postings};
pub use rules::{Command, Refusal};
