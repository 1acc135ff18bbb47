//! Streams of Server-Sent Events, as a browser's `EventSource` gives them (HTML Living Standard, section
//! 9.2): ids last until the next one, and a block without data is no event.

use std::fmt;

use axum::body::Body;
use futures_util::TryStreamExt as _;
use sse_stream::SseStream;
use stubmart_contract::api::Ticket;

use crate::error::{ClientError, TransportError};

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SseEvent {
    /// Where to resume: the last id the stream gave; empty when it gave none.
    pub id: String,
    /// The kind of event; `message` when it names none.
    pub event: String,
    /// The data lines, joined by line feeds.
    pub data: String,
}

impl SseEvent {
    /// The ticket that the event carries.
    ///
    /// # Errors
    /// [`TransportError::Unexpected`] when the data is no ticket.
    pub fn ticket(&self) -> Result<Ticket, ClientError> {
        serde_json::from_str(&self.data).map_err(|error| {
            TransportError::Unexpected { status: 200, reason: error.to_string() }.into()
        })
    }
}

/// A stream of events that is open.
pub struct EventStream {
    blocks: SseStream<Body>,
    id: String,
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("id", &self.id).finish_non_exhaustive()
    }
}

impl EventStream {
    /// Reads `body` as a stream of events.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { blocks: SseStream::new(body), id: String::new() }
    }

    /// The next event, or `None` when the stream has ended. Waits for as long as it takes; dropping the
    /// wait loses nothing.
    ///
    /// # Errors
    /// [`TransportError::Body`] when the connection breaks, or what comes is no text.
    pub async fn next(&mut self) -> Result<Option<SseEvent>, ClientError> {
        let broken = |error| TransportError::Body(Box::new(error));
        while let Some(block) = self.blocks.try_next().await.map_err(broken)? {
            if let Some(id) = block.id {
                self.id = id;
            }
            if let Some(data) = block.data {
                let event = block.event.filter(|it| !it.is_empty());
                let event = event.unwrap_or_else(|| "message".to_owned());
                return Ok(Some(SseEvent { id: self.id.clone(), event, data }));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{FutureExt as _, stream};

    use super::*;

    fn events(chunks: &[&str]) -> Vec<SseEvent> {
        let chunks: Vec<_> =
            chunks.iter().map(|it| Ok::<_, Infallible>((*it).to_owned())).collect();
        let mut stream = EventStream::new(Body::from_stream(stream::iter(chunks)));
        std::iter::from_fn(|| stream.next().now_or_never().unwrap().unwrap()).collect()
    }

    fn event(id: &str, event: &str, data: &str) -> SseEvent {
        SseEvent { id: id.into(), event: event.into(), data: data.into() }
    }

    #[test]
    fn an_event_is_read_however_it_is_cut() {
        let text = "retry: 1000\nid: 6\n\ndata: first\n\n: hello\r\n\r\nid: 7\r\nevent: ticket\r\n\
                    data: a\r\ndata: b\r\n\r\ndata\n\nevent: x\n\n";
        let whole = [
            event("6", "message", "first"),
            event("7", "ticket", "a\nb"),
            event("7", "message", ""),
        ];
        assert_eq!(events(&[text]), whole);
        for at in 1..text.len() {
            let (left, right) = text.split_at(at);
            assert_eq!(events(&[left, right]), whole, "cut at {at}");
        }
    }

    #[test]
    fn an_event_that_is_not_complete_is_not_given() {
        assert_eq!(events(&["data: a\n"]), []);
    }
}
