//! The roles: how each service is put on engines and started.
//!
//! A role takes its engines, its settings, and its ways to the services that it calls. These go straight
//! to the other service in one process, and over a network where it runs elsewhere; the role cannot tell.

pub mod auth;
pub mod catalogue;
pub mod delivery;
pub mod expiration;
pub mod notify;
pub mod orders;
pub mod payments;
pub mod tickets;
