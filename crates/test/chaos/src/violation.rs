//! What a checker reports.

use std::fmt;

/// Something that cannot be true of a market that keeps its promises.
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

/// The violations found so far.
#[derive(Default)]
pub(crate) struct Found(Vec<Violation>);

impl Found {
    pub(crate) fn add(&mut self, rule: &'static str, text: String) {
        self.0.push(Violation { rule, text });
    }

    pub(crate) fn into_violations(self) -> Vec<Violation> {
        self.0
    }
}
