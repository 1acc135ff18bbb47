//! The report of a failure.

use std::fmt::Write as _;

use crate::{enumerate::Broken, run::Outcome, sweep::Failure};

/// How many of the last happenings are shown.
const LAST: usize = 40;

/// How many happenings about the documents involved are shown.
const ABOUT: usize = 60;

/// The report of a seed's failure.
#[must_use]
pub fn report(failure: &Failure, mutant: Option<&str>) -> String {
    let title = format!("seed {}", failure.seed);
    let replay = format!("--seed {}{}", failure.seed, failure.limits);
    tell(&failure.outcome, &title, &replay, mutant)
}

/// The report of a flow that broke.
#[must_use]
pub fn report_crash(broken: &Broken, mutant: Option<&str>) -> String {
    let title = format!("{} with crashes after calls {:?}", broken.flow.name(), broken.crash_at);
    let places: Vec<String> = broken.crash_at.iter().map(ToString::to_string).collect();
    let crashes =
        if places.is_empty() { String::new() } else { format!(" --crash-at {}", places.join(",")) };
    let replay = format!("--flow {}{crashes}", broken.flow.name());
    tell(&broken.outcome, &title, &replay, mutant)
}

fn tell(outcome: &Outcome, title: &str, replay: &str, mutant: Option<&str>) -> String {
    let mut text = String::new();
    let Some(violation) = &outcome.violation else { return text };
    // Writing to a string does not fail.
    let _ = writeln!(text, "{title} breaks {}: {}", violation.invariant, violation.text);
    let documents: Vec<String> = violation.documents.iter().map(ToString::to_string).collect();
    let _ = writeln!(text, "documents: {}", documents.join(" "));
    for document in &outcome.documents {
        let _ = writeln!(text, "  {document}");
    }
    let about = outcome.log.iter().filter(|it| it.is_about(&violation.documents));
    let about: Vec<_> = about.collect();
    let _ = writeln!(text, "what happened to them:");
    for happening in about.iter().skip(about.len().saturating_sub(ABOUT)) {
        let _ = writeln!(text, "  {happening}");
    }
    let _ = writeln!(text, "what happened last:");
    let log = &outcome.log;
    for happening in log.iter().skip(log.len().saturating_sub(LAST)) {
        let _ = writeln!(text, "  {happening}");
    }
    let _ = writeln!(text, "faults so far:");
    for ((kind, what), count) in &outcome.injected {
        let _ = writeln!(text, "  {count:>5} {} at {what}", kind.name());
    }
    let mutant = mutant.map(|name| format!(" --mutant '{name}'")).unwrap_or_default();
    let _ = writeln!(text, "replay: cargo run --release -p stubmart-sim -- {replay}{mutant}");
    text
}
