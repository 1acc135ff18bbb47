//! The consumer loop: events from the bus to a service's handler.

use std::{pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::{Either, join_all, select};
use stubmart_contract::{Context, Envelope};

use crate::{
    mutant,
    worker::{Backoff, Shutdown},
};
use stubmart_ports::{
    Cause,
    bus::{Bus, Consumer, Delivery, Disposition, Subscription},
    host::Host,
};

/// How many events are handled at once.
pub const BATCH: usize = 128;

/// How long an event that could not be handled waits at first; twice as long each further time.
const RETRY_MIN: Duration = Duration::from_millis(50);

/// How long it waits at the most. It is never given up.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// Why an event was not handled.
#[derive(Debug)]
pub enum HandleError {
    /// A dependency failed, or something else has to come first. It is delivered again.
    Retry(Cause),
    /// It can never be handled.
    Reject(String),
}

impl<E: Into<Cause>> From<E> for HandleError {
    fn from(cause: E) -> Self {
        Self::Retry(cause.into())
    }
}

/// Handles the events of one consumer: each at least once, in any order, several at a time.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// Whose events it handles.
    fn consumer(&self) -> &'static Consumer;

    /// Handles one event. Handling it again must change nothing.
    ///
    /// # Errors
    /// [`HandleError`].
    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError>;

    /// Handles several events, with one answer for each.
    async fn handle_all(
        &self,
        events: &[(Context, Arc<Envelope>)],
    ) -> Vec<Result<(), HandleError>> {
        join_all(events.iter().map(|(context, envelope)| self.handle(context, envelope))).await
    }
}

/// Runs `handler` until `shutdown`. Events under way are let end.
pub async fn run(host: Host, bus: Arc<dyn Bus>, handler: Arc<dyn Handler>, shutdown: Shutdown) {
    let name = handler.consumer().name;
    let mut backoff = Backoff::default();
    let mut subscription = None;
    while !shutdown.is_signalled() {
        match step(&*bus, &*handler, &mut subscription, &shutdown).await {
            Ok(()) => backoff.succeeded(name),
            Err(cause) => {
                subscription = None;
                let wait = backoff.failed(name, &*cause);
                drop(select(host.clock.sleep(wait), pin!(shutdown.signalled())).await);
            }
        }
    }
}

/// Takes the next deliveries through the handler and settles them.
async fn step(
    bus: &dyn Bus,
    handler: &dyn Handler,
    subscription: &mut Option<Box<dyn Subscription>>,
    shutdown: &Shutdown,
) -> Result<(), Cause> {
    let subscription = match subscription {
        Some(subscription) => subscription,
        none => none.insert(bus.subscribe(handler.consumer()).await?),
    };
    let deliveries = match select(subscription.next(BATCH), pin!(shutdown.signalled())).await {
        Either::Left((deliveries, _)) => deliveries?,
        Either::Right(_) => return Ok(()),
    };
    if mutant!("acknowledge before the commit") {
        let done = deliveries.iter().map(|it| (it.token, Disposition::Done)).collect();
        subscription.settle(done).await?;
    }
    let settled = handle_deliveries(handler, deliveries).await;
    subscription.settle(settled).await?;
    Ok(())
}

/// Handles deliveries; an event that cannot be read is rejected.
async fn handle_deliveries(
    handler: &dyn Handler,
    deliveries: Vec<Delivery>,
) -> Vec<(u64, Disposition)> {
    let name = handler.consumer().name;
    let mut settled = Vec::with_capacity(deliveries.len());
    let mut readable = Vec::with_capacity(deliveries.len());
    let mut events = Vec::with_capacity(deliveries.len());
    let service = handler.consumer().service();
    for Delivery { token, attempt, event } in deliveries {
        match event {
            Ok(envelope) => {
                events.push((Context::handling(service, &envelope), envelope));
                readable.push((token, attempt));
            }
            Err(error) => {
                tracing::error!(consumer = name, %error, "event put aside");
                settled.push((token, Disposition::Reject(error.to_string())));
            }
        }
    }
    let results = handler.handle_all(&events).await;
    for (((token, attempt), (_, envelope)), result) in
        readable.into_iter().zip(&events).zip(results)
    {
        settled.push((token, disposition(name, attempt, envelope, result)));
    }
    settled
}

fn disposition(
    name: &'static str,
    attempt: u32,
    envelope: &Envelope,
    result: Result<(), HandleError>,
) -> Disposition {
    metrics::counter!("stubmart_events_handled_total", "consumer" => name,
        "outcome" => match &result { Ok(()) => "done", Err(HandleError::Retry(_)) => "retry", Err(HandleError::Reject(_)) => "reject" })
    .increment(1);
    match result {
        Ok(()) => Disposition::Done,
        Err(HandleError::Retry(_)) if mutant!("an event is tried only once") => Disposition::Done,
        Err(HandleError::Retry(cause)) => {
            if attempt.is_power_of_two() {
                tracing::warn!(consumer = name, event.id = %envelope.id, attempt = attempt,
                    error = %cause, "event not handled, will retry");
            }
            let doublings = attempt.saturating_sub(1).min(16);
            Disposition::RetryAfter(RETRY_MIN.saturating_mul(1 << doublings).min(RETRY_MAX))
        }
        Err(HandleError::Reject(reason)) => {
            tracing::error!(consumer = name, event.id = %envelope.id, reason, "event put aside");
            Disposition::Reject(reason)
        }
    }
}
