//! The one writer: a thread that commits whatever is waiting as a group.
//!
//! While one group is being written to the disk the next one gathers, so that the cost of the disk is
//! shared by as many writes as there are. Each write checks what it expects before it changes anything;
//! one that is refused has written nothing and needs no way back. When one fails, the whole group is
//! rolled back and each of its writes is tried alone, so that none suffers for another.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, ErrorCode, params};
use stubmart_contract::Envelope;
use stubmart_ports::Cause;
use tokio::sync::{mpsc, oneshot};

use crate::{
    checkpoint::{self, Checkpoints},
    feed::Logged,
    live::Live,
    packed,
    sql::{signed, unsigned},
};

/// Why a write was not done.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Nothing was written.
    Unavailable(Cause),
    /// It may have been written, or may still be.
    Indeterminate(Cause),
}

/// What makes a write take back all that it has written so far.
pub(crate) enum Undo<A> {
    /// It is refused, with this answer.
    Refused(A),
    /// It failed.
    Failed(rusqlite::Error),
}

impl<A> From<rusqlite::Error> for Undo<A> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// An event as it goes to the file.
pub(crate) struct Encoded {
    event: Arc<Envelope>,
    body: Vec<u8>,
}

impl Encoded {
    /// Encodes events, away from the writer.
    pub(crate) fn all(events: &[Arc<Envelope>]) -> Result<Vec<Self>, Cause> {
        let encode = |event: &Arc<Envelope>| {
            Ok(Self { event: Arc::clone(event), body: packed::pack(event.encode()?) })
        };
        events.iter().map(encode).collect()
    }

    /// The event.
    pub(crate) fn event(&self) -> &Envelope {
        &self.event
    }
}

/// A transaction, shared by the writes of a group.
pub(crate) struct Tx<'c> {
    conn: &'c Connection,
    recorded: Vec<Logged>,
}

impl Tx<'_> {
    /// A statement, prepared once.
    pub(crate) fn prepare(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.conn.prepare_cached(sql)
    }

    /// Appends an event to the log: to the history of `service`, or as one that came over the bus.
    pub(crate) fn record(
        &mut self,
        service: Option<&str>,
        Encoded { event, body }: &Encoded,
    ) -> rusqlite::Result<()> {
        let (aggregate, version) = match service {
            Some(_) => {
                (Some(event.aggregate_id.as_bytes().as_slice()), Some(signed(event.version)))
            }
            None => (None, None),
        };
        let seq = self
            .prepare(
                "INSERT INTO event(id, service, type, body, aggregate, version) \
                 VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .insert(params![
                event.id.0.as_bytes().as_slice(),
                service,
                event.event.event_type().as_str(),
                body,
                aggregate,
                version
            ])?;
        let (event, size) = (Arc::clone(event), body.len());
        self.recorded.push(Logged { seq: unsigned(seq), event, size });
        Ok(())
    }
}

/// What the writer is sent.
pub(crate) enum Message {
    /// A write.
    Write(Box<dyn Write>),
    /// Do what was sent before, then end and say so.
    Close(oneshot::Sender<Closed>),
}

/// Whether the write-ahead log could be emptied at the end.
pub(crate) type Closed = rusqlite::Result<()>;

impl Message {
    /// Answers what came too late.
    fn refuse(self) {
        match self {
            Self::Write(write) => {
                write.fail(WriteError::Unavailable("the database is closed".into()));
            }
            Self::Close(reply) => drop(reply.send(Ok(()))),
        }
    }
}

/// A write, of whatever answer.
pub(crate) trait Write: Send {
    /// Does it, and keeps the answer.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Undone>;
    /// It is committed, or refused: gives the answer.
    fn answer(self: Box<Self>);
    /// It is not done.
    fn fail(self: Box<Self>, error: WriteError);
}

/// [`Undo`], with the answer kept.
pub(crate) enum Undone {
    Refused,
    Failed(rusqlite::Error),
}

/// A [`Write`] made of a closure, which may run several times.
pub(crate) struct Job<F, A> {
    run: F,
    answer: Option<A>,
    reply: oneshot::Sender<Result<A, WriteError>>,
}

impl<F, A> Job<F, A> {
    pub(crate) fn new(run: F, reply: oneshot::Sender<Result<A, WriteError>>) -> Self {
        Self { run, answer: None, reply }
    }
}

impl<F, A> Write for Job<F, A>
where
    F: FnMut(&mut Tx<'_>) -> Result<A, Undo<A>> + Send,
    A: Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Undone> {
        let (answer, undone) = match (self.run)(tx) {
            Ok(answer) => (Some(answer), Ok(())),
            Err(Undo::Refused(answer)) => (Some(answer), Err(Undone::Refused)),
            Err(Undo::Failed(error)) => (None, Err(Undone::Failed(error))),
        };
        self.answer = answer;
        undone
    }

    fn answer(self: Box<Self>) {
        if let Some(answer) = self.answer {
            // The caller may have gone.
            drop(self.reply.send(Ok(answer)));
        }
    }

    fn fail(self: Box<Self>, error: WriteError) {
        drop(self.reply.send(Err(error)));
    }
}

