//! Rate limits that cannot be asked.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use stubmart_ports::limits::{LimitsUnavailable, Quota, RateLimits};

use super::{
    call::ask,
    plan::{Call, Faults, Op},
};

/// Rate limits with faults injected.
#[derive(Clone)]
pub struct FaultyLimits {
    inner: Arc<dyn RateLimits>,
    faults: Arc<dyn Faults>,
}

impl std::fmt::Debug for FaultyLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyLimits").finish_non_exhaustive()
    }
}

impl FaultyLimits {
    /// `inner` with these faults.
    #[must_use]
    pub fn new(inner: Arc<dyn RateLimits>, faults: Arc<dyn Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl RateLimits for FaultyLimits {
    async fn take_many(
        &self,
        key: &str,
        quota: Quota,
        count: u32,
    ) -> Result<Option<Duration>, LimitsUnavailable> {
        let taken = self.inner.take_many(key, quota, count);
        ask(&self.faults, Call::new(Op::TakeLimit), LimitsUnavailable, taken).await
    }

    async fn peek(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        let looked = self.inner.peek(key, quota);
        ask(&self.faults, Call::new(Op::PeekLimit), LimitsUnavailable, looked).await
    }
}
