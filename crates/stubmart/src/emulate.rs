//! `stubmart stripe-emulator`: Stripe's API without Stripe, until it is asked to stop.

use stubmart_ports::{Cause, host::Host};
use stubmart_sandbox::emulator::{self, Endpoint};

use crate::{cli::StripeEmulator, config::Config, output, serve};

/// Answers as Stripe does until a signal.
///
/// # Errors
/// The cause: the address is taken, or not this machine's own.
pub(crate) async fn emulate(
    settings: StripeEmulator,
    config: &Config,
    host: &Host,
) -> Result<(), Cause> {
    let StripeEmulator { webhook, signed_with } = settings;
    let emulator = emulator::listen(config.listen, host.clone()).await?;
    if let Some(url) = webhook {
        let secrets = signed_with.into_iter().collect();
        emulator.send_events_to(Some(Endpoint { url, secrets }));
    }
    output::say(&format!("Stripe is emulated at {}", emulator.base()))?;
    serve::stop_signal().await
}
