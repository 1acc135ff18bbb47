//! The whole market in a deterministic simulation: the real services on simulated ports, with everything
//! going wrong that DESIGN.md says they are built for, from a seed.
//!
//! The same seed gives the same run. While it runs, what must hold at every moment is checked with each
//! save ([`check`]); then everything heals, comes to rest, and what must hold at rest is checked
//! ([`rest`]).
#![expect(clippy::let_underscore_must_use, reason = "writing to a String cannot fail")]
#![expect(clippy::needless_pass_by_value, reason = "a request and a save are handed over")]

pub mod check;
pub mod enumerate;
pub mod exec;
pub mod http;
pub mod instance;
pub mod mutants;
pub mod port;
pub mod provider;
pub mod report;
pub mod rest;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod sweep;
pub mod user;
pub mod world;

mod books;
mod calls;
mod engines;
mod gateway;
mod machine;
mod notices;
mod payments;
mod published;
mod slots;
mod store;
