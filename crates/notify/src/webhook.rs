//! A webhook: where one user's events are sent to.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Timestamp, UserId, WebhookId,
    api::{self, WebhookEventType},
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};
use uuid::Uuid;

/// The webhooks.
pub(crate) static WEBHOOKS: Collection = Collection {
    name: "notify.webhooks",
    indexes: &[Index { name: OWNER, unique: false }, Index { name: DUE, unique: false }],
};

/// The index of webhooks by their owner, and when they were made.
pub(crate) const OWNER: &str = "owner";

/// The index of webhooks that have work to be done, by when.
pub(crate) const DUE: &str = "due";

/// How long a webhook is tried in vain until it is disabled.
pub(crate) const TRIED_FOR: Duration = Duration::from_secs(3 * 24 * 3600);

/// How long a secret that was replaced goes on signing.
const OLD_SECRET_FOR: Duration = Duration::from_secs(24 * 3600);

/// How long nothing is sent to a receiver after it failed; twice as long after each further time.
const PAUSE_MIN: Duration = Duration::from_secs(5);

/// How long at the most.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Whether anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Status {
    Enabled,
    /// Its owner has turned it off.
    Off,
    /// Nothing got through for three days.
    Disabled {
        at: Timestamp,
        /// Whether the mail to its owner is in the outbox.
        told: bool,
    },
}

/// A receiver that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failing {
    pub(crate) since: Timestamp,
    failures: u32,
    /// Until when nothing is sent.
    pub(crate) paused_until: Timestamp,
}

/// A replay of the feed that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replay {
    pub(crate) id: Uuid,
    pub(crate) since: Timestamp,
    /// The number of the last event that was taken care of.
    pub(crate) behind: u32,
}

/// A secret that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OldSecret {
    pub(crate) secret: String,
    pub(crate) until: Timestamp,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Webhook {
    pub(crate) id: WebhookId,
    pub(crate) user_id: UserId,
    pub(crate) url: String,
    /// All of them when `None`.
    pub(crate) types: Option<Vec<WebhookEventType>>,
    pub(crate) secret: String,
    pub(crate) old_secret: Option<OldSecret>,
    pub(crate) status: Status,
    pub(crate) failing: Option<Failing>,
    pub(crate) replay: Option<Replay>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// What a webhook is made of.
#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) id: WebhookId,
    pub(crate) user_id: UserId,
    pub(crate) url: String,
    pub(crate) types: Option<Vec<WebhookEventType>>,
    pub(crate) secret: String,
}

/// A command to a webhook.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    Create(New),
    /// Its owner changes it; what is `None` stays.
    Update {
        user_id: UserId,
        url: Option<String>,
        types: Option<Vec<WebhookEventType>>,
        enabled: Option<bool>,
    },
    /// Its owner wants another secret.
    Rotate {
        user_id: UserId,
        secret: String,
    },
    /// Its owner wants the events since a moment once more.
    Replay {
        user_id: UserId,
        id: Uuid,
        since: Timestamp,
    },
    /// The replay of this id has come to this number, or to its end.
    Replayed {
        id: Uuid,
        behind: Option<u32>,
    },
    /// A delivery failed.
    Failed,
    /// A delivery arrived.
    Worked,
    /// The mail about its end is in the outbox.
    Told,
}

/// There is no such webhook of this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotFound;

impl Aggregate for Webhook {
    type Id = WebhookId;
    type Command = Command;
    type Refusal = NotFound;

    fn id(&self) -> WebhookId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let owner = (OWNER, Self::owned_by(self.user_id).time(self.created_at));
        let due = self.due().map(|at| (DUE, Key::new().time(at)));
        [owner].into_iter().chain(due).collect()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, NotFound> {
        let Some(webhook) = current else {
            let Command::Create(new) = command else { return Err(NotFound) };
            return Ok(Decision::silent(Self::new(new, now)));
        };
        if command.owner().is_some_and(|owner| owner != webhook.user_id) {
            return Err(NotFound);
        }
        let after = webhook.after(command, now);
        Ok(if after == *webhook { Decision::Unchanged } else { Decision::silent(after) })
    }
}

impl Command {
    /// The user who has to be the webhook's owner.
    const fn owner(&self) -> Option<UserId> {
        match self {
            Self::Create(New { user_id, .. })
            | Self::Update { user_id, .. }
            | Self::Rotate { user_id, .. }
            | Self::Replay { user_id, .. } => Some(*user_id),
            Self::Replayed { .. } | Self::Failed | Self::Worked | Self::Told => None,
        }
    }
}

