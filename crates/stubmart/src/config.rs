//! The settings: flags over environment over file over defaults, checked all at once.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use crate::cli::Flags;

/// What an operator has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where the market is kept.
    pub data: PathBuf,
    /// How long a checkout holds its ticket.
    pub checkout_hold: Duration,
    /// How long after its page was closed a checkout is left.
    pub leave_grace: Duration,
    /// How many payments may fail before the order is cancelled.
    pub max_payment_attempts: u32,
    /// Whether signup and login are limited.
    pub rate_limits: bool,
    /// The address people reach the market at.
    pub public_url: Option<String>,
    /// Whether to believe a proxy's `X-Forwarded-For` and `X-Forwarded-Proto`.
    pub trust_proxy: bool,
    /// What to log.
    pub log: String,
    /// Whether to log as JSON.
    pub log_json: bool,
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<String>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings are not valid:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for ConfigFaults {}

/// The settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    data: Option<String>,
    only: Option<String>,
    checkout_hold: Option<String>,
    leave_grace: Option<String>,
    max_payment_attempts: Option<u32>,
    rate_limits: Option<String>,
    public_url: Option<String>,
    trust_proxy: Option<String>,
    log: Option<String>,
    log_format: Option<String>,
}

impl File {
    /// The settings of `flags`, and those of the file where `flags` has none.
    fn under(self, flags: Flags) -> Flags {
        let attempts = self.max_payment_attempts.map(|number| number.to_string());
        Flags {
            listen: flags.listen.or(self.listen),
            data: flags.data.or(self.data),
            only: flags.only.or(self.only),
            checkout_hold: flags.checkout_hold.or(self.checkout_hold),
            leave_grace: flags.leave_grace.or(self.leave_grace),
            max_payment_attempts: flags.max_payment_attempts.or(attempts),
            rate_limits: flags.rate_limits.or(self.rate_limits),
            public_url: flags.public_url.or(self.public_url),
            trust_proxy: flags.trust_proxy.or(self.trust_proxy),
            log: flags.log.or(self.log),
            log_format: flags.log_format.or(self.log_format),
            ..flags
        }
    }
}

/// How long a checkout holds its ticket when nobody says.
const HOLD: Duration = Duration::from_secs(15 * 60);

/// How long after its page was closed a checkout is left when nobody says.
const GRACE: Duration = Duration::from_secs(20);

/// The services of the market, by name.
const SERVICES: &[&str] = &["auth", "tickets", "orders", "expiration", "payments", "web"];

impl Config {
    /// The settings that `flags` (with the environment already in them) and the file give.
    ///
    /// # Errors
    /// [`ConfigFaults`]: every fault there is.
    pub(crate) fn resolve(flags: &Flags) -> Result<Self, ConfigFaults> {
        let mut faults = Faults::default();
        let file = faults.file(flags.config.as_deref());
        let it = file.under(flags.clone());
        refuse_absent_adapters(&it, &mut faults);
        faults.only(it.only.as_deref());
        let config = Self {
            listen: faults.parse(
                "listen",
                it.listen.as_ref(),
                SocketAddr::from(([127, 0, 0, 1], 8080)),
                address,
            ),
            data: it.data.map_or_else(|| PathBuf::from("data"), PathBuf::from),
            checkout_hold: faults.parse("checkout-hold", it.checkout_hold.as_ref(), HOLD, |text| {
                duration(text, Duration::from_secs(1), Duration::from_secs(24 * 3600))
            }),
            leave_grace: faults.parse("leave-grace", it.leave_grace.as_ref(), GRACE, |text| {
                duration(text, Duration::ZERO, Duration::from_secs(3600))
            }),
            max_payment_attempts: faults.parse(
                "max-payment-attempts",
                it.max_payment_attempts.as_ref(),
                1,
                attempts,
            ),
            rate_limits: faults.parse("rate-limits", it.rate_limits.as_ref(), true, switch),
            public_url: faults
                .parse("public-url", it.public_url.as_ref(), None, |text| origin(text).map(Some)),
            trust_proxy: faults.parse("trust-proxy", it.trust_proxy.as_ref(), false, switch),
            log: faults.parse("log", it.log.as_ref(), "info".to_owned(), log_filter),
            log_json: faults.parse("log-format", it.log_format.as_ref(), false, log_format),
        };
        faults.finish(config)
    }

    /// The file that holds the market.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.join("stubmart.db")
    }

    /// Whether people reach the market over HTTPS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.as_deref().is_some_and(|url| url.starts_with("https://"))
    }
}

