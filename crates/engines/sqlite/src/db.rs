//! What store, bus and timers share: connections that read, and the way to the writer.

use std::{sync::Arc, time::Duration};

use rusqlite::Connection;
use stubmart_ports::host::Host;
use tokio::sync::{
    mpsc::{self, error::TrySendError},
    oneshot,
};

use crate::{
    feed::{self, Stretch},
    live::Live,
    readers::Readers,
    sql::{signed, unsigned},
    writer::{Job, Message, Tx, Undo, WriteError},
};

/// How a database is run. The defaults are right for production; tests make some of them small.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections that read; a read runs on the task that asks, so more than cores are no use.
    pub readers: usize,
    /// Page cache of the writer in KiB.
    pub writer_cache_kib: u32,
    /// Page cache of each reader in KiB.
    pub reader_cache_kib: u32,
    /// Writes that may wait for the writer.
    pub queue_max: usize,
    /// Writes that are committed as one group.
    pub group_max: usize,
    /// How long a write waits for a place in the full queue before it is refused as unavailable.
    pub queue_wait: Duration,
    /// How long a write waits for its answer before that is given up as lost.
    pub answer_wait: Duration,
    /// A checkpoint begins when so many pages (of 4 KiB) of the write-ahead log wait for it.
    pub checkpoint_pages: u32,
    /// The write-ahead log is started from its beginning again when it has so many pages.
    pub log_pages: u32,
    /// Whether old events can be moved into a file beside this one ([`crate::Database::archive_events`]), which is
    /// made if it is not there.
    pub archive: bool,
    /// How many pages the file may have; `None` for as many as the disk holds.
    pub pages_max: Option<u32>,
    /// How often those who wait for events look for some that another process recorded.
    pub poll: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            readers: cores.max(2),
            writer_cache_kib: 8 * 1024,
            reader_cache_kib: 2 * 1024,
            queue_max: 4096,
            group_max: 256,
            queue_wait: Duration::from_secs(2),
            answer_wait: Duration::from_secs(10),
            checkpoint_pages: 1024,
            log_pages: 8 * 1024,
            archive: false,
            pages_max: None,
            poll: Duration::from_millis(200),
        }
    }
}

/// What store, bus and timers share.
pub(crate) struct Db {
    pub(crate) host: Host,
    pub(crate) options: Options,
    pub(crate) live: Arc<Live>,
    pub(crate) readers: Readers,
    pub(crate) writer: mpsc::Sender<Message>,
}

/// Where to look for the end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// What this process has recorded is enough.
    Memory,
    /// Another process may have recorded more.
    File,
}

/// How many rows of the log are looked at in one go.
const SCAN_ROWS: i64 = 1024;

impl Db {
    /// Runs `work` on a connection that reads. It sees everything that was acknowledged before.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.readers.read(work).inspect_err(|error| self.live.met(error))
    }

    /// Has the writer run `run` and commit it. `run` may run more than once, each time in a
    /// transaction in which it has not run before; it should look before it writes, since taking
    /// back what it wrote ([`Undo`]) costs the other writes of the group a second run.
    ///
    /// When the future is dropped, the write is done all the same.
    pub(crate) async fn write<A, F>(&self, run: F) -> Result<A, WriteError>
    where
        A: Send + 'static,
        F: FnMut(&mut Tx<'_>) -> Result<A, Undo<A>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.submit(Message::Write(Box::new(Job::new(run, reply)))).await?;
        match self.host.timeout(self.options.answer_wait, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(WriteError::Indeterminate("the writer has ended".into())),
            Err(timed_out) => Err(WriteError::Indeterminate(timed_out.into())),
        }
    }

    /// Has the writer run `run` if it has a place in its queue, and does not wait for it. Whether it
    /// has one.
    pub(crate) fn write_soon<F>(&self, run: F) -> bool
    where
        F: FnMut(&mut Tx<'_>) -> Result<(), Undo<()>> + Send + 'static,
    {
        let (reply, _) = oneshot::channel();
        self.live.damage().is_none()
            && self.writer.try_send(Message::Write(Box::new(Job::new(run, reply)))).is_ok()
    }

    async fn submit(&self, message: Message) -> Result<(), WriteError> {
        if let Some(damage) = self.live.damage() {
            return Err(WriteError::Unavailable(format!("the file is damaged: {damage}").into()));
        }
        let message = match self.writer.try_send(message) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(message)) => message,
            Err(TrySendError::Closed(_)) => {
                return Err(WriteError::Unavailable("the database is closed".into()));
            }
        };
        match self.host.timeout(self.options.queue_wait, self.writer.reserve()).await {
            Ok(Ok(place)) => {
                place.send(message);
                Ok(())
            }
            Ok(Err(_)) => Err(WriteError::Unavailable("the database is closed".into())),
            Err(_) => Err(WriteError::Unavailable("too many writes are waiting".into())),
        }
    }

    /// The position of the newest event; 0 when there is none.
    pub(crate) fn newest(&self) -> rusqlite::Result<u64> {
        self.read(|conn| {
            let seq: Option<i64> = conn
                .prepare_cached("SELECT max(seq) FROM event")?
                .query_row((), |row| row.get(0))?;
            Ok(seq.map_or(0, unsigned))
        })
    }

    /// What comes behind `position` in the log: events of these kinds, at most `limit`.
    pub(crate) fn log_behind(
        &self,
        position: u64,
        types: &[stubmart_contract::EventType],
        limit: usize,
        look: Look,
    ) -> rusqlite::Result<Stretch> {
        if let Some(stretch) = self.live.feed.behind(position, types, limit) {
            return Ok(stretch);
        }
        if look == Look::Memory && self.live.feed.ends_at(position) {
            return Ok(Stretch { events: Vec::new(), read_to: position, at_end: true });
        }
        self.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT seq, type, body FROM every_event WHERE seq > ?1 ORDER BY seq LIMIT ?2",
            )?;
            let mut rows = statement.query((signed(position), SCAN_ROWS))?;
            let mut stretch = Stretch { events: Vec::new(), read_to: position, at_end: true };
            let mut seen = 0;
            while let Some(row) = rows.next()? {
                seen += 1;
                stretch.read_to = unsigned(row.get(0)?);
                let kind = row.get_ref(1)?.as_str()?;
                if types.iter().any(|it| it.as_str() == kind) {
                    let event = feed::read(row.get_ref(2)?.as_blob()?);
                    stretch.events.push((stretch.read_to, event));
                }
                stretch.at_end = seen < SCAN_ROWS;
                if stretch.events.len() >= limit {
                    stretch.at_end = false;
                    break;
                }
            }
            Ok(stretch)
        })
    }
}
