//! The pool of connections that read.
//!
//! A read takes microseconds, less than handing it to another thread would, so it runs right where it
//! is asked for, on a connection that no other read uses meanwhile. Each statement sees everything that
//! was committed before it began.

use std::{
    path::Path,
    sync::{Mutex, PoisonError, TryLockError},
};

use rusqlite::Connection;

use crate::{archive, schema};

/// The connections.
pub(crate) struct Readers(Box<[Mutex<Connection>]>);

impl Readers {
    /// `count` connections, at least one, each with a page cache of `cache_kib`.
    pub(crate) fn open(path: &Path, count: usize, cache_kib: u32) -> rusqlite::Result<Self> {
        let connect = || {
            let conn = schema::connect(path, cache_kib)?;
            archive::attach(&conn, path)?;
            conn.pragma_update(None, "query_only", true)?;
            Ok(Mutex::new(conn))
        };
        Ok(Self((0..count.max(1)).map(|_| connect()).collect::<rusqlite::Result<_>>()?))
    }

    /// Runs `work` on a free connection; waits for one when all are in use, which is as long as a read
    /// takes.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        for slot in &self.0 {
            match slot.try_lock() {
                Ok(conn) => return work(&conn),
                Err(TryLockError::Poisoned(poisoned)) => return work(&poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        match self.0.first() {
            Some(slot) => work(&slot.lock().unwrap_or_else(PoisonError::into_inner)),
            None => Err(rusqlite::Error::InvalidQuery),
        }
    }
}
