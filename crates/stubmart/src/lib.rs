//! The Stubmart marketplace: command line, configuration, composition. The only crate that names
//! adapters, and the only one that reads the environment.

pub mod cli;
pub mod config;
mod emulate;
pub mod engines;
pub mod logging;
pub mod ops;
pub mod serve;
pub mod server;

mod admin;
mod check;
mod demo;
mod docs;
mod import;
mod output;
mod run;
mod settings;
mod stripe_settings;

pub use run::run;
