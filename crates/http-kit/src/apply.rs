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

    /// Why a command was not applied; `refused` says what the aggregate's own refusal means.
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
            // Where a key can be taken, the use case says what that means before this.
            RepositoryError::Taken { .. } | RepositoryError::Corrupt(_) => Self::internal(error),
        }
    }
}
