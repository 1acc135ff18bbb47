//! Timers and rate limits in Redis, or in a server that speaks its protocol (Valkey).
//!
//! Whatever is here may be lost. Expiration asks tickets which locks outlived their time and sets their
//! timers again; a limit that was forgotten begins with its whole burst.
//!
//! Each change is one script, which the server runs as a whole. All keys of an adapter have one hash tag, so
//! that they are on one server of a cluster.

mod connection;
mod limits;
mod timers;

pub use connection::{RedisOptions, RedisServer};
pub use limits::RedisRateLimits;
pub use timers::RedisTimers;
