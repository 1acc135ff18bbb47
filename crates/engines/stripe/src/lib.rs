//! Stripe as the payment provider: `PaymentIntents` with manual capture
//! (<https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>), refunds and webhooks.
//!
//! The client is written for one version of the API, which every request names. It sends only what the next
//! major version accepts as well, takes a status that it does not know for "not known", and ignores fields
//! that it does not know.
//!
//! What is sent twice has one effect: each change carries an idempotency key that follows from the charge
//! and the step. A request is sent again only where Stripe's rules allow it, and what is left open is
//! [`Indeterminate`](stubmart_ports::gateway::GatewayError::Indeterminate), never assumed.

mod amount;
mod client;
mod config;
mod event;
mod gateway;
mod limiter;
mod object;
mod payment;
mod secret;
mod signature;

pub use config::{
    API_BASE, ApiBase, Config, InvalidSetting, Patience, SecretKey, check, publishable_key,
    webhook_secrets,
};
pub use event::EVENT_TYPES;
pub use gateway::Stripe;
pub use secret::Secret;