/// Settings of adapters that this build does not have are faults: a market that was meant to take real
/// money must not quietly run on the sandbox.
fn refuse_absent_adapters(flags: &Flags, faults: &mut Faults) {
    for (name, value, adapter) in [
        ("mongodb-url", &flags.mongodb_url, "MongoDB"),
        ("nats-url", &flags.nats_url, "NATS"),
        ("redis-url", &flags.redis_url, "Redis"),
        ("stripe-secret-key", &flags.stripe_secret_key, "Stripe"),
        ("stripe-webhook-secret", &flags.stripe_webhook_secret, "Stripe"),
        ("stripe-api-base", &flags.stripe_api_base, "Stripe"),
    ] {
        if value.as_deref().is_some_and(|value| !value.is_empty()) {
            faults.add(name, &format!("this build has no {adapter} adapter; leave it out"));
        }
    }
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, name: &str, message: &str) {
        let variable = name.to_uppercase().replace('-', "_");
        self.0.push(format!("--{name} (STUBMART_{variable}): {message}"));
    }

    fn file(&mut self, path: Option<&str>) -> File {
        let Some(path) = path else { return File::default() };
        let read = std::fs::read_to_string(Path::new(path)).map_err(|error| error.to_string());
        match read.and_then(|text| toml::from_str(&text).map_err(|error| error.to_string())) {
            Ok(file) => file,
            Err(message) => {
                self.add(
                    "config",
                    &format!("{path}: {}", message.trim_end().replace('\n', "\n    ")),
                );
                File::default()
            }
        }
    }

    fn parse<T>(
        &mut self,
        name: &str,
        text: Option<&String>,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        match text.map(|text| parse(text)) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(message)) => {
                self.add(name, &message);
                default
            }
        }
    }

    /// A part of the services needs a bus and a store that its peers reach too.
    fn only(&mut self, only: Option<&str>) {
        let Some(only) = only else { return };
        let named: Vec<_> =
            only.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        for name in &named {
            if !SERVICES.contains(name) {
                self.add(
                    "only",
                    &format!("there is no service {name:?}; there are {}", SERVICES.join(", ")),
                );
            }
        }
        let missing: Vec<_> =
            SERVICES.iter().filter(|name| !named.contains(name)).copied().collect();
        if !missing.is_empty() {
            self.add("only", &format!(
                "running a part of the services needs MongoDB, NATS and Redis, which this build has no adapters for; \
                 leave it out to run all in one process (missing: {})", missing.join(", ")
            ));
        }
    }

    fn finish(self, config: Config) -> Result<Config, ConfigFaults> {
        if self.0.is_empty() { Ok(config) } else { Err(ConfigFaults(self.0)) }
    }
}

/// A duration such as `15m`, `20s`, `1h 30m` or `500ms`.
fn duration(text: &str, min: Duration, max: Duration) -> Result<Duration, String> {
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    parsed
        .and_then(|it| Duration::try_from(it).ok())
        .filter(|it| (min..=max).contains(it))
        .ok_or_else(|| {
            format!("must be a duration from {min:?} to {max:?}, such as 15m, 90s or 1h 30m")
        })
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "must be an address and a port, such as 127.0.0.1:8080".to_owned())
}

fn attempts(text: &str) -> Result<u32, String> {
    let parsed = text.parse().ok().filter(|it| (1..=100).contains(it));
    parsed.ok_or_else(|| "must be a number from 1 to 100".to_owned())
}

fn log_format(text: &str) -> Result<bool, String> {
    match text {
        "text" => Ok(false),
        "json" => Ok(true),
        _ => Err("must be text or json".to_owned()),
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}

/// The scheme, host and port of a URL.
fn origin(text: &str) -> Result<String, String> {
    let wrong = || "must be a scheme and a host, such as https://tickets.example".to_owned();
    let uri: axum::http::Uri = text.parse().map_err(|_| wrong())?;
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme @ ("http" | "https")), Some(authority)) if matches!(uri.path(), "" | "/") => {
            Ok(format!("{scheme}://{authority}"))
        }
        _ => Err(wrong()),
    }
}

fn log_filter(text: &str) -> Result<String, String> {
    let parsed = text.parse::<tracing_subscriber::EnvFilter>();
    parsed
        .map(|_| text.to_owned())
        .map_err(|error| format!("must be a filter such as info: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "listen = \"127.0.0.1:1\"\ncheckout_hold = \"2m\"").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let flags = Flags {
            config: Some(path),
            listen: Some("127.0.0.1:2".to_owned()),
            ..Flags::default()
        };
        let config = Config::resolve(&flags).unwrap();
        assert_eq!(config.listen.port(), 2);
        assert_eq!(config.checkout_hold, Duration::from_secs(120));
        assert_eq!(config.leave_grace, Duration::from_secs(20));
    }

    #[test]
    fn every_fault_is_reported_at_once_with_flag_and_variable() {
        let text = |text: &str| Some(text.to_owned());
        let flags = Flags {
            config: text("/nowhere/stubmart.toml"),
            listen: text("here"),
            checkout_hold: text("soon"),
            max_payment_attempts: text("0"),
            rate_limits: text("maybe"),
            public_url: text("tickets.example/path"),
            stripe_secret_key: text("sk_live_1"),
            only: text("auth,cashier"),
            ..Flags::default()
        };
        let faults = Config::resolve(&flags).unwrap_err().0;
        for name in [
            "config",
            "listen",
            "checkout-hold",
            "max-payment-attempts",
            "rate-limits",
            "public-url",
            "stripe-secret-key",
            "only",
        ] {
            assert!(
                faults.iter().any(|fault| fault.starts_with(&format!("--{name} (STUBMART_"))),
                "{name}: {faults:?}"
            );
        }
        assert!(
            faults.iter().all(|fault| !fault.contains("sk_live_1")),
            "a secret is not repeated"
        );
    }

    #[test]
    fn an_unknown_key_in_the_file_is_a_fault() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "listn = \"127.0.0.1:1\"").unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let faults =
            Config::resolve(&Flags { config: Some(path), ..Flags::default() }).unwrap_err();
        assert!(faults.to_string().contains("listn"), "{faults}");
    }
}
