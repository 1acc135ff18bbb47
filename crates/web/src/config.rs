//! What the pages are given at the start.

use stubmart_client::Client;
use stubmart_contract::Currency;
use stubmart_ports::host::Host;

/// What an operator can set.
#[derive(Debug, Clone)]
pub struct WebConfig {
    /// Stripe's publishable key. With it the checkout loads Stripe's own card form, the only request to
    /// another site there is; without it the sandbox's test cards are offered.
    pub stripe_publishable_key: Option<String>,
    /// Where visitors reach the site, such as `https://tickets.example`: for link previews, for the
    /// check of a form's origin behind a proxy, and for HSTS when it is `https`.
    pub public_url: Option<String>,
    /// The currency that sellers ask their prices in.
    pub currency: Currency,
    /// Whether a proxy in front sets `X-Forwarded-Proto`. Without one, anybody could.
    pub trust_proxy: bool,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            stripe_publishable_key: None,
            public_url: None,
            currency: Currency::USD,
            trust_proxy: false,
        }
    }
}

/// What the pages stand on.
#[derive(Debug, Clone)]
pub struct Web {
    /// The public API, in this process or over HTTP.
    pub api: Client,
    /// What the operator has set.
    pub config: WebConfig,
    /// The machine.
    pub host: Host,
}
