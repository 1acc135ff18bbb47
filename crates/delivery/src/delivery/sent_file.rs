//! The file that a buyer was given, and who opened it: evidence, should anybody say that it never came.

use serde::{Deserialize, Serialize};
use stubmart_contract::{Timestamp, api::TicketFileKind};

/// A file that a buyer can open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SentFile {
    /// How many pages it has.
    pub pages: u32,
    /// What kind of file it is.
    pub kind: TicketFileKind,
}

/// Where a page was opened from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reader {
    /// The address, where it is known.
    pub address: Option<String>,
    /// What the browser calls itself.
    pub user_agent: Option<String>,
}

/// A page that was opened, by the same browser from the same address any number of times.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Opening {
    /// The page; the first is 1.
    pub page: u32,
    /// From where.
    pub reader: Reader,
    /// When first.
    pub first_at: Timestamp,
    /// When last.
    pub last_at: Timestamp,
    /// How often.
    pub times: u32,
}

/// How many openings are kept: the first one, and of the others the last ones.
pub(super) const OPENINGS_MAX: usize = 100;

/// Notes that a page was opened.
pub(super) fn note(opened: &mut Vec<Opening>, page: u32, reader: &Reader, now: Timestamp) {
    let known = opened.iter_mut().find(|it| it.page == page && it.reader == *reader);
    if let Some(known) = known {
        (known.last_at, known.times) = (now, known.times.saturating_add(1));
        return;
    }
    if opened.len() >= OPENINGS_MAX {
        opened.remove(1);
    }
    opened.push(Opening { page, reader: reader.clone(), first_at: now, last_at: now, times: 1 });
}
