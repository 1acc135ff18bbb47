//! `stubmart read-ticket`: what tickets' files are read as, without what opens the gate.

use std::{io, path::Path, process::ExitCode};

use serde::Serialize;
use stubmart_os::SystemClock;
use stubmart_ports::{
    Cause,
    host::Host,
    reader::{Code, ReadError, Suggests, TicketFile, TicketFileKind, TicketReader as _},
};
use stubmart_reader::{ChildReader, Program};

use crate::{cli::ReadTicket, output};

/// The reader of this program: its children are this program again.
///
/// # Errors
/// The cause: the system does not tell where this program is.
pub(crate) fn reader(host: Host) -> Result<ChildReader, Cause> {
    Ok(ChildReader::new(host, Program::this(&["read-ticket", "--child"])?))
}

/// Is such a child: shuts itself in, reads a file from standard input and answers on standard output.
pub(crate) fn child() -> ExitCode {
    let answered =
        stubmart_reader::child::answer(&SystemClock, io::stdin().lock(), io::stdout().lock());
    if answered.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints what each file is read as; says whether all could be read.
///
/// # Errors
/// The cause: there is no reader, or nothing can be printed.
pub(crate) async fn print(host: &Host, asked: &ReadTicket) -> Result<bool, Cause> {
    let reader = reader(host.clone())?;
    let mut told = Vec::new();
    let mut seen = Vec::new();
    for path in &asked.files {
        let read = match std::fs::read(path) {
            Ok(file) => reader.read(file).await,
            Err(error) => Err(ReadError::Failed(error.into())),
        };
        told.push(tell(path, read, &mut seen, asked.show_codes));
    }
    if asked.json {
        output::say(&serde_json::to_string_pretty(&told)?)?;
    } else {
        for file in &told {
            output::say(&in_words(file))?;
        }
    }
    Ok(told.iter().all(|file| file.error.is_none()))
}

/// What is told of a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<TicketFileKind>,
    pages: Vec<ToldPage>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldPage {
    bytes: usize,
    code: Option<ToldCode>,
    /// The fingerprint, in hexadecimal digits.
    looks: String,
    suggests: ToldSuggests,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldCode {
    symbology: &'static str,
    payload_bytes: usize,
    /// The page that had the same code before, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_as: Option<String>,
    /// The payload, as [`u8::escape_ascii`] writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ToldSuggests {
    section: Option<String>,
    row: Option<String>,
    seat: Option<String>,
    date: Option<String>,
    order_number: Option<String>,
}

impl From<Suggests> for ToldSuggests {
    fn from(suggests: Suggests) -> Self {
        let Suggests { section, row, seat, date, order_number } = suggests;
        Self { section, row, seat, date, order_number }
    }
}

/// A payload that was seen, and where.
type Seen = (Vec<u8>, String);

fn tell(
    path: &Path,
    read: Result<TicketFile, ReadError>,
    seen: &mut Vec<Seen>,
    shows_codes: bool,
) -> Told {
    let name = path.display().to_string();
    let TicketFile { kind, pages } = match read {
        Ok(file) => file,
        Err(error) => {
            let error = match error {
                ReadError::Failed(cause) => cause.to_string(),
                other => other.to_string(),
            };
            return Told { file: name, error: Some(error), kind: None, pages: Vec::new() };
        }
    };
    let pages = pages.into_iter().zip(1..).map(|(page, number)| ToldPage {
        bytes: page.content.len(),
        code: page
            .code
            .map(|code| told_code(code, seen, format!("page {number} of {name}"), shows_codes)),
        looks: format!("{:016x}", page.looks),
        suggests: page.suggests.into(),
    });
    Told { pages: pages.collect(), error: None, kind: Some(kind), file: name }
}

fn told_code(code: Code, seen: &mut Vec<Seen>, page: String, shows_codes: bool) -> ToldCode {
    let Code { payload, symbology } = code;
    let same_as = seen.iter().find(|(other, _)| *other == payload).map(|(_, page)| page.clone());
    let told = ToldCode {
        symbology: symbology.word(),
        payload_bytes: payload.len(),
        same_as,
        payload: shows_codes.then(|| payload.escape_ascii().to_string()),
    };
    seen.push((payload, page));
    told
}

fn in_words(told: &Told) -> String {
    let name = &told.file;
    if let Some(error) = &told.error {
        return format!("{name}: not read: {error}");
    }
    let kind = match told.kind {
        Some(TicketFileKind::Pdf) | None => "PDF",
        Some(TicketFileKind::Png) => "PNG",
        Some(TicketFileKind::Jpeg) => "JPEG",
        Some(TicketFileKind::Webp) => "WebP",
    };
    let count = told.pages.len();
    let mut text = format!("{name}: {kind}, {count} page{}", if count == 1 { "" } else { "s" });
    for (page, number) in told.pages.iter().zip(1..) {
        text += &format!("\n  page {number}: {}", page_in_words(page));
    }
    text
}

fn page_in_words(page: &ToldPage) -> String {
    let mut parts = Vec::new();
    match &page.code {
        None => parts.push("no code found".to_owned()),
        Some(code) => {
            parts.push(format!("{}, {} bytes", code.symbology, code.payload_bytes));
            parts.extend(code.same_as.iter().map(|page| format!("THE SAME CODE as {page}")));
            parts.extend(code.payload.iter().map(|payload| format!("payload {payload}")));
        }
    }
    let ToldSuggests { section, row, seat, date, order_number } = &page.suggests;
    let named = [
        ("section", section),
        ("row", row),
        ("seat", seat),
        ("date", date),
        ("order number", order_number),
    ];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    parts.extend(named.map(|(name, value)| format!("{name} {value}")));
    parts.join("; ")
}
