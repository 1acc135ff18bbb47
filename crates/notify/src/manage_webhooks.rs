//! What their owner does with webhooks.

use stubmart_contract::{
    Context, Timestamp, UserId, WebhookDeliveryId, WebhookEventId, WebhookId,
    api::{UpdateWebhookRequest, WebhookDeliveryStatus, WebhookEventType},
};
use stubmart_kernel::{
    ApplyError, RepositoryError,
    page::{Page, PageError, PageRequest},
};

use crate::{
    delivery::{self, Delivery, WEBHOOK},
    feed,
    service::Notify,
    webhook::{Command, New, NotFound, OWNER, Webhook},
};

/// How many webhooks a user may have.
const WEBHOOKS_MAX: usize = 10;

/// Why a webhook was not made or changed.
#[derive(Debug)]
pub(crate) enum WebhookError {
    /// The user has none with this id. Nothing happened.
    NotFound,
    /// The user has as many as one may have. Nothing happened.
    TooMany,
    /// The user's account was deleted. There is no webhook.
    OwnerDeleted,
    /// The repository failed: it may have happened.
    Failed(RepositoryError),
}

impl From<RepositoryError> for WebhookError {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error)
    }
}

impl From<ApplyError<NotFound>> for WebhookError {
    fn from(error: ApplyError<NotFound>) -> Self {
        match error {
            ApplyError::Refused { .. } | ApplyError::Stale { .. } => Self::NotFound,
            ApplyError::Repository(error) => Self::Failed(error),
        }
    }
}

