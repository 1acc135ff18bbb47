//! Imports: files read line by line, with progress and a report. A bad line costs that line only.

pub(crate) mod events;
pub(crate) mod tickets;
mod tickit;

use indicatif::{ProgressBar, ProgressStyle};
use stubmart_embedded::Database;
use stubmart_ports::{
    Cause,
    host::Host,
    worker::{Shutdown, ShutdownTrigger, Wake},
};
use stubmart_tickets::Tickets;

use crate::{config::Config, market::open_database};

/// How many lines are saved at the same time; the store commits them as a group.
const IN_FLIGHT: usize = 128;

/// How many refused lines the report shows one by one.
const SHOWN_MAX: usize = 20;

/// A line that could be read, or why not.
#[derive(Debug)]
pub(crate) struct Line<T> {
    /// Its number in the file, from 1.
    pub(crate) number: u64,
    /// What it says.
    pub(crate) content: Result<T, String>,
}

/// What became of a line.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It was created.
    Created,
    /// It was there already.
    Present,
    /// It was refused, and why.
    Refused(String),
}

/// What became of a file.
#[derive(Debug, Default)]
pub(crate) struct Report {
    created: u64,
    present: u64,
    refused: Vec<(u64, String)>,
}

impl Report {
    pub(crate) fn note(&mut self, number: u64, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Present => self.present += 1,
            Outcome::Refused(reason) => self.refused.push((number, reason)),
        }
    }

    /// Prints the report.
    #[expect(clippy::print_stdout, reason = "the report is the command's output")]
    pub(crate) fn print(mut self, what: &str) {
        let refused = self.refused.len();
        let read = self.created + self.present + u64::try_from(refused).unwrap_or(u64::MAX);
        self.refused.sort_unstable();
        for (number, reason) in self.refused.iter().take(SHOWN_MAX) {
            println!("line {number}: {reason}");
        }
        if refused > SHOWN_MAX {
            println!("… and {} more", refused - SHOWN_MAX);
        }
        println!(
            "{what}: {read} read, {} created, {} already there, {refused} refused",
            self.created, self.present
        );
    }
}

/// The tickets service on the configured database, for a command that runs beside the server or
/// without it.
pub(crate) struct Shop {
    pub(crate) tickets: Tickets,
    pub(crate) database: Database,
    pub(crate) host: Host,
    _alive: (ShutdownTrigger, Shutdown),
}

impl Shop {
    pub(crate) async fn open(config: &Config, host: Host) -> Result<Self, Cause> {
        let database = open_database(config, &host)?;
        let (trigger, shutdown) = ShutdownTrigger::new();
        let deps = stubmart_tickets::Deps {
            store: database.store(),
            bus: database.bus(),
            host: host.clone(),
            outbox: Wake::default(),
            shutdown: shutdown.clone(),
        };
        let tickets = Tickets::start(deps, stubmart_tickets::Config::default()).await?;
        Ok(Self { tickets, database, host, _alive: (trigger, shutdown) })
    }
}

/// A bar over `total` lines; invisible where standard error is no terminal.
pub(crate) fn progress(total: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(total).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} lines, {per_sec}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
