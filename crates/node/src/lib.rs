//! Composition: how a service is put on engines, started, run and stopped.
//!
//! A process plays one or more roles. Each role is one service on its [`Engines`], started by the one
//! function in [`roles`] that knows how; [`Background`] runs its consumers and workers. [`Services`] are the
//! roles of one process, with their ways to each other and to those of other processes ([`Peers`]); [`Market`]
//! is all of them in one. The binary and the simulation start their services here, so what the
//! simulation proves is what ships. This crate names no engine: the program that starts a role opens them.

mod background;
mod elsewhere;
mod engines;
mod later;
mod market;
mod role;
mod service;
mod services;

pub mod roles;

pub use background::Background;
pub use elsewhere::Elsewhere;
pub use engines::{Engines, Provider, Stores};
pub use market::Market;
pub use role::Role;
pub use service::Service;
pub use services::{Config, Peers, Services};
