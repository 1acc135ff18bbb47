//! Blobs in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use stubmart_ports::blobs::{BLOB_BYTES_MAX, BlobError, BlobKey, Blobs};

use crate::lock::lock;

/// Blobs that are gone with the process. Clones are handles on the same.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobs(Arc<Mutex<BTreeMap<BlobKey, Vec<u8>>>>);

impl MemoryBlobs {
    /// One without any.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every blob there is, by key.
    #[must_use]
    pub fn all(&self) -> Vec<(BlobKey, Vec<u8>)> {
        lock(&self.0).iter().map(|(key, content)| (*key, content.clone())).collect()
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, key: BlobKey, content: &[u8]) -> Result<(), BlobError> {
        if content.len() > BLOB_BYTES_MAX {
            return Err(BlobError::TooLarge);
        }
        let mut blobs = lock(&self.0);
        let kept = blobs.entry(key).or_insert_with(|| content.to_vec());
        if kept == content { Ok(()) } else { Err(BlobError::Exists) }
    }

    async fn get(&self, key: BlobKey) -> Result<Option<Vec<u8>>, BlobError> {
        Ok(lock(&self.0).get(&key).cloned())
    }

    async fn delete(&self, key: BlobKey) -> Result<(), BlobError> {
        lock(&self.0).remove(&key);
        Ok(())
    }
}
