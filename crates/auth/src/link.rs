//! Links that are mailed to an account's address: who follows one has read the mail.
//!
//! A link's token is made when its mail is sent and kept nowhere: what is stored is its hash. Its time
//! counts from then on, so that a mail server that was down costs nobody a link. A mail that is sent again
//! has another link; both work until one was used.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use stubmart_contract::{Timestamp, UserId};
use uuid::Uuid;

use crate::token_hash::TokenHash;

/// How many links of one purpose an account has at the most; the oldest end.
const LINKS_MAX: usize = 5;

/// What a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    VerifyEmail,
    ResetPassword,
}

impl Purpose {
    /// How long a link works.
    const fn life(self) -> Duration {
        Duration::from_secs(match self {
            Self::VerifyEmail => 24 * 3600,
            Self::ResetPassword => 30 * 60,
        })
    }

    /// The page that takes its token.
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::VerifyEmail => "/verify-email",
            Self::ResetPassword => "/reset-password",
        }
    }
}

/// A link that was not used yet.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Link {
    pub(crate) purpose: Purpose,
    pub(crate) token_hash: TokenHash,
    pub(crate) expires_at: Timestamp,
}

impl Link {
    /// A link that is mailed now.
    pub(crate) fn new(purpose: Purpose, token_hash: TokenHash, now: Timestamp) -> Self {
        Self { purpose, token_hash, expires_at: now.after(purpose.life()) }
    }
}

/// Whether one of these links has this token and still works.
pub(crate) fn opens(links: &[Link], purpose: Purpose, token: &TokenHash, now: Timestamp) -> bool {
    links.iter().any(|it| it.purpose == purpose && it.token_hash == *token && now < it.expires_at)
}

/// The links that still work, and `link`.
pub(crate) fn with(links: &[Link], link: &Link, now: Timestamp) -> Vec<Link> {
    let alive = links.iter().filter(|it| now < it.expires_at);
    let (same, others): (Vec<_>, Vec<_>) = alive.partition(|it| it.purpose == link.purpose);
    let surplus = (same.len() + 1).saturating_sub(LINKS_MAX);
    others.into_iter().chain(same.into_iter().skip(surplus)).chain([link]).cloned().collect()
}

/// The token of a link: whose it is, and 256 random bits.
pub(crate) struct LinkToken {
    pub(crate) user_id: UserId,
    pub(crate) text: String,
}

impl LinkToken {
    pub(crate) fn new(user_id: UserId, secret: [u8; 32]) -> Self {
        let bytes = [user_id.0.as_bytes().as_slice(), &secret].concat();
        Self { user_id, text: URL_SAFE_NO_PAD.encode(bytes) }
    }

    /// Reads what may be a token.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (id, secret) = bytes.split_first_chunk::<16>()?;
        (secret.len() == 32)
            .then(|| Self { user_id: UserId(Uuid::from_bytes(*id)), text: text.to_owned() })
    }

    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(purpose: Purpose, token: &str, at: i64) -> Link {
        Link::new(purpose, TokenHash::of(token), Timestamp::from_millis(at))
    }

    #[test]
    fn a_token_names_its_user_and_reads_back() {
        let user_id = UserId(Uuid::from_u128(7));
        let token = LinkToken::new(user_id, [9; 32]);
        let read = LinkToken::parse(&token.text).unwrap();
        assert_eq!((read.user_id, read.hash()), (user_id, token.hash()));
        for wrong in ["", "token", &token.text[1..], &format!("{}A", token.text)] {
            assert!(LinkToken::parse(wrong).is_none(), "{wrong}");
        }
    }

    /// A link works for its own purpose, until its time is over: 30 minutes for a password, a day for an
    /// address.
    #[test]
    fn a_link_works_for_its_purpose_and_its_time() {
        for (purpose, other, life) in [
            (Purpose::ResetPassword, Purpose::VerifyEmail, 30 * 60),
            (Purpose::VerifyEmail, Purpose::ResetPassword, 24 * 3600),
        ] {
            let links = [link(purpose, "a", 0)];
            let end = Timestamp::from_millis(life * 1000);
            let last = Timestamp::from_millis(life * 1000 - 1);
            let (a, b) = (TokenHash::of("a"), TokenHash::of("b"));
            assert!(opens(&links, purpose, &a, last));
            assert!(!opens(&links, purpose, &a, end));
            assert!(!opens(&links, other, &a, last));
            assert!(!opens(&links, purpose, &b, last));
        }
    }

    /// However many links are asked for, few are kept, and those of another purpose stay.
    #[test]
    fn the_oldest_links_end_first() {
        let mut links = vec![link(Purpose::VerifyEmail, "address", 0)];
        for number in 0..20 {
            let now = Timestamp::from_millis(number);
            links = with(&links, &link(Purpose::ResetPassword, &number.to_string(), number), now);
        }
        let now = Timestamp::from_millis(20);
        let works = |token: &str| opens(&links, Purpose::ResetPassword, &TokenHash::of(token), now);
        assert!(works("15") && works("19") && !works("14"));
        assert!(opens(&links, Purpose::VerifyEmail, &TokenHash::of("address"), now));
        let later = Timestamp::from_millis(48 * 3600 * 1000);
        assert_eq!(with(&links, &link(Purpose::ResetPassword, "new", 0), later).len(), 1);
    }
}
