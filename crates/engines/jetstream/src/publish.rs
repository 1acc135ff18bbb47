//! Publishing: every event is acknowledged by the server that keeps it.

use std::sync::Arc;

use async_nats::jetstream::{context::PublishErrorKind, message::PublishMessage};
use futures_util::future::join_all;
use stubmart_contract::Envelope;
use stubmart_ports::bus::BusError;

use crate::connection::{JetstreamBus, subject, unavailable};

/// How often an event is published whose acknowledgement does not come, with the same id each time: the
/// server drops the second one of an id that it has seen within two minutes.
const TRIES: u32 = 3;

/// Publishes events in order and waits until all of them are acknowledged.
///
/// # Errors
/// [`BusError::Unavailable`]: some may be on the bus.
pub(crate) async fn all(bus: &JetstreamBus, events: &[Arc<Envelope>]) -> Result<(), BusError> {
    let mut left: Vec<_> = events.iter().map(|event| (event, event.id.to_string())).collect();
    let mut failure = None;
    for _ in 0..TRIES {
        if left.is_empty() {
            return Ok(());
        }
        (left, failure) = some(bus, left).await?;
    }
    match failure {
        Some(failure) if !left.is_empty() => Err(failure),
        _ => Ok(()),
    }
}

/// An event, and the id that it is published under.
type Named<'a> = (&'a Arc<Envelope>, String);

/// Publishes events once. The answer is those that are to be published again, and why the last of them is.
async fn some<'a>(
    bus: &JetstreamBus,
    events: Vec<Named<'a>>,
) -> Result<(Vec<Named<'a>>, Option<BusError>), BusError> {
    let mut sent = Vec::with_capacity(events.len());
    for (event, id) in events {
        let message = PublishMessage::build()
            .message_id(&id)
            .payload(event.encode().map_err(unavailable)?.into());
        let subject = subject(&bus.options.stream, event.event.event_type());
        sent.push(((event, id), bus.context.send_publish(subject, message).await));
    }
    let acknowledged = sent.into_iter().map(|(named, sent)| async move {
        match sent {
            Ok(acknowledgement) => (named, acknowledgement.await),
            Err(error) => (named, Err(error)),
        }
    });
    let (mut left, mut failure, mut known, mut is_gone) = (Vec::new(), None, Vec::new(), false);
    for (named, acknowledged) in join_all(acknowledged).await {
        match acknowledged {
            Ok(acknowledged) if acknowledged.duplicate => {
                known.push((named, acknowledged.sequence));
            }
            Ok(_) => {}
            Err(error) => {
                is_gone |= error.kind() == PublishErrorKind::StreamNotFound;
                failure = Some(unavailable(error));
                left.push(named);
            }
        }
    }
    if is_gone {
        bus.stream().await?;
    }
    if !known.is_empty() {
        // The server remembers ids for a while whose events were purged.
        let first = bus.stream().await?.cached_info().state.first_sequence;
        for ((event, _), _) in known.into_iter().filter(|(_, sequence)| *sequence < first) {
            failure = Some(unavailable("the event was purged"));
            left.push((event, format!("{}/{first}", event.id)));
        }
    }
    Ok((left, failure))
}
