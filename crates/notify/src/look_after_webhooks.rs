//! What webhooks need besides deliveries: replays, the mail about one that was disabled, and the end of
//! accounts and of old events.

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use stubmart_contract::{
    Context, DomainEvent, Envelope, EventType, UserId, WebhookEventId, WebhookId,
};
use stubmart_kernel::{
    Aggregate, Repository, RepositoryError,
    consumer::{HandleError, Handler},
    due::{Due, DueError},
    worker::Wake,
};
use stubmart_ports::{bus::Consumer, store::Scan};

use crate::{
    alert::{self, Alert},
    delivery,
    feed::{Entry, FEED, PURGE},
    outbox::{News, Reason},
    publish::only_repository,
    service::{Notify, SERVICE},
    webhook::{Command, DUE, OWNER, Replay, Status, Webhook},
};

/// How many events of a replay are taken care of at once.
const BATCH: usize = 100;

static ACCOUNTS: Consumer = Consumer { name: "notify.users", types: &[EventType::UserDeleted] };

/// Webhooks that have something to be done.
#[derive(Debug)]
pub(crate) struct DueWebhooks(pub(crate) Notify);

#[async_trait]
impl Due for DueWebhooks {
    type Aggregate = Webhook;

    fn name(&self) -> &'static str {
        "notify-webhooks"
    }

    fn repository(&self) -> &Repository<Webhook> {
        &self.0.inner.webhooks
    }

    fn index(&self) -> &'static str {
        DUE
    }

    async fn run(&self, id: WebhookId) -> Result<(), DueError> {
        let context = Context::work(SERVICE);
        let found = self.0.inner.webhooks.load(id).await?;
        let Some(webhook) = found.map(|found| found.state) else { return Ok(()) };
        if let Status::Disabled { at, told: false } = webhook.status {
            self.tell(&context, &webhook, at.millis()).await?;
        }
        let mut replay = webhook.replay;
        while let Some(now) = replay {
            replay = self.replay(&context, &webhook, now).await?;
        }
        Ok(())
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.inner.upkeep.clone())
    }
}

impl DueWebhooks {
    /// Puts the mail to the owner into the outbox.
    async fn tell(
        &self,
        context: &Context,
        webhook: &Webhook,
        disabled_at: i64,
    ) -> Result<(), RepositoryError> {
        let hash = Sha256::new()
            .chain_update(webhook.id.0.as_bytes())
            .chain_update(disabled_at.to_be_bytes())
            .finalize();
        let bytes = hash.first_chunk::<16>().copied().unwrap_or_default();
        let reason = Reason::WebhookDisabled(uuid::Builder::from_custom_bytes(bytes).into_uuid());
        let news =
            News { webhook: Some(webhook.url.clone()), ..News::plain(webhook.user_id, reason) };
        self.0.learn(context, news).await?;
        self.note(context, webhook.id, &Command::Told).await
    }

    /// Has the next events of a replay delivered; the answer is what is left of it.
    async fn replay(
        &self,
        context: &Context,
        webhook: &Webhook,
        replay: Replay,
    ) -> Result<Option<Replay>, RepositoryError> {
        let inner = &self.0.inner;
        let user_id = webhook.user_id;
        let entries = self.0.feed_behind(user_id, replay.behind).await?;
        let entries = match entries {
            Some(scan) => inner.entries.find(scan.limit(BATCH)).await?,
            None => Vec::new(),
        };
        for entry in entries.iter().map(|row| &row.found.state) {
            let event = &entry.event;
            if event.created_at < replay.since || !webhook.takes(event.kind) {
                continue;
            }
            let (event_id, kind) = (event.id, event.kind);
            let new = delivery::New { webhook_id: webhook.id, user_id, event_id, kind };
            self.0.have_delivered(context, new, Some(replay.id)).await?;
        }
        inner.sending.wake();
        let behind = entries.last().map(|row| row.found.state.number);
        self.note(context, webhook.id, &Command::Replayed { id: replay.id, behind }).await?;
        Ok(behind.map(|behind| Replay { behind, ..replay }))
    }

    async fn note(
        &self,
        context: &Context,
        id: WebhookId,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        let noted = self.0.inner.webhooks.apply(context, id, command).await;
        noted.map(drop).or_else(only_repository)
    }
}

/// Deletes events that have left the feed.
#[derive(Debug)]
pub(crate) struct OldEvents(pub(crate) Notify);

#[async_trait]
impl Due for OldEvents {
    type Aggregate = Entry;

    fn name(&self) -> &'static str {
        "notify-old-events"
    }

    fn repository(&self) -> &Repository<Entry> {
        &self.0.inner.entries
    }

    fn index(&self) -> &'static str {
        PURGE
    }

    async fn run(&self, id: WebhookEventId) -> Result<(), DueError> {
        let now = self.0.inner.host.now();
        if let Some(found) = self.repository().load(id).await?
            && found.state.purge_at() <= now
        {
            self.repository().delete(&found).await?;
        }
        Ok(())
    }
}

/// A deleted account has no webhooks, no feed and no alerts.
#[derive(Debug)]
pub(crate) struct Accounts(pub(crate) Notify);

#[async_trait]
impl Handler for Accounts {
    fn consumer(&self) -> &'static Consumer {
        &ACCOUNTS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        if let DomainEvent::UserDeleted(user) = &envelope.event {
            self.0.inner.departed.add(context, user.id).await?;
            self.0.forget(user.id).await?;
        }
        Ok(())
    }
}

impl Notify {
    /// Deletes a user's webhooks, feed and alerts.
    pub(crate) async fn forget(&self, user_id: UserId) -> Result<(), RepositoryError> {
        let inner = &self.inner;
        while let Some(feed) = inner.feeds.load(user_id).await? {
            inner.feeds.delete(&feed).await?;
        }
        let webhooks = inner.webhooks.scan(OWNER, &Webhook::owned_by(user_id));
        delete_all(&inner.webhooks, webhooks).await?;
        let alerts = inner.alerts.scan(alert::OWNER, &Alert::owned_by(user_id));
        delete_all(&inner.alerts, alerts).await?;
        delete_all(&inner.entries, inner.entries.scan(FEED, &Entry::of(user_id))).await
    }

    /// A new secret for signatures.
    pub(crate) fn fresh_secret(&self) -> String {
        format!("whsec_{}", URL_SAFE_NO_PAD.encode(self.inner.host.ids.secret()))
    }
}

/// Deletes everything that a scan finds, until it finds nothing.
async fn delete_all<A: Aggregate>(
    repository: &Repository<A>,
    scan: Scan,
) -> Result<(), RepositoryError> {
    loop {
        let found = repository.find(scan.clone()).await?;
        if found.is_empty() {
            return Ok(());
        }
        for row in found {
            repository.delete(&row.found).await?;
        }
    }
}
