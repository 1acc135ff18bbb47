//! The form of a document in the database.

use std::collections::BTreeMap;

use mongodb::bson::{Binary, doc, spec::BinarySubtype};
use serde::{Deserialize, Serialize};
use stubmart_contract::Envelope;
use stubmart_ports::{
    Cause,
    store::{IndexEntry, Save, SaveId, StoreError, Stored},
};
use uuid::Uuid;

use crate::failure::corrupt;

/// A document as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Form {
    /// The document's id. Some servers take no binary ids.
    #[serde(rename = "_id")]
    pub(crate) id: String,
    pub(crate) revision: i64,
    save_id: String,
    version: i64,
    /// Absent where only keys are read.
    #[serde(default = "nothing")]
    body: Binary,
    /// The key in each index, in hexadecimal: texts sort by their bytes everywhere, binaries by their
    /// length first.
    #[serde(default)]
    keys: BTreeMap<String, String>,
    /// Events that are not in the history yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outbox: Vec<Waiting>,
    /// The save that last put events into the outbox; absent when that is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unarchived: Option<String>,
}

/// An event that waits in its document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Waiting {
    /// The event's id.
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) body: Binary,
}

impl Form {
    /// The field of an index.
    pub(crate) fn key_field(index: &str) -> String {
        format!("keys.{index}")
    }

    /// What is read of a document, which is all but its outbox.
    pub(crate) fn projection() -> mongodb::bson::Document {
        doc! { "outbox": 0, "unarchived": 0 }
    }

    /// The document of a save at this revision.
    ///
    /// # Errors
    /// The cause: an event cannot be written, or a number is too large.
    pub(crate) fn new(save: &Save, revision: u64) -> Result<Self, Cause> {
        let outbox: Vec<_> =
            save.events.iter().map(|it| Waiting::new(it)).collect::<Result<_, _>>()?;
        let save_id = save.save_id.0.to_string();
        Ok(Self {
            id: save.key.id.to_string(),
            revision: revision.try_into()?,
            version: save.version.try_into()?,
            body: binary(save.body.clone()),
            keys: save.entries.iter().map(|it| (it.index.to_owned(), hex(it))).collect(),
            unarchived: (!outbox.is_empty()).then(|| save_id.clone()),
            outbox,
            save_id,
        })
    }

    /// The document's content.
    pub(crate) fn into_body(self) -> Vec<u8> {
        self.body.bytes
    }

    /// The document and its key in this index.
    ///
    /// # Errors
    /// It has none, or is not as this adapter writes them.
    pub(crate) fn found(mut self, index: &str) -> Result<(Vec<u8>, Stored), StoreError> {
        let key = self.keys.remove(index).ok_or_else(|| corrupt("it has no key"))?;
        let key = hex::decode(key).map_err(|error| corrupt(&error.to_string()))?;
        Ok((key, self.try_into()?))
    }
}

impl TryFrom<Form> for Stored {
    type Error = StoreError;

    fn try_from(form: Form) -> Result<Self, StoreError> {
        Ok(Self {
            id: id(&form.id)?,
            revision: number(form.revision)?,
            save_id: SaveId(id(&form.save_id)?),
            version: number(form.version)?,
            body: form.body.bytes,
        })
    }
}

impl Waiting {
    fn new(event: &Envelope) -> Result<Self, Cause> {
        let body = binary(event.encode()?);
        Ok(Self { id: event.id.to_string(), version: event.version.try_into()?, body })
    }
}

/// The key of an entry as it is stored.
pub(crate) fn hex(entry: &IndexEntry) -> String {
    hex::encode(entry.key.bytes())
}

pub(crate) fn id(text: &str) -> Result<Uuid, StoreError> {
    text.parse().map_err(|_| corrupt(text))
}

fn number(number: i64) -> Result<u64, StoreError> {
    number.try_into().map_err(|_| corrupt("a negative number"))
}

fn binary(bytes: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes }
}

fn nothing() -> Binary {
    binary(Vec::new())
}