/// Why a group was not committed. Its transaction is rolled back.
enum Abort {
    /// It did not begin.
    Begin(rusqlite::Error),
    /// One of its writes was undone.
    Write(Undone),
    /// The commit failed; the disk may hold it all the same.
    Commit(rusqlite::Error),
}

/// The thread's state.
pub(crate) struct Writer {
    pub(crate) conn: Connection,
    pub(crate) live: Arc<Live>,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) group_max: usize,
    /// How many groups the disk has refused since it last took one.
    pub(crate) failures: u32,
}

impl Writer {
    /// Runs until it is told to close or everybody who could send has gone.
    pub(crate) fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(self.group_max);
        while inbox.blocking_recv_many(&mut messages, self.group_max) > 0 {
            let mut group = Vec::with_capacity(messages.len());
            let mut closing = None;
            for message in messages.drain(..) {
                match message {
                    Message::Write(write) if closing.is_none() => group.push(write),
                    Message::Close(reply) if closing.is_none() => closing = Some(reply),
                    late => late.refuse(),
                }
            }
            self.commit(group);
            match closing {
                Some(reply) => return self.close(inbox, reply),
                None => self.checkpoints.after_commit(&self.conn),
            }
        }
    }

    fn close(self, mut inbox: mpsc::Receiver<Message>, reply: oneshot::Sender<Closed>) {
        inbox.close();
        while let Some(late) = inbox.blocking_recv() {
            late.refuse();
        }
        let finished = checkpoint::finish(&self.conn);
        drop(self);
        // The caller may have gone.
        drop(reply.send(finished));
    }

    /// Commits a group and answers each of its writes.
    fn commit(&mut self, mut group: Vec<Box<dyn Write>>) {
        if group.is_empty() {
            return;
        }
        metrics::histogram!("stubmart_sqlite_group_size")
            .record(f64::from(u32::try_from(group.len()).unwrap_or(u32::MAX)));
        match self.attempt(&mut group) {
            Ok(recorded) => {
                if self.failures > 0 {
                    tracing::info!(failures = self.failures, "the disk takes commits again");
                    self.failures = 0;
                }
                self.live.feed.append(recorded);
                group.into_iter().for_each(|write| write.answer());
            }
            Err(Abort::Begin(error)) => self.fail_all(group, &error, WriteError::Unavailable),
            // What ends a transaction in the log is written last, so that a log which had no room for all
            // of it does not hold it.
            Err(Abort::Commit(error)) if is_full(&error) => {
                self.disk_failed(&error);
                self.fail_all(group, &error, WriteError::Unavailable);
            }
            Err(Abort::Commit(error)) => {
                self.disk_failed(&error);
                self.fail_all(group, &error, WriteError::Indeterminate);
            }
            Err(Abort::Write(_)) if group.len() > 1 => {
                for write in group {
                    self.commit(vec![write]);
                }
            }
            Err(Abort::Write(Undone::Refused)) => {
                group.into_iter().for_each(|write| write.answer())
            }
            Err(Abort::Write(Undone::Failed(error))) => {
                if is_full(&error) {
                    self.disk_failed(&error);
                }
                self.fail_all(group, &error, WriteError::Unavailable);
            }
        }
    }

    fn fail_all(
        &self,
        group: Vec<Box<dyn Write>>,
        error: &rusqlite::Error,
        kind: impl Fn(Cause) -> WriteError,
    ) {
        self.live.met(error);
        for write in group {
            write.fail(kind(error.to_string().into()));
        }
    }

    /// The disk did not take a group. Told, and something done about it, less and less often, so that
    /// an hour without a disk does not fill the log with lines and the processor with work.
    fn disk_failed(&mut self, error: &rusqlite::Error) {
        self.failures = self.failures.saturating_add(1);
        if !self.failures.is_power_of_two() {
            return;
        }
        tracing::error!(%error, failures = self.failures, "commit failed");
        if is_full(error) {
            self.checkpoints.make_room(&self.conn);
        }
    }

    /// Runs a group in one transaction. The answer is what it recorded.
    fn attempt(&self, group: &mut [Box<dyn Write>]) -> Result<Vec<Logged>, Abort> {
        self.execute("BEGIN IMMEDIATE").map_err(Abort::Begin)?;
        let mut tx = Tx { conn: &self.conn, recorded: Vec::new() };
        for write in group {
            if let Err(undone) = write.run(&mut tx) {
                self.roll_back();
                return Err(Abort::Write(undone));
            }
        }
        let recorded = tx.recorded;
        self.execute("COMMIT").map_err(|error| {
            self.roll_back();
            Abort::Commit(error)
        })?;
        Ok(recorded)
    }

    /// Ends the transaction, if `SQLite` has not done so by itself after the error.
    fn roll_back(&self) {
        if !self.conn.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "rollback failed");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.conn.prepare_cached(sql)?.execute(()).map(drop)
    }
}

