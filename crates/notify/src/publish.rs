//! Puts what happens into the feeds of those whom it concerns, and on its way to their webhooks.

use async_trait::async_trait;
use stubmart_contract::{Context, Envelope, UserId};
use stubmart_kernel::{
    ApplyError, RepositoryError,
    consumer::{HandleError, Handler},
};
use stubmart_ports::bus::Consumer;
use uuid::Uuid;

use crate::{
    delivery,
    feed::{Command, KEPT, Record},
    public_event,
    service::Notify,
    webhook::{OWNER, Webhook},
};

static FEED: Consumer = Consumer { name: "notify.feed", types: public_event::TYPES };

/// What happens to tickets, orders and payments.
#[derive(Debug)]
pub(crate) struct Publish(pub(crate) Notify);

#[async_trait]
impl Handler for Publish {
    fn consumer(&self) -> &'static Consumer {
        &FEED
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let inner = &self.0.inner;
        // A bus that is filled again brings everything that ever happened.
        if inner.host.now().since(envelope.at) > KEPT {
            return Ok(());
        }
        let Some((user_id, event)) = public_event::of(envelope) else { return Ok(()) };
        let feed = inner.feeds.load(user_id).await?;
        if feed.is_none_or(|feed| envelope.at < feed.state.begun_at) {
            return Ok(());
        }
        if inner.entries.load(event.id).await?.is_none() {
            match inner.feeds.apply(context, user_id, &Command::Append(Box::new(event))).await {
                Ok(_) => {}
                Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => return Ok(()),
                Err(ApplyError::Repository(error)) => return Err(error.into()),
            }
        }
        Ok(self.0.flush(context, user_id).await?)
    }
}

impl Notify {
    /// Gives the events that only the feed's own document has documents of their own, and deliveries. Each
    /// append is followed by a flush; when that was cut off, the event comes again.
    async fn flush(&self, context: &Context, user_id: UserId) -> Result<(), RepositoryError> {
        let inner = &self.inner;
        let Some(feed) = inner.feeds.load(user_id).await? else { return Ok(()) };
        let Some((last, _)) = feed.state.tail.last() else { return Ok(()) };
        let last = *last;
        let scan = inner.webhooks.scan(OWNER, &Webhook::owned_by(user_id));
        let webhooks = inner.webhooks.find(scan).await?;
        for (number, event) in feed.state.tail {
            let (id, kind) = (event.id, event.kind);
            let record = Record { user_id, number, event };
            let recorded = inner.entries.apply(context, id, &record).await;
            recorded.map(drop).or_else(only_repository)?;
            for webhook in webhooks.iter().map(|row| &row.found.state).filter(|it| it.takes(kind)) {
                let webhook_id = webhook.id;
                let new = delivery::New { webhook_id, user_id, event_id: id, kind };
                self.have_delivered(context, new, None).await?;
            }
        }
        inner.sending.wake();
        match inner.feeds.apply(context, user_id, &Command::Flushed(last)).await {
            Ok(_) => Ok(()),
            Err(error) => only_repository(error),
        }
    }

    /// Has an event delivered to a webhook, once for each replay.
    pub(crate) async fn have_delivered(
        &self,
        context: &Context,
        new: delivery::New,
        replay: Option<Uuid>,
    ) -> Result<(), RepositoryError> {
        let (id, command) = (new.id(), delivery::Command::Deliver { new, replay });
        let applied = self.inner.deliveries.apply(context, id, &command).await;
        applied.map(drop).or_else(only_repository)
    }
}

/// A command that is as good as done when it is refused: nobody waits for an answer.
pub(crate) fn only_repository<R>(error: ApplyError<R>) -> Result<(), RepositoryError> {
    match error {
        ApplyError::Refused { .. } | ApplyError::Stale { .. } => Ok(()),
        ApplyError::Repository(error) => Err(error),
    }
}
