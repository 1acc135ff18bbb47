//! Durable timers in the shared file.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use rusqlite::{Connection, params};
use stubmart_contract::Timestamp;
use stubmart_ports::timers::{Claim, Timer, TimerError, Timers};
use uuid::Uuid;

use crate::{
    db::Db,
    sql::{signed, unsigned},
    writer::{Tx, Undo, WriteError},
};

/// The timers.
pub struct SqliteTimers {
    db: Arc<Db>,
}

impl std::fmt::Debug for SqliteTimers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteTimers").finish_non_exhaustive()
    }
}

impl From<WriteError> for TimerError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Unavailable(cause) | WriteError::Indeterminate(cause) => {
                Self::Unavailable(cause)
            }
        }
    }
}

fn unavailable(error: rusqlite::Error) -> TimerError {
    TimerError::Unavailable(error.into())
}

impl SqliteTimers {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db }
    }
}

#[async_trait]
impl Timers for SqliteTimers {
    async fn change(&self, set: Vec<Timer>, cancel: Vec<Uuid>) -> Result<(), TimerError> {
        if set.is_empty() && cancel.is_empty() {
            return Ok(());
        }
        Ok(self.db.write(move |tx| change(tx, &set, &cancel)).await?)
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError> {
        // Mostly nothing is due, which is seen without a write.
        let next = self.next_due().await?;
        if limit == 0 || next.is_none_or(|next| next > now) {
            return Ok(Vec::new());
        }
        Ok(self.db.write(move |tx| claim(tx, now, limit, lease)).await?)
    }

    async fn finish(&self, claims: Vec<Claim>) -> Result<(), TimerError> {
        if claims.is_empty() {
            return Ok(());
        }
        let finished = self.db.write(move |tx| {
            for claim in &claims {
                tx.prepare("DELETE FROM timer WHERE number = ?1")?
                    .execute((signed(claim.token),))?;
            }
            Ok(())
        });
        Ok(finished.await?)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, TimerError> {
        self.db.read(next_due).map_err(unavailable)
    }
}

/// A timer that is set again is another row with another number: a claim of the old one, which goes by
/// that number, cannot end it.
fn change(tx: &Tx<'_>, set: &[Timer], cancel: &[Uuid]) -> Result<(), Undo<()>> {
    for timer in set {
        tx.prepare(
            "INSERT OR REPLACE INTO timer(key, due, leased_until, body) VALUES(?1, ?2, NULL, ?3)",
        )?
        .execute(params![
            timer.key.as_bytes().as_slice(),
            timer.due_at.millis(),
            timer.body
        ])?;
    }
    for key in cancel {
        tx.prepare("DELETE FROM timer WHERE key = ?1")?.execute((key.as_bytes().as_slice(),))?;
    }
    Ok(())
}

fn claim(
    tx: &Tx<'_>,
    now: Timestamp,
    limit: usize,
    lease: Duration,
) -> Result<Vec<Claim>, Undo<Vec<Claim>>> {
    let mut claims = Vec::new();
    {
        let mut due = tx.prepare(
            "SELECT number, key, due, body FROM timer \
             WHERE due <= ?1 AND (leased_until IS NULL OR leased_until <= ?1) ORDER BY due LIMIT ?2",
        )?;
        let mut rows = due.query((now.millis(), i64::try_from(limit).unwrap_or(i64::MAX)))?;
        while let Some(row) = rows.next()? {
            let timer = Timer {
                key: Uuid::from_bytes(row.get(1)?),
                due_at: Timestamp::from_millis(row.get(2)?),
                body: row.get(3)?,
            };
            claims.push(Claim { timer, token: unsigned(row.get(0)?) });
        }
    }
    for claim in &claims {
        tx.prepare("UPDATE timer SET leased_until = ?2 WHERE number = ?1")?
            .execute((signed(claim.token), now.after(lease).millis()))?;
    }
    Ok(claims)
}

/// The earliest of: the first that is not leased, the first lease to end (or, should it be later, the
/// time that its timer is due).
fn next_due(conn: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let next: Option<i64> = conn
        .prepare_cached(
            "SELECT min(next) FROM ( \
             SELECT (SELECT due FROM timer WHERE leased_until IS NULL ORDER BY due LIMIT 1) AS next \
             UNION ALL \
             SELECT (SELECT min(max(due, leased_until)) FROM timer WHERE leased_until IS NOT NULL))",
        )?
        .query_row((), |row| row.get(0))?;
    Ok(next.map(Timestamp::from_millis))
}
