//! Events that can never be handled, put aside for a human.

use async_nats::jetstream::{
    Message,
    message::PublishMessage,
    stream::{RawMessageErrorKind, Stream},
};
use stubmart_ports::bus::BusError;

use crate::connection::{JetstreamBus, unavailable};

/// Why an event was put aside.
pub(crate) const REASON: &str = "Stubmart-Reason";
/// The subject that it came under.
pub(crate) const SUBJECT: &str = "Stubmart-Subject";

/// A header is one line.
fn line(reason: &str) -> String {
    reason.chars().map(|it| if it.is_control() { ' ' } else { it }).collect()
}

impl JetstreamBus {
    pub(crate) async fn rejected(&self) -> Result<Stream, BusError> {
        let name = &self.options.stream;
        self.make_stream(format!("{name}-rejected"), vec![format!("{name}.rejected.>")]).await
    }

    /// Puts an event aside that `consumer` can never handle. To do so twice does no harm.
    ///
    /// # Errors
    /// [`BusError::Unavailable`]: it may be put aside.
    pub(crate) async fn put_aside(
        &self,
        consumer: &'static str,
        message: &Message,
        reason: &str,
    ) -> Result<(), BusError> {
        self.rejected().await?;
        let place = message.info().map_err(unavailable)?.stream_sequence;
        let aside = PublishMessage::build()
            .message_id(format!("{consumer}/{place}"))
            .header(REASON, line(reason).as_str())
            .header(SUBJECT, message.subject.as_str())
            .payload(message.payload.clone());
        let subject = format!("{}.rejected.{consumer}", self.options.stream);
        let sent = self.context.send_publish(subject, aside).await.map_err(unavailable)?;
        sent.await.map_err(unavailable)?;
        metrics::counter!("stubmart_events_put_aside_total", "consumer" => consumer).increment(1);
        Ok(())
    }

    /// Puts every event back on the bus that was put aside, for all its consumers: handling an event again
    /// changes nothing. The answer is how many there were.
    ///
    /// # Errors
    /// [`BusError::Unavailable`]: some may be back; the others stay where they are.
    pub async fn replay(&self) -> Result<u64, BusError> {
        let rejected = self.rejected().await?;
        self.stream().await?;
        let mut replayed = 0;
        let all = format!("{}.rejected.>", self.options.stream);
        loop {
            let aside = match rejected.get_next_raw_message_by_subject(&all).await {
                Ok(aside) => aside,
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {
                    return Ok(replayed);
                }
                Err(error) => return Err(unavailable(error)),
            };
            let subject = aside.headers.get(SUBJECT).map(|it| it.as_str().to_owned());
            let subject =
                subject.ok_or_else(|| unavailable("an event put aside has no subject"))?;
            let again = PublishMessage::build()
                // Its own id would be taken for one that is on the bus already.
                .message_id(format!("replay/{}/{}", aside.sequence, aside.time))
                .payload(aside.payload);
            let sent = self.context.send_publish(subject, again).await.map_err(unavailable)?;
            sent.await.map_err(unavailable)?;
            rejected.delete_message(aside.sequence).await.map_err(unavailable)?;
            replayed += 1;
        }
    }
}
