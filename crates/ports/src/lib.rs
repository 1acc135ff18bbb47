//! The ports: everything that a Stubmart service needs from its environment, as traits.
//!
//! A service names no engine. It is given a [`store::Store`], a [`bus::Bus`], [`timers::Timers`], a
//! [`gateway::PaymentGateway`] and a [`host::Host`] (clock, ids, tasks); the binary decides which. All
//! time, randomness and spawning go through [`host::Host`], so the same code runs in a simulation.

pub mod bank;
pub mod blobs;
pub mod bus;
pub mod calls;
pub mod gateway;
pub mod host;
pub mod key;
pub mod keys;
pub mod limits;
pub mod mailer;
pub mod outbound;
pub mod reader;
pub mod store;
pub mod timers;

/// The cause of a failure, for the log and never for a client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;
