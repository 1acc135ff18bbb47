//! What became of a call that failed.

use mongodb::error::{Error, ErrorKind, WriteFailure};
use stubmart_ports::{Cause, store::StoreError};

/// A key is in use in a unique index. The texts and the details that come with this code differ from
/// engine to engine, so nothing else of the answer is looked at.
const DUPLICATE_KEY: i32 = 11_000;

/// Answers after which nothing was written: bad value, failed to parse, unauthorised, authentication
/// failed, no such command, invalid options, and three by a server that is not, or no longer, the primary.
const REFUSALS: [i32; 9] = [2, 9, 13, 18, 59, 72, 10_107, 13_435, 13_436];

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A unique key is in use. Nothing was written.
    Duplicate(Cause),
    /// Nothing was written.
    NotDone(Cause),
    /// What was to be written may be written, or may still be.
    Unknown(Cause),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &*error.kind {
            ErrorKind::Write(WriteFailure::WriteError(refused)) => Some(refused.code),
            ErrorKind::Command(refused) => Some(refused.code),
            // The call never left this process.
            ErrorKind::Authentication { .. }
            | ErrorKind::Bson(_)
            | ErrorKind::DnsResolve { .. }
            | ErrorKind::IncompatibleServer { .. }
            | ErrorKind::InvalidArgument { .. }
            | ErrorKind::InvalidTlsConfig { .. }
            | ErrorKind::ServerSelection { .. }
            | ErrorKind::SessionsNotSupported
            | ErrorKind::Shutdown => return Self::NotDone(error.into()),
            _ => None,
        };
        match code {
            Some(DUPLICATE_KEY) => Self::Duplicate(error.into()),
            Some(code) if REFUSALS.contains(&code) => Self::NotDone(error.into()),
            _ => Self::Unknown(error.into()),
        }
    }
}

impl Failure {
    /// The cause, where it does not matter what was written: of reads, and of writes that are made again.
    pub(crate) fn into_cause(self) -> Cause {
        match self {
            Self::Duplicate(cause) | Self::NotDone(cause) | Self::Unknown(cause) => cause,
        }
    }

    /// The failure of a read.
    pub(crate) fn unavailable(self) -> StoreError {
        StoreError::Unavailable(self.into_cause())
    }
}

/// The failure of a write.
impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Duplicate(cause) | Failure::NotDone(cause) => Self::Unavailable(cause),
            Failure::Unknown(cause) => Self::Indeterminate(cause),
        }
    }
}

/// A stored document that is not as this adapter writes them.
pub(crate) fn corrupt(what: &str) -> StoreError {
    StoreError::Unavailable(format!("a stored document cannot be read: {what}").into())
}
