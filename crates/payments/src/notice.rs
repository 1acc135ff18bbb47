//! A notice of the provider, from its arrival until something was done about it: a pure state machine.
//!
//! ```text
//!  arrive ─▶ waiting ─▶ done ─▶ (forgotten)
//!              │  ▲
//!              └──┘ put off: its charge is not known, or the provider did not answer
//! ```
//! It is kept for a while after it is done, so that one that comes again finds itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stubmart_contract::{ChargeId, Timestamp};
use stubmart_kernel::aggregate::{Aggregate, Collection, Decision, Index, Key};
use uuid::Uuid;

/// The notices.
pub(crate) static NOTICES: Collection =
    Collection { name: "payments.notice", indexes: &[Index { name: DUE, unique: false }] };

/// By when something is to be done about it; for one that is done, by when it is forgotten.
pub(crate) const DUE: &str = "due";

/// How long the request that brings a notice is left alone with it.
const TAKEOVER: Duration = Duration::from_secs(30);

/// How long it is put off at first; twice as long each further time.
const PAUSE_MIN: Duration = Duration::from_secs(10);

/// How long it is put off at the most.
const PAUSE_MAX: Duration = Duration::from_secs(3600);

/// How long something is tried. Stripe sends a notice again for three days.
const TRIED: Duration = Duration::from_secs(3 * 24 * 3600);

/// How long a notice is known after it came. Stripe lists events for thirty days.
const KNOWN: Duration = Duration::from_secs(31 * 24 * 3600);

/// Names a notice: a hash of the provider's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct NoticeId(Uuid);

impl NoticeId {
    /// The notice with this id at the provider.
    pub(crate) fn of(event_id: &str) -> Self {
        let mut bytes = [0; 16];
        for (byte, hashed) in bytes.iter_mut().zip(Sha256::digest(event_id.as_bytes())) {
            *byte = hashed;
        }
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl From<Uuid> for NoticeId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<NoticeId> for Uuid {
    fn from(id: NoticeId) -> Self {
        id.0
    }
}

/// A notice that came, as far as it is kept: what it says about the payment may be old, so that is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredNotice {
    /// Its id.
    pub(crate) id: NoticeId,
    /// Its id at the provider.
    pub(crate) event_id: String,
    /// What happened, by the provider's name for it.
    pub(crate) kind: String,
    /// The payment that it is about.
    pub(crate) payment_id: String,
    /// The charge that the provider keeps with the payment, where the notice says it.
    pub(crate) charge_id: Option<ChargeId>,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// When it first came.
    pub(crate) received_at: Timestamp,
    /// How often it was put off.
    pub(crate) tries: u32,
    /// Whether something was done about it.
    pub(crate) is_done: bool,
    /// When it is worked on, or forgotten.
    pub(crate) due_at: Timestamp,
}

/// What a new notice says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewNotice {
    /// Its id at the provider.
    pub(crate) event_id: String,
    /// What happened, by the provider's name for it.
    pub(crate) kind: String,
    /// The payment that it is about.
    pub(crate) payment_id: String,
    /// The charge, where the notice says it.
    pub(crate) charge_id: Option<ChargeId>,
    /// When it happened.
    pub(crate) at: Timestamp,
}

/// A change of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// It came. One that is known stays as it is.
    Arrive(NewNotice),
    /// Something was done about it.
    Finish,
    /// Nothing can be done about it yet. After three days nothing will be.
    PutOff,
}

/// There is no such notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Missing;

impl Aggregate for StoredNotice {
    type Id = NoticeId;
    type Command = Command;
    type Refusal = Missing;

    fn id(&self) -> NoticeId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        vec![(DUE, Key::new().time(self.due_at))]
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Missing> {
        let notice = match (current, command) {
            (None, Command::Arrive(new)) => return Ok(Decision::silent(Self::arrived(new, now))),
            (None, Command::Finish | Command::PutOff) => return Err(Missing),
            (Some(notice), _) if notice.is_done => return Ok(Decision::Unchanged),
            (Some(_), Command::Arrive(_)) => return Ok(Decision::Unchanged),
            (Some(notice), Command::Finish | Command::PutOff) => notice,
        };
        let is_over = now.since(notice.received_at) >= TRIED;
        let mut after = notice.clone();
        if *command == Command::Finish || is_over {
            after.is_done = true;
            after.due_at = notice.received_at.after(KNOWN);
        } else {
            let pause = PAUSE_MIN.saturating_mul(1 << notice.tries.min(16)).min(PAUSE_MAX);
            after.tries = notice.tries.saturating_add(1);
            after.due_at = now.after(pause);
        }
        Ok(Decision::silent(after))
    }
}

impl StoredNotice {
    fn arrived(new: &NewNotice, now: Timestamp) -> Self {
        let NewNotice { event_id, kind, payment_id, charge_id, at } = new.clone();
        Self {
            id: NoticeId::of(&event_id),
            event_id,
            kind,
            payment_id,
            charge_id,
            at,
            received_at: now,
            tries: 0,
            is_done: false,
            due_at: now.after(TAKEOVER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(current: Option<&StoredNotice>, command: &Command, now: Timestamp) -> StoredNotice {
        match StoredNotice::decide(current, command, now) {
            Ok(Decision::Changed { state, event: None }) => state,
            other => unreachable!("{other:?}"),
        }
    }

    fn arrive() -> Command {
        Command::Arrive(NewNotice {
            event_id: "evt_1".to_owned(),
            kind: "payment_intent.succeeded".to_owned(),
            payment_id: "pi_1".to_owned(),
            charge_id: None,
            at: Timestamp::EPOCH,
        })
    }

    #[test]
    fn one_that_comes_again_changes_nothing() {
        let first = decided(None, &arrive(), Timestamp::EPOCH);
        let done = decided(Some(&first), &Command::Finish, Timestamp::EPOCH);
        let later = Timestamp::EPOCH.after(TRIED);
        for known in [&first, &done] {
            let again = StoredNotice::decide(Some(known), &arrive(), later);
            assert_eq!(again, Ok(Decision::Unchanged));
        }
        assert_eq!(
            StoredNotice::decide(Some(&done), &Command::PutOff, later),
            Ok(Decision::Unchanged)
        );
        assert_eq!(StoredNotice::decide(None, &Command::Finish, later), Err(Missing));
    }

    #[test]
    fn it_is_put_off_longer_each_time_and_given_up_after_three_days() {
        let mut notice = decided(None, &arrive(), Timestamp::EPOCH);
        let (mut pauses, mut tries) = (Vec::new(), 0);
        while !notice.is_done {
            let now = notice.due_at;
            notice = decided(Some(&notice), &Command::PutOff, now);
            pauses.push(notice.due_at.since(now).as_secs());
            tries += 1;
        }
        assert_eq!(pauses[..4], [10, 20, 40, 80]);
        assert!((70..90).contains(&tries), "{tries}");
        assert_eq!(notice.due_at, Timestamp::EPOCH.after(KNOWN), "and then forgotten");
    }
}
