//! Stripe's API over HTTP, without Stripe and without money: for tests, demonstrations and machines that
//! reach no network.
//!
//! What becomes of a payment is decided by the same model as the sandbox's ([`crate::payment`]). The
//! emulator adds what only shows on the wire: forms, errors, idempotency keys, charges and refunds as
//! objects, events, signed webhooks, and faults by order of a test. It forgets everything when it ends.
//!
//! It has the calls that the market makes: payment intents with manual capture of the whole amount, refunds,
//! charges and events as lists. It has no accounts, transfers, balances and disputes.

mod account;
mod answer;
mod books;
mod fault;
mod form;
mod http;
mod intent;
mod webhook;

use std::net::SocketAddr;

use stubmart_ports::{Cause, host::Host};
use tokio::net::TcpListener;

pub use account::Emulator;
pub use fault::{Fault, FaultKind};
pub use webhook::Endpoint;

/// Listens at `address` and answers until the process ends.
///
/// # Errors
/// The cause: the address is taken, or it is not this machine's own: anybody who reaches the emulator may
/// do anything there.
pub async fn listen(address: SocketAddr, host: Host) -> Result<Emulator, Cause> {
    if !address.ip().is_loopback() {
        return Err("the emulator listens at this machine's own addresses alone".into());
    }
    let listener = TcpListener::bind(address).await?;
    let emulator = Emulator::new(host.clone(), format!("http://{}", listener.local_addr()?));
    let serving = emulator.clone();
    let served = Box::pin(async move { http::serve(listener, serving).await });
    host.spawner.spawn("stripe-emulator", served);
    Ok(emulator)
}
