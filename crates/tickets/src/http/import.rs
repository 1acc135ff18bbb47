//! Inventories that come as files: each line is an item of a batch.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use axum::{extract::State, http::StatusCode, response::Response};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stubmart_contract::{
    Context, Currency, UserId,
    api::{
        BulkMode, BulkResult, FieldError, IMPORT_LINES_MAX, ImportColumn, ImportCounts, ImportLine,
        ImportResult,
    },
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, MaySell, Problem, SentFile, ValidQuery, once, problems,
};
use stubmart_inventory::{
    DateOrder, FileFault, How, Inventory, Line, Mapping, amounts::read_currency, heading,
};
use utoipa::ToSchema;

use super::bulk::item;
use crate::{
    bulk::{Bulk, BulkError, Item},
    service::Tickets,
};

problems! {
    ImportProblems: [ValidationFailed, NotSignedIn, EmailUnverified];
}

/// How a file is read and what is done with it.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ImportQuery {
    /// Only say what would be done
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
    /// `upsert` (the default) leaves one's other listings as they are; `replace` withdraws those of the events that the
    /// file names
    #[param(inline)]
    mode: Option<BulkMode>,
    /// Which column has what, where its heading does not say so: FIELD=HEADING, with commas between
    #[serde(default, deserialize_with = "told")]
    #[param(value_type = Option<String>, max_length = 2_000, example = "externalId=InventoryID,price=UnitPrice")]
    columns: Option<Mapping>,
    /// The currency of prices that name none, as ISO 4217 has it; `usd` when left out
    #[serde(default, deserialize_with = "currency")]
    #[param(value_type = Option<String>, pattern = "^[A-Za-z]{3}$")]
    currency: Option<Currency>,
    /// In which order dates have day, month and year, where it is not certain
    #[serde(default, deserialize_with = "told")]
    #[param(value_type = Option<String>, pattern = "^(dmy|mdy|ymd)$", example = "dmy")]
    dates: Option<DateOrder>,
}

fn told<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let text = <Cow<'_, str>>::deserialize(from)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

fn currency<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Currency>, D::Error> {
    let text = <Cow<'_, str>>::deserialize(from)?;
    read_currency(&text).map(Some).map_err(D::Error::custom)
}

/// A file with a line for each listing, behind one that names the columns.
#[derive(ToSchema)]
#[schema(
    value_type = String,
    example = "Inventory ID,Event,Venue,Date,Section,Row,Seats,Unit Price\n1042,Hamlet,Old Globe,2027-03-01 19:30,Stalls,F,12-13,99.00\n"
)]
#[expect(dead_code, reason = "it is for the document alone")]
pub(super) struct InventoryFile(String);

/// A form with a file.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is for the document alone")]
pub(super) struct InventoryForm {
    /// The file
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Has one's listings be as the lines of a file say: the export of a broker's system, or one's own. It has at most
/// 20,000 lines and 4 MiB. Each line is recognised by the seller's own id and done as an item of `POST /api/tickets/bulk`;
/// one that is wrong is refused, and harms no other. All lines are one batch. What is not certain is refused, and the
/// answer says what has to be told.
#[utoipa::path(post, path = "/api/tickets/import", tag = "tickets", params(ImportQuery, IdempotencyKey),
    request_body(description = "The file, as it is or in a form", content((InventoryFile = "text/csv"), (InventoryForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "What became of each line", body = ImportResult),
        ImportProblems,
    )
)]
pub(super) async fn import_tickets(
    State(tickets): State<Tickets>,
    MaySell(Caller { context, user_id, is_established, .. }): MaySell,
    key: IdempotencyKey,
    ValidQuery(query): ValidQuery<ImportQuery>,
    sent: SentFile,
) -> Result<Response, Problem> {
    let file = sent.file.ok_or_else(|| Problem::invalid_field("file", "is required"))?;
    let user = user_id.to_string();
    let request = match &key.0 {
        Some(_) => format!("{query:?} {:x?}", Sha256::digest(&file)),
        None => String::new(),
    };
    let scope = key.scope(&user, "import_tickets", &request);
    let (service, asked) = (&tickets, &context);
    let work = |_| async move {
        let ImportQuery { dry_run, mode, columns, currency, dates } = query;
        let how = How { columns: columns.unwrap_or_default(), currency, dates };
        let inventory = stubmart_inventory::read(&file, &how).map_err(|it| unreadable(&it))?;
        if inventory.lines.len() > IMPORT_LINES_MAX {
            let message = format!("has more than {IMPORT_LINES_MAX} lines: send it in parts");
            return Err(Problem::invalid_field("file", message));
        }
        let mode = mode.unwrap_or(BulkMode::Upsert);
        let how = Bulk { mode, dry_run, is_established };
        let result = service.import(asked, user_id, how, inventory, &|| ()).await?;
        Answer::json(StatusCode::OK, &result)
    };
    once(tickets.idempotency(), &context, scope, work, Answer::as_it_is).await
}

