//! What an operator can decide: [`Config::read`] defines every setting.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use stubmart_contract::fees::{Fee, FeeSchedule};
use stubmart_http_kit::Ingress;
use stubmart_mail::{SmtpServer, is_sender};
use stubmart_node::Service;
use stubmart_ports::Cause;

use crate::{
    limit_settings::{Limits, count},
    only::Only,
    server_settings::Servers,
    setting_kinds::{AGE, SWITCH, duration, shown},
    settings::{ADDRESS, Given, Kind, Settings},
    split_settings::{self, Split},
    stripe_settings::StripeSettings,
};

/// What an operator has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where the market is kept, or on servers its mail.
    pub data: PathBuf,
    /// Where ticket files are kept, where that is not below `data`.
    pub files_dir: Option<PathBuf>,
    /// Where the keys are, where that is not below `data`.
    pub keys_file: Option<PathBuf>,
    /// The servers that keep the market instead of a file.
    pub servers: Option<Servers>,
    /// What this process runs.
    pub only: Only,
    /// How it reaches what runs elsewhere.
    pub split: Split,
    /// How long a checkout holds its ticket.
    pub checkout_hold: Duration,
    /// How long after its page was closed a checkout is left.
    pub leave_grace: Duration,
    /// How many payments may fail before the order is cancelled.
    pub max_payment_attempts: u32,
    /// What the operator takes from buyers and sellers.
    pub fees: FeeSchedule,
    /// How long after an event its sellers are paid.
    pub payout_after: Duration,
    /// What is limited by account and address.
    pub limits: Limits,
    /// How long a server that is asked to stop goes on serving.
    pub drain: Duration,
    /// How old an event is when it moves into the archive.
    pub archive_events_after: Duration,
    /// The address people reach the market at.
    pub public_url: Option<String>,
    /// Whether to believe a proxy's `X-Forwarded-For` and `X-Forwarded-Proto`.
    pub trust_proxy: bool,
    /// How many addresses the proxies add to `X-Forwarded-For`.
    pub proxy_addresses: usize,
    /// The mail server; mail is written to files without one.
    pub smtp: Option<SmtpServer>,
    /// The sender of mail.
    pub mail_from: Option<String>,
    /// Whether a seller's email address has to be verified.
    pub sellers_verify: Option<bool>,
    /// Whether webhooks may lead to any address.
    pub webhooks_to_any: bool,
    /// Where payments go.
    pub stripe: StripeSettings,
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

impl Config {
    /// The settings that the command line (with the environment already in it) and the file give.
    ///
    /// # Errors
    /// [`ConfigFaults`]: every fault there is.
    pub(crate) fn resolve(given: Given) -> Result<Self, ConfigFaults> {
        let mut settings = Settings::new(given);
        let config = Self::read(&mut settings);
        let faults = settings.into_faults();
        if faults.is_empty() { Ok(config) } else { Err(ConfigFaults(faults)) }
    }

