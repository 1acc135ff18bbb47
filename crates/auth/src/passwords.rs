//! Checks passwords, and holds up whoever guesses them.

use std::{net::IpAddr, net::Ipv6Addr, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use stubmart_contract::{Code, UserId};
use stubmart_http_kit::Problem;
use stubmart_ports::limits::Quota;
use tokio::sync::{Mutex, MutexGuard};

use crate::Auth;

/// How often a password may be guessed wrongly.
const FAILURES: Quota = Quota { burst: 10, every: Duration::from_secs(60) };

/// How often one address may try to log in, rightly or wrongly.
const LOGINS: Quota = Quota { burst: 300, every: Duration::from_millis(200) };

/// How many accounts one address may open.
const SIGNUPS: Quota = Quota { burst: 100, every: Duration::from_secs(3) };

/// Whose password is guessed.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// The account of this address (folded), or nobody's: the limit is the same, so that it tells
    /// nothing.
    Email(&'a str),
    /// This user's, by somebody who is signed in.
    User(UserId),
}

impl Subject<'_> {
    /// Names the subject without saying who it is: limits are kept outside of the store.
    fn digest(self) -> [u8; 32] {
        let mut hash = Sha256::new();
        match self {
            Self::Email(email) => hash.update(format!("email:{email}")),
            Self::User(id) => hash.update(format!("user:{id}")),
        }
        hash.finalize().into()
    }
}

/// One password check at a time for each subject: many guesses at once must not all slip through
/// before the first is counted. A subject shares its turn with few others, chosen by its digest.
#[derive(Debug)]
pub(crate) struct Turns(Vec<Mutex<()>>);

impl Default for Turns {
    fn default() -> Self {
        Self((0..=u8::MAX).map(|_| Mutex::new(())).collect())
    }
}

impl Turns {
    async fn take(&self, digest: [u8; 32]) -> Option<MutexGuard<'_, ()>> {
        let [first, ..] = digest;
        match self.0.get(usize::from(first)) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        }
    }
}

impl Auth {
    /// Refuses a password that is not the one `hash` was made of. With no hash it always does, and
    /// takes as long.
    ///
    /// # Errors
    /// `bad_credentials`, which counts against the subject; `too_many_requests` when it was guessed
    /// wrongly too often, whether or not it is right now; `unavailable`.
    pub(crate) async fn check_password(
        &self,
        subject: Subject<'_>,
        password: String,
        hash: Option<String>,
    ) -> Result<(), Problem> {
        let inner = &self.inner;
        let digest = subject.digest();
        let key = format!("auth.failures.{}", URL_SAFE_NO_PAD.encode(digest));
        let _turn = inner.turns.take(digest).await;
        if let Some(wait) = inner.limits.peek(&key, FAILURES).await? {
            return Err(too_many(wait));
        }
        if inner.passwords.verify(password, hash).await? {
            return Ok(());
        }
        // Whether one was left to take does not matter any more: this guess is answered.
        inner.limits.take(&key, FAILURES).await?;
        Err(Problem::new(Code::BadCredentials))
    }

    /// Counts a login from this address.
    ///
    /// # Errors
    /// `too_many_requests`; `unavailable`.
    pub(crate) async fn count_login(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        self.count("auth.logins", address, LOGINS).await
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
        match self.inner.limits.take(&key, quota).await? {
            Some(wait) => Err(too_many(wait)),
            None => Ok(()),
        }
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
