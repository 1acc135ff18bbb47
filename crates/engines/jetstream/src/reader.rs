//! A reader of a durable consumer.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use async_nats::jetstream::{
    AckKind, Message,
    consumer::{
        Consumer,
        pull::{Batch, BatchError, Config},
    },
};
use async_trait::async_trait;
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, try_join_all},
};
use stubmart_ports::bus::{BusError, Delivery, Disposition, Subscription};

use crate::connection::{JetstreamBus, event, unavailable};

/// How long the server keeps a request for events that has none to give. A request that was lost with a
/// server is made again five seconds later.
const REQUEST: Duration = Duration::from_secs(5);

/// One reader. What it has asked for and what it was given outlive a wait that is dropped.
pub(crate) struct Reader {
    bus: JetstreamBus,
    name: &'static str,
    consumer: Consumer<Config>,
    /// A request that is being made.
    asking: Option<BoxFuture<'static, Result<Batch, BatchError>>>,
    /// The answer to a request, which may still grow.
    batch: Option<Batch>,
    /// What came and was not delivered yet.
    fresh: VecDeque<Message>,
    unsettled: HashMap<u64, Message>,
    tokens: u64,
}

impl Reader {
    pub(crate) fn new(bus: JetstreamBus, name: &'static str, consumer: Consumer<Config>) -> Self {
        Self {
            bus,
            name,
            consumer,
            asking: None,
            batch: None,
            fresh: VecDeque::new(),
            unsettled: HashMap::new(),
            tokens: 0,
        }
    }

    /// Waits for the next message.
    async fn message(&mut self, limit: usize) -> Result<Message, BusError> {
        loop {
            if let Some(message) = self.fresh.pop_front() {
                return Ok(message);
            }
            let batch = match &mut self.batch {
                Some(batch) => batch,
                none => {
                    let consumer = &self.consumer;
                    let asking = self.asking.get_or_insert_with(|| ask(consumer.clone(), limit));
                    let batch = asking.await;
                    self.asking = None;
                    none.insert(batch.map_err(unavailable)?)
                }
            };
            match batch.next().await {
                Some(Ok(message)) => return Ok(message),
                Some(Err(error)) => {
                    self.batch = None;
                    return Err(unavailable(error));
                }
                None => self.batch = None,
            }
        }
    }

    /// The next message that is here already.
    fn message_now(&mut self) -> Option<Message> {
        if let Some(message) = self.fresh.pop_front() {
            return Some(message);
        }
        let next = self.batch.as_mut()?.next().now_or_never()?;
        if !matches!(next, Some(Ok(_))) {
            self.batch = None;
        }
        next?.ok()
    }

    fn deliver(&mut self, message: Message) -> Result<Delivery, BusError> {
        let attempt = message.info().map_err(unavailable)?.delivered;
        let event = event(&message.payload);
        self.tokens = self.tokens.saturating_add(1);
        self.unsettled.insert(self.tokens, message);
        Ok(Delivery { token: self.tokens, attempt: attempt.try_into().unwrap_or(u32::MAX), event })
    }
}

/// Settles one message of a consumer, and waits until the server has noted it.
async fn settle(
    bus: &JetstreamBus,
    consumer: &'static str,
    message: Message,
    disposition: Disposition,
) -> Result<(), BusError> {
    let kind = match disposition {
        Disposition::Done => AckKind::Ack,
        Disposition::RetryAfter(wait) => AckKind::Nak(Some(wait)),
        Disposition::Reject(reason) => {
            bus.put_aside(consumer, &message, &reason).await?;
            AckKind::Term
        }
    };
    message.double_ack_with(kind).await.map_err(unavailable)
}

fn ask(consumer: Consumer<Config>, limit: usize) -> BoxFuture<'static, Result<Batch, BatchError>> {
    async move { consumer.batch().max_messages(limit).expires(REQUEST).messages().await }.boxed()
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError> {
        let limit = limit.max(1);
        let first = self.message(limit).await?;
        let mut deliveries = vec![self.deliver(first)?];
        while deliveries.len() < limit
            && let Some(message) = self.message_now()
        {
            deliveries.push(self.deliver(message)?);
        }
        Ok(deliveries)
    }

    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError> {
        let mut messages = Vec::with_capacity(settled.len());
        for (token, disposition) in settled {
            if let Some(message) = self.unsettled.remove(&token) {
                messages.push((message, disposition));
            }
        }
        let (bus, name) = (&self.bus, self.name);
        let settled = messages.into_iter().map(|(message, what)| settle(bus, name, message, what));
        try_join_all(settled).await.map(drop)
    }
}

/// Gives back what it holds. What cannot be given back now comes again when the server has waited.
impl Drop for Reader {
    fn drop(&mut self) {
        // The request ends first, so that nothing is given back to it.
        self.asking = None;
        self.batch = None;
        let held = self.unsettled.drain().map(|(_, message)| message).chain(self.fresh.drain(..));
        for message in held {
            drop(message.ack_with(AckKind::Nak(None)).now_or_never());
        }
    }
}
