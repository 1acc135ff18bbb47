//! The bus over the log of events in the shared file.
//!
//! A save appends its events to the log in its own commit, so there is no way to be recorded and not
//! on the bus. A consumer is a cursor into the log: every event up to it is settled or waits in the
//! table of retries. The readers of a consumer in one process share what is out for delivery in memory;
//! with readers in two processes an event may be delivered in both, which at-least-once allows, and
//! those of one hear of what the other recorded within [`Options::poll`](crate::Options::poll).

use std::{collections::BTreeSet, pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use stubmart_contract::{Envelope, EventType, Timestamp};
use stubmart_ports::bus::{
    Bus, BusError, Consumer, Delivery, Disposition, Event, Seen, Subscription, Tail, TailFrom,
};
use tokio::sync::watch;

use crate::{
    db::{Db, Look},
    feed,
    group::{Group, Lease, Settlement},
    live::Readership,
    sql::{signed, unsigned},
    writer::{Encoded, Tx, Undo, WriteError},
};

/// How far the cursor on disk may lag, at the most, behind an idle consumer.
const LAG_MAX: u64 = 1024;

/// The bus.
pub struct SqliteBus {
    db: Arc<Db>,
}

impl std::fmt::Debug for SqliteBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteBus").finish_non_exhaustive()
    }
}

impl From<WriteError> for BusError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Unavailable(cause) | WriteError::Indeterminate(cause) => {
                Self::Unavailable(cause)
            }
        }
    }
}

fn unavailable(error: rusqlite::Error) -> BusError {
    BusError::Unavailable(error.into())
}

impl SqliteBus {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }

    /// The consumer's number; it is put into the table the first time.
    async fn number(&self, name: &'static str) -> Result<i64, BusError> {
        let known = self.db.read(|conn| consumer_number(conn, name)).map_err(unavailable)?;
        if let Some(number) = known {
            return Ok(number);
        }
        let number = self.db.write(move |tx| {
            tx.prepare("INSERT INTO consumer(name, cursor) VALUES(?1, 0) ON CONFLICT DO NOTHING")?
                .execute((name,))?;
            Ok(tx
                .prepare("SELECT id FROM consumer WHERE name = ?1")?
                .query_row((name,), |row| row.get(0))?)
        });
        Ok(number.await?)
    }
}

fn consumer_number(conn: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM consumer WHERE name = ?1")?
        .query_row((name,), |row| row.get(0))
        .optional()
}

/// Whether an event is in the log: because it was saved, or because it came over the bus.
const IS_RECORDED: &str = "SELECT 1 FROM every_event WHERE aggregate = ?2 AND version = ?3 AND id = ?1 \
     UNION ALL SELECT 1 FROM every_event WHERE aggregate IS NULL AND id = ?1";

fn is_recorded(mut statement: CachedStatement<'_>, event: &Envelope) -> rusqlite::Result<bool> {
    statement.exists((
        event.id.0.as_bytes().as_slice(),
        event.aggregate_id.as_bytes().as_slice(),
        signed(event.version),
    ))
}

#[async_trait]
impl Bus for SqliteBus {
    async fn publish(&self, events: &[Arc<Envelope>]) -> Result<(), BusError> {
        let missing = self.db.read(|conn| {
            let mut missing = Vec::new();
            for event in events {
                if !is_recorded(conn.prepare_cached(IS_RECORDED)?, event)? {
                    missing.push(Arc::clone(event));
                }
            }
            Ok(missing)
        });
        let missing = missing.map_err(unavailable)?;
        if missing.is_empty() {
            return Ok(());
        }
        let missing = Encoded::all(&missing).map_err(BusError::Unavailable)?;
        let written = self.db.write(move |tx| {
            for event in &missing {
                // Somebody else may have been faster, or it is twice among them.
                if !is_recorded(tx.prepare(IS_RECORDED)?, event.event())? {
                    tx.record(None, event)?;
                }
            }
            Ok(())
        });
        Ok(written.await?)
    }

    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError> {
        let number = self.number(consumer.name).await?;
        let readership = self.db.live.readership(consumer, number);
        Ok(Box::new(Reader {
            waiting: Waiting::new(&self.db),
            returned: readership.returned.subscribe(),
            readership,
            mine: BTreeSet::new(),
        }))
    }

    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        let waiting = Waiting::new(&self.db);
        let position = match from {
            TailFrom::Now => self.db.newest().map_err(unavailable)?,
            TailFrom::Behind(position) => position,
        };
        Ok(Box::new(Follower { waiting, types, position }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        self.db.newest().map_err(unavailable)
    }

    async fn life(&self) -> Result<u64, BusError> {
        // The log is the store's own record: it is never lost alone.
        Ok(0)
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.position().await.map(drop)
    }
}

/// Waits for news of the log.
struct Waiting {
    db: Arc<Db>,
    newest: watch::Receiver<u64>,
}

impl Waiting {
    fn new(db: &Arc<Db>) -> Self {
        Self { db: Arc::clone(db), newest: db.live.feed.watch() }
    }