impl Notify {
    /// Makes a webhook; one that exists with this id stays as it is. The user's feed begins with the first.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub(crate) async fn create_webhook(
        &self,
        context: &Context,
        new: New,
    ) -> Result<Webhook, WebhookError> {
        let inner = &self.inner;
        let (id, user_id) = (new.id, new.user_id);
        let turn = inner.turns.take(user_id.to_string()).await.ok_or(WebhookError::TooMany)?;
        let scan = inner.webhooks.scan(OWNER, &Webhook::owned_by(user_id)).limit(WEBHOOKS_MAX);
        let owned = inner.webhooks.keys(scan).await?;
        if owned.len() >= WEBHOOKS_MAX && !owned.iter().any(|(_, it)| *it == id) {
            return Err(WebhookError::TooMany);
        }
        inner.feeds.apply(context, user_id, &feed::Command::Begin(user_id)).await.map_err(
            |error| match error {
                ApplyError::Repository(error) => WebhookError::Failed(error),
                ApplyError::Refused { .. } | ApplyError::Stale { .. } => WebhookError::NotFound,
            },
        )?;
        let made = inner.webhooks.apply(context, id, &Command::Create(new)).await?;
        drop(turn);
        if inner.departed.contains(user_id).await? {
            self.forget(user_id).await?;
            return Err(WebhookError::OwnerDeleted);
        }
        Ok(made.after.state)
    }

    /// A user's webhook.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Failed`].
    pub(crate) async fn webhook(
        &self,
        user_id: UserId,
        id: WebhookId,
    ) -> Result<Webhook, WebhookError> {
        let found = self.inner.webhooks.load(id).await?.map(|found| found.state);
        found.filter(|webhook| webhook.user_id == user_id).ok_or(WebhookError::NotFound)
    }

    /// A page of a user's webhooks, newest first.
    ///
    /// # Errors
    /// [`PageError`].
    pub(crate) async fn list_webhooks(
        &self,
        user_id: UserId,
        page: &PageRequest,
    ) -> Result<Page<Webhook>, PageError> {
        let webhooks = &self.inner.webhooks;
        let scan = webhooks.scan(OWNER, &Webhook::owned_by(user_id)).descending();
        Ok(webhooks.page(scan, page, |_| true).await?.map(|found| found.state))
    }

    /// Changes a webhook.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Failed`].
    pub(crate) async fn update_webhook(
        &self,
        context: &Context,
        user_id: UserId,
        id: WebhookId,
        request: UpdateWebhookRequest,
    ) -> Result<Webhook, WebhookError> {
        let UpdateWebhookRequest { url, types, enabled } = request;
        self.command(context, id, &Command::Update { user_id, url, types, enabled }).await
    }

    /// Gives a webhook another secret; the present one signs for a day more.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Failed`].
    pub(crate) async fn rotate_secret(
        &self,
        context: &Context,
        user_id: UserId,
        id: WebhookId,
    ) -> Result<Webhook, WebhookError> {
        let secret = self.fresh_secret();
        self.command(context, id, &Command::Rotate { user_id, secret }).await
    }

    /// Has the events since a moment sent again.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Failed`].
    pub(crate) async fn replay_since(
        &self,
        context: &Context,
        user_id: UserId,
        id: WebhookId,
        since: Timestamp,
    ) -> Result<Webhook, WebhookError> {
        let replay = Command::Replay { user_id, id: self.inner.host.uuid(), since };
        let webhook = self.command(context, id, &replay).await?;
        self.inner.upkeep.wake();
        Ok(webhook)
    }

    async fn command(
        &self,
        context: &Context,
        id: WebhookId,
        command: &Command,
    ) -> Result<Webhook, WebhookError> {
        Ok(self.inner.webhooks.apply(context, id, command).await?.after.state)
    }

    /// Deletes a webhook. What was on its way to it is not sent any more.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Failed`].
    pub(crate) async fn delete_webhook(
        &self,
        user_id: UserId,
        id: WebhookId,
    ) -> Result<(), WebhookError> {
        let webhooks = &self.inner.webhooks;
        let mut found = webhooks.load(id).await?;
        found = found.filter(|it| it.state.user_id == user_id);
        let mut seen = found.ok_or(WebhookError::NotFound)?;
        // Something may be noted on it at the same moment.
        while !webhooks.delete(&seen).await? {
            match webhooks.load(id).await? {
                Some(again) => seen = again,
                None => break,
            }
        }
        Ok(())
    }

    /// Sends a test to a webhook, whatever it is for and whether or not it is enabled.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Failed`].
    pub(crate) async fn ping(
        &self,
        context: &Context,
        user_id: UserId,
        id: WebhookId,
    ) -> Result<Delivery, WebhookError> {
        let webhook = self.webhook(user_id, id).await?;
        let event_id = WebhookEventId(self.inner.host.uuid());
        let kind = WebhookEventType::Ping;
        let new = delivery::New { webhook_id: webhook.id, user_id, event_id, kind };
        self.deliver(context, new, None).await
    }

    /// A page of a webhook's deliveries, newest first.
    ///
    /// # Errors
    /// [`PageError`].
    pub(crate) async fn list_deliveries(
        &self,
        webhook: &Webhook,
        status: Option<WebhookDeliveryStatus>,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, PageError> {
        let deliveries = &self.inner.deliveries;
        let scan = deliveries.scan(WEBHOOK, &Delivery::of(webhook.id)).descending();
        let keep = |it: &Delivery| status.is_none_or(|status| it.public_status() == status);
        Ok(deliveries.page(scan, page, keep).await?.map(|found| found.state))
    }

    /// Sends one delivery of a user's webhook again. One that is on its way already goes on.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], [`WebhookError::Failed`].
    pub(crate) async fn replay_one(
        &self,
        context: &Context,
        user_id: UserId,
        id: WebhookDeliveryId,
    ) -> Result<Delivery, WebhookError> {
        let found = self.inner.deliveries.load(id).await?.map(|found| found.state);
        let found = found.filter(|it| it.user_id == user_id).ok_or(WebhookError::NotFound)?;
        // The webhook may be deleted.
        self.webhook(user_id, found.webhook_id).await?;
        let Delivery { webhook_id, event_id, kind, .. } = found;
        let new = delivery::New { webhook_id, user_id, event_id, kind };
        self.deliver(context, new, Some(self.inner.host.uuid())).await
    }

    async fn deliver(
        &self,
        context: &Context,
        new: delivery::New,
        replay: Option<uuid::Uuid>,
    ) -> Result<Delivery, WebhookError> {
        let id = new.id();
        let command = delivery::Command::Deliver { new, replay };
        let applied = self.inner.deliveries.apply(context, id, &command).await;
        self.inner.sending.wake();
        match applied {
            Ok(applied) => Ok(applied.after.state),
            Err(ApplyError::Repository(error)) => Err(error.into()),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                Err(WebhookError::NotFound)
            }
        }
    }
}
