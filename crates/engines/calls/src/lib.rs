//! The calls between services, over HTTP: `POST /calls/SERVICE/CALL` with the caller's context and the
//! arguments as JSON, answered with the answer as JSON.
//!
//! Requests of the public are passed on to services by [`Upstream`].
//!
//! [`table`] lists every call once; the client ([`Remote`]) and the server ([`Served`]) are made of it. Every
//! call may be made again (`stubmart_ports::calls`), so the client tries another instance, and again after a
//! pause, for as long as somebody waits. Both sides know one secret: nothing is answered without it, and the
//! routes belong on a listener that the public does not reach.

mod breaker;
mod client;
mod instances;
mod routes;
mod secret;
mod server;
mod table;
mod upstream;
mod wire;

pub use client::Remote;
pub use secret::Secret;
pub use server::Served;
pub use upstream::{Passed, Upstream};
