//! A delivery: one event on its way to one webhook, and then its line in the log.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stubmart_contract::{
    Timestamp, UserId, WebhookDeliveryId, WebhookEventId, WebhookId,
    api::{self, WebhookAttempt, WebhookDeliveryStatus, WebhookEventType},
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};
use uuid::Uuid;

use crate::webhook::TRIED_FOR;

/// The deliveries.
pub(crate) static DELIVERIES: Collection = Collection {
    name: "notify.deliveries",
    indexes: &[
        Index { name: DUE, unique: false },
        Index { name: WEBHOOK, unique: false },
        Index { name: PURGE, unique: false },
    ],
};

/// The index of deliveries that are to be tried, by when.
pub(crate) const DUE: &str = "due";

/// The index of deliveries by their webhook, and when they were made: the log.
pub(crate) const WEBHOOK: &str = "webhook";

/// The index of deliveries by when they are deleted.
pub(crate) const PURGE: &str = "purge";

/// How long the log goes back.
const LOGGED: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many attempts the log shows.
const ATTEMPTS_SHOWN: usize = 20;

/// How long an attempt has until another instance may make the next one: longer than a request may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(60);

/// The waits after attempts that failed, in seconds; the last one is repeated.
const WAITS: [u64; 8] = [10, 60, 300, 1200, 3600, 7200, 14_400, 28_800];

/// An attempt that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Claim {
    id: Uuid,
    until: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Status {
    Waiting {
        due: Timestamp,
        /// When the first of these attempts was due.
        since: Timestamp,
        failures: u32,
        claim: Option<Claim>,
    },
    Delivered,
    Failed,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    pub(crate) id: WebhookDeliveryId,
    pub(crate) webhook_id: WebhookId,
    pub(crate) user_id: UserId,
    pub(crate) event_id: WebhookEventId,
    pub(crate) kind: WebhookEventType,
    pub(crate) created_at: Timestamp,
    status: Status,
    attempt_count: u32,
    attempts: Vec<WebhookAttempt>,
    /// The last replay that took care of it.
    replay: Option<Uuid>,
}

/// What a delivery is made of.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) webhook_id: WebhookId,
    pub(crate) user_id: UserId,
    pub(crate) event_id: WebhookEventId,
    pub(crate) kind: WebhookEventType,
}

impl New {
    /// The delivery's id: there is one of each event to each webhook.
    pub(crate) fn id(&self) -> WebhookDeliveryId {
        let hash = Sha256::new()
            .chain_update(self.webhook_id.0.as_bytes())
            .chain_update(self.event_id.0.as_bytes())
            .finalize();
        let bytes = hash.first_chunk::<16>().copied().unwrap_or_default();
        WebhookDeliveryId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// A command to a delivery.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// The event is to be delivered; once for each replay, and for none.
    Deliver { new: New, replay: Option<Uuid> },
    /// The next attempt is made by the holder of this id.
    Claim(Uuid),
    /// The receiver is left alone until then.
    Postpone(Timestamp),
    /// The attempt of this claim has ended.
    Settle { claim: Uuid, attempt: WebhookAttempt },
    /// It is given up: there is nothing to send, or nobody to send it to.
    Close,
}

/// There is no such delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

impl Aggregate for Delivery {
    type Id = WebhookDeliveryId;
    type Command = Command;
    type Refusal = Gone;

    fn id(&self) -> WebhookDeliveryId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let log = (WEBHOOK, Self::of(self.webhook_id).time(self.created_at));
        let purge = (PURGE, Key::new().time(self.purge_at()));
        let due = self.due().map(|due| (DUE, Key::new().time(due)));
        [log, purge].into_iter().chain(due).collect()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Gone> {
        let Some(delivery) = current else {
            let Command::Deliver { new, replay } = command else { return Err(Gone) };
            return Ok(Decision::silent(Self::new(new, *replay, now)));
        };
        let after = delivery.after(command, now);
        Ok(if after == *delivery { Decision::Unchanged } else { Decision::silent(after) })
    }
}

impl Delivery {
    fn new(new: &New, replay: Option<Uuid>, now: Timestamp) -> Self {
        Self {
            id: new.id(),
            webhook_id: new.webhook_id,
            user_id: new.user_id,
            event_id: new.event_id,
            kind: new.kind,
            created_at: now,
            status: Self::waiting(now),
            attempt_count: 0,
            attempts: Vec::new(),
            replay,
        }
    }

