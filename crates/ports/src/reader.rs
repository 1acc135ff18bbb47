//! What a ticket's file says: its pages and the codes on them.
//!
//! A file comes from a stranger, so what reads it is an engine of its own, which a hostile file can neither harm
//! nor keep busy.

use std::fmt;

use async_trait::async_trait;
pub use stubmart_contract::api::{Symbology, TicketFileKind};

use crate::Cause;

/// How many bytes a file may have.
pub const BYTES_MAX: usize = 10 * 1024 * 1024;

/// How many pages a file may have.
pub const PAGES_MAX: usize = 20;

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TicketFile {
    /// What kind of file it is.
    pub kind: TicketFileKind,
    /// Its pages in order, at least one.
    pub pages: Vec<Page>,
}

/// A page of a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Page {
    /// The page alone, as a file of the same kind that was written for it: nothing of other pages is in it, and
    /// neither scripts, actions, attachments nor metadata.
    pub content: Vec<u8>,
    /// The code that opens the gate, if one was found: of several the two-dimensional one with the longest
    /// payload, and one-dimensional ones only where there is no other.
    pub code: Option<Code>,
    /// A fingerprint of how the page looks (dHash, row by row, the first bit highest): pages that look alike differ
    /// in few bits.
    pub looks: u64,
    /// What its text seems to say. Suggestions for a form, nothing that is decided by.
    pub suggests: Suggests,
}

/// A code on a page.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Code {
    /// Its payload, byte by byte, without line ends, zeros and blanks at its end. The same payload is the same ticket
    /// in whatever symbology it is printed.
    pub payload: Vec<u8>,
    /// What it is printed as.
    pub symbology: Symbology,
}

/// Without the payload, which opens the gate and must not come into a log.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { payload, symbology } = self;
        f.debug_struct("Code")
            .field("payload_bytes", &payload.len())
            .field("symbology", symbology)
            .finish()
    }
}

/// What a page's text seems to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Suggests {
    /// The section or block.
    pub section: Option<String>,
    /// The row.
    pub row: Option<String>,
    /// The seat.
    pub seat: Option<String>,
    /// A date, as `2026-11-28`.
    pub date: Option<String>,
    /// The number of the order at the issuer.
    pub order_number: Option<String>,
}

/// Why a file was not read. Nothing is kept of it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is none of the kinds that are taken.
    #[error("the file is no PDF, PNG, JPEG or WebP")]
    UnknownKind,
    /// It has more bytes than a file may have.
    #[error("the file is larger than {} MB", BYTES_MAX / 1024 / 1024)]
    TooLarge,
    /// It has more pages than a file may have.
    #[error("the file has more than {PAGES_MAX} pages")]
    TooManyPages,
    /// It opens with a password only.
    #[error("the file is protected by a password")]
    Encrypted,
    /// It is broken, or takes more time or memory than a ticket does.
    #[error("the file cannot be read")]
    Unreadable,
    /// The reader itself failed: it could not be started. The same file may be read later.
    #[error("files cannot be read at the moment: {0}")]
    Failed(Cause),
}

/// Reads files.
#[async_trait]
pub trait TicketReader: Send + Sync + 'static {
    /// Reads a file within 5 seconds and 512 MB.
    ///
    /// # Errors
    /// [`ReadError`]; nothing happened.
    async fn read(&self, file: Vec<u8>) -> Result<TicketFile, ReadError>;
}
