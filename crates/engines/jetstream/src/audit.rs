//! What is on its way and what has stopped, for an audit.

use async_nats::jetstream::{
    Message,
    consumer::{AckPolicy, DeliverPolicy, pull},
    context::ConsumerInfoErrorKind,
    stream::Stream,
};
use futures_util::StreamExt as _;
use stubmart_ports::bus::{BusError, Consumer, Seen};

use crate::{
    connection::{JetstreamBus, event, unavailable},
    rejected::{REASON, SUBJECT},
};

/// How many messages are read at once.
const PAGE: usize = 500;

/// An event that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The consumer that can never handle it.
    pub consumer: String,
    /// Its place among those that were put aside.
    pub position: u64,
    /// The event's kind.
    pub kind: String,
    /// Why it cannot be handled.
    pub reason: String,
}

impl JetstreamBus {
    /// The events that `consumer` may not have settled yet, oldest first. Some of them it may have: it settles
    /// in any order.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    pub async fn waiting(&self, consumer: &Consumer) -> Result<Vec<Seen>, BusError> {
        let stream = self.stream().await?;
        let settled = match stream.consumer_info(durable_name(consumer)).await {
            Ok(info) => info.ack_floor.stream_sequence,
            Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => 0,
            Err(error) => return Err(unavailable(error)),
        };
        let messages = read(&stream, self.subjects(consumer.types), settled).await?;
        messages.iter().map(seen).collect()
    }

    /// Whether any process takes events for one of these consumers.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    pub async fn is_followed(&self, consumers: &[&Consumer]) -> Result<bool, BusError> {
        let stream = self.stream().await?;
        for consumer in consumers {
            match stream.consumer_info(durable_name(consumer)).await {
                Ok(info) if info.num_waiting > 0 => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        Ok(false)
    }

    /// What was put aside for a human.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    pub async fn aside(&self) -> Result<Vec<Aside>, BusError> {
        let prefix = format!("{}.rejected.", self.options.stream);
        let rejected = self.rejected().await?;
        let messages = read(&rejected, vec![format!("{prefix}>")], 0).await?;
        messages.iter().map(|message| aside(message, &prefix)).collect()
    }
}

/// The name of the durable consumer. A dot is not allowed in it.
pub(crate) fn durable_name(consumer: &Consumer) -> String {
    consumer.name.replace('.', "-")
}

/// Every message under these subjects behind a place.
async fn read(
    stream: &Stream,
    subjects: Vec<String>,
    after: u64,
) -> Result<Vec<Message>, BusError> {
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: after.saturating_add(1) },
        ack_policy: AckPolicy::None,
        filter_subjects: subjects,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(unavailable)?;
    let mut read = Vec::new();
    loop {
        let page = consumer.fetch().max_messages(PAGE).messages().await.map_err(unavailable)?;
        let page: Vec<_> = page.collect().await;
        if page.is_empty() {
            return Ok(read);
        }
        for message in page {
            read.push(message.map_err(BusError::Unavailable)?);
        }
    }
}

fn place(message: &Message) -> Result<u64, BusError> {
    message.info().map(|it| it.stream_sequence).map_err(BusError::Unavailable)
}

fn seen(message: &Message) -> Result<Seen, BusError> {
    Ok(Seen { position: place(message)?, event: event(&message.payload) })
}

fn aside(message: &Message, prefix: &str) -> Result<Aside, BusError> {
    let header = |name: &str| {
        let headers = message.headers.as_ref();
        headers.and_then(|it| it.get(name)).map(|it| it.as_str().to_owned()).unwrap_or_default()
    };
    let subject = message.subject.as_str();
    Ok(Aside {
        consumer: subject.strip_prefix(prefix).unwrap_or(subject).to_owned(),
        position: place(message)?,
        kind: header(SUBJECT).rsplit('.').next().unwrap_or_default().to_owned(),
        reason: header(REASON),
    })
}
