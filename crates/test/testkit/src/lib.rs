//! What tests of services share: one market in memory, and one driver of the public API.
//!
//! A test of a service starts a [`Process`] on a [`World`], acts through its [`Api`] as users would, and
//! looks at what came of it. The same driver speaks to the real binary. Everything here panics where a
//! test has to fail, with what was answered.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

mod answer;
mod api;
mod call;
mod process;
mod stream;
mod tasks;
mod tokens;
mod world;

pub use answer::{Answer, text};
pub use api::{Api, PASSWORD, User, event_body, merge};
pub use call::{Call, Session};
pub use process::Process;
pub use stream::{Stream, StreamEvent};
pub use world::World;
