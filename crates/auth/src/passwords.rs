//! Hashes and checks passwords, and slows down clients that guess them or keep the processors busy.
//!
//! Wrong guesses are counted for the account and the network that they come from, so that nobody can lock
//! an owner out from elsewhere. Guesses from many networks meet a second, larger budget of the account
//! alone. It holds up every network but those that have lately given the right password.

use std::{net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use stubmart_contract::{UserId, password};
use stubmart_kernel::{limited::a_day, network::network, turns::Turns};
use stubmart_ports::{
    host::{Busy, PasswordHasher},
    limits::{Quota, RateLimits},
};

use crate::failure::{Failure, Limited};

/// How often an account's password may be guessed wrongly from one network.
const FAILURES: Quota = Quota { burst: 10, every: Duration::from_secs(60) };

/// How often it may be guessed wrongly from all networks together: a hundred times, as NIST SP 800-63B
/// (5.2.2) says, and one more time a minute.
const FAILURES_EVERYWHERE: Quota = Quota { burst: 100, every: Duration::from_secs(60) };

/// How long an account knows a network after the right password came from there: at least thirty days,
/// while one of this quota is taken. It may be taken twice, so that it is extended.
const KNOWN: Quota = Quota { burst: 2, every: Duration::from_secs(30 * 24 * 3600) };

/// How often one address may have a password checked, right or wrong.
const CHECKS: Quota = Quota { burst: 300, every: Duration::from_millis(200) };

/// How often a signed-in user may have the present password checked, right or wrong.
const CHANGES: Quota = Quota { burst: 30, every: Duration::from_secs(60) };

/// How many mails with a link may be asked for one account.
const LINKS: Quota = Quota { burst: 5, every: Duration::from_secs(12 * 60) };

/// How many mails with a link one address may ask for, for any accounts.
const LINKS_FROM: Quota = Quota { burst: 30, every: Duration::from_secs(60) };

/// How long a client waits that finds too many others waiting for the same account.
const QUEUE_WAIT: Duration = Duration::from_secs(1);

/// Whose password is guessed.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// The account of this address (folded), or nobody's: the limit is the same, so that it says nothing
    /// about which.
    Email(&'a str),
    /// The account of this user, who is signed in.
    User(UserId),
}

/// Whose password is guessed, and from where.
#[derive(Clone, Copy)]
pub(crate) struct Guess<'a> {
    pub(crate) subject: Subject<'a>,
    /// `None` where it is not known: all such guesses count as one network's.
    pub(crate) from: Option<IpAddr>,
}

/// Why a password is not accepted.
#[derive(Debug)]
pub(crate) enum CheckError {
    /// It is not the account's, or there is no account. The guess counts.
    Wrong,
    /// It was not checked.
    Limited(Limited),
}

impl<E: Into<Limited>> From<E> for CheckError {
    fn from(error: E) -> Self {
        Self::Limited(error.into())
    }
}

/// Names something without giving it away: limits are kept outside of the store.
pub(crate) fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

impl Guess<'_> {
    /// Names the account.
    fn account(self) -> String {
        match self.subject {
            Subject::Email(email) => digest(&format!("email:{email}")),
            Subject::User(id) => digest(&format!("user:{id}")),
        }
    }

    /// Names the account and the network together.
    fn account_and_network(self) -> String {
        let network = self.from.map(network).map(|it| it.to_string()).unwrap_or_default();
        digest(&format!("{}@{network}", self.account()))
    }
}

/// Hashes and checks passwords within limits.
pub(crate) struct Passwords {
    hasher: Arc<dyn PasswordHasher>,
    limits: Arc<dyn RateLimits>,
    /// One check at a time for each account and network: of many guesses at once, none may slip through
    /// before the first is counted.
    turns: Turns,
    /// How many accounts one network may open.
    signups: Quota,
}

impl Passwords {
    pub(crate) fn new(
        hasher: Arc<dyn PasswordHasher>,
        limits: Arc<dyn RateLimits>,
        signups_a_day: u32,
    ) -> Self {
        Self { hasher, limits, turns: Turns::default(), signups: a_day(signups_a_day) }
    }

