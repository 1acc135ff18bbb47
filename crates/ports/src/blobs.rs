//! Blobs: bytes that are written once, under a key that says nothing of them.
//!
//! What is kept here is sealed before it comes (`stubmart-keyring`): access to the place alone lets nobody read it.

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;

use crate::Cause;

/// How many bytes a blob may have.
pub const BLOB_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Names a blob. Who writes one draws a new key for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(pub Uuid);

impl fmt::Display for BlobKey {
    /// Lower-case hex without dashes: a name for a file as for an object.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

/// Why a blob was not written, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It has more than [`BLOB_BYTES_MAX`] bytes. Nothing was written.
    #[error("a blob has at most {BLOB_BYTES_MAX} bytes")]
    TooLarge,
    /// The key has another content already, which stays. Nothing was written.
    #[error("the key has another content")]
    Exists,
    /// The place where they are kept cannot be reached, or is full. It may have been done; to do it again is fine.
    #[error("blobs cannot be reached: {0}")]
    Unavailable(Cause),
}

/// Keeps blobs. What is acknowledged survives the machine's end.
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Writes a blob, whole or not at all. The same content under the same key again is fine.
    ///
    /// # Errors
    /// [`BlobError`].
    async fn put(&self, key: BlobKey, content: &[u8]) -> Result<(), BlobError>;

    /// The content of a blob; `None` where there is none.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    async fn get(&self, key: BlobKey) -> Result<Option<Vec<u8>>, BlobError>;

    /// Deletes a blob. One that is not there is deleted already.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    async fn delete(&self, key: BlobKey) -> Result<(), BlobError>;
}
