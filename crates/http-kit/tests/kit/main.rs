//! The rules that hold for every route.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bodies;
mod files;
mod kit;
mod lists;
mod once;
mod preconditions;
mod problems;
mod sessions;
