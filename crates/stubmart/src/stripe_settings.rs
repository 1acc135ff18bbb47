//! Which payment provider an operator has chosen: Stripe by its keys, or the sandbox without any.

use stubmart_node::Service;
use stubmart_stripe::{ApiBase, Config, Patience, Secret, SecretKey};

use crate::{
    only::Only,
    settings::{Kind, Settings},
};

/// Where payments go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StripeSettings {
    /// How to reach Stripe; `None` for the sandbox, and where payments runs elsewhere.
    pub adapter: Option<Config>,
    /// The key for browsers; without it nothing can be paid in the browser.
    pub publishable_key: Option<String>,
}

impl StripeSettings {
    /// Defines and reads the settings. A key that is missing where others are given is a fault: a market
    /// that was meant to take real money must not quietly run on the sandbox. The pages alone need the publishable
    /// key alone.
    pub(crate) fn read(it: &mut Settings, only: &Only) -> Self {
        let secret_key = it.optional(
            SECRET_KEY,
            "Stripe's secret key; without it payments go to the sandbox",
            &Kind { value: "KEY", parse: |text| told(SecretKey::parse(text)), show: |_| hidden() },
        );
        let publishable_key = it.optional(
            PUBLISHABLE_KEY,
            "Stripe's publishable key, for paying in the browser",
            &Kind {
                value: "KEY",
                parse: |text| told(stubmart_stripe::publishable_key(text)),
                show: |_| hidden(),
            },
        );
        let webhook_secrets: Option<Vec<Secret>> = it.optional(
            WEBHOOK_SECRET,
            "The signing secret of Stripe's webhook; several with commas while one is replaced",
            &Kind {
                value: "SECRET",
                parse: |text| told(stubmart_stripe::webhook_secrets(text)),
                show: |_| hidden(),
            },
        );
        let api_base = it.optional(
            API_BASE,
            "Where Stripe's API is; plain http:// to this machine and with a test key alone \
             [default: https://api.stripe.com]",
            &Kind { value: "URL", parse: |text| told(ApiBase::parse(text)), show: |_| hidden() },
        );
        let Some(secret_key) = secret_key else {
            for (name, is_given) in [
                (PUBLISHABLE_KEY, publishable_key.is_some()),
                (WEBHOOK_SECRET, webhook_secrets.is_some()),
                (API_BASE, api_base.is_some()),
            ] {
                // A key that was given and is wrong is reported as that.
                let is_of_use =
                    name == PUBLISHABLE_KEY && !only.services.contains(&Service::Payments);
                if is_given && !is_of_use && !it.is_faulty(SECRET_KEY) {
                    it.refuse(name, "is of no use without the secret key (--stripe-secret-key)");
                }
            }
            return Self { adapter: None, publishable_key };
        };
        let api_base = api_base.unwrap_or_default();
        let checked = stubmart_stripe::check(&secret_key, publishable_key.as_deref(), &api_base);
        if let Err(fault) = checked {
            it.refuse(SECRET_KEY, &fault.to_string());
        }
        let adapter = Config {
            secret_key,
            webhook_secrets: webhook_secrets.unwrap_or_default(),
            api_base,
            patience: Patience::default(),
        };
        Self { adapter: Some(adapter), publishable_key }
    }

    /// What an operator should know at the start, if anything.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        if self.adapter.as_ref()?.webhook_secrets.is_empty() {
            return Some(
                "no webhook secret is set: payments in the browser are noticed later, when they are looked at",
            );
        }
        self.publishable_key
            .is_none()
            .then_some("no publishable key is set: nothing can be paid in the browser")
    }
}

const SECRET_KEY: &str = "stripe-secret-key";
const PUBLISHABLE_KEY: &str = "stripe-publishable-key";
const WEBHOOK_SECRET: &str = "stripe-webhook-secret";
const API_BASE: &str = "stripe-api-base";

fn told<T>(read: Result<T, stubmart_stripe::InvalidSetting>) -> Result<T, String> {
    read.map_err(|wrong| wrong.to_string())
}

/// None of these has a default that the help could show.
const fn hidden() -> String {
    String::new()
}
