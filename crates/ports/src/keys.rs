//! The market's keys.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_keyring::Keyring;

use crate::Cause;

/// Keeps the market's keys.
#[async_trait]
pub trait Keys: Send + Sync + 'static {
    /// The keys as they are now: one that was added a moment ago is among them. To be asked for each time, and not
    /// kept.
    ///
    /// # Errors
    /// The cause: they cannot be read.
    async fn keyring(&self) -> Result<Arc<Keyring>, Cause>;
}
