//! The command line: what to do. The settings beside it are [`crate::config`]'s.

use std::path::PathBuf;

use axum::http::Uri;
use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};

use stubmart_contract::{Currency, PayoutId, Role, api::ClaimOutcome};
use stubmart_inventory::{
    DateOrder, Mapping, amounts::read_currency, columns::InvalidMapping, dates::InvalidDateOrder,
};
use stubmart_payments::ledger::{Account, UnknownName};

use crate::{setting_kinds::switch, settings::Given};

/// An online marketplace where anyone lists event tickets and anyone buys them.
#[derive(Debug, Parser)]
#[command(name = "stubmart", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do; `serve` when left out.
    #[command(subcommand)]
    pub command: Option<Command>,

    #[command(flatten)]
    pub(crate) settings: Given,
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
    /// Look after the people who run the market
    #[command(subcommand)]
    Admin(Admin),
    /// Answer as Stripe does, on this machine and without money, for tests and demonstrations
    ///
    /// Answers at --listen. A market pays there when it is started with a test key and that address as
    /// STUBMART_STRIPE_API_BASE. Everything is forgotten when it stops.
    StripeEmulator(StripeEmulator),
    /// Audit the stored market: every invariant, exit 1 and the list on a violation
    ///
    /// Reads only. Can run beside a serving process: what is in flight is no violation. Exit 3 when
    /// the market could not be looked at.
    Check,
    /// Give the money of an order back to its buyer
    ///
    /// All of it or a part, in as many parts as ten. The seller, our fees and the tax in them give back their
    /// share. The order stays completed. Can run beside a serving process, and again: with the same key it is
    /// one refund. Exit 1 where nothing is given back.
    Refund {
        /// The order, by its id or its number
        order: String,
        /// Why; kept with the payment
        #[arg(long, env = "STUBMART_REASON", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reason: String,
        /// How much, in minor units; all that is left when left out
        #[arg(long, env = "STUBMART_AMOUNT", value_name = "MINOR")]
        amount: Option<i64>,
        /// Names this refund, so that asking again gives nothing back twice
        #[arg(long, env = "STUBMART_KEY", value_name = "KEY", value_parser = NonEmptyStringValueParser::new())]
        key: Option<String>,
    },
    /// Look at what buyers claim, and decide
    #[command(subcommand)]
    Claim(Claims),
    /// Look at what is due to sellers, and note what was paid
    #[command(subcommand)]
    Payouts(Payouts),
    /// Look after the keys that ticket files are sealed with
    #[command(subcommand)]
    Keys(Keys),
    /// Print the balances of the ledger, or its postings
    ///
    /// Amounts are in minor units; debits are positive, credits negative, and each currency sums to zero.
    /// Reads only, and can run beside a serving process.
    Ledger {
        /// The postings of this account, such as psp:pending or order:ID:held, instead of balances
        #[arg(long, env = "STUBMART_ACCOUNT", value_name = "NAME", value_parser = account)]
        account: Option<Account>,
        /// The postings as CSV: of every account, or of the one that is named
        #[arg(long, env = "STUBMART_CSV", value_parser = upcoming)]
        csv: bool,
    },
    /// Print what tickets' files are read as: their pages, and the codes on them
    ///
    /// PDF, PNG, JPEG and WebP of at most 10 MB and 20 pages. Each file is read as an upload is, in a process of its own.
    /// Nothing is stored or changed. Exit 1 where a file cannot be read, and says why.
    ReadTicket(ReadTicket),
}

/// Which files to read as tickets.
#[derive(Debug, Clone, Args)]
pub struct ReadTicket {
    /// The files
    #[arg(value_name = "FILE", required_unless_present = "child")]
    pub(crate) files: Vec<PathBuf>,
    /// What the codes say, too: who has it can enter
    #[arg(long, env = "STUBMART_SHOW_CODES", value_parser = upcoming)]
    pub(crate) show_codes: bool,
    /// As JSON
    #[arg(long, env = "STUBMART_JSON", value_parser = upcoming)]
    pub(crate) json: bool,
    /// Be the process that reads one file, from standard input
    #[arg(long, hide = true)]
    pub(crate) child: bool,
}

