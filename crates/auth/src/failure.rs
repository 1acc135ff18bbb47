//! Failures of dependencies and limits, which most use cases can meet.

use std::time::Duration;

use stubmart_kernel::RepositoryError;
use stubmart_ports::{Cause, calls::CallError, host::Busy, limits::LimitsUnavailable};

/// A dependency failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The repository: its error says whether anything was written.
    #[error(transparent)]
    Repository(RepositoryError),
    /// Too many passwords are being hashed, or the rate limits or payments are down. Nothing happened.
    #[error("{0}")]
    Unavailable(Cause),
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl From<Busy> for Failure {
    fn from(error: Busy) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<LimitsUnavailable> for Failure {
    fn from(error: LimitsUnavailable) -> Self {
        Self::Unavailable(error.into())
    }
}

impl From<CallError> for Failure {
    fn from(CallError(cause): CallError) -> Self {
        Self::Unavailable(cause)
    }
}

/// It was not even tried. Nothing happened.
#[derive(Debug)]
pub(crate) enum Limited {
    /// It was tried too often; it is worth trying again after this time.
    TooMany(Duration),
    /// A dependency failed.
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Limited {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
