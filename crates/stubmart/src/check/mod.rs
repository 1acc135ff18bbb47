//! `stubmart check`: audits a stored market for the invariants of the design.
//!
//! The rules are pure ([`rules`]) and look at everything that is stored at one moment ([`stored`]). What
//! an event that waits for its consumer is about to mend is no violation but on its way. Beside a running
//! server everything is looked at several times: what is under way has moved by then, and what is found
//! every time, or waits for a consumer that does not move, is a violation.

mod books;
mod deliveries;
mod files;
mod payouts;
mod record;
mod rules;
mod stored;

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    time::Duration,
};

use stubmart_contract::Timestamp;
use stubmart_ports::{Cause, host::Host};

use crate::{
    check::{
        files::Vault,
        rules::{Alive, Finding},
        stored::{Looked, OnItsWay},
    },
    config::Config,
    output, serve,
    whole::Whole,
};

/// How often a market that is being served is looked at.
const LOOKS: u32 = 12;

/// How long to wait in between.
const PAUSE: Duration = Duration::from_millis(500);

/// How long an event that is due to be delivered again may take to be.
const OVERDUE: Duration = Duration::from_secs(5);

/// Audits the market and prints what it found; true when nothing is broken.
///
/// # Errors
/// The cause: the market could not be looked at, and nothing is known of it.
pub(crate) async fn check(config: &Config, host: Host) -> Result<bool, Cause> {
    let mut whole = Whole::of(config, &host).await?;
    let served = is_served(config, &whole).await?;
    let alive = || if served { Alive::At(host.now()) } else { Alive::AtLastOrder };
    let vault = Vault::of(config, &host).await?;
    let first = stored::look(&whole, &vault, alive()).await?;
    let mut last = Looked { findings: first.findings.clone(), ..first };
    for _ in 1..if served { LOOKS } else { 1 } {
        if last.findings.is_empty() {
            break;
        }
        host.clock.sleep(PAUSE).await;
        if config.servers.is_none() {
            whole = Whole::of(config, &host).await?;
        }
        let mut now = stored::look(&whole, &vault, alive()).await?;
        now.findings.retain(|finding, _| last.findings.contains_key(finding));
        last = now;
    }
    let verdict = judge(&first.findings, &last, served, host.now());
    output::say(&verdict.report(&last.summary))?;
    Ok(verdict.broken.is_empty())
}

/// Whether a process serves the market: it holds a lock for as long as it lives, or takes events of the bus.
async fn is_served(config: &Config, whole: &Whole) -> Result<bool, Cause> {
    if let Whole::Servers(databases) = whole {
        return databases.are_served(&rules::MENDERS).await;
    }
    let Ok(file) = File::open(config.data.join(serve::LOCK_FILE)) else { return Ok(false) };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error.into()),
    }
}

/// What an audit comes to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    broken: Vec<String>,
    on_its_way: Vec<String>,
}

/// Judges what was found at every look. What waits for the same event at the last look of a served
/// market as at the first waits for a consumer that does not move.
fn judge(
    first: &HashMap<Finding, Option<OnItsWay>>,
    last: &Looked,
    served: bool,
    now: Timestamp,
) -> Verdict {
    let mut verdict = Verdict::default();
    for (finding, way) in &last.findings {
        let line = format!("{}: {}", finding.invariant, finding.text);
        let Some(way) = way else {
            verdict.broken.push(line);
            continue;
        };
        let line = format!("{line}; event {} waits for {}", way.position, way.consumer);
        let moved = first.get(finding).is_none_or(|before| before.as_ref() != Some(way));
        let comes_again = way.due.is_some_and(|due| now < due.after(OVERDUE));
        if served && !moved && !comes_again {
            verdict.broken.push(format!("{line}, which does not move"));
        } else {
            verdict.on_its_way.push(line);
        }
    }
    verdict.broken.sort();
    verdict.on_its_way.sort();
    verdict
}

impl Verdict {
    /// The report to the operator on a market that holds what `summary` says.
    fn report(&self, summary: &str) -> String {
        let mut lines = self.broken.clone();
        lines.extend(self.on_its_way.iter().map(|line| format!("still on its way: {line}")));
        lines.push(match self.broken.len() {
            0 => format!("checked {summary}: every invariant holds"),
            1 => format!("checked {summary}: 1 violation"),
            count => format!("checked {summary}: {count} violations"),
        });
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding() -> Finding {
        Finding { invariant: "LOCK-2", text: "a text".to_owned(), order: None, mended_by: &[] }
    }

    fn verdict(first: Option<OnItsWay>, last: Option<OnItsWay>, served: bool) -> (usize, usize) {
        let looked =
            Looked { findings: HashMap::from([(finding(), last)]), summary: String::new() };
        let now = Timestamp::from_millis(100_000);
        let verdict = judge(&HashMap::from([(finding(), first)]), &looked, served, now);
        (verdict.broken.len(), verdict.on_its_way.len())
    }

    fn at(position: u64, due_millis: Option<i64>) -> Option<OnItsWay> {
        let due = due_millis.map(Timestamp::from_millis);
        Some(OnItsWay { consumer: "tickets.orders", position, due })
    }

    #[test]
    fn what_waits_is_on_its_way_unless_a_server_runs_and_it_does_not_move() {
        assert_eq!(verdict(None, None, true), (1, 0), "nothing would mend it");
        assert_eq!(verdict(at(7, None), at(7, None), false), (0, 1), "nobody serves");
        assert_eq!(verdict(at(7, None), at(8, None), true), (0, 1), "it moves");
        assert_eq!(verdict(at(7, None), at(7, None), true), (1, 0), "it stands");
        assert_eq!(verdict(at(7, Some(99_000)), at(7, Some(99_000)), true), (0, 1), "soon again");
        assert_eq!(verdict(at(7, Some(9_000)), at(7, Some(9_000)), true), (1, 0), "long due");
    }
}
