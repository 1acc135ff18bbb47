//! The settings: flags over environment over file over defaults, checked all at once.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::{SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
    time::Duration,
};

use stubmart_http_kit::Ingress;
use stubmart_node::Service;

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

/// How long a checkout holds its ticket when nobody says.
const HOLD: Duration = Duration::from_secs(15 * 60);

/// How long after its page was closed a checkout is left when nobody says.
const GRACE: Duration = Duration::from_secs(20);

impl Config {
    /// The settings that `flags` (with the environment already in them) and the file give. A variable
    /// that is empty counts as unset.
    ///
    /// # Errors
    /// [`ConfigFaults`]: every fault there is.
    pub(crate) fn resolve(flags: &Flags) -> Result<Self, ConfigFaults> {
        let mut it = Settings::read(flags);
        it.refuse_absent_adapters();
        it.only();
        let config = Self {
            listen: it.get("listen", SocketAddr::from(([127, 0, 0, 1], 8080)), address),
            data: it.get("data", PathBuf::from("data"), |text| Ok(PathBuf::from(text))),
            checkout_hold: it.get("checkout-hold", HOLD, |text| {
                duration(text, Duration::from_secs(1), Duration::from_secs(24 * 3600))
            }),
            leave_grace: it.get("leave-grace", GRACE, |text| {
                duration(text, Duration::ZERO, Duration::from_secs(3600))
            }),
            max_payment_attempts: it.get("max-payment-attempts", 1, attempts),
            rate_limits: it.get("rate-limits", true, switch),
            public_url: it.get("public-url", None, |text| origin(text).map(Some)),
            trust_proxy: it.get("trust-proxy", false, switch),
            log: it.get("log", "info".to_owned(), log_filter),
            log_json: it.get("log-format", false, log_format),
        };
        if it.faults.is_empty() { Ok(config) } else { Err(ConfigFaults(it.faults)) }
    }

    /// The file that holds the market.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.join("stubmart.db")
    }

    /// The name of the machine that people reach the market at.
    #[must_use]
    pub fn host_name(&self) -> &str {
        let authority = self.public_url.as_deref().and_then(|url| url.split_once("://"));
        let authority = authority.map_or("localhost", |(_, authority)| authority);
        // An IPv6 address is no name.
        if authority.starts_with('[') {
            return "localhost";
        }
        authority.split_once(':').map_or(authority, |(name, _)| name)
    }

    /// How requests reach the market.
    #[must_use]
    pub fn ingress(&self) -> Ingress {
        Ingress { public_origin: self.public_url.clone(), trust_proxy: self.trust_proxy }
    }
}

