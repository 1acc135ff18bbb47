//! What the child writes: a line that says that it is shut in, a line of JSON, and the pages one after the other.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use stubmart_ports::reader::{PAGES_MAX, ReadError, TicketFile};

/// The first line: from now on the child can do no harm. Without it nothing was read.
pub(crate) const READY: &[u8] = b"ready\n";

#[derive(Serialize, Deserialize)]
enum Head {
    /// The file, its pages without their content, of which there are so many bytes each.
    Read(TicketFile, Vec<usize>),
    Refused(Refusal),
}

#[derive(Serialize, Deserialize)]
enum Refusal {
    UnknownKind,
    TooLarge,
    TooManyPages,
    Encrypted,
    Unreadable,
    Failed(String),
}

/// Writes what became of a file.
pub(crate) fn write(mut out: impl Write, read: Result<TicketFile, ReadError>) -> io::Result<()> {
    let (head, contents) = match read {
        Ok(mut file) => {
            let contents: Vec<Vec<u8>> =
                file.pages.iter_mut().map(|page| std::mem::take(&mut page.content)).collect();
            let sizes = contents.iter().map(Vec::len).collect();
            (Head::Read(file, sizes), contents)
        }
        Err(error) => (Head::Refused(error.into()), Vec::new()),
    };
    serde_json::to_writer(&mut out, &head)?;
    out.write_all(b"\n")?;
    for content in contents {
        out.write_all(&content)?;
    }
    out.flush()
}

/// Reads what became of a file; `None` where it is not the whole of an answer.
pub(crate) fn read(answer: &[u8]) -> Option<Result<TicketFile, ReadError>> {
    let line_end = answer.iter().position(|byte| *byte == b'\n')?;
    let (line, mut contents) = (answer.get(..line_end)?, answer.get(line_end + 1..)?);
    let (mut file, sizes) = match serde_json::from_slice(line).ok()? {
        Head::Read(file, sizes) => (file, sizes),
        Head::Refused(refusal) => return Some(Err(refusal.into())),
    };
    if !(1..=PAGES_MAX).contains(&file.pages.len()) || file.pages.len() != sizes.len() {
        return None;
    }
    for (page, size) in file.pages.iter_mut().zip(sizes) {
        let (content, rest) = contents.split_at_checked(size)?;
        page.content = content.to_vec();
        contents = rest;
    }
    contents.is_empty().then_some(Ok(file))
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::UnknownKind => Self::UnknownKind,
            ReadError::TooLarge => Self::TooLarge,
            ReadError::TooManyPages => Self::TooManyPages,
            ReadError::Encrypted => Self::Encrypted,
            ReadError::Unreadable => Self::Unreadable,
            ReadError::Failed(cause) => Self::Failed(cause.to_string()),
        }
    }
}

impl From<Refusal> for ReadError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownKind => Self::UnknownKind,
            Refusal::TooLarge => Self::TooLarge,
            Refusal::TooManyPages => Self::TooManyPages,
            Refusal::Encrypted => Self::Encrypted,
            Refusal::Unreadable => Self::Unreadable,
            Refusal::Failed(cause) => Self::Failed(cause.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stubmart_ports::reader::{Code, Page, Suggests, Symbology, TicketFileKind};

    fn file() -> TicketFile {
        let code = Code { payload: b"\0\xFF\n".to_vec(), symbology: Symbology::Aztec };
        let suggests = Suggests { row: Some("B".to_owned()), ..Suggests::default() };
        let page = |content: &[u8], code| Page {
            content: content.to_vec(),
            code,
            looks: u64::MAX,
            suggests: suggests.clone(),
        };
        TicketFile {
            kind: TicketFileKind::Pdf,
            pages: vec![page(b"one\n", Some(code)), page(b"", None)],
        }
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let mut answer = Vec::new();
        write(&mut answer, Ok(file())).unwrap();
        assert_eq!(read(&answer).unwrap().unwrap(), file());
        let mut refusal = Vec::new();
        write(&mut refusal, Err(ReadError::Encrypted)).unwrap();
        assert!(matches!(read(&refusal), Some(Err(ReadError::Encrypted))));
    }

    #[test]
    fn what_is_cut_off_or_goes_on_is_no_answer() {
        let mut answer = Vec::new();
        write(&mut answer, Ok(file())).unwrap();
        for length in 0..answer.len() {
            assert!(read(answer.get(..length).unwrap()).is_none(), "{length}");
        }
        answer.push(b'.');
        assert!(read(&answer).is_none());
    }
}
