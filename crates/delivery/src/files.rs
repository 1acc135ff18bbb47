//! The file of a listing, as a pure state machine.
//!
//! ```text
//!     begin             store                       drop
//!  ∅ ───────▶ no file ─────────▶ a file ──────────────────▶ no file
//!                                 ▲  │ store: another one
//!                                 └──┘
//! ```
//!
//! Its pages are sealed blobs. A blob is noted here as discarded before it is written, and taken off of that list by
//! the save that has the file use it: whatever is killed in between, a sweep deletes what nobody uses.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    TicketId, Timestamp, UserId,
    api::{TicketFileKind, TicketFiles as Shown, TicketPage},
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};
use stubmart_keyring::Sealed;
use uuid::Uuid;

use crate::code_claim::Code;

/// Where the files of listings are kept.
pub static FILES: Collection = Collection {
    name: "delivery.files",
    indexes: &[
        Index { name: index::DUE, unique: false },
        Index { name: index::KEY_VERSION, unique: false },
    ],
};

/// The indexes of [`FILES`].
pub mod index {
    /// When blobs are to be deleted, or it is to be looked at whether the file is needed.
    pub const DUE: &str = "due";
    /// The version of the market's key that the file's key is sealed with.
    pub const KEY_VERSION: &str = "key_version";
}

/// How long an upload may take until what it wrote counts as left behind.
const UPLOAD: Duration = Duration::from_secs(3600);

/// How often it is looked at whether a file is needed.
const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);

/// The files of one listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Files {
    /// The listing.
    pub ticket_id: TicketId,
    /// Grows when it gives way to another listing that takes over codes it once claimed and does not have. What was
    /// claimed with a lower fence cannot be stored any more.
    #[serde(default)]
    pub fence: u32,
    /// The file that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    /// When it is to be looked at whether the file is still needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look_at: Option<Timestamp>,
    /// Blobs that are to be deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<Discarded>,
}

/// A file that was read and sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    /// Names this upload.
    pub id: Uuid,
    /// Who uploaded it.
    pub seller_id: UserId,
    /// What kind of file it is.
    pub kind: TicketFileKind,
    /// Its key, sealed with the market's.
    pub key: Sealed,
    /// The file itself, as a code: no two listings have the same file.
    pub digest: Code,
    /// Its pages, in order.
    pub pages: Vec<Page>,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
}

/// A sealed page. What it says is in its blob alone, but for what a form may suggest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Its blob.
    pub blob: Uuid,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// How it looks.
    pub looks: u64,
    /// What was read of it.
    pub read: TicketPage,
}

/// Blobs that are to be deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discarded {
    /// From when on.
    pub from: Timestamp,
    /// The blobs.
    pub blobs: Vec<Uuid>,
}

impl File {
    /// What no other listing may carry: its codes and itself.
    #[must_use]
    pub fn codes(&self) -> BTreeSet<Code> {
        self.pages.iter().filter_map(|it| it.code).chain([self.digest]).collect()
    }

    /// How many different codes are on its pages.
    #[must_use]
    pub fn count(&self) -> u32 {
        let codes: BTreeSet<_> = self.pages.iter().filter_map(|it| it.code).collect();
        u32::try_from(codes.len()).unwrap_or(u32::MAX)
    }

    fn blobs(&self) -> Vec<Uuid> {
        self.pages.iter().map(|it| it.blob).collect()
    }
}

/// What can be done to the files of a listing.
#[derive(Debug, Clone)]
pub enum Command {
    /// An upload is about to write these blobs.
    Begin {
        /// The listing.
        ticket_id: TicketId,
        /// The blobs.
        blobs: Vec<Uuid>,
    },
    /// The file is read, its blobs are written and its codes are claimed.
    Store {
        /// The file.
        file: Box<File>,
        /// The fence that its codes were claimed with.
        fence: u32,
    },
    /// Another listing wants codes that this one claimed with this fence.
    GiveWay {
        /// The listing that is asked.
        ticket_id: TicketId,
        /// The code.
        code: Code,
        /// The fence of its claim.
        fence: u32,
    },
    /// The market has a new key: this upload's key is sealed with it now.
    Wrap {
        /// The upload.
        id: Uuid,
        /// Its key.
        key: Sealed,
    },
    /// The file is needed until this moment at least.
    Keep(Timestamp),
    /// This upload is not needed any more.
    Drop(Uuid),
    /// These blobs are deleted.
    Deleted(Vec<Uuid>),
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is nothing of this listing.
    NotFound,
    /// Its codes were taken over meanwhile, or its blobs were given up: they are to be claimed and written again.
    Overtaken,
    /// It has the code.
    Kept,
}

