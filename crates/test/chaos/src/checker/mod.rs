//! Judges a recorded history: whether the answers can all be true of a market that keeps its promises.
//!
//! The rules are pure and look at nothing but the answers. A call whose outcome is not known may have
//! happened at any time after it was sent, or never; so it excuses what would otherwise contradict, and
//! accuses nobody.

mod lock;
mod money;
mod progress;
mod refusal;
mod repeat;
#[cfg(test)]
mod tests;
mod view;

use crate::{
    failure::Failure,
    history::History,
    violation::{Found, Violation},
};

/// Everything in `history` that breaks a promise. Where the history has come to rest, what has to hold at
/// rest is judged too.
#[must_use]
pub fn violations(history: &History) -> Vec<Violation> {
    let view = view::View::of(history);
    let mut found = Found::default();
    lock::check(&view, &mut found);
    progress::check(&view, &mut found);
    money::check(&view, &mut found);
    repeat::check(&view, &mut found);
    refusal::check(&view, &mut found);
    found.into_violations()
}

/// Judges `history`.
///
/// # Errors
/// [`Failure::Violations`]: everything that breaks a promise.
pub fn check(history: &History) -> Result<(), Failure> {
    let found = violations(history);
    if found.is_empty() { Ok(()) } else { Err(Failure::Violations(found)) }
}