    /// Takes note that what was recorded up to now is about to be looked at. To be called before
    /// looking, so that nothing recorded meanwhile is missed.
    fn look(&mut self) {
        self.newest.borrow_and_update();
    }

    /// Waits until something was recorded since the last look, but no longer than `wait` and no
    /// longer than it takes to look for what other processes recorded. Whether that is to be done.
    async fn wait(&mut self, wait: Option<Duration>) -> bool {
        let poll = self.db.options.poll;
        let sleep = self.db.host.clock.sleep(wait.map_or(poll, |wait| wait.min(poll)));
        match select(pin!(self.newest.changed()), sleep).await {
            Either::Left(_) => false,
            Either::Right(_) => true,
        }
    }
}

/// A follower.
struct Follower {
    waiting: Waiting,
    types: &'static [EventType],
    position: u64,
}

#[async_trait]
impl Tail for Follower {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let mut look = Look::File;
        loop {
            self.waiting.look();
            let log = self.waiting.db.log_behind(self.position, self.types, limit.max(1), look);
            let stretch = log.map_err(unavailable)?;
            self.position = stretch.read_to;
            if !stretch.events.is_empty() {
                let seen = |(position, event)| Seen { position, event };
                return Ok(stretch.events.into_iter().map(seen).collect());
            }
            if stretch.at_end {
                look = if self.waiting.wait(None).await { Look::File } else { Look::Memory };
            } else {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// One reader of a consumer.
struct Reader {
    waiting: Waiting,
    returned: watch::Receiver<()>,
    readership: Arc<Readership>,
    /// What is out to this reader.
    mine: BTreeSet<u64>,
}

/// What was taken out.
struct Taken {
    deliveries: Vec<Delivery>,
    at_end: bool,
    /// When the next retry is due.
    next_due: Option<Timestamp>,
}

/// An event on its way out: its position, the lease, and itself.
type Ready = (u64, Lease, Event);

impl Reader {
    /// Takes the next deliveries out: first what came back, then due retries, then fresh events.
    /// Nothing is taken when it fails.
    fn take(&mut self, limit: usize) -> rusqlite::Result<Taken> {
        let db = Arc::clone(&self.waiting.db);
        let mut group = self.readership.group();
        let now = db.host.now();
        let is_time = group.must_look(now, db.options.poll);
        let (mut ready, look) = if is_time {
            (again(&db, self.readership.number, &mut group, now, limit)?, Look::File)
        } else {
            (Vec::new(), Look::Memory)
        };
        let mut at_end = false;
        let room = limit.saturating_sub(ready.len());
        if room > 0 {
            let types = self.readership.consumer.types;
            let stretch = db.log_behind(group.read_to(), types, room, look)?;
            let fresh = Lease { attempt: 1, retried: false };
            ready.extend(stretch.events.into_iter().map(|(seq, event)| (seq, fresh, event)));
            group.looked_to(stretch.read_to);
            at_end = stretch.at_end;
        }
        let deliveries = ready
            .into_iter()
            .map(|(seq, lease, event)| {
                group.deliver(seq, lease);
                self.mine.insert(seq);
                Delivery { token: seq, attempt: lease.attempt, event }
            })
            .collect();
        if is_time || group.idle_lag() > LAG_MAX {
            self.save_cursor_soon(&mut group);
        }
        Ok(Taken { deliveries, at_end, next_due: group.next_due() })
    }

    /// Moves the cursor on disk past what is settled and what is not for this consumer, so that it need
    /// not be looked at again after a restart. Nobody waits for it, and nothing is lost with it: so it is
    /// done now and then, and not for every event.
    fn save_cursor_soon(&self, group: &mut Group) {
        let Some(cursor) = group.unsaved_cursor() else { return };
        let number = self.readership.number;
        if self.waiting.db.write_soon(move |tx| Ok(move_cursor(tx, number, cursor)?)) {
            group.settled(&[], cursor, false);
        }
    }

    async fn write(&self, settlement: Settlement) -> Result<(), BusError> {
        let (number, now) = (self.readership.number, self.waiting.db.host.now());
        let written = self.waiting.db.write(move |tx| settle(tx, number, now, &settlement));
        Ok(written.await?)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut group = self.readership.group();
        for &seq in &self.mine {
            group.give_back(seq);
        }
        self.save_cursor_soon(&mut group);
        drop(group);
        self.readership.returned.send_replace(());
    }
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError> {
        loop {
            self.waiting.look();
            self.returned.borrow_and_update();
            let taken = self.take(limit.max(1)).map_err(unavailable)?;
            if !taken.deliveries.is_empty() {
                return Ok(taken.deliveries);
            }
            if !taken.at_end {
                tokio::task::yield_now().await;
                continue;
            }
            let due_in = taken.next_due.map(|due| due.since(self.waiting.db.host.now()));
            let news = pin!(self.waiting.wait(due_in));
            match select(news, pin!(self.returned.changed())).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError> {
        let settled: Vec<_> =
            settled.into_iter().filter(|(token, _)| self.mine.contains(token)).collect();
        let seqs: Vec<u64> = settled.iter().map(|(token, _)| *token).collect();
        let now = self.waiting.db.host.now();
        let settlement = self.readership.group().settlement(settled, now);
        let retries = !settlement.retry.is_empty();
        // Where only the cursor moves nobody waits for the disk: events whose settling is lost with the
        // process are delivered again.
        let mut saved = 0;
        if !settlement.moves_only_the_cursor() {
            saved = settlement.cursor;
            self.write(settlement).await?;
        }
        for seq in &seqs {
            self.mine.remove(seq);
        }
        self.readership.group().settled(&seqs, saved, retries);
        if retries {
            self.readership.returned.send_replace(());
        }
        Ok(())
    }
}

/// Looks at the consumer's tables: what came back and is not settled elsewhere, and due retries.
fn again(
    db: &Db,
    consumer: i64,
    group: &mut Group,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<Ready>> {
    db.read(|conn| {
        group.cursor_is(cursor(conn, consumer)?);
        let mut leases = group.returned(limit);
        let due = due_retries(conn, consumer, now, limit.saturating_add(group.held()))?;
        leases.extend(due.into_iter().filter(|(seq, _)| !group.holds(*seq)));
        leases.truncate(limit);
        let next_due = next_retry(conn, consumer, now)?;
        let mut ready = Vec::with_capacity(leases.len());
        for (seq, lease) in leases {
            let attempt = lease.attempt.saturating_add(1);
            ready.push((seq, Lease { attempt, ..lease }, event(conn, seq)?));
        }
        // Where there was no room for all that is due the rest is looked for next time.
        group.looked(now, if ready.len() < limit { next_due } else { Some(now) });
        Ok(ready)
    })
}

fn cursor(conn: &Connection, consumer: i64) -> rusqlite::Result<u64> {
    conn.prepare_cached("SELECT cursor FROM consumer WHERE id = ?1")?
        .query_row((consumer,), |row| row.get(0))
        .map(unsigned)
}

fn event(conn: &Connection, seq: u64) -> rusqlite::Result<Event> {
    conn.prepare_cached("SELECT body FROM every_event WHERE seq = ?1")?
        .query_row((signed(seq),), |row| Ok(feed::read(row.get_ref(0)?.as_blob()?)))
}

fn due_retries(
    conn: &Connection,
    consumer: i64,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<(u64, Lease)>> {
    conn.prepare_cached(
        "SELECT seq, attempt FROM retry WHERE consumer = ?1 AND due <= ?2 ORDER BY due LIMIT ?3",
    )?
    .query_map((consumer, now.millis(), i64::try_from(limit).unwrap_or(i64::MAX)), |row| {
        Ok((unsigned(row.get(0)?), Lease { attempt: row.get(1)?, retried: true }))
    })?
    .collect()
}

/// When the first retry is due that is not yet.
fn next_retry(
    conn: &Connection,
    consumer: i64,
    now: Timestamp,
) -> rusqlite::Result<Option<Timestamp>> {
    let due: Option<i64> = conn
        .prepare_cached("SELECT min(due) FROM retry WHERE consumer = ?1 AND due > ?2")?
        .query_row((consumer, now.millis()), |row| row.get(0))?;
    Ok(due.map(Timestamp::from_millis))
}

fn move_cursor(tx: &Tx<'_>, consumer: i64, cursor: u64) -> rusqlite::Result<()> {
    tx.prepare("UPDATE consumer SET cursor = ?2 WHERE id = ?1 AND cursor < ?2")?
        .execute((consumer, signed(cursor)))
        .map(drop)
}

fn settle(
    tx: &Tx<'_>,
    consumer: i64,
    now: Timestamp,
    settlement: &Settlement,
) -> Result<(), Undo<()>> {
    for &(seq, attempt, due) in &settlement.retry {
        tx.prepare(
            "INSERT INTO retry(consumer, seq, attempt, due) VALUES(?1, ?2, ?3, ?4) \
             ON CONFLICT DO UPDATE SET attempt = excluded.attempt, due = excluded.due",
        )?
        .execute((consumer, signed(seq), attempt, due.millis()))?;
    }
    for (seq, reason) in &settlement.dead {
        tx.prepare(
            "INSERT INTO dead(consumer, seq, at, reason) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        )?
        .execute(params![consumer, signed(*seq), now.millis(), reason])?;
    }
    for &seq in &settlement.done {
        tx.prepare("DELETE FROM retry WHERE consumer = ?1 AND seq = ?2")?
            .execute((consumer, signed(seq)))?;
    }
    Ok(move_cursor(tx, consumer, settlement.cursor)?)
}