/// What to do about claims.
#[derive(Debug, Clone, Subcommand)]
pub enum Claims {
    /// Print the claims that are not decided, the oldest first
    ///
    /// Reads only, and can run beside a serving process.
    List {
        /// Those that are decided, too
        #[arg(long, env = "STUBMART_ALL", value_parser = upcoming)]
        all: bool,
    },
    /// Decide a claim: both sides are told, and the money goes where it belongs
    ///
    /// Can run beside a serving process, and again. Exit 1 where it was decided otherwise before.
    Decide {
        /// The claim, by its id or by the id or number of its order
        claim: String,
        /// refund: the buyer gets everything back; reject: the seller is paid
        #[arg(value_parser = outcome)]
        outcome: ClaimOutcome,
        /// Why; both sides read it
        #[arg(long, env = "STUBMART_REASON", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
}

/// What to do about payouts.
#[derive(Debug, Clone, Subcommand)]
pub enum Payouts {
    /// Print what is due: one payout for each seller and currency
    ///
    /// What a seller owes, because it was given back after they were paid, is taken off. Amounts are in minor
    /// units. Reads only, and can run beside a serving process.
    Due {
        /// As CSV: payout, seller, email, amount, currency, orders
        #[arg(long, env = "STUBMART_CSV", value_parser = upcoming)]
        csv: bool,
    },
    /// Note that a payout was paid; pay it first, at your bank
    ///
    /// A payout keeps its id until something of it changes. Exit 1 where nothing is noted, because what is due to
    /// the seller is no longer what was listed. Can run beside a serving process, and again.
    Paid {
        /// The payout, by its id
        payout: PayoutId,
        /// The bank's reference; the seller reads it
        #[arg(long, env = "STUBMART_REFERENCE", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reference: String,
    },
    /// Hold what a seller gets for an order, until it is freed
    ///
    /// Can run beside a serving process, and again. Exit 1 where the seller was paid or the buyer has the money back.
    Hold {
        /// The order, by its id or its number
        order: String,
        /// Why; kept with the sale
        #[arg(long, env = "STUBMART_REASON", value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Hold it no longer
    ///
    /// It is due when nothing else holds it. Can run beside a serving process.
    Free {
        /// The order, by its id or its number
        order: String,
    },
}

/// What to do about keys.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Keys {
    /// Make the file of keys, for a market whose services run in several processes
    ///
    /// A market in a file makes its own at the first start. Keys that are there stay as they are.
    Create,
    /// Print the keys, and how many ticket files are sealed with each
    ///
    /// Reads only, and can run beside a serving process. It shows no key.
    List,
    /// Add a new key, which seals from now on
    ///
    /// Can run beside a serving process, which takes it at once and seals with it what older keys have sealed. Older keys
    /// stay: they open backups of the market.
    Rotate,
}

/// What to do about the people who run the market.
#[derive(Debug, Clone, Subcommand)]
pub enum Admin {
    /// Give an account a role, in place of the one that it has; it holds within a second
    ///
    /// Can run beside a serving process. It is on record who did it, and when.
    Grant {
        /// The account's email
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        email: String,
        /// user, support, finance, catalogue or admin
        #[arg(value_parser = role)]
        role: Role,
    },
}

/// Where the emulator sends events. It answers at the address of `--listen`.
#[derive(Debug, Clone, Args)]
pub struct StripeEmulator {
    /// Where to send events, such as http://127.0.0.1:8080/api/payments/webhook
    #[arg(long, env = "STUBMART_WEBHOOK", value_name = "URL", requires = "signed_with")]
    pub(crate) webhook: Option<Uri>,
    /// The secret that events are signed with: whsec_…
    #[arg(long, env = "STUBMART_SIGNED_WITH", hide_env_values = true, value_name = "SECRET")]
    pub(crate) signed_with: Option<String>,
}

/// What to import. A bad line costs that line only, and importing twice creates nothing twice.
#[derive(Debug, Clone, Subcommand)]
pub enum Import {
    /// Events: CSV with a header, or the pipe-separated TICKIT form
    ///
    /// CSV columns, in any order: name, category, venue, city, and local_start (as 2026-11-28T20:00, or the date
    /// alone) or starts_at (RFC 3339); optionally region, country, time_zone, ends_at, currency. TICKIT times are
    /// those of clocks at the venue.
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
    /// A seller's inventory: our CSV, or a file of a broker's system
    ///
    /// Listings are recognised by the seller's own ids, so that a file can be sent again: what differs is changed, the
    /// rest is left alone. Delimiter, encoding and columns are told apart; --columns names those that are not.
    ///
    /// Fields: externalId, price (of the lot) or pricePerTicket, currency; eventId, or event, venue, city, localStart
    /// (the date, or date and time) and startTime; title, section, row, seats or seatFrom and seatTo, quantity,
    /// deliveryKind. Amounts are in the currency's main unit: 125.50, 1,250.00, 1.250,00 or $ 99.
    ///
    /// Exit 0: each line is as the file says. 1: it failed, and says whether anything was done. 3: lines were refused,
    /// the others are done.
    #[command(
        after_help = "Example:\n  stubmart import tickets inventory.csv --seller ada@example.com \\\n    \
        --columns externalId=InventoryID,price=UnitPrice --currency EUR --dates dmy --replace --dry-run"
    )]
    Tickets(ImportTickets),
}