impl Aggregate for Files {
    type Id = TicketId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> TicketId {
        self.ticket_id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let due = self.due().map(|at| (index::DUE, Key::new().time(at)));
        let version = self.file.as_ref().map(|it| it.key.version());
        let version = version.map(|it| (index::KEY_VERSION, Key::new().number(it)));
        due.into_iter().chain(version).collect()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let after = match (current, command) {
            (None, Command::Begin { ticket_id, blobs }) => {
                Some(Self::none(*ticket_id).discard(blobs.clone(), now.after(UPLOAD)))
            }
            (None, Command::GiveWay { ticket_id, fence, .. }) => {
                Some(Self { fence: fence.saturating_add(1), ..Self::none(*ticket_id) })
            }
            (None, _) => return Err(Refusal::NotFound),
            (Some(it), Command::Begin { blobs, .. }) => {
                let is_known = it.discarded.iter().any(|it| it.blobs == *blobs);
                (!is_known).then(|| it.clone().discard(blobs.clone(), now.after(UPLOAD)))
            }
            (Some(it), Command::Store { file, fence }) => it.store(file, *fence, now)?,
            (Some(it), Command::GiveWay { code, fence, .. }) => it.give_way(*code, *fence)?,
            (Some(it), Command::Wrap { id, key }) => it.wrapped(*id, key),
            (Some(it), Command::Keep(until)) => {
                let is_kept = it.file.is_some() && it.look_at != Some(*until);
                is_kept.then(|| Self { look_at: Some(*until), ..it.clone() })
            }
            (Some(it), Command::Drop(id)) => it.dropped(*id, now),
            (Some(it), Command::Deleted(blobs)) => it.deleted(blobs),
        };
        Ok(after.map_or(Decision::Unchanged, Decision::silent))
    }
}

/// The transitions. Each answers with the files after the change, or `None` when the command changes nothing.
impl Files {
    const fn none(ticket_id: TicketId) -> Self {
        Self { ticket_id, fence: 0, file: None, look_at: None, discarded: Vec::new() }
    }

    fn discard(mut self, blobs: Vec<Uuid>, from: Timestamp) -> Self {
        self.discarded.push(Discarded { from, blobs });
        self
    }

    fn store(&self, file: &File, fence: u32, now: Timestamp) -> Result<Option<Self>, Refusal> {
        if self.file.as_ref() == Some(file) {
            return Ok(None);
        }
        let blobs = file.blobs();
        let is_written = self.discarded.iter().any(|it| it.blobs == blobs && it.from > now);
        if fence < self.fence || !is_written {
            return Err(Refusal::Overtaken);
        }
        let mut after = self.clone();
        after.discarded.retain(|it| it.blobs != blobs);
        if let Some(before) = after.file.replace(file.clone()) {
            after = after.discard(before.blobs(), now);
        }
        after.look_at = Some(now.after(LOOK_EVERY));
        Ok(Some(after))
    }

    fn give_way(&self, code: Code, fence: u32) -> Result<Option<Self>, Refusal> {
        if self.file.as_ref().is_some_and(|it| it.codes().contains(&code)) {
            return Err(Refusal::Kept);
        }
        let fence = fence.saturating_add(1);
        Ok((self.fence < fence).then(|| Self { fence, ..self.clone() }))
    }

    fn wrapped(&self, id: Uuid, key: &Sealed) -> Option<Self> {
        let file = self.file.as_ref().filter(|it| it.id == id && it.key != *key)?;
        Some(Self { file: Some(File { key: key.clone(), ..file.clone() }), ..self.clone() })
    }

    fn dropped(&self, id: Uuid, now: Timestamp) -> Option<Self> {
        let file = self.file.as_ref().filter(|it| it.id == id)?;
        let after = Self { file: None, look_at: None, ..self.clone() };
        Some(after.discard(file.blobs(), now))
    }

    fn deleted(&self, blobs: &[Uuid]) -> Option<Self> {
        let mut after = self.clone();
        after.discarded.retain(|it| !it.blobs.iter().all(|blob| blobs.contains(blob)));
        (after != *self).then_some(after)
    }
}

impl Files {
    /// When something of it is to be deleted or looked at.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.discarded.iter().map(|it| it.from).chain(self.look_at).min()
    }

    /// When it is looked at again whether a file is needed that is on sale.
    #[must_use]
    pub fn next_look(now: Timestamp) -> Timestamp {
        now.after(LOOK_EVERY)
    }

    /// The blobs that are to be deleted now.
    #[must_use]
    pub fn to_delete(&self, now: Timestamp) -> Vec<Uuid> {
        let due = self.discarded.iter().filter(|it| it.from <= now);
        due.flat_map(|it| it.blobs.iter().copied()).collect()
    }

    /// What its seller sees.
    #[must_use]
    pub fn shown(&self) -> Option<Shown> {
        let file = self.file.as_ref()?;
        Some(Shown {
            ticket_id: self.ticket_id,
            kind: file.kind,
            pages: u32::try_from(file.pages.len()).unwrap_or(u32::MAX),
            codes: file.count(),
            read: file.pages.iter().map(|it| it.read.clone()).collect(),
            uploaded_at: file.uploaded_at,
        })
    }
}