impl Webhook {
    fn new(new: &New, now: Timestamp) -> Self {
        let New { id, user_id, url, types, secret } = new.clone();
        Self {
            id,
            user_id,
            url,
            types,
            secret,
            old_secret: None,
            status: Status::Enabled,
            failing: None,
            replay: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// The beginning of the places of a user's webhooks in the index of owners.
    pub(crate) fn owned_by(user_id: UserId) -> Key {
        Key::new().id(user_id.0)
    }

    fn after(&self, command: &Command, now: Timestamp) -> Self {
        let mut after = self.clone();
        match command {
            Command::Create(_) => {}
            Command::Update { url, types, enabled, .. } => after.update(url, types, *enabled, now),
            // Asked again with a secret that it has, it keeps the one before it.
            Command::Rotate { secret, .. } if *secret == self.secret => {}
            Command::Rotate { secret, .. } => {
                let old = std::mem::replace(&mut after.secret, secret.clone());
                let until = now.after(OLD_SECRET_FOR);
                after.old_secret = Some(OldSecret { secret: old, until });
                after.updated_at = now;
            }
            Command::Replay { id, since, .. } => {
                // One that is under way goes on from its beginning, and from the earlier moment of both.
                let since = self.replay.map_or(*since, |it| it.since.min(*since));
                after.replay = Some(Replay { id: *id, since, behind: 0 });
            }
            Command::Replayed { id, behind } => {
                if let Some(replay) = self.replay.filter(|it| it.id == *id) {
                    after.replay = behind.map(|behind| Replay { behind, ..replay });
                }
            }
            Command::Failed => after.fail(now),
            Command::Worked => after.failing = None,
            Command::Told => {
                if let Status::Disabled { told, .. } = &mut after.status {
                    *told = true;
                }
            }
        }
        after
    }

    fn update(
        &mut self,
        url: &Option<String>,
        types: &Option<Vec<WebhookEventType>>,
        enabled: Option<bool>,
        now: Timestamp,
    ) {
        let before = self.clone();
        if let Some(url) = url {
            self.url.clone_from(url);
        }
        if types.is_some() {
            self.types.clone_from(types);
        }
        match enabled {
            Some(true) => self.status = Status::Enabled,
            Some(false) => self.status = Status::Off,
            None => {}
        }
        if *self != before {
            self.updated_at = now;
            // What its owner has changed begins afresh.
            self.failing = None;
        }
    }

    fn fail(&mut self, now: Timestamp) {
        let since = self.failing.map_or(now, |it| it.since);
        let failures = self.failing.map_or(0, |it| it.failures);
        let pause = PAUSE_MIN.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
        let failures = failures.saturating_add(1);
        self.failing = Some(Failing { since, failures, paused_until: now.after(pause) });
        if self.status == Status::Enabled && now.since(since) >= TRIED_FOR {
            self.status = Status::Disabled { at: now, told: false };
        }
    }

    /// When there is something to be done for it.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let end = match self.status {
            Status::Disabled { at, told: false } => Some(at),
            Status::Enabled | Status::Off | Status::Disabled { .. } => None,
        };
        end.or_else(|| self.replay.map(|_| self.created_at))
    }

    /// Whether it wants events of this kind.
    pub(crate) fn takes(&self, kind: WebhookEventType) -> bool {
        self.is_enabled() && self.types.as_ref().is_none_or(|types| types.contains(&kind))
    }

    /// Whether anything is sent.
    pub(crate) fn is_enabled(&self) -> bool {
        self.status == Status::Enabled
    }

    /// The secrets that sign at `now`.
    pub(crate) fn secrets(&self, now: Timestamp) -> impl Iterator<Item = &str> {
        let old = self.old_secret.as_ref().filter(|old| now < old.until);
        std::iter::once(self.secret.as_str()).chain(old.map(|old| old.secret.as_str()))
    }
}

impl From<Webhook> for api::Webhook {
    fn from(webhook: Webhook) -> Self {
        Self {
            enabled: webhook.is_enabled(),
            id: webhook.id,
            url: webhook.url,
            types: webhook.types,
            disabled_at: match webhook.status {
                Status::Disabled { at, .. } => Some(at),
                Status::Enabled | Status::Off => None,
            },
            failing_since: webhook.failing.map(|it| it.since),
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

impl From<Webhook> for api::IssuedWebhook {
    fn from(webhook: Webhook) -> Self {
        Self {
            enabled: webhook.is_enabled(),
            id: webhook.id,
            url: webhook.url,
            types: webhook.types,
            created_at: webhook.created_at,
            secret: webhook.secret,
            old_secret_until: webhook.old_secret.map(|old| old.until),
        }
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
