//! Why a run did not succeed.

use std::path::PathBuf;

use stubmart_client::{ClientError, TransportError};

use crate::violation::Violation;

/// Why a run did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The binary under test is not there, or cannot be built.
    #[error("{} is missing: build it with `cargo build`, or name one in STUBMART_BINARY", .0.display())]
    NoBinary(PathBuf),
    /// This machine does not allow what has to be tested with CI's effort.
    #[error("left out, but CI leaves nothing out: {0}")]
    LeftOut(String),
    /// A process could not be started, signalled or waited for.
    #[error("the machine refused: {0}")]
    Io(#[from] std::io::Error),
    /// The system under test did not become ready, or ended by itself.
    #[error("the market {what}; the end of its log:\n{log}")]
    Market {
        /// What it did.
        what: String,
        /// The last lines of its log.
        log: String,
    },
    /// A call that the scenario cannot do without was refused or not answered.
    #[error("a call failed: {0}")]
    Client(#[from] ClientError),
    /// `stubmart check` found a violation.
    #[error("the audit of the stored market failed:\n{0}")]
    Audit(String),
    /// The log reports a fault where none was injected.
    #[error("the log reports faults:\n{}", .0.join("\n"))]
    Log(Vec<String>),
    /// The answers contradict each other or what the market promises.
    #[error("{} violations:\n{}", .0.len(), lines(.0))]
    Violations(Vec<Violation>),
    /// A run on a disk of its own did not succeed.
    #[error("{failure}\n{disk}")]
    OnDisk {
        /// Why.
        failure: Box<Self>,
        /// How full the disk was, and the end of the log.
        disk: String,
    },
    /// What the scenario waits for did not come, or was not as it has to be.
    #[error("{0}")]
    Unmet(String),
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        Self::Client(error.into())
    }
}

/// How many violations are shown in full.
const SHOWN_MAX: usize = 20;

fn lines(violations: &[Violation]) -> String {
    let shown: Vec<_> = violations.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
    shown.join("\n")
}
