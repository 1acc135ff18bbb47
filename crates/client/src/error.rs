//! What can go wrong with a call.

use std::{ops::Deref, time::Duration};

use stubmart_contract::{Code, api::ProblemBody};

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The API answered with an error. Its code says whether anything happened.
    #[error("{}: {}", .0.body.code, .0.body.detail)]
    Problem(Box<Problem>),
    /// There was no answer, or one that this client does not understand. Unless the request could not
    /// be made at all ([`TransportError::Request`]), whether it had its effect is not known.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// An error that the API answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The body, as sent.
    pub body: ProblemBody,
    /// When to try again, where the answer tells (429, 503).
    pub retry_after: Option<Duration>,
}

impl Deref for Problem {
    type Target = ProblemBody;

    fn deref(&self) -> &ProblemBody {
        &self.body
    }
}

/// Why there was no answer to speak of.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The request could not be made: a wrong base address, or a header that HTTP cannot carry.
    /// Nothing was sent.
    #[error("the request could not be made: {0}")]
    Request(#[source] BoxError),
    /// The connection failed or broke.
    #[error("no answer: {0}")]
    Connection(#[source] BoxError),
    /// The answer did not arrive within the client's time limit.
    #[error("no answer within the time limit")]
    TimedOut,
    /// The answer is larger than [`Answer::MAX_BYTES`](crate::Answer::MAX_BYTES) or broke off.
    #[error("the answer could not be read: {0}")]
    Body(#[source] BoxError),
    /// The answer is not what the contract says.
    #[error("answer {status} is not what the contract says: {reason}")]
    Unexpected {
        /// The answer's HTTP status.
        status: u16,
        /// What was wrong with it.
        reason: String,
    },
}

/// Any error of a library below.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl ClientError {
    /// The API's code, when it answered with one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.problem().map(|problem| problem.code)
    }

    /// The API's error, when it answered with one.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            Self::Transport(_) => None,
        }
    }
}
