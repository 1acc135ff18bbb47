//! Imports: files read line by line, with progress and a report. A bad line costs that line only; a
//! store that fails ends the import, which can be run again.

pub(crate) mod events;
pub(crate) mod tickets;

mod file;
mod show;
mod table;
mod tickit;

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use stubmart_catalogue::add_show::AddError;
use stubmart_contract::{Actor, Context, api::FieldError};
use stubmart_kernel::{RepositoryError, worker::ShutdownTrigger};
use stubmart_node::Market;
use stubmart_ports::{Cause, host::Host};

use crate::{
    config::{Config, operator},
    engines::Opened,
    output,
};

/// How many lines are saved at the same time; the store commits them as a group.
const IN_FLIGHT: usize = 128;

/// How often a save is tried while the store cannot take it.
const TRIES: u32 = 5;

/// How long to wait before the second try; twice as long before each further one.
const RETRY_AFTER: Duration = Duration::from_millis(200);

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

/// Why a line was not saved.
#[derive(Debug)]
pub(crate) enum SaveError {
    /// The service refuses the line, and why.
    Refused(String),
    /// The store fails. The line may be saved; saving it again saves it once.
    Store(Cause),
}

impl From<AddError> for SaveError {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Refused(faults) => Self::Refused(reasons(&faults)),
            AddError::Repository(error) => error.into(),
        }
    }
}

impl From<RepositoryError> for SaveError {
    fn from(error: RepositoryError) -> Self {
        Self::Store(error.into())
    }
}

/// What became of a file.
#[derive(Debug)]
pub(crate) struct Report {
    lines: usize,
    created: usize,
    present: usize,
    refused: Vec<(u64, String)>,
    bar: ProgressBar,
}

impl Report {
    /// The report on a file of so many lines, and a bar that shows how far it is.
    pub(crate) fn on(lines: usize) -> Self {
        Self { lines, created: 0, present: 0, refused: Vec::new(), bar: bar(lines) }
    }

    /// Notes what became of a line.
    pub(crate) fn note(&mut self, number: u64, outcome: Outcome) {
        match outcome {
            Outcome::Created => self.created += 1,
            Outcome::Present => self.present += 1,
            Outcome::Refused(reason) => self.refused.push((number, reason)),
        }
        self.bar.inc(1);
    }

    /// Saves lines, several at a time, and notes what becomes of each.
    ///
    /// # Errors
    /// The cause: the store fails. What was noted is done, and more may be.
    pub(crate) async fn save<T>(
        &mut self,
        lines: Vec<(u64, T)>,
        save: impl AsyncFn(T) -> Result<Outcome, Cause>,
    ) -> Result<(), Cause> {
        let saves = lines.into_iter().map(|(number, it)| {
            let saved = save(it);
            async move { (number, saved.await) }
        });
        let mut saved = stream::iter(saves).buffer_unordered(IN_FLIGHT);
        while let Some((number, outcome)) = saved.next().await {
            match outcome {
                Ok(outcome) => self.note(number, outcome),
                Err(cause) => return Err(stopped(number, &cause).into()),
            }
        }
        Ok(())
    }

    /// Prints the report on a file of `what`.
    ///
    /// # Errors
    /// The cause: it cannot be written.
    pub(crate) fn print(&mut self, what: &str) -> Result<(), Cause> {
        self.bar.finish_and_clear();
        self.refused.sort_unstable();
        let (created, present, refused) = (self.created, self.present, self.refused.len());
        let read = created + present + refused;
        let mut lines: Vec<_> = self
            .refused
            .iter()
            .map(|(number, reason)| format!("line {number}: {reason}"))
            .collect();
        let mut summary = format!(
            "{what}: {read} read, {created} created, {present} already there, {refused} refused"
        );
        if read < self.lines {
            summary += &format!(", {} not done", self.lines - read);
        }
        lines.push(summary);
        output::say(&lines.join("\n"))
    }
}