    const fn waiting(now: Timestamp) -> Status {
        Status::Waiting { due: now, since: now, failures: 0, claim: None }
    }

    /// The beginning of the places of a webhook's deliveries in the log.
    pub(crate) fn of(webhook_id: WebhookId) -> Key {
        Key::new().id(webhook_id.0)
    }

    fn after(&self, command: &Command, now: Timestamp) -> Self {
        let mut after = self.clone();
        match command {
            Command::Deliver { replay, .. } => {
                let is_new = replay.is_some() && *replay != self.replay;
                if is_new && !matches!(self.status, Status::Waiting { .. }) {
                    after.status = Self::waiting(now);
                }
                after.replay = replay.or(self.replay);
            }
            Command::Claim(id) => after.claim(*id, now),
            Command::Postpone(until) => {
                if let Status::Waiting { due, .. } = &mut after.status {
                    *due = (*due).max(*until);
                }
            }
            Command::Settle { claim, attempt } => after.settle(*claim, attempt, now),
            Command::Close => {
                if let Status::Waiting { .. } = self.status {
                    after.status = Status::Failed;
                }
            }
        }
        after
    }

    fn claim(&mut self, id: Uuid, now: Timestamp) {
        if self.due().is_some_and(|due| due <= now)
            && let Status::Waiting { claim, .. } = &mut self.status
        {
            *claim = Some(Claim { id, until: now.after(ATTEMPT_MAX) });
        }
    }

    /// Whether the attempt of this claim is the one that is under way.
    pub(crate) fn is_claimed_by(&self, id: Uuid) -> bool {
        matches!(self.status, Status::Waiting { claim: Some(claim), .. } if claim.id == id)
    }

    fn settle(&mut self, id: Uuid, attempt: &WebhookAttempt, now: Timestamp) {
        let Status::Waiting { since, failures, claim, .. } = self.status else { return };
        let arrived = attempt.status.is_some_and(|status| (200..300).contains(&status));
        let is_ours = claim.is_some_and(|claim| claim.id == id);
        // An attempt that another one has overtaken counts where it arrived.
        if !arrived && !is_ours {
            return;
        }
        self.attempt_count = self.attempt_count.saturating_add(1);
        self.attempts.push(attempt.clone());
        if self.attempts.len() > ATTEMPTS_SHOWN {
            self.attempts.remove(0);
        }
        let end = since.after(TRIED_FOR);
        self.status = match arrived {
            true => Status::Delivered,
            false if now >= end => Status::Failed,
            false => Status::Waiting {
                due: now.after(wait(failures, id)).min(end),
                since,
                failures: failures.saturating_add(1),
                claim: None,
            },
        };
    }

    /// When the next attempt may be made.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match self.status {
            Status::Waiting { due, claim, .. } => {
                Some(claim.map_or(due, |claim| claim.until.max(due)))
            }
            Status::Delivered | Status::Failed => None,
        }
    }

    /// Where it stands.
    pub(crate) const fn public_status(&self) -> WebhookDeliveryStatus {
        match self.status {
            Status::Waiting { .. } => WebhookDeliveryStatus::Waiting,
            Status::Delivered => WebhookDeliveryStatus::Delivered,
            Status::Failed => WebhookDeliveryStatus::Failed,
        }
    }

    /// When it leaves the log.
    pub(crate) fn purge_at(&self) -> Timestamp {
        self.created_at.after(LOGGED)
    }
}

/// How long the next attempt waits: up to a tenth longer than said, so that what failed together does not
/// come back together.
fn wait(failures: u32, claim: Uuid) -> Duration {
    let last = WAITS.len().saturating_sub(1);
    let place = usize::try_from(failures).unwrap_or(last).min(last);
    let seconds = WAITS.get(place).copied().unwrap_or_default();
    let [.., random] = *claim.as_bytes();
    Duration::from_millis(seconds * 1000 + seconds * 100 * u64::from(random) / 255)
}

impl From<Delivery> for api::WebhookDelivery {
    fn from(delivery: Delivery) -> Self {
        Self {
            next_attempt_at: delivery.due(),
            id: delivery.id,
            webhook_id: delivery.webhook_id,
            event_id: delivery.event_id,
            event_type: delivery.kind,
            status: delivery.public_status(),
            attempt_count: delivery.attempt_count,
            attempts: delivery.attempts,
            created_at: delivery.created_at,
        }
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
