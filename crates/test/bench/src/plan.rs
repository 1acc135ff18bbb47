//! The plan of a run, and its progress.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{operation::Operation, server::Binary};

/// What the command line chooses.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The binaries; ratios are those of the first to each other one.
    pub(crate) binaries: Vec<Binary>,
    pub(crate) operations: Vec<Operation>,
    /// Whether starts, memory, the rush, failed logins and the disk are measured too.
    pub(crate) with_figures: bool,
    pub(crate) span: Duration,
    pub(crate) rounds: usize,
    pub(crate) connections: usize,
    /// Where filled data is kept for later runs.
    pub(crate) keep: Option<PathBuf>,
}

/// Reports progress, with the time since the run began.
#[derive(Debug)]
pub(crate) struct Progress {
    began: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { began: Instant::now() }
    }

    #[expect(clippy::print_stderr, reason = "the report alone is on standard output")]
    pub(crate) fn say(&self, what: &str) {
        eprintln!("{:>5.0} s  {what}", self.began.elapsed().as_secs_f64());
    }
}
