//! What is told of a failure.

use std::fmt::Write as _;

use crate::sweep::Failure;

/// How many of the last happenings are shown.
const LAST: usize = 40;

/// How many happenings about the documents involved are shown.
const ABOUT: usize = 60;

/// A failure, for whoever has to find its cause.
#[must_use]
pub fn report(failure: &Failure, mutant: Option<&str>) -> String {
    let mut text = String::new();
    let Some(violation) = &failure.outcome.violation else { return text };
    // Writing to a string does not fail.
    let _ =
        writeln!(text, "seed {} breaks {}: {}", failure.seed, violation.invariant, violation.text);
    let documents: Vec<String> = violation.documents.iter().map(ToString::to_string).collect();
    let _ = writeln!(text, "documents: {}", documents.join(" "));
    let about = failure.outcome.log.iter().filter(|it| it.is_about(&violation.documents));
    let about: Vec<_> = about.collect();
    let _ = writeln!(text, "what happened to them:");
    for happening in about.iter().skip(about.len().saturating_sub(ABOUT)) {
        let _ = writeln!(text, "  {happening}");
    }
    let _ = writeln!(text, "what happened last:");
    let log = &failure.outcome.log;
    for happening in log.iter().skip(log.len().saturating_sub(LAST)) {
        let _ = writeln!(text, "  {happening}");
    }
    let _ = writeln!(text, "faults so far:");
    for ((kind, what), count) in &failure.outcome.injected {
        let _ = writeln!(text, "  {count:>5} {} at {what}", kind.name());
    }
    let mutant = mutant.map(|name| format!(" --mutant '{name}'")).unwrap_or_default();
    let _ = writeln!(
        text,
        "replay: cargo run --release -p stubmart-sim -- --seed {}{}{mutant}",
        failure.seed, failure.limits
    );
    text
}
