//! Ticket files of a trivial form, for tests.

use async_trait::async_trait;
use stubmart_ports::reader::{
    BYTES_MAX, Code, PAGES_MAX, Page, ReadError, Suggests, Symbology, TicketFile, TicketFileKind,
    TicketReader,
};

/// How such a file begins.
const HEAD: &[u8] = b"ticket\n";

/// Reads texts: the line `ticket`, and behind it a line for each page, which is the payload of its code. An empty line
/// is a page without one. In a real market such a text is no ticket.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryReader;

#[async_trait]
impl TicketReader for MemoryReader {
    async fn read(&self, file: Vec<u8>) -> Result<TicketFile, ReadError> {
        if file.len() > BYTES_MAX {
            return Err(ReadError::TooLarge);
        }
        let pages = file.strip_prefix(HEAD).ok_or(ReadError::UnknownKind)?;
        let pages: Vec<_> = pages.split(|it| *it == b'\n').collect();
        if pages.len() > PAGES_MAX {
            return Err(ReadError::TooManyPages);
        }
        let page = |line: &[u8]| Page {
            content: [HEAD, line].concat(),
            code: (!line.is_empty())
                .then(|| Code { payload: line.to_vec(), symbology: Symbology::Qr }),
            looks: 0,
            suggests: Suggests::default(),
        };
        Ok(TicketFile { kind: TicketFileKind::Pdf, pages: pages.into_iter().map(page).collect() })
    }
}
