//! The log: structured, to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::Config;

/// Starts the log.
pub fn start(config: &Config) {
    let filter = EnvFilter::new(&config.log);
    // A line that cannot be written is lost: a report on the same standard error would panic.
    let log = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .log_internal_errors(false);
    // A second start, in tests, keeps the first.
    let started = if config.log_json {
        log.json().try_init()
    } else {
        log.with_ansi(std::io::stderr().is_terminal()).try_init()
    };
    drop(started);
}