/// Why a file was not imported, or not to its end.
#[derive(Debug)]
pub enum ImportError {
    /// Nobody knows which listing this line means, so that nothing can be replaced. Nothing happened.
    Nameless {
        /// The line's number.
        line: u64,
    },
    /// The batch was not done, or not to its end.
    Bulk(BulkError),
}

impl Tickets {
    /// Has a seller's listings be as the lines of a file say: all of them are one batch, so that seats move between
    /// any two lines, and what is withdrawn is what the whole file does not name. `noted` is called once for each
    /// line that is done.
    ///
    /// # Errors
    /// [`ImportError`], which says what happened.
    pub async fn import(
        &self,
        context: &Context,
        seller: UserId,
        how: Bulk,
        inventory: Inventory,
        noted: &(dyn Fn() + Send + Sync),
    ) -> Result<ImportResult, ImportError> {
        let nameless = inventory.lines.iter().find(|it| it.external_id.is_none());
        if how.mode == BulkMode::Replace
            && let Some(line) = nameless
        {
            return Err(ImportError::Nameless { line: line.number });
        }
        let numbers: Vec<u64> = inventory.lines.iter().map(|it| it.number).collect();
        let columns = inventory.columns.iter().map(|it| ImportColumn {
            heading: it.heading.clone(),
            field: it.field.map(|field| field.name().to_owned()),
        });
        let columns: Vec<ImportColumn> = columns.collect();
        let Inventory { columns: headings, lines } = inventory;
        let items = lines.into_iter().map(read).collect();
        let done =
            self.bulk(context, seller, how, items, noted).await.map_err(ImportError::Bulk)?;
        let numbers = numbers.into_iter().map(Some).chain(std::iter::repeat(None));
        let line = |(line, done)| {
            let BulkResult { external_id, outcome, id, code, detail, errors } =
                BulkResult::from(done);
            let errors = errors.into_iter().map(|FieldError { field, message }| FieldError {
                field: heading(&headings, &field).to_owned(),
                message,
            });
            ImportLine { line, external_id, outcome, id, code, detail, errors: errors.collect() }
        };
        let lines: Vec<ImportLine> = numbers.zip(done).map(line).collect();
        let mut counts = ImportCounts::default();
        lines.iter().for_each(|it| counts.count(it.outcome));
        Ok(ImportResult { dry_run: how.dry_run, counts, columns, lines })
    }
}

/// The item that a line is; what is wrong with it is told by its headings.
fn read(line: Line) -> Item {
    match line.item {
        Ok(fields) => item(Value::Object(fields)),
        Err(errors) => Item { external_id: line.external_id, asked: Err(errors) },
    }
}

fn unreadable(fault: &FileFault) -> Problem {
    Problem::invalid_field("file", fault.to_string())
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Nameless { line } => Self::invalid_field(
                "file",
                format!("line {line}: no id can be read, so that nothing can be replaced"),
            ),
            ImportError::Bulk(error) => error.into(),
        }
    }
}
