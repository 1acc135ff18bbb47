//! Server-Sent Events: the changes of one ticket, or of all tickets of a show
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use stubmart_contract::{EventId, TicketId};
use stubmart_http_kit::Problem;
use stubmart_ports::{Cause, bus::TailFrom};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::{
    Tickets,
    feed::{Change, TYPES, change, read},
};

/// How far back a client can resume by the bus; one that was away longer gets the present state.
const RESUME_MAX: u64 = 20_000;

/// How many events are read at once.
const BATCH: usize = 256;

/// How long the bus is listened to for events that are there already.
const RESUME_WAIT: Duration = Duration::from_millis(250);

/// How long a browser waits before it connects again, in milliseconds.
const RETRY_MS: u32 = 1000;

/// What a stream is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// All tickets of a show.
    Event(EventId),
    /// One ticket.
    Ticket(TicketId),
}

impl Topic {
    fn fits(self, change: &Change) -> bool {
        match self {
            Self::Event(event_id) => change.event_id == Some(event_id),
            Self::Ticket(ticket_id) => change.ticket_id == ticket_id,
        }
    }
}

/// One client's stream.
struct Live {
    tickets: Tickets,
    topic: Topic,
    queue: VecDeque<Arc<Change>>,
    changes: Receiver<Arc<Change>>,
    /// What was sent, or need not be.
    sent_up_to: u64,
    greeted: bool,
}

impl Tickets {
    /// A stream of the changes of `topic`, from now on or from behind the client's `Last-Event-ID`.
    pub(crate) async fn stream(
        &self,
        topic: Topic,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let last: Option<u64> = last.and_then(|value| value.parse().ok());
        // Listening begins before the past is read, so that nothing falls between.
        let changes = self.0.feed.subscribe();
        let now = self.0.bus.position().await.map_err(Problem::unavailable)?;
        let queue = match last {
            Some(last) if last < now => {
                self.missed(topic, last, now).await.map_err(Problem::unavailable)?
            }
            Some(_) | None => VecDeque::new(),
        };
        // A change that is not followed yet comes by the feed although its position is not behind
        // `now`; without a past to resume, all that comes is news.
        let sent_up_to = queue.back().map_or(0, |change| change.position);
        let live =
            Live { tickets: self.clone(), topic, queue, changes, sent_up_to, greeted: false };
        let greeting =
            format!("retry: {RETRY_MS}\nid: {}\n\n", last.map_or(now, |last| last.min(now)));
        let frames = stream::unfold(live, move |live| next_frame(live, greeting.clone()));
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-store"),
            // Proxies such as nginx would hold events back until a buffer is full.
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        Ok((headers, Body::from_stream(frames)).into_response())
    }

    /// What a client that saw everything up to `last` has missed up to `now`.
    async fn missed(
        &self,
        topic: Topic,
        last: u64,
        now: u64,
    ) -> Result<VecDeque<Arc<Change>>, Cause> {
        let mut missed = VecDeque::new();
        if now - last > RESUME_MAX {
            for (ticket, version) in self.present(topic).await? {
                missed.push_back(Arc::new(change(now, ticket, version)?));
            }
            return Ok(missed);
        }
        let mut tail = self.0.bus.tail(TYPES, TailFrom::Behind(last)).await?;
        loop {
            let Ok(seen) = self.0.host.timeout(RESUME_WAIT, tail.next(BATCH)).await else {
                return Ok(missed);
            };
            for seen in seen? {
                if seen.position > now {
                    return Ok(missed);
                }
                if let Some((ticket, version)) = read(&seen.body)? {
                    let change = change(seen.position, ticket, version)?;
                    if topic.fits(&change) {
                        missed.push_back(Arc::new(change));
                    }
                }
                if seen.position == now {
                    return Ok(missed);
                }
            }
        }
    }
}

/// The next bytes for the client; `None` ends the stream: the server stops, or the client is too slow
/// and shall come back.
async fn next_frame(mut live: Live, greeting: String) -> Option<(Result<Bytes, Infallible>, Live)> {
    if !live.greeted {
        live.greeted = true;
        return Some((Ok(Bytes::from(greeting)), live));
    }
    let shutdown = live.tickets.0.shutdown.clone();
    let (host, keep_alive) = (live.tickets.0.host.clone(), live.tickets.0.config.keep_alive);
    loop {
        if let Some(change) = live.queue.pop_front() {
            return Some((Ok(frame(&change)), live));
        }
        let received = async {
            tokio::select! {
                biased;
                () = shutdown.signalled() => None,
                received = live.changes.recv() => Some(received),
            }
        };
        match host.timeout(keep_alive, received).await {
            Ok(Some(Ok(change))) => {
                if live.topic.fits(&change) && change.position > live.sent_up_to {
                    live.sent_up_to = change.position;
                    live.queue.push_back(change);
                }
            }
            Ok(None | Some(Err(RecvError::Closed | RecvError::Lagged(_)))) => return None,
            Err(_) => return Some((Ok(Bytes::from_static(b": still here\n\n")), live)),
        }
    }
}

fn frame(change: &Change) -> Bytes {
    // JSON holds no line break.
    Bytes::from(format!("event: ticket\nid: {}\ndata: {}\n\n", change.position, change.data))
}
