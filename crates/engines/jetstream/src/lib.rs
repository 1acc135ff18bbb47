//! The bus on NATS JetStream.
//!
//! One stream in files carries the events of all services, each under the subject of its kind. A consumer is
//! a durable pull consumer that asks for its kinds only; what becomes of a delivery is acknowledged by the
//! server in turn. An event that can never be handled goes into a second stream, for a human
//! ([`JetstreamBus::replay`]).
//!
//! The stream may be lost: services keep their events for ever, and [`JetstreamBus::heal`] publishes the
//! histories again to a stream that was deleted, purged or made again.
//!
//! It needs a server of version 2.10 or later. Older ones ignore a consumer's choice of kinds without a word.

mod audit;
mod bus;
mod connection;
mod heal;
mod publish;
mod reader;
mod rejected;
mod tail;

pub use audit::Aside;
pub use connection::{JetstreamBus, JetstreamOptions};
