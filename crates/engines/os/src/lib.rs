//! The machine itself: its clock, its randomness, its tasks, and hashes of passwords.

pub mod password;
mod system;

pub use system::{Died, SystemClock, SystemIds, TokioSpawner, host};