/// A seller's inventory.
#[derive(Debug, Clone, Args)]
pub struct ImportTickets {
    /// The file
    pub(crate) file: PathBuf,
    /// The account whose tickets these are
    #[arg(
        long,
        env = "STUBMART_SELLER",
        value_name = "EMAIL",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) seller: String,
    /// Which column has what, where its heading does not say so
    #[arg(long, env = "STUBMART_COLUMNS", value_name = "FIELD=HEADING,…", default_value = "", hide_default_value = true, value_parser = columns)]
    pub(crate) columns: Mapping,
    /// The currency of prices that name none [default: USD]
    #[arg(long, env = "STUBMART_CURRENCY", value_name = "CODE", value_parser = currency)]
    pub(crate) currency: Option<Currency>,
    /// In which order dates have day, month and year, where it is not certain: dmy, mdy or ymd
    #[arg(long, env = "STUBMART_DATES", value_name = "ORDER", value_parser = dates)]
    pub(crate) dates: Option<DateOrder>,
    /// Withdraw the seller's listings of these events that the file does not name
    #[arg(long, env = "STUBMART_REPLACE", value_parser = upcoming)]
    pub(crate) replace: bool,
    /// Only say what would be done
    #[arg(long, env = "STUBMART_DRY_RUN", value_parser = upcoming)]
    pub(crate) dry_run: bool,
    /// Write what became of each line to this file, as CSV
    #[arg(long, env = "STUBMART_REPORT", value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

fn columns(text: &str) -> Result<Mapping, String> {
    text.parse().map_err(|error: InvalidMapping| error.to_string())
}

fn currency(text: &str) -> Result<Currency, String> {
    read_currency(text).map_err(|error| error.to_string())
}

fn dates(text: &str) -> Result<DateOrder, String> {
    text.parse().map_err(|error: InvalidDateOrder| error.to_string())
}

fn outcome(text: &str) -> Result<ClaimOutcome, String> {
    match text {
        "refund" => Ok(ClaimOutcome::Refund),
        "reject" => Ok(ClaimOutcome::Rejected),
        _ => Err("must be refund or reject".to_owned()),
    }
}

fn role(text: &str) -> Result<Role, String> {
    Role::named(text).ok_or_else(|| format!("must be one of {}", Role::names().join(", ")))
}

fn account(name: &str) -> Result<Account, String> {
    name.parse().map_err(|error: UnknownName| error.to_string())
}

/// A switch in the environment; an empty one is off.
fn upcoming(text: &str) -> Result<bool, String> {
    if text.is_empty() { Ok(false) } else { switch(text) }
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
