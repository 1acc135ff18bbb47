//! A seller's inventory as a file: it is read, what it would do is shown, and then it is done.
//!
//! Nothing is kept between the pages: the form carries the file along, packed.

use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    time::Duration,
};

use askama::Template;
use axum::{
    extract::{FromRequest as _, Request},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use stubmart_client::{ClientError, ImportQuery};
use stubmart_contract::{
    Code,
    api::{BulkMode, BulkOutcome, ImportLine, ImportResult},
};
use stubmart_http_kit::SentFile;
use stubmart_inventory::{Field, FileFault, How, Mapping, headings, report};

use super::mendable;
use crate::{
    failure::Failure,
    form::{Form, sentence},
    format::count,
    hold::Member,
    layout::Layout,
    visitor::Visitor,
};

/// Lines that a page shows of each kind; the report has all of them.
const SHOWN: usize = 50;

/// How long a file is waited for: shorter than the 30 seconds after which the page's own answer is given up.
const IMPORT_MAX: Duration = Duration::from_secs(28);

/// The largest file that is unpacked, in bytes; larger ones are refused as they come.
const FILE_MAX: u64 = 8 * 1024 * 1024;

/// What a file would have to say for itself, and can be told.
const TOLD: [(Field, &str); 17] = [
    (Field::ExternalId, "Your listing ID"),
    (Field::PricePerTicket, "Price per ticket"),
    (Field::Price, "Price of the whole lot"),
    (Field::Event, "Event"),
    (Field::Venue, "Venue"),
    (Field::LocalStart, "Event date"),
    (Field::StartTime, "Event time"),
    (Field::City, "City"),
    (Field::Section, "Section"),
    (Field::Row, "Row"),
    (Field::Seats, "Seats"),
    (Field::SeatFrom, "First seat"),
    (Field::SeatTo, "Last seat"),
    (Field::Quantity, "Number of tickets"),
    (Field::Currency, "Currency"),
    (Field::Title, "Headline"),
    (Field::EventId, "Event ID on Stubmart"),
];

#[derive(Template)]
#[template(path = "import.html")]
struct Choose {
    layout: Layout,
    told: Told,
    error: Option<String>,
    /// Where the columns have to be named: the file, and its headings.
    columns: Option<Columns>,
}

#[derive(Template)]
#[template(path = "imported.html")]
struct Shown {
    layout: Layout,
    told: Told,
    is_done: bool,
    /// What was or would be done, in one line.
    summary: String,
    /// Whether there is anything to do.
    has_work: bool,
    groups: Vec<Group>,
    columns: Columns,
    /// The report, packed.
    report: String,
    key: String,
}

/// What the seller says about the file.
#[derive(Debug, Clone, Default)]
struct Told {
    replace: bool,
    currency: String,
    dates: String,
}

struct Columns {
    /// The file, packed.
    file: String,
    choices: Vec<Choice>,
    headings: Vec<String>,
}

/// Which column has a field.
struct Choice {
    name: &'static str,
    label: &'static str,
    heading: String,
}

/// The lines with one outcome.
struct Group {
    title: &'static str,
    tone: &'static str,
    count: usize,
    rows: Vec<Row>,
    /// How many more the report has.
    more: usize,
}

struct Row {
    line: String,
    name: String,
    reason: String,
}

/// `GET /selling/import`.
pub(crate) async fn choose(visitor: Visitor) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    choose_page(&visitor, user, Told::default(), None, None, StatusCode::OK)
}

fn choose_page(
    visitor: &Visitor,
    user: Member,
    told: Told,
    error: Option<String>,
    columns: Option<Columns>,
    status: StatusCode,
) -> Result<Response, Failure> {
    let layout = visitor.layout(Some(user), "Import listings");
    visitor.page_with(status, &Choose { layout, told, error, columns })
}

