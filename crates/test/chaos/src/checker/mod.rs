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

use std::fmt;

use crate::{Failure, history::History};

/// Something that can not be true of a market that keeps its promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise is broken.
    pub rule: &'static str,
    /// How, with the ids.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.text)
    }
}

/// Everything in `history` that breaks a promise. Where the history has come to rest, what has to hold at
/// rest is judged too.
#[must_use]
pub fn violations(history: &History) -> Vec<Violation> {
    let view = view::View::of(history);
    let mut found = Found(Vec::new());
    lock::check(&view, &mut found);
    progress::check(&view, &mut found);
    money::check(&view, &mut found);
    repeat::check(&view, &mut found);
    refusal::check(&view, &mut found);
    found.0
}

/// Judges `history`.
///
/// # Errors
/// [`Failure::Violations`]: everything that breaks a promise.
pub fn check(history: &History) -> Result<(), Failure> {
    let found = violations(history);
    if found.is_empty() { Ok(()) } else { Err(Failure::Violations(found)) }
}

/// What was found so far.
pub(crate) struct Found(Vec<Violation>);

impl Found {
    pub(crate) fn add(&mut self, rule: &'static str, text: String) {
        self.0.push(Violation { rule, text });
    }
}
