//! A small reader of Server-Sent Events (HTML Living Standard, section 9.2).

use axum::body::Body;
use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use stubmart_contract::api::Ticket;

use crate::{ClientError, TransportError};

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
#[derive(Debug)]
pub struct EventStream {
    body: Body,
    parser: Parser,
}

impl EventStream {
    /// Reads `body` as a stream of events.
    #[must_use]
    pub fn new(body: Body) -> Self {
        Self { body, parser: Parser::default() }
    }

    /// The next event, or `None` when the stream has ended. Waits for as long as it takes; dropping the
    /// wait loses nothing.
    ///
    /// # Errors
    /// [`TransportError::Body`] when the connection breaks.
    pub async fn next(&mut self) -> Result<Option<SseEvent>, ClientError> {
        loop {
            if let Some(event) = self.parser.next() {
                return Ok(Some(event));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(TransportError::Body(Box::new(error)).into()),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.parser.buffer.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

/// Bytes in, events out.
#[derive(Debug, Default)]
struct Parser {
    buffer: BytesMut,
    id: String,
    event: String,
    data: Option<String>,
}

impl Parser {
    /// The next event that is complete in the buffer.
    fn next(&mut self) -> Option<SseEvent> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if let Some(data) = self.data.take() {
                    let event = if event.is_empty() { "message".to_owned() } else { event };
                    return Some(SseEvent { id: self.id.clone(), event, data });
                }
            } else {
                self.field(&line);
            }
        }
        None
    }

    /// The next line that has ended, without its end.
    fn line(&mut self) -> Option<String> {
        let at = self.buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'))?;
        // A carriage return at the buffer's end may be the first half of a CR LF that is on its way.
        let pair = match (self.buffer.get(at), self.buffer.get(at + 1)) {
            (Some(b'\r'), None) => return None,
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => 1,
        };
        let line = self.buffer.split_to(at);
        self.buffer.advance(pair);
        Some(String::from_utf8_lossy(&line).into_owned())
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event),
            "id" if !value.contains('\0') => value.clone_into(&mut self.id),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments (an empty name), `retry` and unknown fields carry nothing for us.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&str]) -> Vec<(String, String, String)> {
        let mut parser = Parser::default();
        let mut found = Vec::new();
        for chunk in chunks {
            parser.buffer.extend_from_slice(chunk.as_bytes());
            while let Some(it) = parser.next() {
                found.push((it.id, it.event, it.data));
            }
        }
        found
    }

    fn event(id: &str, event: &str, data: &str) -> (String, String, String) {
        (id.into(), event.into(), data.into())
    }

    #[test]
    fn an_event_is_read_however_it_is_cut() {
        let text = ": hello\r\n\r\nid: 7\r\nevent: ticket\r\ndata: a\r\ndata: b\r\n\r\ndata\n\nevent: x\n\n";
        let whole = vec![event("7", "ticket", "a\nb"), event("7", "message", "")];
        assert_eq!(events(&[text]), whole);
        for at in 1..text.len() {
            let (left, right) = text.split_at(at);
            assert_eq!(events(&[left, right]), whole, "cut at {at}");
        }
    }

    #[test]
    fn an_event_that_is_not_complete_is_not_given() {
        assert_eq!(events(&["data: a\n"]), vec![]);
    }
}
