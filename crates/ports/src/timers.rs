//! Timers: a name and a time; at least once, never early.

use std::{fmt, time::Duration};

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
    /// What to do then, for whoever claims it.
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
#[derive(Debug)]
pub enum TimerError {
    /// They are down or too slow; the change may or may not have happened: ask again.
    Unavailable(Cause),
}

impl fmt::Display for TimerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the timers are unavailable: {cause}"),
        }
    }
}

impl std::error::Error for TimerError {}

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

    /// Ends claims: their timers are gone, but for one that was set anew since, which stays.
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
