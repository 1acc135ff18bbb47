//! Collections and indexes by small numbers, so that millions of index entries do not repeat names.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use rusqlite::OptionalExtension;
use stubmart_ports::store::Collection;

use crate::{
    db::Db,
    writer::{Tx, Undo, WriteError},
};

/// A collection's numbers.
#[derive(Debug)]
pub(crate) struct Numbered {
    /// The service it belongs to: its name up to the dot.
    pub(crate) service: &'static str,
    /// The collection's number.
    pub(crate) number: i64,
    indexes: Vec<NumberedIndex>,
}

/// An index and its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NumberedIndex {
    pub(crate) name: &'static str,
    pub(crate) unique: bool,
    pub(crate) number: i64,
}

impl Numbered {
    /// The index of this name, if the collection declares it.
    pub(crate) fn index(&self, name: &str) -> Option<NumberedIndex> {
        self.indexes.iter().copied().find(|index| index.name == name)
    }

    /// The index with this number, if the collection declares it.
    pub(crate) fn index_by_number(&self, number: i64) -> Option<NumberedIndex> {
        self.indexes.iter().copied().find(|index| index.number == number)
    }
}

/// The numbers that are known already.
#[derive(Debug, Default)]
pub(crate) struct Names(RwLock<HashMap<&'static str, Arc<Numbered>>>);

impl Names {
    fn known(&self, collection: &str) -> Option<Arc<Numbered>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(collection).map(Arc::clone)
    }

    fn learn(&self, collection: &'static str, numbered: &Arc<Numbered>) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(collection, Arc::clone(numbered));
    }

    /// The numbers of a collection and its indexes; gives them numbers the first time.
    pub(crate) async fn numbered(
        &self,
        db: &Db,
        collection: &'static Collection,
    ) -> Result<Arc<Numbered>, WriteError> {
        if let Some(numbered) = self.known(collection.name) {
            return Ok(numbered);
        }
        let numbered = db.write(move |tx| number(tx, collection)).await?;
        let numbered = Arc::new(numbered);
        self.learn(collection.name, &numbered);
        Ok(numbered)
    }
}

fn number(tx: &Tx<'_>, collection: &'static Collection) -> Result<Numbered, Undo<Numbered>> {
    let mut indexes = Vec::with_capacity(collection.indexes.len());
    for index in collection.indexes {
        let full_name = format!("{}/{}", collection.name, index.name);
        let number = number_of(tx, &full_name)?;
        indexes.push(NumberedIndex { name: index.name, unique: index.unique, number });
    }
    let service = collection.service();
    Ok(Numbered { service, number: number_of(tx, collection.name)?, indexes })
}

fn number_of(tx: &Tx<'_>, name: &str) -> rusqlite::Result<i64> {
    let known = tx
        .prepare("SELECT id FROM name WHERE name = ?1")?
        .query_row((name,), |row| row.get(0))
        .optional()?;
    match known {
        Some(number) => Ok(number),
        None => tx.prepare("INSERT INTO name(name) VALUES(?1)")?.insert((name,)),
    }
}