    /// Defines and reads every setting there is.
    #[expect(clippy::too_many_lines, reason = "a table: an entry a setting")]
    fn read(it: &mut Settings) -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        let here = SocketAddr::from(([127, 0, 0, 1], 8080));
        let only = it.get(
            split_settings::ONLY,
            &format!("What to run, with commas between: {}", Only::names().join(", ")),
            &ONLY,
            Only::all(),
        );
        let config = Self {
            listen: it.get("listen", "The address to serve at", &ADDRESS, here),
            data: it.get("data", "The directory that holds the market", &DIRECTORY, "data".into()),
            files_dir: it.optional(
                "files-dir",
                "The directory for ticket files, which are sealed; all instances of delivery need the same one \
                 [default: files in the market's directory]",
                &DIRECTORY,
            ),
            keys_file: it.optional(
                "keys-file",
                "The file with the keys that ticket files are sealed with; all instances of delivery need the same \
                 one [default: keys.json in the market's directory]",
                &FILE,
            ),
            servers: Servers::read(it),
            split: Split::read(it),
            checkout_hold: it.get(
                "checkout-hold",
                "How long a checkout holds its ticket",
                &HOLD,
                minutes(15),
            ),
            leave_grace: it.get(
                "leave-grace",
                "How long after its page was closed a checkout is left",
                &GRACE,
                Duration::from_secs(20),
            ),
            max_payment_attempts: it.get(
                "max-payment-attempts",
                "How many payments may fail before the order is cancelled",
                &ATTEMPTS,
                3,
            ),
            fees: fees(it),
            payout_after: it.get(
                "payout-after",
                "How long after the end of an event its sellers are paid; what was sold before stays as promised",
                &PAYOUT_AFTER,
                days(3),
            ),
            limits: Limits::read(it),
            drain: it.get(
                "drain",
                "How long a server that is asked to stop goes on serving, so that clients leave it",
                &GRACE,
                Duration::from_secs(1),
            ),
            archive_events_after: it.get(
                "archive-events-after",
                "How old the record of a change is when it moves out of the market's file into the \
                 archive beside it",
                &AGE,
                days(400),
            ),
            public_url: it.optional(
                "public-url",
                "The address people reach the market at, such as https://tickets.example",
                &ORIGIN,
            ),
            trust_proxy: it.get(
                "trust-proxy",
                "Whether a proxy in front sets X-Forwarded-For and X-Forwarded-Proto: on or off",
                &SWITCH,
                false,
            ),
            proxy_addresses: it.get(
                "proxy-addresses",
                "How many addresses the proxies in front add to X-Forwarded-For, of which the first is the \
                 client's; Google's balancer adds two",
                &ADDRESSES,
                1,
            ),
            smtp: it.optional(
                "smtp-url",
                "The mail server: smtps://user:password@host, or smtp://... for STARTTLS; without it \
                 mail is written to files",
                &MAIL_SERVER,
            ),
            mail_from: it.optional(
                "mail-from",
                "The sender of mail, such as Tickets <tickets@example.org> [default: no-reply@ the \
                 host of the public URL]",
                &SENDER,
            ),
            sellers_verify: it.optional(
                "sellers-verify",
                "Whether a seller's email address has to be verified: on or off [default: on with a \
                 mail server, off without]",
                &SWITCH,
            ),
            webhooks_to_any: it.get(
                "webhooks-to-any-address",
                "Whether webhooks may reach any address, this machine's too: on, for tests, or off",
                &SWITCH,
                false,
            ),
            stripe: StripeSettings::read(it, &only),
            only,
            log: it.get(
                "log",
                "What to log: error, warn, info, debug, or per module",
                &FILTER,
                "info".to_owned(),
            ),
            log_json: it.get("log-format", "How to write the log: text or json", &FORMAT, false),
        };
        let is_in_file = config.servers.is_none() && !Servers::are_faulty(it);
        if config.servers.is_some() {
            let why =
                "is needed too: all instances of delivery share ticket files and the keys of them";
            match (&config.files_dir, &config.keys_file) {
                (Some(_), None) => it.miss("keys-file", why),
                (None, Some(_)) => it.miss("files-dir", why),
                _ => {}
            }
        }
        config.split.check(it, &config.only, is_in_file, config.listen);
        config
    }

    /// Whether the services of this process keep the market in a file.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        self.servers.is_none() && !self.only.services.is_empty()
    }

    /// Whether a service runs in this process.
    #[must_use]
    pub fn runs(&self, service: Service) -> bool {
        self.only.services.contains(&service)
    }

    /// The file that holds the market.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.data.join("stubmart.db")
    }

    /// The directory for ticket files.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.files_dir.clone().unwrap_or_else(|| self.data.join("files"))
    }

    /// The file of keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.keys_file.clone().unwrap_or_else(|| self.data.join("keys.json"))
    }

    /// Whether delivery runs here on servers, and is not told where ticket files and keys are: other instances would
    /// keep theirs elsewhere, so that it takes none.
    #[must_use]
    pub fn lacks_ticket_files(&self) -> bool {
        let is_told = self.files_dir.is_some() && self.keys_file.is_some();
        self.servers.is_some() && self.runs(Service::Delivery) && !is_told
    }

    /// The file of a market that is there already, for a command that reads it.
    ///
    /// # Errors
    /// The cause: there is no file.
    pub(crate) fn existing(&self) -> Result<PathBuf, Cause> {
        self.require()?;
        Ok(self.database())
    }

    /// Sees to it that there is a market: a file, or servers, which may have one.
    ///
    /// # Errors
    /// The cause: there is no file.
    pub(crate) fn require(&self) -> Result<(), Cause> {
        if self.servers.is_some() || self.database().exists() {
            return Ok(());
        }
        Err(format!("there is no market in {}", self.data.display()).into())
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

    /// Where people reach the market: what links in mails begin with.
    #[must_use]
    pub fn url(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// How requests reach the market.
    #[must_use]
    pub fn ingress(&self) -> Ingress {
        Ingress {
            public_origin: self.public_url.clone(),
            trust_proxy: self.trust_proxy,
            proxy_addresses: self.proxy_addresses,
        }
    }
}

/// The operator's fees: two shares, and in the file the fixed parts, bounds and exceptions.
fn fees(it: &mut Settings) -> FeeSchedule {
    let mut share = |name, who: &str| {
        let help = format!("What {who} pay, in basis points of the price: 500 is 5 %");
        Fee::share(it.get(name, &help, &BPS, 0))
    };
    let buyer = share("buyer-fee-bps", "buyers beside the price");
    let seller = share("seller-fee-bps", "sellers out of the price");
    let tax_bps = it.get("fee-tax-bps", "The tax that is in the fees, in basis points", &BPS, 0);
    let rules = it.table("fees").unwrap_or_default();
    let schedule = FeeSchedule { buyer, seller, tax_bps, rules };
    if let Err(message) = schedule.check() {
        it.fault("fees", &message);
    }
    schedule
}

/// The settings as clap's arguments.
fn args() -> Vec<Arg> {
    let mut settings = Settings::new(Given::default());
    Config::read(&mut settings);
    settings.into_args()
}

impl Args for Given {
    fn augment_args(command: Command) -> Command {
        command.next_help_heading("Settings").args(args())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Given {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self::of(&args(), matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

const DIRECTORY: Kind<PathBuf> =
    Kind { value: "DIR", parse: |text| Ok(text.into()), show: |path| path.display().to_string() };
const FILE: Kind<PathBuf> = Kind { value: "FILE", ..DIRECTORY };
const HOLD: Kind<Duration> = Kind {
    value: "DURATION",
    parse: |text| duration(text, Duration::from_secs(1), Duration::from_secs(24 * 3600)),
    show: shown,
};
const GRACE: Kind<Duration> = Kind {
    value: "DURATION",
    parse: |text| duration(text, Duration::ZERO, Duration::from_secs(3600)),
    show: shown,
};
const PAYOUT_AFTER: Kind<Duration> = Kind {
    value: "DURATION",
    parse: |text| duration(text, Duration::ZERO, Duration::from_secs(366 * 24 * 3600)),
    show: shown,
};
const ATTEMPTS: Kind<u32> = Kind { value: "NUMBER", parse: attempts, show: ToString::to_string };
const ADDRESSES: Kind<usize> = Kind {
    value: "NUMBER",
    parse: |text| count(text).map(|it| usize::try_from(it).unwrap_or(usize::MAX)),
    show: ToString::to_string,
};
const BPS: Kind<u32> = Kind { value: "BPS", parse: basis_points, show: ToString::to_string };
const ORIGIN: Kind<String> = Kind { value: "URL", parse: origin, show: Clone::clone };
const MAIL_SERVER: Kind<SmtpServer> =
    Kind { value: "URL", parse: SmtpServer::parse, show: |it| format!("{it:?}") };
const SENDER: Kind<String> = Kind {
    value: "SENDER",
    parse: |text| match is_sender(text) {
        true => Ok(text.to_owned()),
        false => Err("must be an address, or a name and <an address>".to_owned()),
    },
    show: Clone::clone,
};
const FILTER: Kind<String> = Kind { value: "FILTER", parse: log_filter, show: Clone::clone };
const FORMAT: Kind<bool> = Kind {
    value: "FORMAT",
    parse: log_format,
    show: |json| if *json { "json" } else { "text" }.to_owned(),
};
const ONLY: Kind<Only> = Kind { value: "SERVICES", parse: Only::parse, show: Only::text };

fn attempts(text: &str) -> Result<u32, String> {
    let parsed = text.parse().ok().filter(|it| (1..=100).contains(it));
    parsed.ok_or_else(|| "must be a number from 1 to 100".to_owned())
}

fn basis_points(text: &str) -> Result<u32, String> {
    let parsed = text.parse().ok().filter(|it| (0..=10_000).contains(it));
    parsed.ok_or_else(|| "must be basis points, from 0 to 10000".to_owned())
}

fn log_format(text: &str) -> Result<bool, String> {
    match text {
        "text" => Ok(false),
        "json" => Ok(true),
        _ => Err("must be text or json".to_owned()),
    }
}

/// The operator's name in the events of a command: the user that is logged in at the machine.
pub(crate) fn operator() -> String {
    std::env::var("USER").unwrap_or_else(|_| "unknown".to_owned())
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
mod tests;
