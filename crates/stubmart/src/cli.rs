//! The command line. Every setting has a flag, an environment variable and a place in a file; what
//! they mean and what is wrong with them is [`crate::config`]'s to say.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};

use crate::config;

/// An online marketplace where anyone lists event tickets and anyone buys them.
#[derive(Debug, Parser)]
#[command(name = "stubmart", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Run the marketplace
    Serve,
    /// Run it with a small demonstration market in a throw-away directory
    Demo,
    /// Read events or a seller's tickets from a file
    #[command(subcommand)]
    Import(Import),
    /// Audit the stored market: every invariant, exit 1 and the list on a violation
    ///
    /// Reads only. Can run beside a serving process: what is in flight is no violation. Exit 3 when
    /// the market could not be looked at.
    Check,
}

/// What to import. A bad line costs that line only, and importing twice creates nothing twice.
#[derive(Debug, Clone, Subcommand)]
pub enum Import {
    /// Events: CSV with a header, or the pipe-separated TICKIT form
    ///
    /// CSV columns, in any order: name, category, venue, city, region (may be empty), starts_at (RFC 3339).
    Events {
        /// The file; for TICKIT the events file, or the directory that holds its files
        file: PathBuf,
        /// TICKIT venues; venue_pipe.txt beside the file when left out
        #[arg(long, env = "STUBMART_VENUES", value_name = "FILE")]
        venues: Option<String>,
        /// TICKIT categories; category_pipe.txt beside the file when left out
        #[arg(long, env = "STUBMART_CATEGORIES", value_name = "FILE")]
        categories: Option<String>,
        /// Move dates that have passed by whole 52-week years into the coming one. Run again later, it
        /// moves those that have passed since too, and these events are new ones then
        #[arg(long, env = "STUBMART_UPCOMING", value_parser = upcoming)]
        upcoming: bool,
    },
    /// A seller's inventory as CSV
    ///
    /// Columns, in any order: title, price (in the currency's main unit, as 125.50), and optionally currency,
    /// event_id, section, row, seats (separated by spaces), quantity.
    Tickets {
        /// The file
        file: PathBuf,
        /// The account whose tickets these are
        #[arg(
            long,
            env = "STUBMART_SELLER",
            value_name = "EMAIL",
            value_parser = NonEmptyStringValueParser::new()
        )]
        seller: String,
    },
}

/// A switch in the environment; an empty one is off.
fn upcoming(text: &str) -> Result<bool, String> {
    if text.is_empty() { Ok(false) } else { config::switch(text) }
}

/// The settings, as texts. They are read and checked all at once, not one by one.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Flags {
    /// A TOML file with settings, named like the flags with _ for -
    #[arg(long, global = true, env = "STUBMART_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<String>,
    /// The address to serve at [default: 127.0.0.1:8080]
    #[arg(long, global = true, env = "STUBMART_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// The directory that holds the market [default: data]
    #[arg(long, global = true, env = "STUBMART_DATA", value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// The services to run: auth,tickets,orders,expiration,payments,web [default: all]
    #[arg(long, global = true, env = "STUBMART_ONLY", value_name = "SERVICES")]
    pub(crate) only: Option<String>,
    /// How long a checkout holds its ticket [default: 15m]
    #[arg(long, global = true, env = "STUBMART_CHECKOUT_HOLD", value_name = "DURATION")]
    pub(crate) checkout_hold: Option<String>,
    /// How long after its page was closed a checkout is left [default: 20s]
    #[arg(long, global = true, env = "STUBMART_LEAVE_GRACE", value_name = "DURATION")]
    pub(crate) leave_grace: Option<String>,
    /// How many payments may fail before the order is cancelled [default: 1]
    #[arg(long, global = true, env = "STUBMART_MAX_PAYMENT_ATTEMPTS", value_name = "NUMBER")]
    pub(crate) max_payment_attempts: Option<String>,
    /// Limits on signup and login: on, or off for load tests [default: on]
    #[arg(long, global = true, env = "STUBMART_RATE_LIMITS", value_name = "ON|OFF")]
    pub(crate) rate_limits: Option<String>,
    /// The address people reach the market at, such as https://tickets.example
    #[arg(long, global = true, env = "STUBMART_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Whether a proxy in front sets X-Forwarded-For and X-Forwarded-Proto: on or off [default: off]
    #[arg(long, global = true, env = "STUBMART_TRUST_PROXY", value_name = "ON|OFF")]
    pub(crate) trust_proxy: Option<String>,
    /// What to log: error, warn, info, debug, or per module [default: info]
    #[arg(long, global = true, env = "STUBMART_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// How to write the log: text or json [default: text]
    #[arg(long, global = true, env = "STUBMART_LOG_FORMAT", value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// MongoDB, for the split topology (not in this build)
    #[arg(
        long,
        global = true,
        env = "STUBMART_MONGODB_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) mongodb_url: Option<String>,
    /// NATS JetStream, for the split topology (not in this build)
    #[arg(
        long,
        global = true,
        env = "STUBMART_NATS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) nats_url: Option<String>,
    /// Redis, for the split topology (not in this build)
    #[arg(
        long,
        global = true,
        env = "STUBMART_REDIS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub(crate) redis_url: Option<String>,
    /// Stripe's secret key (not in this build: payments go to the sandbox)
    #[arg(
        long,
        global = true,
        env = "STUBMART_STRIPE_SECRET_KEY",
        value_name = "KEY",
        hide_env_values = true
    )]
    pub(crate) stripe_secret_key: Option<String>,
    /// Stripe's webhook secret (not in this build)
    #[arg(
        long,
        global = true,
        env = "STUBMART_STRIPE_WEBHOOK_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub(crate) stripe_webhook_secret: Option<String>,
    /// Where Stripe's API is (not in this build)
    #[arg(long, global = true, env = "STUBMART_STRIPE_API_BASE", value_name = "URL")]
    pub(crate) stripe_api_base: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