/// Whether the disk had no room.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use stubmart_contract::{
        Actor, DomainEvent, EventType, MessageId, Timestamp, UserId, event::UserState,
    };

    use super::*;
    use crate::{checkpoint::Limits, live::Live, schema};

    fn writer(path: &Path) -> Writer {
        let mut conn = schema::connect(path, 100).unwrap();
        schema::write_ahead(&conn).unwrap();
        schema::prepare(&mut conn).unwrap();
        let limits = Limits { copy_pages: 1000, restart_pages: 1000 };
        let checkpoints = Checkpoints::start(path, limits).unwrap();
        Writer { conn, live: Live::of(path).unwrap(), checkpoints, group_max: 100, failures: 0 }
    }

    /// A write and where its answer comes.
    type Asked<A> = (Box<dyn Write>, oneshot::Receiver<Result<A, WriteError>>);

    fn ask<A: Send + 'static>(
        run: impl FnMut(&mut Tx<'_>) -> Result<A, Undo<A>> + Send + 'static,
    ) -> Asked<A> {
        let (reply, answer) = oneshot::channel();
        (Box::new(Job::new(run, reply)), answer)
    }

    fn insert(name: &'static str) -> Asked<()> {
        ask(move |tx| {
            tx.prepare("INSERT INTO name(name) VALUES(?1)")?.execute((name,))?;
            Ok(())
        })
    }

    fn record(id: u128) -> Asked<()> {
        ask(move |tx| {
            let id = MessageId(uuid::Uuid::from_u128(id));
            let event = Arc::new(Envelope {
                id,
                aggregate_id: id.0,
                version: 1,
                at: Timestamp::EPOCH,
                causation_id: id,
                correlation_id: id,
                actor: Actor::System,
                request_id: None,
                event: DomainEvent::UserCreated(UserState { id: UserId(id.0) }),
            });
            Ok(tx.record(None, &Encoded { event, body: vec![1] })?)
        })
    }

    fn names(writer: &Writer) -> Vec<String> {
        let mut statement = writer.conn.prepare("SELECT name FROM name ORDER BY name").unwrap();
        statement.query_map((), |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    /// A write that fails or takes back what it wrote does so alone; the others of its group are done.
    #[test]
    fn a_write_that_fails_fails_alone() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory.path().join("db"));
        let (first, mut first_answer) = insert("a");
        let (failing, mut failing_answer) = insert("a");
        let (refused, mut refused_answer) = ask(|tx| {
            tx.prepare("INSERT INTO name(name) VALUES('refused')")?.execute(())?;
            Err(Undo::Refused("no"))
        });
        let (last, mut last_answer) = insert("b");
        writer.commit(vec![first, failing, refused, last]);
        assert!(first_answer.try_recv().unwrap().is_ok());
        assert!(matches!(failing_answer.try_recv().unwrap(), Err(WriteError::Unavailable(_))));
        assert_eq!(refused_answer.try_recv().unwrap().unwrap(), "no");
        assert!(last_answer.try_recv().unwrap().is_ok());
        assert_eq!(names(&writer), ["a", "b"]);
    }

    /// When the commit itself fails nobody is told that something is done, or that it is not, and the
    /// next write is done as ever.
    #[test]
    fn a_commit_that_fails_leaves_the_answer_open() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory.path().join("db"));
        let tables = "CREATE TABLE parent(id INTEGER PRIMARY KEY);
             CREATE TABLE child(id REFERENCES parent(id) DEFERRABLE INITIALLY DEFERRED);";
        writer.conn.execute_batch(tables).unwrap();
        writer.conn.pragma_update(None, "foreign_keys", true).unwrap();
        let (good, mut good_answer) = insert("a");
        // What it breaks is looked at when the transaction ends.
        let (breaking, mut breaking_answer) = ask(|tx| {
            tx.prepare("INSERT INTO child VALUES(7)")?.execute(())?;
            Ok(())
        });
        let (telling, _) = record(1);
        writer.commit(vec![good, telling, breaking]);
        for answer in [&mut good_answer, &mut breaking_answer] {
            assert!(matches!(answer.try_recv().unwrap(), Err(WriteError::Indeterminate(_))));
        }
        assert!(writer.conn.is_autocommit(), "the transaction is over");
        assert!(writer.live.feed.behind(0, EventType::ALL, 9).is_none(), "an event was told of");

        let (next, mut next_answer) = insert("b");
        writer.commit(vec![next]);
        assert!(next_answer.try_recv().unwrap().is_ok());
        assert_eq!(names(&writer), ["b"]);
    }

    /// Events are told of once they are committed, and only then.
    #[test]
    fn events_of_a_group_that_is_rolled_back_are_not_shown() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(&directory.path().join("db"));
        let (writes, _answers): (Vec<_>, Vec<_>) =
            [record(1), record(2), record(2)].into_iter().unzip();
        writer.commit(writes);
        let shown = writer.live.feed.behind(0, EventType::ALL, 9).unwrap();
        assert_eq!(shown.events.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [1, 2]);
    }
}
