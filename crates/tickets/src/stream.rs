//! Server-Sent Events: the changes of one ticket, or of all tickets of a show
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
//!
//! A client that comes back is first given what it missed: the events behind the last one it saw, or,
//! when those are too many, the tickets as they are now. Both are read piece by piece, as the client
//! takes them.

use std::{
    collections::{HashMap, VecDeque},
    convert::Infallible,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use stubmart_contract::TicketId;
use stubmart_http_kit::Problem;
use stubmart_ports::{
    Cause,
    bus::{Seen, Tail, TailFrom},
    key::Key,
    store::Scan,
};

use crate::{
    feed::{Listener, TYPES, Topic, data, read},
    service::Tickets,
    ticket::{Phase, TICKETS, index},
};

/// How far back a client can resume by the bus; one that was away longer gets the present state.
const RESUME_MAX: u64 = 20_000;

/// How many events are read at once.
const EVENTS: usize = 256;

/// How many tickets are read at once.
const TICKETS_AT_ONCE: usize = 100;

/// How long a browser waits before it connects again, in milliseconds.
const RETRY_MS: u32 = 1000;

/// One client's stream.
struct Live {
    tickets: Tickets,
    topic: Topic,
    past: Past,
    /// What is sent next.
    frames: VecDeque<Bytes>,
    changes: Listener,
    /// What was sent, or need not be.
    sent_up_to: u64,
    /// The id that the client comes back with.
    id: u64,
}

/// What the client missed and was not sent yet.
enum Past {
    /// Nothing.
    Over,
    /// Events, up to position `until`, and the newest version that was told of each ticket: a state can
    /// be announced anew behind a newer one.
    Events { tail: Box<dyn Tail>, until: u64, told: HashMap<TicketId, u64> },
    /// The present state, which is at least that of position `until`: the scan's tickets, or the one
    /// ticket.
    State { scan: Option<Scan>, until: u64 },
}

/// What a stream waits for.
enum Heard {
    Missed(Vec<Seen>),
    Change(Bytes, u64),
    /// The server stops, the bus is down, or the client is too slow; it shall come back.
    End,
}

impl Tickets {
    /// A stream of the changes of `topic`, from now on or from behind the client's `Last-Event-ID`.
    pub(crate) async fn stream(
        &self,
        topic: Topic,
        headers: &HeaderMap,
    ) -> Result<Response, Problem> {
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        // What is no id of ours is one of another bus.
        let last: Option<u64> = last.map(|value| value.parse().unwrap_or(u64::MAX));
        // Listening begins before the past is read, so that nothing falls between.
        let changes = self.feed().listen(topic);
        let now = self.bus().position().await.map_err(Problem::unavailable)?;
        let past = self.past(topic, last, now).await.map_err(Problem::unavailable)?;
        // Whoever resumes keeps the id they came with until they have what they missed.
        let id = if matches!(past, Past::Over) { now } else { last.unwrap_or(now) };
        let greeting = format!("retry: {RETRY_MS}\nid: {id}\n\n");
        let live = Live {
            tickets: self.clone(),
            topic,
            past,
            frames: VecDeque::from([Bytes::from(greeting)]),
            changes,
            // A change that is not followed yet comes by the feed although its position is not behind
            // `now`; without a past to resume, all that comes is news.
            sent_up_to: 0,
            id,
        };
        let frames = stream::unfold(live, async |mut live| {
            let frame = live.next_frame().await?;
            Some((Ok::<_, Infallible>(frame), live))
        });
        let headers = [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-store"),
            // Proxies such as nginx would hold events back until a buffer is full.
            (header::HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        Ok((headers, Body::from_stream(frames)).into_response())
    }

    /// What a client that saw everything up to `last` has missed up to `until`.
    async fn past(&self, topic: Topic, last: Option<u64>, until: u64) -> Result<Past, Cause> {
        Ok(match (last, topic) {
            (None, _) => Past::Over,
            (Some(last), _) if last == until => Past::Over,
            (Some(last), _) if last < until && until - last <= RESUME_MAX => {
                let tail = self.bus().tail(TYPES, TailFrom::Behind(last)).await?;
                Past::Events { tail, until, told: HashMap::new() }
            }
            // Too long ago, or of another bus.
            (Some(_), Topic::Ticket(_)) => Past::State { scan: None, until },
            (Some(_), Topic::Event(event_id)) => {
                let event = Key::new().id(event_id.0);
                let mut scan = Scan::prefix(&TICKETS, index::EVENT_NEWEST, &event);
                // What was withdrawn stands last, and is not shown.
                scan.to = Some(event.number(Phase::Withdrawn.number()).into_bytes());
                Past::State { scan: Some(scan.limit(TICKETS_AT_ONCE)), until }
            }
        })
    }
}

impl Live {
    /// The next bytes for the client; `None` ends the stream.
    async fn next_frame(&mut self) -> Option<Bytes> {
        let host = self.tickets.host().clone();
        let keep_alive = self.tickets.config().keep_alive;
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Some(frame);
            }
            if let Past::State { scan, until } = &mut self.past {
                let (scan, until) = (scan.take(), *until);
                self.read_state(scan, until).await.ok()?;
                continue;
            }
            match host.timeout(keep_alive, self.hear()).await {
                Ok(Heard::Missed(seen)) => {
                    self.take(&seen);
                    tokio::task::yield_now().await;
                }
                Ok(Heard::Change(frame, position)) if position > self.sent_up_to => {
                    (self.sent_up_to, self.id) = (position, position);
                    return Some(frame);
                }
                Ok(Heard::Change(..)) => {}
                Ok(Heard::End) => return None,
                Err(_) => return Some(self.still_here()),
            }
        }
    }

    async fn hear(&mut self) -> Heard {
        let shutdown = self.tickets.shutdown().clone();
        let heard = async {
            if let Past::Events { tail, .. } = &mut self.past {
                return tail.next(EVENTS).await.map_or(Heard::End, Heard::Missed);
            }
            match self.changes.next().await {
                Ok(change) => {
                    Heard::Change(frame(Some(change.position), &change.data), change.position)
                }
                Err(_) => Heard::End,
            }
        };
        tokio::select! {
            biased;
            () = shutdown.signalled() => Heard::End,
            heard = heard => heard,
        }
    }

    /// Takes events that the client missed. The first one that comes at or behind the end of the past
    /// tells that nothing is missing any more; what is behind it comes by the feed.
    fn take(&mut self, seen: &[Seen]) {
        let Past::Events { until, told, .. } = &mut self.past else { return };
        let until = *until;
        for seen in seen {
            if seen.position <= until
                && let Ok(Some((ticket, version))) = seen.event.as_ref().map(|event| read(event))
                && self.topic.fits(&ticket)
                && told.get(&ticket.id).is_none_or(|told| *told < version)
            {
                told.insert(ticket.id, version);
                let Ok(data) = data(ticket, version) else { continue };
                self.frames.push_back(frame(Some(seen.position), &data));
            }
            if seen.position >= until {
                self.past_is_over(until);
                break;
            }
        }
    }

    /// Reads the next tickets of the present state. Only when all are sent the client is given an id:
    /// one that is cut off before gets all of them anew.
    async fn read_state(&mut self, scan: Option<Scan>, until: u64) -> Result<(), Cause> {
        let tickets = self.tickets.repository();
        let mut next = None;
        match (self.topic, scan) {
            (Topic::Ticket(id), _) => {
                if let Some(found) = tickets.load(id).await? {
                    self.frames.push_back(frame(None, &data(found.state.state(), found.version)?));
                }
            }
            (Topic::Event(_), Some(scan)) => {
                let rows = tickets.find(scan.clone()).await?;
                next = rows.last().map(|last| scan.behind(&last.key));
                for row in rows {
                    self.frames
                        .push_back(frame(None, &data(row.found.state.state(), row.found.version)?));
                }
            }
            (Topic::Event(_), None) => {}
        }
        if next.is_some() {
            self.past = Past::State { scan: next, until };
        } else {
            self.past_is_over(until);
            self.frames.push_back(Bytes::from(format!("id: {until}\n\n")));
        }
        Ok(())
    }

    fn past_is_over(&mut self, until: u64) {
        self.past = Past::Over;
        (self.sent_up_to, self.id) = (until, until);
    }

    /// Says that the stream is alive, and up to where the client has seen everything, so that it need
    /// not look through all that happened to others when it comes back.
    fn still_here(&mut self) -> Bytes {
        match self.changes.heard_up_to() {
            Some(reached) if matches!(self.past, Past::Over) && reached > self.id => {
                (self.sent_up_to, self.id) = (reached, reached);
                Bytes::from(format!(": still here\nid: {reached}\n\n"))
            }
            Some(_) | None => Bytes::from_static(b": still here\n\n"),
        }
    }
}

fn frame(id: Option<u64>, data: &str) -> Bytes {
    // JSON holds no line break.
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    Bytes::from(format!("event: ticket\n{id}data: {data}\n\n"))
}
