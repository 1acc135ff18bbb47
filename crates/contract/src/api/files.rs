//! The file of a ticket: what its seller uploads, and its buyer opens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ids::TicketId, time::Timestamp};

/// What kind of file it is, told from its content and never from its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketFileKind {
    /// A PDF document.
    Pdf,
    /// A PNG image.
    Png,
    /// A JPEG image.
    Jpeg,
    /// A WebP image.
    Webp,
}

impl TicketFileKind {
    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// How the name of such a file ends.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }
}

/// How the code on a page is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Symbology {
    /// A QR code (ISO/IEC 18004).
    Qr,
    /// An Aztec code (ISO/IEC 24778).
    Aztec,
    /// A Data Matrix (ISO/IEC 16022).
    DataMatrix,
    /// A PDF417 (ISO/IEC 15438).
    Pdf417,
    /// A Code 128 (ISO/IEC 15417).
    Code128,
    /// A Code 39 (ISO/IEC 16388).
    Code39,
    /// An Interleaved 2 of 5 (ISO/IEC 16390).
    Itf,
    /// Another one-dimensional code.
    Other,
}

impl Symbology {
    /// Its word, as it is serialised.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Qr => "qr",
            Self::Aztec => "aztec",
            Self::DataMatrix => "data_matrix",
            Self::Pdf417 => "pdf417",
            Self::Code128 => "code128",
            Self::Code39 => "code39",
            Self::Itf => "itf",
            Self::Other => "other",
        }
    }
}

/// The file of a listing, as its seller sees it. Nobody gets it back from here: the buyer of the ticket opens it, page
/// by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketFiles {
    /// The ticket.
    pub ticket_id: TicketId,
    /// What kind of file it is.
    pub kind: TicketFileKind,
    /// How many pages it has.
    pub pages: u32,
    /// How many different codes were found on them.
    pub codes: u32,
    /// What was read, page by page.
    pub read: Vec<TicketPage>,
    /// When it was uploaded.
    pub uploaded_at: Timestamp,
}

/// What was read of a page: suggestions, by which nothing is decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketPage {
    /// Its number; the first is 1.
    pub page: u32,
    /// How its code is printed; null where none was found.
    pub symbology: Option<Symbology>,
    /// The section that it seems to name.
    pub section: Option<String>,
    /// The row that it seems to name.
    pub row: Option<String>,
    /// The seat that it seems to name.
    pub seat: Option<String>,
    /// The date that it seems to name, as `2026-11-28`.
    pub date: Option<String>,
    /// The order number that it seems to name.
    pub order_number: Option<String>,
}
