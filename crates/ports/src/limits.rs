//! Rate limits.

use std::time::Duration;

use async_trait::async_trait;

use crate::Cause;

/// How often something may be done: `burst` times at once, and one time more each `every`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many at once.
    pub burst: u32,
    /// How long until one more is allowed.
    pub every: Duration,
}

/// The limits could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the rate limits are unavailable: {0}")]
pub struct LimitsUnavailable(pub Cause);

/// Counts what is done and says when it is too much.
#[async_trait]
pub trait RateLimits: Send + Sync + 'static {
    /// Takes one of `key`'s quota. `Some(wait)` when there is none left: come back after `wait`;
    /// nothing was taken.
    ///
    /// # Errors
    /// [`LimitsUnavailable`]: one may have been taken.
    async fn take(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        self.take_many(key, quota, 1).await
    }

    /// Takes several of `key`'s quota, all or none. `Some(wait)` when so many are not left: they are after
    /// `wait`, unless they are more than the burst, which never are; nothing was taken.
    ///
    /// # Errors
    /// [`LimitsUnavailable`]: they may have been taken.
    async fn take_many(
        &self,
        key: &str,
        quota: Quota,
        count: u32,
    ) -> Result<Option<Duration>, LimitsUnavailable>;

    /// How long until `key` has one of its quota left, `None` when it has; takes nothing.
    ///
    /// # Errors
    /// [`LimitsUnavailable`].
    async fn peek(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable>;
}
