//! The parts that every HTTP route of Stubmart shares.
//!
//! A handler takes its input from the extractors here and answers `Result<impl IntoResponse, Problem>`;
//! [`layer::apply`] gives the finished router request ids, logs, metrics and errors in one form.

mod apply;
pub mod body;
pub mod conditional;
mod context;
pub mod cookies;
mod given;
pub mod ingress;
pub mod layer;
pub mod list;
pub mod once;
pub mod path;
pub mod problem;
pub mod responses;
mod schema;
mod sent_file;
pub mod session;
pub mod valid;

pub use conditional::{IfMatch, etag};
pub use context::RequestContext;
pub use ingress::{ClientAddr, Ingress, OverHttps};
pub use list::Paged;
pub use once::{Answer, IdempotencyKey, once};
pub use path::PathId;
pub use problem::Problem;
pub use sent_file::SentFile;
pub use session::{Caller, MaySell, MaybeSignedIn, SessionGate, SignedIn};
pub use stubmart_contract::api::Patch;
pub use valid::{Valid, ValidQuery};
