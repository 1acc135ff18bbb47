//! Timers: a name and a time; at least once, never early.

use std::time::Duration;

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use uuid::Uuid;

use crate::Cause;

/// A timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Names it: setting it again replaces it.
    pub key: Uuid,
    /// When it is due.
    pub due_at: Timestamp,
    /// What its claimant needs to know.
    pub body: Vec<u8>,
}

/// A due timer that was claimed. Unless it is finished before the lease ends, it can be claimed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The timer.
    pub timer: Timer,
    /// Names this claim.
    pub token: u64,
}

/// Why the timers did not do what they were asked.
#[derive(Debug, thiserror::Error)]
pub enum TimerError {
    /// They are down or too slow; the change may or may not have happened: ask again.
    #[error("the timers are unavailable: {0}")]
    Unavailable(Cause),
}

/// The timers.
#[async_trait]
pub trait Timers: Send + Sync + 'static {
    /// Sets timers, each in place of one with its key, then cancels those with the keys of `cancel`.
    /// A claim that is out may still fire.
    ///
    /// # Errors
    /// [`TimerError::Unavailable`].
    async fn change(&self, set: Vec<Timer>, cancel: Vec<Uuid>) -> Result<(), TimerError>;

    /// At most `limit` timers that are due at `now` and not under a lease, earliest first; each is
    /// leased until `now + lease`.
    ///
    /// # Errors
    /// [`TimerError::Unavailable`]: some may be under a lease.
    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError>;

    /// Ends claims: their timers are gone, except one that was set again since, which stays.
    ///
    /// # Errors
    /// [`TimerError::Unavailable`]: they may be claimed again.
    async fn finish(&self, claims: Vec<Claim>) -> Result<(), TimerError>;

    /// When the next timer is due or its lease ends; `None` when there is none.
    ///
    /// # Errors
    /// [`TimerError::Unavailable`].
    async fn next_due(&self) -> Result<Option<Timestamp>, TimerError>;
}
