//! What may be done so often only: how services ask the rate limits.

use std::time::Duration;

use stubmart_contract::UserId;
use stubmart_ports::limits::{LimitsUnavailable, Quota, RateLimits};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many times as much as a new account an established one may do.
const ESTABLISHED: u32 = 250;

/// It was not even tried. Nothing happened.
#[derive(Debug, thiserror::Error)]
pub enum Limited {
    /// It was done too often; it is worth trying again after this time.
    #[error("done too often")]
    TooMany {
        /// When to come back.
        wait: Duration,
    },
    /// The limits could not be asked.
    #[error(transparent)]
    Unavailable(#[from] LimitsUnavailable),
}

/// Takes so many of `key`'s quota, all or none.
///
/// # Errors
/// [`Limited`].
pub async fn take(
    limits: &dyn RateLimits,
    key: &str,
    quota: Quota,
    count: u32,
) -> Result<(), Limited> {
    allowed(limits.take_many(key, quota, count).await?)
}

/// Sees to it that `key` has one of its quota left; takes nothing.
///
/// # Errors
/// [`Limited`].
pub async fn check(limits: &dyn RateLimits, key: &str, quota: Quota) -> Result<(), Limited> {
    allowed(limits.peek(key, quota).await?)
}

/// How long until `key` has so many of its quota left, nothing where it has; takes nothing.
async fn has(
    limits: &dyn RateLimits,
    key: &str,
    quota: Quota,
    count: u32,
) -> Result<Option<Duration>, LimitsUnavailable> {
    // That so many are left of a burst is that one is left of a burst that is smaller by the others.
    let others = count.saturating_sub(1);
    match quota.burst.checked_sub(others) {
        Some(burst) => limits.peek(key, Quota { burst, ..quota }).await,
        None => Ok(Some(quota.every)),
    }
}

fn allowed(wait: Option<Duration>) -> Result<(), Limited> {
    wait.map_or(Ok(()), |wait| Err(Limited::TooMany { wait }))
}

/// So many in a day, all at once or spread over it.
#[must_use]
pub fn a_day(most: u32) -> Quota {
    spread(most, DAY)
}

/// So many in an hour, all at once or spread over it.
#[must_use]
pub fn an_hour(most: u32) -> Quota {
    spread(most, Duration::from_secs(3600))
}

fn spread(most: u32, over: Duration) -> Quota {
    Quota { burst: most, every: over.checked_div(most).unwrap_or(over) }
}

/// Counts what an account creates. A new one may create so many in a day, an established one 250 times as many.
#[derive(Debug, Clone, Copy)]
pub struct Creations<'a> {
    /// What is counted, such as `tickets.listed`.
    pub what: &'a str,
    /// How many a new account may create in a day.
    pub most_of_new: u32,
}

impl Creations<'_> {
    /// Counts so many that this account creates, all or none.
    ///
    /// # Errors
    /// [`Limited`].
    pub async fn count(
        self,
        limits: &dyn RateLimits,
        user: UserId,
        is_established: bool,
        count: u32,
    ) -> Result<(), Limited> {
        take(limits, &self.key(user, is_established), self.quota(is_established), count).await
    }

    /// How many of so many more this account may create now; takes nothing. With it, when the next one may be where they
    /// are not all.
    ///
    /// # Errors
    /// [`LimitsUnavailable`].
    pub async fn left(
        self,
        limits: &dyn RateLimits,
        user: UserId,
        is_established: bool,
        wanted: u32,
    ) -> Result<(u32, Option<Duration>), LimitsUnavailable> {
        let (key, quota) = (self.key(user, is_established), self.quota(is_established));
        let (mut most, mut none, mut wait) = (0_u32, wanted.saturating_add(1), None);
        // The first question settles it for nearly everybody.
        let mut asked = wanted;
        while most.saturating_add(1) < none {
            match has(limits, &key, quota, asked).await? {
                None => most = asked,
                some => (none, wait) = (asked, some),
            }
            asked = most.midpoint(none);
        }
        Ok((most, wait))
    }

    fn key(self, user: UserId, is_established: bool) -> String {
        // Apart, so that what was created as a new account is not held against the same one later.
        format!("{}.{}.{user}", self.what, if is_established { "established" } else { "new" })
    }

    fn quota(self, is_established: bool) -> Quota {
        let more = if is_established { ESTABLISHED } else { 1 };
        a_day(self.most_of_new.saturating_mul(more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_established_account_creates_more_and_a_day_is_a_day() {
        let second = Duration::from_secs(1);
        let listings = Creations { what: "listed", most_of_new: 200 };
        assert_eq!(listings.quota(false), Quota { burst: 200, every: 432 * second });
        let more = listings.quota(true);
        assert_eq!(more.burst, 50_000);
        let whole = more.every * more.burst;
        assert!(whole <= DAY && DAY.saturating_sub(whole) < second, "{whole:?}");
        assert_eq!(an_hour(0), Quota { burst: 0, every: 3600 * second });
    }
}