    /// A salted hash.
    ///
    /// # Errors
    /// [`Failure::Unavailable`].
    pub(crate) async fn hash(&self, password: String) -> Result<String, Failure> {
        Ok(self.hasher.hash(password::comparable(&password)).await?)
    }

    /// Accepts the password that `hash` was made of and no other. Without a hash it accepts none, and
    /// takes as long.
    ///
    /// # Errors
    /// [`CheckError`]. When there were too many checks, or too many wrong ones, it is
    /// [`Limited::TooMany`] whether or not the password is right.
    pub(crate) async fn check(
        &self,
        guess: Guess<'_>,
        password: String,
        hash: Option<String>,
    ) -> Result<(), CheckError> {
        let (account, place) = (guess.account(), guess.account_and_network());
        self.count_check(guess.from).await?;
        if let Subject::User(_) = guess.subject {
            let changes = format!("auth.changes.{account}");
            allowed(self.limits.take(&changes, CHANGES).await?)?;
        }
        let turn = self.turns.take(place.clone()).await;
        let _turn = turn.ok_or(Limited::TooMany(QUEUE_WAIT))?;
        let here = format!("auth.failures.{place}");
        let everywhere = format!("auth.failures.{account}");
        let known = format!("auth.known.{place}");
        allowed(self.limits.peek(&here, FAILURES).await?)?;
        let is_known = self.limits.peek(&known, Quota { burst: 1, ..KNOWN }).await?.is_some();
        if !is_known {
            allowed(self.limits.peek(&everywhere, FAILURES_EVERYWHERE).await?)?;
        }
        if self.is_right(password, hash).await? {
            self.limits.take(&known, KNOWN).await?;
            return Ok(());
        }
        self.count_wrong(guess).await?;
        Err(CheckError::Wrong)
    }

    /// Whether the password is the one that `hash` was made of, however it is spelled. Earlier versions hashed
    /// it as it was typed.
    async fn is_right(&self, typed: String, hash: Option<String>) -> Result<bool, Busy> {
        let comparable = password::comparable(&typed);
        let is_spelled_otherwise = comparable != typed;
        let is_right = self.hasher.verify(comparable, hash.clone()).await?;
        Ok(is_right || (is_spelled_otherwise && self.hasher.verify(typed, hash).await?))
    }

    /// Counts a wrong guess of a password, or of a code beside it.
    ///
    /// # Errors
    /// [`Limited::Failed`].
    pub(crate) async fn count_wrong(&self, guess: Guess<'_>) -> Result<(), Limited> {
        let (account, place) = (guess.account(), guess.account_and_network());
        // Whether one was left to take does not matter any more: this guess is answered.
        self.limits.take(&format!("auth.failures.{place}"), FAILURES).await?;
        self.limits.take(&format!("auth.failures.{account}"), FAILURES_EVERYWHERE).await?;
        Ok(())
    }

    /// Counts a signup from this address.
    ///
    /// # Errors
    /// [`Limited`].
    pub(crate) async fn count_signup(&self, address: Option<IpAddr>) -> Result<(), Limited> {
        self.count("auth.signups", address, self.signups).await
    }

    /// Counts a request of a mail with a link to the account of this address (folded), whether or not
    /// there is one.
    ///
    /// # Errors
    /// [`Limited`].
    pub(crate) async fn count_link(
        &self,
        email: &str,
        from: Option<IpAddr>,
    ) -> Result<(), Limited> {
        self.count("auth.links", from, LINKS_FROM).await?;
        let key = format!("auth.links.{}", digest(email));
        allowed(self.limits.take(&key, LINKS).await?)
    }

    /// Counts a check of something secret from this address.
    ///
    /// # Errors
    /// [`Limited`].
    pub(crate) async fn count_check(&self, from: Option<IpAddr>) -> Result<(), Limited> {
        self.count("auth.checks", from, CHECKS).await
    }

    async fn count(
        &self,
        what: &str,
        address: Option<IpAddr>,
        quota: Quota,
    ) -> Result<(), Limited> {
        let Some(address) = address else { return Ok(()) };
        let key = format!("{what}.{}", network(address));
        allowed(self.limits.take(&key, quota).await?)
    }
}

fn allowed(wait: Option<Duration>) -> Result<(), Limited> {
    wait.map_or(Ok(()), |wait| Err(Limited::TooMany(wait)))
}
