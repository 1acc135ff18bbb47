//! The one writer: a thread that commits whatever is waiting as a group.
//!
//! While one group is being written to the disk the next one gathers, so that the cost of the disk is
//! shared by as many writes as there are. Each write checks what it expects before it changes anything;
//! one that is refused has written nothing and needs no way back. When one fails, the whole group is
//! rolled back and each of its writes is tried alone, so that none suffers for another.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, params};
use stubmart_ports::{Cause, store::Outgoing};
use tokio::sync::{mpsc, oneshot};

use crate::{
    checkpoint::{self, Checkpoints},
    db::unsigned,
    feed::Logged,
    live::Live,
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

    /// Appends an event to the log.
    pub(crate) fn record(
        &mut self,
        service: Option<&str>,
        event: &Outgoing,
    ) -> rusqlite::Result<()> {
        let seq = self
            .prepare("INSERT INTO event(id, service, type, body) VALUES(?1, ?2, ?3, ?4)")?
            .insert(params![
                event.id.0.as_bytes().as_slice(),
                service,
                event.event_type.as_str(),
                event.body
            ])?;
        self.recorded.push(Logged {
            seq: unsigned(seq),
            event_type: Some(event.event_type),
            body: Arc::from(event.body.as_slice()),
        });
        Ok(())
    }
}

/// What the writer is sent.
pub(crate) enum Message {
    /// A write.
    Write(Box<dyn Write>),
    /// Do what was sent before, then end and say so.
    Close(oneshot::Sender<rusqlite::Result<()>>),
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
            // Whoever asked may have gone.
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
}

impl Writer {
    /// Runs until it is told to close or everybody who could send has gone.
    pub(crate) fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        let mut messages = Vec::with_capacity(self.group_max);
        while inbox.blocking_recv_many(&mut messages, self.group_max) > 0 {
            let mut group = Vec::with_capacity(messages.len());
            let mut close = None;
            for message in messages.drain(..) {
                match message {
                    Message::Write(write) if close.is_none() => group.push(write),
                    Message::Write(write) => {
                        write.fail(WriteError::Unavailable("the database is closed".into()));
                    }
                    Message::Close(reply) => close = Some(reply),
                }
            }
            self.commit(group);
            if let Some(reply) = close {
                drop(reply.send(checkpoint::finish(&self.conn)));
                return;
            }
            self.checkpoints.after_commit(&self.conn);
        }
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
                self.live.feed.append(recorded);
                group.into_iter().for_each(|write| write.answer());
            }
            Err(Abort::Begin(error)) => fail_all(group, &error, WriteError::Unavailable),
            Err(Abort::Commit(error)) => {
                tracing::error!(%error, "commit failed");
                fail_all(group, &error, WriteError::Indeterminate);
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
                fail_all(group, &error, WriteError::Unavailable);
            }
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

fn fail_all(
    group: Vec<Box<dyn Write>>,
    error: &rusqlite::Error,
    kind: impl Fn(Cause) -> WriteError,
) {
    for write in group {
        write.fail(kind(error.to_string().into()));
    }
}
