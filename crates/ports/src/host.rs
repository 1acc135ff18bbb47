//! The host: clock, randomness and tasks.

use std::{fmt, future::Future, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, Either, select};
use stubmart_contract::{MessageId, Timestamp};
use uuid::Uuid;

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// The time now. It may jump and differ by seconds between machines; nothing may depend on more.
    fn now(&self) -> Timestamp;

    /// Waits for `duration`, by a clock that does not jump.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// Makes ids and secrets.
pub trait Ids: Send + Sync + 'static {
    /// A new `UUIDv7` (RFC 9562): unique, and sorted by when it was made.
    fn uuid(&self) -> Uuid;

    /// 256 bits from a cryptographically secure source.
    fn secret(&self) -> [u8; 32];
}

/// Runs tasks.
pub trait Spawner: Send + Sync + 'static {
    /// Runs `task` until it ends. `name` is for logs and metrics.
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>);

    /// Runs work that keeps a processor busy for milliseconds, away from the tasks that serve requests.
    fn blocking(&self, work: Box<dyn FnOnce() + Send>);
}

/// Hashes and verifies passwords.
#[async_trait::async_trait]
pub trait PasswordHasher: Send + Sync + 'static {
    /// A salted hash of `password` as a PHC string.
    ///
    /// # Errors
    /// [`Busy`] when too many are waiting; nothing happened.
    async fn hash(&self, password: String) -> Result<String, Busy>;

    /// Whether `password` is the one that `hash` was made of. Takes as long with `None` (no such
    /// account) as with a hash, and is then false.
    ///
    /// # Errors
    /// [`Busy`] when too many are waiting; nothing happened.
    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy>;
}

/// Too much is waiting already; come back in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much work is waiting")]
pub struct Busy;

/// The host that a service runs on.
#[derive(Clone)]
pub struct Host {
    /// Its clock.
    pub clock: Arc<dyn Clock>,
    /// Its source of ids and secrets.
    pub ids: Arc<dyn Ids>,
    /// Its tasks.
    pub spawner: Arc<dyn Spawner>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

/// It took longer than it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("timed out")]
pub struct TimedOut;

impl Host {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new `UUIDv7`.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.ids.uuid()
    }

    /// A new id for a domain event's envelope.
    #[must_use]
    pub fn message_id(&self) -> MessageId {
        MessageId(self.ids.uuid())
    }

    /// `work`'s result, if it ends within `limit`. Where it does not, `work` is dropped where it stands.
    ///
    /// # Errors
    /// [`TimedOut`]; whether `work` had its effect is not known.
    pub async fn timeout<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, TimedOut> {
        match select(pin!(work), self.clock.sleep(limit)).await {
            Either::Left((result, _)) => Ok(result),
            Either::Right(((), _)) => Err(TimedOut),
        }
    }
}