/// A bar that shows how far a file of so many lines is; invisible where standard error is no terminal.
pub(crate) fn bar(lines: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(lines).unwrap_or(u64::MAX));
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} lines, {per_sec}, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

fn stopped(number: u64, cause: &Cause) -> String {
    format!(
        "stopped at line {number}: {cause}; import the file again to go on: what is there is not \
         created twice"
    )
}

/// Saves a line with `save`, which must do once what it is asked twice. A save that the store could not
/// take is tried again a few times.
///
/// # Errors
/// The cause: the store fails.
pub(crate) async fn persist(
    host: &Host,
    save: impl AsyncFn() -> Result<Outcome, SaveError>,
) -> Result<Outcome, Cause> {
    let (mut tries, mut wait) = (1, RETRY_AFTER);
    loop {
        match save().await {
            Ok(outcome) => return Ok(outcome),
            Err(SaveError::Refused(reason)) => return Ok(Outcome::Refused(reason)),
            Err(SaveError::Store(cause)) if tries == TRIES => return Err(cause),
            Err(SaveError::Store(_)) => host.clock.sleep(wait).await,
        }
        (tries, wait) = (tries + 1, wait.saturating_mul(2));
    }
}

/// Everything that is wrong, by the names of the columns.
pub(crate) fn reasons(errors: &[FieldError]) -> String {
    let reason = |error: &FieldError| format!("{} {}", table::column(&error.field), error.message);
    errors.iter().map(reason).collect::<Vec<_>>().join("; ")
}

/// The services on the configured engines, for a command that runs beside the server or without it.
/// Nothing is served and nothing runs in the background.
pub(crate) struct Shop {
    pub(crate) market: Market,
    pub(crate) opened: Opened,
    /// The operator who runs the command.
    pub(crate) context: Context,
    /// Dropping it would be the signal to stop.
    _running: ShutdownTrigger,
}

impl Shop {
    pub(crate) async fn open(config: &Config, host: Host) -> Result<Self, Cause> {
        let opened = Opened::open(config, host).await?;
        let (running, shutdown) = ShutdownTrigger::new();
        let market = opened.start_all(config, &shutdown).await?.service;
        let context = Context::of(Actor::Operator(operator()));
        Ok(Self { market, opened, context, _running: running })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Saves with a store that fails so many times; answers what came of it and how often it was tried.
    async fn try_with_failures(failures: u32) -> (Result<Outcome, Cause>, u32) {
        let (host, _died) = stubmart_os::host(tokio::runtime::Handle::current());
        let tries = AtomicU32::new(0);
        let saved =
            persist(&host, async || match tries.fetch_add(1, Ordering::Relaxed) < failures {
                true => Err(SaveError::Store("the disk is full".into())),
                false => Ok(Outcome::Created),
            });
        (saved.await, tries.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_store_that_fails_for_a_moment_refuses_no_line() {
        let (saved, tries) = try_with_failures(2).await;
        assert!(matches!(saved, Ok(Outcome::Created)), "{saved:?}");
        assert_eq!(tries, 3);
    }

    #[tokio::test]
    async fn a_store_that_keeps_failing_ends_the_import_and_is_no_refusal() {
        let (saved, tries) = try_with_failures(u32::MAX).await;
        assert!(saved.is_err(), "{saved:?}");
        assert_eq!(tries, TRIES);
        let mut report = Report::on(2);
        let stopped = report
            .save(vec![(7, ())], async |()| Err("the disk is full".into()))
            .await
            .unwrap_err()
            .to_string();
        assert!(stopped.contains("line 7: the disk is full"), "{stopped}");
        assert!(report.refused.is_empty());
    }

    #[test]
    fn a_refusal_names_what_is_wrong_by_column() {
        let (field, message) = ("venue.timeZone".to_owned(), "is required".to_owned());
        assert_eq!(reasons(&[FieldError { field, message }]), "time_zone is required");
    }
}
