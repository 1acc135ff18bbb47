//! The public contract, kept to the letter: every test starts the real binary with a market of its own
//! and speaks HTTP to it, or runs the command line.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod account_end;
mod alerts;
mod auth;
mod bulk;
mod checkout;
mod command_line;
mod conventions;
mod events;
mod hostile;
mod hung_up;
mod importing;
mod inventories;
mod limits;
mod operations;
mod orders;
mod paging;
mod payments;
mod payouts;
mod queue;
mod read_ticket;
mod routes;
mod seller_pages;
mod servers;
mod sessions;
mod streams;
mod stripe;
mod support;
mod tickets;
mod uploads;
mod webhooks;
