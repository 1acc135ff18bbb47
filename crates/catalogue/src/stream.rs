//! Use case: a client follows the changes of one ticket, or of all tickets of a show.
//!
//! A client that comes back first gets what it missed: the changes behind the last one it saw, or, where
//! those are no longer kept, the tickets as they are now.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use futures_util::{Stream, stream};
use stubmart_contract::{
    Context, TicketId, UserId,
    api::TicketStatus,
    calls::{Listings, ListingsOf, ListingsRequest},
};
use stubmart_kernel::RepositoryError;
use stubmart_ports::calls::CallError;

use crate::{
    feed::{Change, Listener, Missed, Topic, data},
    service::Catalogue,
};

/// How many tickets are read at once.
const TICKETS_AT_ONCE: usize = 100;

/// How long a stream that begins waits at the most until its instance has caught up.
const CATCH_UP_MAX: Duration = Duration::from_secs(1);

/// A part of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    /// A ticket has changed, or is as it is.
    Ticket {
        /// The id that the client comes back with. A part of the present state has none: a client that is
        /// cut off before its end gets all of it again.
        id: Option<u64>,
        /// The ticket as JSON.
        data: Arc<str>,
    },
    /// The client has seen everything up to this id.
    SeenTo(u64),
    /// The stream is alive.
    Alive,
}

/// Why there is no stream.
#[derive(Debug)]
pub enum StreamError {
    /// There is no such show or ticket, or none that the client may see.
    NotFound,
    /// The tickets service did not answer.
    Call(CallError),
    /// The repository failed.
    Repository(RepositoryError),
}

impl From<CallError> for StreamError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<RepositoryError> for StreamError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

/// One client's stream.
struct Live {
    catalogue: Catalogue,
    context: Context,
    topic: Topic,
    /// The next updates.
    updates: VecDeque<Update>,
    /// The rest of the present state, which begins behind this cursor.
    state: Option<Option<String>>,
    changes: Listener,
    /// The id that the client comes back with.
    id: u64,
    /// The versions that the client has seen as a part of the present state. Changes up to them may still
    /// come by the feed, and are no news.
    seen: HashMap<TicketId, u64>,
}

impl Catalogue {
    /// The changes of `topic` from now on, and behind the change with the id `last` if the client saw that
    /// last. Ends when the server stops and when the client is too slow; it is meant to come back.
    ///
    /// # Errors
    /// [`StreamError`].
    pub async fn stream(
        &self,
        context: &Context,
        topic: Topic,
        viewer: Option<UserId>,
        last: Option<u64>,
    ) -> Result<impl Stream<Item = Update> + Send + use<>, StreamError> {
        let mut seen = HashMap::new();
        match topic {
            Topic::Event(id) => {
                if !self.knows(id).await? {
                    return Err(StreamError::NotFound);
                }
            }
            Topic::Ticket(id) => {
                let found = self.listings(context, ListingsOf::Ticket(id), None).await?;
                let found = found.listings.into_iter().next().ok_or(StreamError::NotFound)?;
                let is_withdrawn = found.ticket.status == TicketStatus::Withdrawn;
                if is_withdrawn && viewer != Some(found.ticket.user_id) {
                    return Err(StreamError::NotFound);
                }
                if last.is_none() {
                    seen.insert(id, found.version);
                }
            }
        }
        // Changes from before the client asked are not sent to it.
        if self.host().timeout(CATCH_UP_MAX, self.feed().caught_up()).await.is_err() {
            tracing::debug!("a stream begins while its instance catches up");
        }
        let (changes, missed) = self.feed().listen(topic, last);
        let since = changes.since;
        let (missed, state) = match missed {
            Missed::Changes(missed) => (missed, None),
            Missed::TooMuch => (Vec::new(), Some(None)),
        };
        // A client that resumes keeps the id it came with until it has what it missed.
        let has_all = missed.is_empty() && state.is_none();
        let id = last.filter(|_| !has_all).unwrap_or(since);
        let mut updates = VecDeque::from([Update::SeenTo(id)]);
        updates.extend(missed.into_iter().map(Update::from));
        let live = Live {
            catalogue: self.clone(),
            context: context.clone(),
            topic,
            updates,
            state,
            changes,
            id: since,
            seen,
        };
        Ok(stream::unfold(live, async |mut live| {
            let update = live.next().await?;
            Some((update, live))
        }))
    }

    async fn listings(
        &self,
        context: &Context,
        of: ListingsOf,
        cursor: Option<String>,
    ) -> Result<Listings, CallError> {
        let request = ListingsRequest { of, cursor, limit: TICKETS_AT_ONCE };
        self.tickets().listings(context, request).await
    }
}

impl Live {
    /// The next update; `None` ends the stream.
    async fn next(&mut self) -> Option<Update> {
        let host = self.catalogue.host().clone();
        let keep_alive = self.catalogue.config().keep_alive;
        loop {
            if let Some(update) = self.updates.pop_front() {
                return Some(update);
            }
            if let Some(cursor) = self.state.take() {
                // A client whose stream ends here comes back for all of it.
                self.read_state(cursor).await.ok()?;
                continue;
            }
            match host.timeout(keep_alive, self.hear()).await {
                Ok(change) => {
                    let change = change?;
                    self.id = change.position;
                    let seen = self.seen.remove(&change.ticket);
                    match seen.filter(|seen| *seen >= change.version) {
                        Some(seen) => drop(self.seen.insert(change.ticket, seen)),
                        None => return Some(change.into()),
                    }
                }
                Err(_) => return Some(self.alive()),
            }
        }
    }

    /// The next change; `None` when the server stops or the client is too slow.
    async fn hear(&mut self) -> Option<Change> {
        tokio::select! {
            biased;
            () = self.catalogue.shutdown().signalled() => None,
            change = self.changes.next() => change,
        }
    }

    /// Reads the next tickets of the present state.
    async fn read_state(&mut self, cursor: Option<String>) -> Result<(), CallError> {
        let of = match self.topic {
            Topic::Event(id) => ListingsOf::Event(id),
            Topic::Ticket(id) => ListingsOf::Ticket(id),
        };
        let page = self.catalogue.listings(&self.context, of, cursor).await?;
        for listing in page.listings {
            self.seen.insert(listing.ticket.id, listing.version);
            let data = data(listing.ticket, listing.version);
            self.updates.push_back(Update::Ticket { id: None, data });
        }
        match page.next {
            Some(cursor) => self.state = Some(Some(cursor)),
            None => self.updates.push_back(Update::SeenTo(self.id)),
        }
        Ok(())
    }

    /// Says that the stream is alive, and up to where the client has seen everything, so that fewer changes
    /// have to be kept for it when it comes back.
    fn alive(&mut self) -> Update {
        // Changes that were on their way when the present state was read have come by now.
        self.seen = HashMap::new();
        match self.changes.heard_up_to().filter(|reached| *reached > self.id) {
            Some(reached) => {
                self.id = reached;
                Update::SeenTo(reached)
            }
            None => Update::Alive,
        }
    }
}

impl From<Change> for Update {
    fn from(change: Change) -> Self {
        Self::Ticket { id: Some(change.position), data: change.data }
    }
}
