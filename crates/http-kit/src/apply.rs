//! Commands that were not applied, as clients see that.

use stubmart_contract::Code;
use stubmart_kernel::{ApplyError, RepositoryError};

use crate::{conditional::quoted, problem::Problem};

impl Problem {
    /// The thing is at `version`, which `If-Match` does not name.
    #[must_use]
    pub fn stale(version: u64) -> Self {
        let etag = quoted(version);
        let detail = format!("It was changed in the meantime: the present ETag is {etag}");
        Self::with_detail(Code::VersionMismatch, detail)
    }

    /// The problem of a command that was not applied; `refused` makes that of the aggregate's own refusal.
    pub fn not_applied<R>(error: ApplyError<R>, refused: impl FnOnce(R) -> Self) -> Self {
        match error {
            ApplyError::Refused { refusal, .. } => refused(refusal),
            ApplyError::Stale { version } => Self::stale(version),
            ApplyError::Repository(error) => error.into(),
        }
    }
}

impl From<RepositoryError> for Problem {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Contended => Self::new(Code::Contended),
            RepositoryError::Unavailable(_) | RepositoryError::Indeterminate(_) => {
                Self::unavailable(error)
            }
            // A use case that can meet a taken key has an outcome of its own for it.
            RepositoryError::Taken { .. } | RepositoryError::Corrupt(_) => Self::internal(error),
        }
    }
}
