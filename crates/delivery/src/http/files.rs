//! Routes of ticket files.

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use stubmart_contract::{
    Code, OrderId, TicketId,
    api::{self, TicketFileKind},
};
use stubmart_http_kit::{Caller, ClientAddr, PathId, Problem, SentFile, problems};
use stubmart_ports::reader::ReadError;
use utoipa::ToSchema;

use crate::{
    delivery::Reader,
    open_page::{OpenError, OpenedPage},
    service::Deliveries,
    upload::UploadError,
};

/// How much is noted of a browser's name, in characters.
const USER_AGENT_MAX: usize = 256;

problems! {
    UploadProblems: [
        ValidationFailed "the file cannot be read, or has fewer tickets than the listing",
        NotSignedIn, NotOwner, NotFound, CodeListed, TicketLocked, TicketWithdrawn,
        DeliveryEnded "it is sold, and its buyer has it or the money back", TooManyRequests,
        BodyTooLarge "more than 10 MB", UnsupportedMediaType "no form with a file",
    ];
    GetTicketFilesProblems: [NotSignedIn, NotOwner, NotFound "no such ticket, or it has no file"];
    OpenTicketFileProblems: [
        NotSignedIn, NotFound "no such page, or the caller is not the buyer of a completed order, or has the money back",
    ];
}

/// A form with the file of a ticket.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is for the document alone")]
pub(super) struct TicketFileForm {
    /// A PDF, PNG, JPEG or WebP of at most 10 MB and 20 pages
    #[schema(value_type = String, format = Binary, example = "%PDF-1.7")]
    file: Vec<u8>,
}

/// A page of a ticket, as a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary, example = "%PDF-1.7")]
#[expect(dead_code, reason = "it is for the document alone")]
pub(super) struct PageFile(Vec<u8>);

/// What a client is told when a file was not taken.
fn not_uploaded(error: UploadError) -> Problem {
    let file = |message: String| Problem::invalid_field("file", message);
    match error {
        UploadError::NotFound => Problem::not_found(),
        UploadError::NotOwner => Problem::new(Code::NotOwner),
        UploadError::Withdrawn => Problem::new(Code::TicketWithdrawn),
        UploadError::Locked => Problem::new(Code::TicketLocked),
        UploadError::Delivered => Problem::new(Code::DeliveryEnded),
        UploadError::Listed => Problem::new(Code::CodeListed),
        UploadError::Unread(ReadError::TooLarge) => {
            Problem::with_detail(Code::BodyTooLarge, ReadError::TooLarge.to_string())
        }
        UploadError::Unread(error @ ReadError::Failed(_)) => Problem::unavailable(error),
        UploadError::Unread(error) => {
            let message = error.to_string();
            file(message.strip_prefix("the file ").unwrap_or(&message).to_owned())
        }
        UploadError::TooFew { wanted, found, has_codes } => {
            let what = if has_codes { "different codes" } else { "pages" };
            file(format!(
                "has {found} of the {wanted} {what} that it needs: each ticket of the listing has its own"
            ))
        }
        UploadError::Limited(limited) => limited.into(),
        UploadError::Failed(cause) => Problem::unavailable(cause),
        UploadError::Call(error) => error.into(),
        UploadError::Repository(error) => error.into(),
    }
}

fn not_opened(error: OpenError) -> Problem {
    match error {
        OpenError::NotFound => Problem::not_found(),
        OpenError::Failed(cause) => Problem::unavailable(cause),
        OpenError::Call(error) => error.into(),
        OpenError::Repository(error) => error.into(),
    }
}

/// Uploads the file of one's ticket, in place of the one that it has. While the ticket is on sale the file is sealed, and
/// its buyer can open it the moment the order is completed; uploaded after the sale it is delivered at once. It is split
/// into pages and the codes on them are read: no two listings that are on sale or sold carry the same code, but that
/// who bought it may list it again. The same file again is the same answer.
#[utoipa::path(put, path = "/api/tickets/{id}/files", tag = "delivery", params(("id" = TicketId, Path)),
    request_body(description = "The file, in a form", content = TicketFileForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "What was read", body = api::TicketFiles), UploadProblems)
)]
pub(super) async fn upload_ticket_file(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(id): PathId<TicketId>,
    sent: SentFile,
) -> Result<Json<api::TicketFiles>, Problem> {
    let file = sent.file.ok_or_else(|| Problem::invalid_field("file", "is required"))?;
    let uploaded = deliveries.upload(&caller.context, id, caller.user_id, file.into()).await;
    uploaded.map(Json).map_err(not_uploaded)
}

/// What was read of the file of one's ticket. The file itself is for its buyer alone.
#[utoipa::path(get, path = "/api/tickets/{id}/files", tag = "delivery", params(("id" = TicketId, Path)), responses(
    (status = 200, description = "What was read", body = api::TicketFiles), GetTicketFilesProblems,
))]
pub(super) async fn get_ticket_files(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(id): PathId<TicketId>,
) -> Result<Json<api::TicketFiles>, Problem> {
    let uploaded = deliveries.uploaded(&caller.context, id, caller.user_id).await;
    uploaded.map(Json).map_err(not_uploaded)
}

/// A page of the ticket that one bought, as a file; the first is 1. Who opens it, when and from where is noted.
#[utoipa::path(get, path = "/api/orders/{id}/files/{n}", tag = "delivery",
    params(("id" = OrderId, Path), ("n" = u32, Path, description = "The page", minimum = 1)),
    responses(
        (status = 200, description = "The page", content(
            (PageFile = "application/pdf"), (PageFile = "image/png"), (PageFile = "image/jpeg"), (PageFile = "image/webp"),
        )),
        OpenTicketFileProblems,
    )
)]
pub(super) async fn open_ticket_file(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    Path((order_id, page)): Path<(String, String)>,
    client: Option<Extension<ClientAddr>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (Ok(order_id), Ok(page)) = (order_id.parse::<OrderId>(), page.parse::<u32>()) else {
        return Err(Problem::not_found());
    };
    let user_agent = headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok());
    let reader = Reader {
        address: client.map(|Extension(ClientAddr(address))| address.to_string()),
        user_agent: user_agent.map(|it| it.chars().take(USER_AGENT_MAX).collect()),
    };
    let opened =
        deliveries.open_page(&caller.context, order_id, caller.user_id, page, reader).await;
    let OpenedPage { kind, content } = opened.map_err(not_opened)?;
    let name = format!("ticket-{}-{page}.{}", order_id.number(), kind.extension());
    Ok((file_headers(kind, &name), content).into_response())
}

/// A stranger made the file: it is saved and not shown, it is what we say it is, and where a browser shows it all the
/// same it may do nothing. Nothing on the way keeps it.
fn file_headers(kind: TicketFileKind, name: &str) -> [(HeaderName, HeaderValue); 5] {
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind.media_type())),
        (
            header::CONTENT_DISPOSITION,
            disposition.unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    ]
}