/// `POST /selling/import`: reads the file and says what it would do, or does it.
pub(crate) async fn import(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let sent =
        SentFile::from_request(request, &()).await.map_err(|problem| match problem.code() {
            Code::BodyTooLarge => Failure::TooLarge,
            _ => Failure::BadForm,
        })?;
    let form = Form::from(sent.fields);
    let told = Told {
        replace: form.get("mode") == "replace",
        currency: form.get("currency").to_ascii_uppercase(),
        dates: form.get("dates").to_owned(),
    };
    let Some(file) = sent.file.or_else(|| unpacked(form.get("data")).map(Bytes::from)) else {
        let error = Some("Choose a file first.".to_owned());
        return choose_page(&visitor, user, told, error, None, StatusCode::BAD_REQUEST);
    };
    let mut mapping = Mapping::default();
    for (field, heading) in told_columns(&form) {
        mapping.insert(field, heading);
    }
    let is_done = form.get("step") == "import";
    let query = ImportQuery {
        dry_run: !is_done,
        mode: Some(if told.replace { BulkMode::Replace } else { BulkMode::Upsert }),
        columns: Some(mapping.to_string()).filter(|it| !it.is_empty()),
        currency: Some(told.currency.clone()).filter(|it| !it.is_empty()),
        dates: Some(told.dates.clone()).filter(|it| !it.is_empty()),
    };
    let api = visitor.api().with_time_limit(visitor.site.host.clone(), IMPORT_MAX);
    let api = match form.key() {
        Some(key) if is_done => api.with_idempotency_key(key),
        _ => api,
    };
    match api.import_tickets(&query, file.clone()).await {
        Ok(result) => {
            let columns = columns(&file, &result, &mapping);
            let layout = visitor.layout(Some(user), "Import listings");
            let key = visitor.site.form_key();
            visitor.page(&Shown::new(layout, told, &result, columns, key))
        }
        Err(error) => refused(&visitor, user, told, &file, &mapping, error),
    }
}

/// A file that cannot be read, with what would have to be told.
fn refused(
    visitor: &Visitor,
    user: Member,
    told: Told,
    file: &[u8],
    mapping: &Mapping,
    error: ClientError,
) -> Result<Response, Failure> {
    let problem = mendable(error)?;
    let message = problem.errors.first().map_or(&problem.detail, |it| &it.message);
    let how = How { columns: mapping.clone(), ..How::default() };
    let message = match stubmart_inventory::read(file, &how) {
        Err(fault) => explained(&fault),
        Ok(_) => sentence(message),
    };
    let headings = headings(file).unwrap_or_default();
    let likely = likely(&headings);
    let taken =
        |field: Field| mapping.get(field).or_else(|| likely.get(&field).map(String::as_str));
    // Where there are no columns, there is nothing to name.
    let columns = (headings.len() > 1).then(|| Columns::new(file, headings.clone(), taken));
    choose_page(visitor, user, told, Some(message), columns, StatusCode::BAD_REQUEST)
}

/// What is wrong with a file, in words for a page that lets one choose the columns.
fn explained(fault: &FileFault) -> String {
    match fault {
        FileFault::Missing { what, .. } => format!("We can’t find a column with {what}."),
        FileFault::Twice { first, second, .. } => {
            format!("“{first}” and “{second}” look alike to us. Choose which one to use.")
        }
        FileFault::WhichPrice { heading } => format!(
            "Is “{heading}” the price per ticket, or the price of the whole lot? Choose one below."
        ),
        fault => format!("Your file: {}", sentence(&fault.to_string())),
    }
}

/// The fields that one heading alone usually has. Whose price a column has is never chosen for the seller.
fn likely(headings: &[String]) -> BTreeMap<Field, String> {
    let is_price = |field: &Field| matches!(field, Field::Price | Field::PricePerTicket);
    let mut likely: BTreeMap<Field, Vec<&String>> = BTreeMap::new();
    for heading in headings {
        if let Some(field) = Field::usual(heading).filter(|it| !is_price(it)) {
            likely.entry(field).or_default().push(heading);
        }
    }
    let only = |(field, of): (Field, Vec<&String>)| match of.as_slice() {
        [heading] => Some((field, (*heading).clone())),
        _ => None,
    };
    likely.into_iter().filter_map(only).collect()
}

/// `POST /selling/import/report`: the report that a page carries, as a file.
pub(crate) async fn report_file(visitor: Visitor, request: Request) -> Result<Response, Failure> {
    visitor.member().await?;
    let sent = SentFile::from_request(request, &()).await.map_err(|_| Failure::BadForm)?;
    let form = Form::from(sent.fields);
    let report = unpacked(form.get("report")).ok_or(Failure::BadForm)?;
    Ok(csv_file("stubmart-import.csv", report))
}

/// CSV that the browser saves under a name.
pub(super) fn csv_file(name: &str, csv: impl Into<Vec<u8>>) -> Response {
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (
            header::CONTENT_DISPOSITION,
            disposition.unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, csv.into()).into_response()
}

/// The columns that the form names.
fn told_columns(form: &Form) -> impl Iterator<Item = (Field, &str)> {
    let named = TOLD.iter().map(|(field, _)| (*field, form.get(field.name())));
    named.filter(|(_, heading)| !heading.is_empty())
}

fn columns(file: &[u8], result: &ImportResult, mapping: &Mapping) -> Columns {
    let headings = result.columns.iter().map(|it| it.heading.clone()).collect();
    let taken = |field: Field| {
        let told = mapping.get(field);
        let mut columns = result.columns.iter();
        let column = columns.find(|it| it.field.as_deref() == Some(field.name()));
        told.or_else(|| column.map(|it| it.heading.as_str()))
    };
    Columns::new(file, headings, taken)
}

