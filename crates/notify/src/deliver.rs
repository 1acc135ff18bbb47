//! Sends events to webhooks.

use async_trait::async_trait;
use stubmart_contract::{
    Context, Timestamp, WebhookDeliveryId,
    api::{WebhookAttempt, WebhookData, WebhookEvent, WebhookEventType},
};
use stubmart_kernel::{
    Repository, RepositoryError,
    due::{Due, DueError},
    worker::Wake,
};
use stubmart_ports::outbound::{Answered, Post};

use crate::{
    delivery::{Command, DUE, Delivery, PURGE},
    publish::only_repository,
    service::{Notify, SERVICE},
    signature,
    webhook::{self, Webhook},
};

/// Makes the attempts that are due, each by one instance. An attempt that was cut off is made again: a
/// receiver tells by the event's id that it has it.
#[derive(Debug)]
pub(crate) struct DueDeliveries(pub(crate) Notify);

#[async_trait]
impl Due for DueDeliveries {
    type Aggregate = Delivery;

    fn name(&self) -> &'static str {
        "notify-deliveries"
    }

    fn repository(&self) -> &Repository<Delivery> {
        &self.0.inner.deliveries
    }

    fn index(&self) -> &'static str {
        DUE
    }

    async fn run(&self, id: WebhookDeliveryId) -> Result<(), DueError> {
        let inner = &self.0.inner;
        let Some(found) = inner.deliveries.load(id).await? else { return Ok(()) };
        let (delivery, now) = (&found.state, inner.host.now());
        if delivery.due().is_none_or(|due| due > now) {
            return Ok(());
        }
        let Some(webhook) = inner.webhooks.load(delivery.webhook_id).await? else {
            inner.deliveries.delete(&found).await?;
            return Ok(());
        };
        let webhook = webhook.state;
        let is_ping = delivery.kind == WebhookEventType::Ping;
        if !webhook.is_enabled() && !is_ping {
            return self.command(id, &Command::Close).await;
        }
        if let Some(failing) = webhook.failing.filter(|it| now < it.paused_until && !is_ping) {
            return self.command(id, &Command::Postpone(failing.paused_until)).await;
        }
        self.attempt(delivery, &webhook).await
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.inner.sending.clone())
    }
}

impl DueDeliveries {
    async fn command(&self, id: WebhookDeliveryId, command: &Command) -> Result<(), DueError> {
        let context = Context::work(SERVICE);
        let applied = self.0.inner.deliveries.apply(&context, id, command).await;
        Ok(applied.map(drop).or_else(only_repository)?)
    }

    /// Makes an attempt, unless another instance makes it.
    async fn attempt(&self, delivery: &Delivery, webhook: &Webhook) -> Result<(), DueError> {
        let inner = &self.0.inner;
        let (id, claim, context) = (delivery.id, inner.host.uuid(), Context::work(SERVICE));
        self.command(id, &Command::Claim(claim)).await?;
        let claimed = inner.deliveries.load(id).await?;
        if !claimed.is_some_and(|claimed| claimed.state.is_claimed_by(claim)) {
            return Ok(());
        }
        let Some(event) = self.event(delivery).await? else {
            return self.command(id, &Command::Close).await;
        };
        let attempt = self.send(webhook, delivery, &event).await?;
        let arrived = attempt.status.is_some_and(|status| (200..300).contains(&status));
        let outcome = if arrived { "delivered" } else { "failed" };
        metrics::counter!("stubmart_webhook_attempts_total", "outcome" => outcome).increment(1);
        if !arrived || webhook.failing.is_some() {
            let news = if arrived { webhook::Command::Worked } else { webhook::Command::Failed };
            let noted = inner.webhooks.apply(&context, webhook.id, &news).await;
            noted.map(drop).or_else(only_repository)?;
            inner.upkeep.wake();
        }
        self.command(id, &Command::Settle { claim, attempt }).await
    }

    /// What is sent; `None` when it has left the feed.
    async fn event(&self, delivery: &Delivery) -> Result<Option<WebhookEvent>, RepositoryError> {
        let (id, kind) = (delivery.event_id, delivery.kind);
        if kind == WebhookEventType::Ping {
            let (created_at, data) = (delivery.created_at, WebhookData::default());
            return Ok(Some(WebhookEvent { id, kind, created_at, data }));
        }
        Ok(self.0.inner.entries.load(id).await?.map(|entry| entry.state.event))
    }

    async fn send(
        &self,
        webhook: &Webhook,
        delivery: &Delivery,
        event: &WebhookEvent,
    ) -> Result<WebhookAttempt, DueError> {
        let inner = &self.0.inner;
        let at = inner.host.now();
        let post = request(webhook, delivery, event, at)?;
        let answered = inner.outbound.post(post).await;
        let taken = inner.host.now().since(at).as_millis();
        let taken_ms = u32::try_from(taken).unwrap_or(u32::MAX);
        let attempt = WebhookAttempt { at, taken_ms, status: None, body: None, error: None };
        Ok(match answered {
            Ok(Answered { status, body }) => {
                WebhookAttempt { status: Some(status), body: Some(body), ..attempt }
            }
            Err(error) => WebhookAttempt { error: Some(error.to_string()), ..attempt },
        })
    }
}

/// The request that tells a receiver of an event at this moment.
fn request(
    webhook: &Webhook,
    delivery: &Delivery,
    event: &WebhookEvent,
    at: Timestamp,
) -> Result<Post, DueError> {
    let broken = |error: &dyn std::fmt::Display| DueError::Dependency(error.to_string().into());
    let body = serde_json::to_vec(event).map_err(|error| broken(&error))?;
    let signature = signature::sign(webhook.secrets(at), at, &body);
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("stubmart-signature", signature.map_err(|error| broken(&error))?),
        ("stubmart-event", event.kind.as_str().to_owned()),
        ("stubmart-delivery", delivery.id.to_string()),
    ];
    Ok(Post { url: webhook.url.clone(), headers, body })
}

/// Deletes deliveries that are older than the log goes back.
#[derive(Debug)]
pub(crate) struct OldDeliveries(pub(crate) Notify);

#[async_trait]
impl Due for OldDeliveries {
    type Aggregate = Delivery;

    fn name(&self) -> &'static str {
        "notify-old-deliveries"
    }

    fn repository(&self) -> &Repository<Delivery> {
        &self.0.inner.deliveries
    }

    fn index(&self) -> &'static str {
        PURGE
    }

    async fn run(&self, id: WebhookDeliveryId) -> Result<(), DueError> {
        let now = self.0.inner.host.now();
        if let Some(found) = self.repository().load(id).await?
            && found.state.purge_at() <= now
        {
            self.repository().delete(&found).await?;
        }
        Ok(())
    }
}
