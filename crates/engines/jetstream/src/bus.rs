//! The bus over the stream.

use std::sync::Arc;

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::{ConsumerCreateStrictErrorKind, Stream},
};
use async_trait::async_trait;
use stubmart_contract::{Envelope, EventType};
use stubmart_ports::bus::{Bus, BusError, Consumer, Subscription, Tail, TailFrom};

use crate::{
    audit::durable_name,
    connection::{JetstreamBus, subject, unavailable},
    publish,
    reader::Reader,
    tail::Follower,
};

impl JetstreamBus {
    pub(crate) fn subjects(&self, types: &[EventType]) -> Vec<String> {
        types.iter().map(|kind| subject(&self.options.stream, *kind)).collect()
    }

    /// The durable consumer. One that is there with other kinds is changed, which is never done silently.
    async fn durable(
        &self,
        stream: &Stream,
        consumer: &'static Consumer,
    ) -> Result<jetstream::consumer::Consumer<pull::Config>, BusError> {
        let config = pull::Config {
            durable_name: Some(durable_name(consumer)),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.options.ack_wait,
            max_deliver: -1,
            // What waits for its retry counts too, and must hold up nothing.
            max_ack_pending: -1,
            filter_subjects: self.subjects(consumer.types),
            ..pull::Config::default()
        };
        match stream.create_consumer_strict(config.clone()).await {
            Ok(durable) => Ok(durable),
            Err(error) if error.kind() == ConsumerCreateStrictErrorKind::AlreadyExists => {
                tracing::info!(
                    consumer = consumer.name,
                    "a consumer of another version is changed"
                );
                stream.update_consumer(config).await.map_err(unavailable)
            }
            Err(error) => Err(unavailable(error)),
        }
    }
}

#[async_trait]
impl Bus for JetstreamBus {
    async fn publish(&self, events: &[Arc<Envelope>]) -> Result<(), BusError> {
        publish::all(self, events).await
    }

    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError> {
        let durable = self.durable(&self.stream().await?, consumer).await?;
        Ok(Box::new(Reader::new(self.clone(), consumer.name, durable)))
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        let stream = self.stream().await?;
        let newest = stream.cached_info().state.last_sequence;
        let after = match from {
            TailFrom::Now => newest,
            TailFrom::Behind(position) => position.min(newest),
        };
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: after.saturating_add(1),
            },
            filter_subjects: self.subjects(types),
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(unavailable)?;
        let messages = consumer.messages().await.map_err(unavailable)?;
        Ok(Box::new(Follower { messages }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        let events = format!("{}.event.*", self.options.stream);
        Ok(self.last(&events).await?.unwrap_or(0))
    }

    async fn life(&self) -> Result<u64, BusError> {
        // Two streams of one name are not made in the same nanosecond.
        let made = self.stream().await?.cached_info().created.unix_timestamp_nanos();
        u64::try_from(made).map_err(unavailable)
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.stream().await.map(drop)
    }
}
