//! Checks passwords, and holds up whoever guesses them or keeps the processors busy with them.
//!
//! Wrong guesses are counted for the account and the network they come from, so that nobody can lock
//! somebody out from elsewhere. Who guesses from many networks meets a second, larger budget of the
//! account alone; it holds up everybody but the networks that have given the right password lately.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex as StdMutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use stubmart_contract::{Code, UserId};
use stubmart_http_kit::Problem;
use stubmart_ports::limits::Quota;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::Auth;

/// How often an account's password may be guessed wrongly from one network.
const FAILURES: Quota = Quota { burst: 10, every: Duration::from_secs(60) };

/// How often it may be guessed wrongly from all networks together: a hundred, as NIST SP 800-63B
/// (5.2.2) has it, and one more a minute.
const FAILURES_EVERYWHERE: Quota = Quota { burst: 100, every: Duration::from_secs(60) };

/// How long a network is known to an account after the right password was given from there: at least
/// thirty days, while one of this quota is taken. It may be taken twice, so that it is extended.
const KNOWN: Quota = Quota { burst: 2, every: Duration::from_secs(30 * 24 * 3600) };

/// How often one address may have a password checked, right or wrong.
const CHECKS: Quota = Quota { burst: 300, every: Duration::from_millis(200) };

/// How often a signed-in user may have the present password checked, right or wrong.
const CHANGES: Quota = Quota { burst: 30, every: Duration::from_secs(60) };

/// How many accounts one address may open.
const SIGNUPS: Quota = Quota { burst: 100, every: Duration::from_secs(3) };

/// How many checks of one account's password from one network may wait for each other.
const WAITING_MAX: usize = 64;

/// How long whoever finds the queue full is asked to wait.
const QUEUE_WAIT: Duration = Duration::from_secs(1);

/// Whose password is guessed.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// The account of this address (folded), or nobody's: the limit is the same, so that it tells
    /// nothing.
    Email(&'a str),
    /// This user's, by somebody who is signed in.
    User(UserId),
}

/// Whose password is guessed, and from where.
#[derive(Clone, Copy)]
pub(crate) struct Guess<'a> {
    pub(crate) subject: Subject<'a>,
    /// `None` where it is not known: all such guesses come from one network then.
    pub(crate) from: Option<IpAddr>,
}

/// Names something without saying what it is: limits are kept outside of the store.
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
    fn place(self) -> String {
        let network = self.from.map(network).map(|it| it.to_string()).unwrap_or_default();
        digest(&format!("{}@{network}", self.account()))
    }
}

/// One password check at a time for each account and network: many guesses at once must not all slip
/// through before the first is counted.
#[derive(Debug, Default)]
pub(crate) struct Turns(StdMutex<HashMap<String, Queue>>);

/// Who checks one password and who waits to.
#[derive(Debug, Default)]
struct Queue {
    turn: Arc<Mutex<()>>,
    length: usize,
}

/// A place in a queue; dropping it leaves the queue.
struct Place<'a> {
    turns: &'a Turns,
    key: String,
}

/// The head of a queue. The turn ends before the place is given up.
struct Turn<'a> {
    _turn: OwnedMutexGuard<()>,
    _place: Place<'a>,
}

impl Turns {
    /// Waits for the turn; `None` at once when too many wait already.
    async fn take(&self, key: String) -> Option<Turn<'_>> {
        let turn = {
            let mut queues = self.lock();
            let queue = queues.entry(key.clone()).or_default();
            if queue.length > WAITING_MAX {
                return None;
            }
            queue.length = queue.length.saturating_add(1);
            Arc::clone(&queue.turn)
        };
        let place = Place { turns: self, key };
        Some(Turn { _turn: turn.lock_owned().await, _place: place })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Entry::Occupied(mut queue) = self.turns.lock().entry(std::mem::take(&mut self.key)) {
            let length = queue.get().length.saturating_sub(1);
            if length == 0 {
                queue.remove();
            } else {
                queue.get_mut().length = length;
            }
        }
    }
}

impl Auth {
    /// Refuses a password that is not the one `hash` was made of. With no hash it always does, and
    /// takes as long.
    ///
    /// # Errors
    /// `bad_credentials`, which counts against the account and the network; `too_many_requests` when
    /// there were too many checks or too many of them failed, whether or not it is right now;
    /// `unavailable`.
    pub(crate) async fn check_password(
        &self,
        guess: Guess<'_>,
        password: String,
        hash: Option<String>,
    ) -> Result<(), Problem> {
        let inner = &self.inner;
        let (account, place) = (guess.account(), guess.place());
        self.count("auth.checks", guess.from, CHECKS).await?;
        if let Subject::User(_) = guess.subject {
            let changes = format!("auth.changes.{account}");
            allowed(inner.limits.take(&changes, CHANGES).await?)?;
        }
        let turn = inner.turns.take(place.clone()).await;
        let _turn = turn.ok_or_else(|| too_many(QUEUE_WAIT))?;
        let here = format!("auth.failures.{place}");
        let everywhere = format!("auth.failures.{account}");
        let known = format!("auth.known.{place}");
        allowed(inner.limits.peek(&here, FAILURES).await?)?;
        let is_known = inner.limits.peek(&known, Quota { burst: 1, ..KNOWN }).await?.is_some();
        if !is_known {
            allowed(inner.limits.peek(&everywhere, FAILURES_EVERYWHERE).await?)?;
        }
        if inner.passwords.verify(password, hash).await? {
            inner.limits.take(&known, KNOWN).await?;
            return Ok(());
        }
        // Whether one was left to take does not matter any more: this guess is answered.
        inner.limits.take(&here, FAILURES).await?;
        inner.limits.take(&everywhere, FAILURES_EVERYWHERE).await?;
        Err(Problem::new(Code::BadCredentials))
    }

    /// Counts a signup from this address.
    ///
    /// # Errors
    /// `too_many_requests`; `unavailable`.
    pub(crate) async fn count_signup(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.count("auth.signups", address, SIGNUPS).await
    }

    async fn count(
        &self,
        what: &str,
        address: Option<IpAddr>,
        quota: Quota,
    ) -> Result<(), Problem> {
        let Some(address) = address else { return Ok(()) };
        let key = format!("{what}.{}", network(address));
        allowed(self.inner.limits.take(&key, quota).await?)
    }
}

/// The addresses that one client can choose from: an IPv4 address alone, or an IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// Refuses what has to wait.
fn allowed(wait: Option<Duration>) -> Result<(), Problem> {
    wait.map_or(Ok(()), |wait| Err(too_many(wait)))
}

fn too_many(wait: Duration) -> Problem {
    Problem::new(Code::TooManyRequests).retry_after(wait)
}

#[cfg(test)]
mod tests {
    /// A client can not escape its limit by choosing another of the addresses it was given.
    #[test]
    fn an_ipv6_client_is_its_network_and_a_mapped_address_is_the_ipv4_one() {
        let network = |text: &str| super::network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), network("2001:db8:1:2::1"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
