//! An inventory that came as a file.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{bulk::BulkOutcome, field_error::FieldError};
use crate::{code::Code, ids::TicketId};

/// The most lines of a file.
pub const IMPORT_LINES_MAX: usize = 20_000;

/// What became of a file, or would become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportResult {
    /// Whether it was only tried: nothing was saved.
    pub dry_run: bool,
    /// How much was done.
    pub counts: ImportCounts,
    /// The columns of the file, in their order.
    pub columns: Vec<ImportColumn>,
    /// One for each line of the file, in their order; behind them the listings that were withdrawn.
    pub lines: Vec<ImportLine>,
}

/// How much was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportCounts {
    /// Lines that were listed.
    pub created: u32,
    /// Lines whose listing was changed.
    pub changed: u32,
    /// Lines whose listing was as they say already.
    pub unchanged: u32,
    /// Listings that were withdrawn because no line names them.
    pub withdrawn: u32,
    /// Lines about which nothing was done, and listings that could not be withdrawn.
    pub refused: u32,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportColumn {
    /// Its heading.
    pub heading: String,
    /// What it was taken for; null where it was left out.
    pub field: Option<String>,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportLine {
    /// The line's number in the file, from 1; null for a listing that no line names.
    pub line: Option<u64>,
    /// The listing's `externalId`; null where there is none that can be read.
    pub external_id: Option<String>,
    /// What was done.
    pub outcome: BulkOutcome,
    /// The listing; null where there is none.
    pub id: Option<TicketId>,
    /// Why it was refused, as `POST /api/tickets` says it; else null.
    pub code: Option<Code>,
    /// The same for people; else null.
    pub detail: Option<String>,
    /// One entry for each bad field, by the heading of its column.
    pub errors: Vec<FieldError>,
}

impl ImportLine {
    /// Why nothing was done, in one sentence; nothing where something was.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        if self.errors.is_empty() {
            return self.detail.clone();
        }
        let error = |it: &FieldError| format!("{} {}", it.field, it.message);
        Some(self.errors.iter().map(error).collect::<Vec<_>>().join("; "))
    }
}

impl ImportCounts {
    /// Counts an outcome.
    pub const fn count(&mut self, outcome: BulkOutcome) {
        let count = match outcome {
            BulkOutcome::Created => &mut self.created,
            BulkOutcome::Changed => &mut self.changed,
            BulkOutcome::Unchanged => &mut self.unchanged,
            BulkOutcome::Withdrawn => &mut self.withdrawn,
            BulkOutcome::Refused => &mut self.refused,
        };
        *count = count.saturating_add(1);
    }
}