impl Columns {
    fn new<'a>(
        file: &[u8],
        headings: Vec<String>,
        taken: impl Fn(Field) -> Option<&'a str>,
    ) -> Self {
        let choice = |(field, label): &(Field, &'static str)| Choice {
            name: field.name(),
            label,
            heading: taken(*field).unwrap_or_default().to_owned(),
        };
        Self {
            file: packed(file),
            choices: TOLD.iter().map(choice).collect(),
            headings: headings.into_iter().filter(|it| !it.is_empty()).collect(),
        }
    }
}

impl Shown {
    fn new(
        layout: Layout,
        told: Told,
        result: &ImportResult,
        columns: Columns,
        key: String,
    ) -> Self {
        let is_done = !result.dry_run;
        let kinds = [
            (BulkOutcome::Refused, "Not listed", "open"),
            (BulkOutcome::Withdrawn, "Off sale", "off"),
            (BulkOutcome::Created, "New", "good"),
            (BulkOutcome::Changed, "Changed", "good"),
            (BulkOutcome::Unchanged, "Unchanged", "off"),
        ];
        let group = |(outcome, title, tone)| Group::new(outcome, title, tone, &result.lines);
        let groups: Vec<Group> = kinds.into_iter().map(group).filter(|it| it.count > 0).collect();
        let counts = &result.counts;
        let parts = [
            (counts.created, "new"),
            (counts.changed, "changed"),
            (counts.unchanged, "unchanged"),
            (counts.withdrawn, "taken off sale"),
            (counts.refused, "with a problem"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, words)| format!("{} {words}", crate::format::thousands(count)))
            .collect();
        let lines = result.lines.iter().filter(|it| it.line.is_some()).count();
        let lines = count(u32::try_from(lines).unwrap_or(u32::MAX), "line", "lines");
        Self {
            layout,
            told,
            is_done,
            summary: format!("{lines}: {}.", parts.join(", ")),
            has_work: counts.created > 0 || counts.changed > 0 || counts.withdrawn > 0,
            groups,
            columns,
            report: packed(report(result).as_bytes()),
            key,
        }
    }
}

impl Group {
    fn new(
        outcome: BulkOutcome,
        title: &'static str,
        tone: &'static str,
        lines: &[ImportLine],
    ) -> Self {
        let row = |line: &ImportLine| Row {
            line: line.line.map(|it| it.to_string()).unwrap_or_default(),
            name: line.external_id.clone().unwrap_or_default(),
            reason: line.reason().map(|it| sentence(&it)).unwrap_or_default(),
        };
        let of_kind = || lines.iter().filter(|it| it.outcome == outcome);
        let count = of_kind().count();
        let rows = of_kind().take(SHOWN).map(row).collect();
        Self { title, tone, count, rows, more: count.saturating_sub(SHOWN) }
    }
}

/// Bytes as a form carries them.
fn packed(bytes: &[u8]) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to a Vec cannot fail.
    let packed = packer.write_all(bytes).and_then(|()| packer.finish()).unwrap_or_default();
    BASE64_URL_SAFE_NO_PAD.encode(packed)
}

/// What [`packed`] packed; nothing where it is something else, or too large.
fn unpacked(text: &str) -> Option<Vec<u8>> {
    let packed = BASE64_URL_SAFE_NO_PAD.decode(text).ok().filter(|it| !it.is_empty())?;
    let mut bytes = Vec::new();
    let read = GzDecoder::new(packed.as_slice()).take(FILE_MAX).read_to_end(&mut bytes).ok()?;
    (u64::try_from(read).ok()? < FILE_MAX).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_carries_a_file_and_nothing_larger() {
        assert_eq!(unpacked(&packed(b"id,price\n1,5\n")).unwrap(), b"id,price\n1,5\n");
        assert_eq!(unpacked(&packed(b"")).unwrap(), b"");
        assert_eq!(unpacked(""), None);
        assert_eq!(unpacked("AAAA"), None);
        let bomb = vec![0; usize::try_from(FILE_MAX).unwrap()];
        assert_eq!(unpacked(&packed(&bomb)), None);
        let (_, largest) = bomb.split_first().unwrap();
        assert_eq!(unpacked(&packed(largest)).unwrap(), largest);
    }

    #[test]
    fn every_field_can_be_told() {
        let all = Field::all().filter(|(field, _)| *field != Field::DeliveryKind);
        assert_eq!(all.count(), TOLD.len());
    }
}
