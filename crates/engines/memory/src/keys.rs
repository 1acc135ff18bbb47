//! The market's keys in memory.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stubmart_keyring::Keyring;
use stubmart_ports::{Cause, keys::Keys};

use crate::lock::lock;

/// Keys that are gone with the process. Clones are handles on the same.
#[derive(Debug, Clone)]
pub struct MemoryKeys(Arc<Mutex<Arc<Keyring>>>);

impl MemoryKeys {
    /// One with these keys.
    #[must_use]
    pub fn new(keyring: Keyring) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(keyring))))
    }

    /// Has these keys from now on.
    pub fn set(&self, keyring: Keyring) {
        *lock(&self.0) = Arc::new(keyring);
    }
}

#[async_trait]
impl Keys for MemoryKeys {
    async fn keyring(&self) -> Result<Arc<Keyring>, Cause> {
        Ok(Arc::clone(&lock(&self.0)))
    }
}
