//! Imports: files read line by line, with progress and a report. A bad line costs that line only.

pub(crate) mod events;
pub(crate) mod tickets;
mod tickit;

use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
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

/// Reads a CSV file whose first line names at least the columns `required`; `all` says which there are.
/// `read` makes something of a row.
pub(crate) fn read_csv<R: DeserializeOwned, T>(
    text: &str,
    required: &[&str],
    all: &str,
    read: impl Fn(R) -> Result<T, String>,
) -> Result<Vec<Line<T>>, Cause> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let headers = reader.headers()?.clone();
    for column in required {
        if !headers.iter().any(|header| header == *column) {
            return Err(
                format!("the first line names no column {column}: the columns are {all}").into()
            );
        }
    }
    let mut lines = Vec::new();
    for record in reader.records() {
        let position = match &record {
            Ok(record) => record.position(),
            Err(error) => error.position(),
        };
        let number = position.map_or(0, csv::Position::line);
        let row = record.and_then(|record| record.deserialize::<R>(Some(&headers)));
        lines
            .push(Line { number, content: row.map_err(|error| error.to_string()).and_then(&read) });
    }
    Ok(lines)
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
