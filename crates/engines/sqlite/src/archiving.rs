//! Moves old events into the archive ([`archive`]).

use std::{path::Path, thread};

use stubmart_contract::Timestamp;
use stubmart_ports::Cause;
use tokio::sync::oneshot;

use crate::{
    archive::{self, Row},
    db::Db,
    feed,
    writer::WriteError,
};

/// How many events are moved in one go.
const BATCH: i64 = 1000;

/// Moves the oldest events into the archive, those from before `before`, up to a batch of them. Whether there may
/// be more.
///
/// # Errors
/// The cause; whatever happened, every event is in one of the files, and the next call goes on.
pub(crate) async fn move_batch(db: &Db, path: &Path, before: Timestamp) -> Result<bool, Cause> {
    let path = archive::beside(path);
    let archived = aside({
        let path = path.clone();
        move || archive::newest(&path)
    });
    let archived = archived.await??;
    let rows = oldest(db, archived.unwrap_or(0), before)?;
    let is_full = i64::try_from(rows.len()) == Ok(BATCH);
    let last = rows.last().map_or(archived, |it| Some(it.seq));
    aside(move || archive::append(&path, &rows)).await??;
    if let Some(last) = last {
        let deleted = db.write(move |tx| {
            Ok(tx.prepare("DELETE FROM event WHERE seq <= ?1")?.execute((last,))?)
        });
        deleted.await.map_err(|error| match error {
            WriteError::Unavailable(cause) | WriteError::Indeterminate(cause) => cause,
        })?;
    }
    Ok(is_full)
}

/// Does what waits for the disk on a thread of its own.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Cause> {
    let (sender, done) = oneshot::channel();
    thread::Builder::new().name("archive".to_owned()).spawn(move || drop(sender.send(work())))?;
    Ok(done.await?)
}

/// The events behind `archived` up to the first that is not from before `before`, without the newest of all.
fn oldest(db: &Db, archived: i64, before: Timestamp) -> Result<Vec<Row>, Cause> {
    let rows = db.read(|conn| {
        conn.prepare_cached(
            "SELECT seq, id, service, type, body, aggregate, version FROM event \
             WHERE seq > ?1 AND seq < (SELECT max(seq) FROM event) ORDER BY seq LIMIT ?2",
        )?
        .query_map((archived, BATCH), |row| {
            Ok(Row {
                seq: row.get(0)?,
                id: row.get(1)?,
                service: row.get(2)?,
                kind: row.get(3)?,
                body: row.get(4)?,
                aggregate: row.get(5)?,
                version: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()
    })?;
    // One that cannot be read has no time: it stays, and so does what came later.
    let is_old = |it: &Row| feed::read(&it.body).is_ok_and(|event| event.at < before);
    Ok(rows.into_iter().take_while(is_old).collect())
}
