//! A follower of the stream.

use async_nats::jetstream::{Message, consumer::pull::Ordered};
use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use stubmart_ports::bus::{BusError, Seen, Tail};

use crate::connection::{event, unavailable};

/// Follows without a trace: the server forgets the consumer behind it half a minute after its end.
pub(crate) struct Follower {
    pub(crate) messages: Ordered,
}

fn seen(message: &Message) -> Result<Seen, BusError> {
    let position = message.info().map_err(unavailable)?.stream_sequence;
    Ok(Seen { position, event: event(&message.payload) })
}

#[async_trait]
impl Tail for Follower {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let ended = || unavailable("the stream has ended");
        let first = self.messages.next().await.ok_or_else(ended)?.map_err(unavailable)?;
        let mut all = vec![seen(&first)?];
        while all.len() < limit.max(1)
            && let Some(Some(next)) = self.messages.next().now_or_never()
        {
            all.push(seen(&next.map_err(unavailable)?)?);
        }
        Ok(all)
    }
}
