//! What every HTTP route of Stubmart shares.
//!
//! A handler takes its input from the extractors here and answers `Result<impl IntoResponse, Problem>`;
//! [`layer::apply`] gives the finished router request ids, logs, metrics and errors in one form.

pub mod body;
pub mod conditional;
pub mod fields;
pub mod idempotency;
pub mod layer;
pub mod page;
pub mod problem;
pub mod query;
pub mod session;

pub use body::JsonBody;
pub use conditional::IfMatch;
pub use fields::{Fields, Patch};
pub use idempotency::{Answer, Idempotency, IdempotencyKey};
pub use page::PageRequest;
pub use problem::Problem;
pub use query::QueryFields;
pub use session::{MaybeSignedIn, SessionGate, SignedIn};
