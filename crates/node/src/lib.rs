//! Composition: how a service is put on engines, started, run and stopped.
//!
//! A process plays one or more roles. Each role is one service on its [`Engines`], started by the one
//! function in [`roles`] that knows how; [`Background`] runs its consumers and workers, and [`Market`] is
//! all roles in one process. The binary and the simulation start their services here, so what the
//! simulation proves is what ships. This crate names no engine: the program that starts a role opens them.

mod background;
mod engines;
mod later;
mod market;
mod role;
mod service;

pub mod roles;

pub use background::Background;
pub use engines::{Engines, Provider, Stores};
pub use market::{Config, Market};
pub use role::Role;
pub use service::Service;