/// What was given, by the names of the flags.
fn given(flags: &Flags) -> [(&'static str, &Option<String>); 17] {
    // Names every field, so that none can be forgotten.
    let Flags {
        config,
        listen,
        data,
        only,
        checkout_hold,
        leave_grace,
        max_payment_attempts,
        rate_limits,
        public_url,
        trust_proxy,
        log,
        log_format,
        mongodb_url,
        nats_url,
        redis_url,
        stripe_secret_key,
        stripe_webhook_secret,
        stripe_api_base,
    } = flags;
    let _ = config;
    [
        ("listen", listen),
        ("data", data),
        ("only", only),
        ("checkout-hold", checkout_hold),
        ("leave-grace", leave_grace),
        ("max-payment-attempts", max_payment_attempts),
        ("rate-limits", rate_limits),
        ("public-url", public_url),
        ("trust-proxy", trust_proxy),
        ("log", log),
        ("log-format", log_format),
        ("mongodb-url", mongodb_url),
        ("nats-url", nats_url),
        ("redis-url", redis_url),
        ("stripe-secret-key", stripe_secret_key),
        ("stripe-webhook-secret", stripe_webhook_secret),
        ("stripe-api-base", stripe_api_base),
    ]
}

/// A setting as it was given, and where.
#[derive(Debug)]
struct Setting {
    text: String,
    /// How a fault names it.
    origin: String,
}

/// The settings as they were given, and what is wrong with those that were read.
#[derive(Debug, Default)]
struct Settings {
    given: HashMap<&'static str, Setting>,
    faults: Vec<String>,
}

impl Settings {
    /// Takes the settings of `flags`, and those of the file where `flags` has none.
    fn read(flags: &Flags) -> Self {
        let mut settings = Self::default();
        let path = flags.config.as_deref().filter(|path| !path.is_empty());
        let mut file = path.map(|path| settings.file(path)).unwrap_or_default();
        for (name, text) in given(flags) {
            let text = text.clone().filter(|text| !text.is_empty());
            let text = text.map(|text| Setting { text, origin: flag(name) });
            let in_file = file.remove(&key(name));
            if let Some(setting) = text.or(in_file) {
                settings.given.insert(name, setting);
            }
        }
        for (_, unknown) in file {
            settings.faults.push(format!("{}: there is no such setting", unknown.origin));
        }
        settings
    }

    /// The settings of a TOML file, by key.
    fn file(&mut self, path: &str) -> BTreeMap<String, Setting> {
        let read = std::fs::read_to_string(Path::new(path)).map_err(|error| error.to_string());
        let table = match read.and_then(|text| {
            text.parse::<toml::Table>()
                .map_err(|error| error.to_string().trim_end().replace('\n', "\n    "))
        }) {
            Ok(table) => table,
            Err(message) => {
                self.faults.push(format!("{}: {path}: {message}", flag("config")));
                return BTreeMap::new();
            }
        };
        let mut settings = BTreeMap::new();
        for (key, value) in table {
            let origin = format!("{path}: {key}");
            match plain(&value) {
                Some(text) => drop(settings.insert(key, Setting { text, origin })),
                None => self.faults.push(format!("{origin}: must be a text, a number or a switch")),
            }
        }
        settings
    }

    fn get<T>(
        &mut self,
        name: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some(setting) = self.given.get(name) else { return default };
        match parse(&setting.text) {
            Ok(value) => value,
            Err(message) => {
                self.faults.push(format!("{}: {message}", setting.origin));
                default
            }
        }
    }

    /// Settings of adapters that this build does not have are faults: a market that was meant to take
    /// real money must not quietly run on the sandbox.
    fn refuse_absent_adapters(&mut self) {
        for (name, adapter) in [
            ("mongodb-url", "MongoDB"),
            ("nats-url", "NATS"),
            ("redis-url", "Redis"),
            ("stripe-secret-key", "Stripe"),
            ("stripe-webhook-secret", "Stripe"),
            ("stripe-api-base", "Stripe"),
        ] {
            self.get(name, (), |_| {
                Err(format!("this build has no {adapter} adapter; leave it out"))
            });
        }
    }

    /// A part of the services needs a bus and a store that its peers reach too.
    fn only(&mut self) {
        self.get("only", (), |only| {
            if only.trim() == "all" {
                return Ok(());
            }
            let named: Vec<_> =
                only.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            let services: Vec<_> = Service::ALL.into_iter().map(Service::name).collect();
            let parts = [services.as_slice(), &["web"]].concat();
            if let Some(unknown) = named.iter().find(|name| !parts.contains(name)) {
                return Err(format!(
                    "there is no service {unknown:?}; there are {}",
                    parts.join(", ")
                ));
            }
            let missing: Vec<_> =
                parts.iter().filter(|name| !named.contains(name)).copied().collect();
            if missing.is_empty() {
                return Ok(());
            }
            Err(format!(
                "running a part of the services needs MongoDB, NATS and Redis, which this build has no \
                 adapters for; leave it out to run all in one process (missing: {})",
                missing.join(", ")
            ))
        });
    }
}

/// How a fault names what a flag or a variable gave.
fn flag(name: &str) -> String {
    format!("--{name} (STUBMART_{})", key(name).to_uppercase())
}

/// The name of a setting in the file.
fn key(name: &str) -> String {
    name.replace('-', "_")
}

/// A value of the file as the text that a flag would give.
fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(if *on { "on" } else { "off" }.to_owned()),
        toml::Value::Array(values) => {
            values.iter().map(plain).collect::<Option<Vec<_>>>().map(|values| values.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// A duration such as `15m`, `20s`, `1h 30m` or `500ms`; a bare number is seconds.
fn duration(text: &str, min: Duration, max: Duration) -> Result<Duration, String> {
    let bare = || text.parse().ok().map(Duration::from_secs);
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    parsed
        .and_then(|it| Duration::try_from(it).ok())
        .or_else(bare)
        .filter(|it| (min..=max).contains(it))
        .ok_or_else(|| {
            let (min, max) = (shown(min), shown(max));
            format!("must be a duration from {min} to {max}, such as 15m, 90s or 1h 30m")
        })
}

/// A duration, as people write it.
fn shown(span: Duration) -> String {
    match (span.as_secs(), span.subsec_millis()) {
        (0, 0) => "0s".to_owned(),
        (0, millis) => format!("{millis}ms"),
        (secs, _) if secs % 3600 == 0 => format!("{}h", secs / 3600),
        (secs, _) if secs % 60 == 0 => format!("{}m", secs / 60),
        (secs, _) => format!("{secs}s"),
    }
}

/// An address and a port; the address may be a name, such as `localhost`.
fn address(text: &str) -> Result<SocketAddr, String> {
    let wrong = |why: &str| format!("must be an address and a port, such as 127.0.0.1:8080{why}");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>().is_ok());
    if port != Some(true) {
        return Err(wrong(""));
    }
    let found: Vec<_> =
        text.to_socket_addrs().map_err(|error| wrong(&format!(" ({error})")))?.collect();
    // Where a name has both kinds, clients try this one too.
    let found = found.iter().find(|address| address.is_ipv4()).or(found.first());
    found.copied().ok_or_else(|| wrong(""))
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

/// On or off.
///
/// # Errors
/// It is neither.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}

/// The scheme, host and port of a URL, as browsers write them in `Origin`.
fn origin(text: &str) -> Result<String, String> {
    let wrong = || "must be a scheme and a host, such as https://tickets.example".to_owned();
    let uri: axum::http::Uri = text.parse().map_err(|_| wrong())?;
    let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority())
    else {
        return Err(wrong());
    };
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    if !is_bare || authority.as_str().contains('@') {
        return Err(wrong());
    }
    let usual = if scheme == "https" { 443 } else { 80 };
    let host = authority.host().to_ascii_lowercase();
    Ok(match authority.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
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

    /// What a settings file with this content leads to, and the file's path.
    fn with_file(content: &str) -> (Result<Config, ConfigFaults>, String) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap().to_owned();
        let flags = Flags { config: Some(path.clone()), ..Flags::default() };
        (Config::resolve(&flags), path)
    }

    #[test]
    fn a_file_says_things_as_toml_does() {
        let (config, _) = with_file(
            "rate_limits = false\ntrust_proxy = true\nmax_payment_attempts = 3\ncheckout_hold = 90\n\
             only = [\"auth\", \"tickets\", \"orders\", \"expiration\", \"payments\", \"web\"]\n",
        );
        let config = config.unwrap();
        assert!(!config.rate_limits && config.trust_proxy);
        assert_eq!(config.max_payment_attempts, 3);
        assert_eq!(config.checkout_hold, Duration::from_secs(90));
    }

    #[test]
    fn every_fault_of_the_file_is_told_as_one_of_the_file() {
        let (config, path) = with_file(
            "listn = \"127.0.0.1:1\"\ncheckout_hold = \"soon\"\nmongodb_url = \"mongodb://x\"\n\
             log = 1.5\nconfig = \"other.toml\"\n",
        );
        let faults = config.unwrap_err().0;
        for key in ["listn", "checkout_hold", "mongodb_url", "log", "config"] {
            let of_it = format!("{path}: {key}: ");
            assert!(faults.iter().any(|fault| fault.starts_with(&of_it)), "{key}: {faults:?}");
        }
        assert_eq!(faults.len(), 5, "{faults:?}");
    }

    #[test]
    fn what_is_empty_is_unset() {
        let empty = Some(String::new());
        let flags = Flags {
            config: empty.clone(),
            data: empty.clone(),
            listen: empty.clone(),
            public_url: empty.clone(),
            stripe_secret_key: empty,
            ..Flags::default()
        };
        let config = Config::resolve(&flags).unwrap();
        assert_eq!((config.data, config.public_url), (PathBuf::from("data"), None));
    }

    #[test]
    fn an_address_may_be_a_name() {
        assert!(address("localhost:8080").is_ok_and(|it| it.ip().is_loopback()));
        assert_eq!(address("[::1]:80").map(|it| it.port()), Ok(80));
        for wrong in ["localhost", "here", ":", "127.0.0.1:99999", "8080"] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_public_url_is_what_a_browser_calls_its_origin() {
        let is = |text: &str| origin(text).unwrap();
        assert_eq!(is("HTTPS://Tickets.Example:443/"), "https://tickets.example");
        assert_eq!(is("http://localhost:8080"), "http://localhost:8080");
        assert_eq!(is("http://[::1]:8080"), "http://[::1]:8080");
        for wrong in ["tickets.example", "ftp://x", "https://x/path", "https://x?q", "https://me@x"]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
        let flags = |url: &str| Flags { public_url: Some(url.to_owned()), ..Flags::default() };
        let name = |url| Config::resolve(&flags(url)).unwrap().host_name().to_owned();
        assert_eq!(name("https://tickets.example:8443"), "tickets.example");
        assert_eq!(name("http://[::1]:8080"), "localhost", "an IPv6 address is no name");
    }

    #[test]
    fn a_bare_number_is_seconds() {
        let limits = (Duration::ZERO, Duration::from_secs(3600));
        assert_eq!(duration("90", limits.0, limits.1), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1m 30s", limits.0, limits.1), Ok(Duration::from_secs(90)));
        assert!(duration("3601", limits.0, limits.1).is_err());
    }
}
