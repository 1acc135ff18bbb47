//! The Stubmart marketplace: command line, configuration, composition. The only crate that names
//! adapters, and the only one that reads the environment.

pub mod cli;
pub mod config;
mod emulate;
pub mod engines;
mod ledger;
mod limit_settings;
pub mod logging;
pub mod ops;
pub mod serve;

mod admin;
mod app;
mod archive;
mod check;
mod claims;
mod demo;
mod docs;
mod examples;
mod gateway;
mod held;
mod import;
mod keys;
mod only;
mod output;
mod patience;
mod payouts;
mod read_ticket;
mod refund;
mod run;
mod server;
mod server_settings;
mod servers;
mod setting_kinds;
mod settings;
mod slots;
mod split_settings;
mod stripe_settings;
mod whole;

pub use run::run;
