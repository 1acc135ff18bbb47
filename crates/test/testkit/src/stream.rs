//! A stream of Server-Sent Events, frame by frame.

use std::time::Duration;

use axum::{body::Body, http::HeaderMap};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

/// How long an answer, or the next piece of one, is waited for.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// A stream of Server-Sent Events.
#[derive(Debug)]
pub struct Stream {
    /// The headers that it began with.
    pub headers: HeaderMap,
    body: Body,
    text: String,
}

/// One event of a stream.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct StreamEvent {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub event: String,
    /// What it says; empty for comments.
    pub data: String,
}

impl Stream {
    pub(crate) fn new(headers: HeaderMap, body: Body) -> Self {
        Self { headers, body, text: String::new() }
    }

    /// The next event that has data.
    pub async fn next(&mut self) -> StreamEvent {
        loop {
            let event = self.next_frame().await;
            if !event.data.is_empty() {
                return event;
            }
        }
    }

    /// Whatever comes next up to an empty line, comments and greetings too.
    pub async fn next_frame(&mut self) -> StreamEvent {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.text = rest;
                return parse(&frame);
            }
            let frame = timeout(ANSWER_WITHIN, self.body.frame()).await;
            let frame = frame.expect("nothing came").expect("the stream ended").unwrap();
            if let Ok(data) = frame.into_data() {
                self.text += std::str::from_utf8(&data).unwrap();
            }
        }
    }
}

fn parse(frame: &str) -> StreamEvent {
    let mut event = StreamEvent::default();
    for line in frame.lines() {
        match line.split_once(": ") {
            Some(("id", value)) => value.clone_into(&mut event.id),
            Some(("event", value)) => value.clone_into(&mut event.event),
            Some(("data", value)) => event.data += value,
            _ => {}
        }
    }
    event
}
