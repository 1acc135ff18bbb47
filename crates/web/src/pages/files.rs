//! The file of a ticket: its seller uploads it, and its buyer opens it, page by page.

use askama::Template;
use axum::{
    extract::{FromRequest as _, Path, Request},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use stubmart_client::ClientError;
use stubmart_contract::{
    Code, OrderId,
    api::{Symbology, Ticket, TicketFiles, TicketPage, TicketStatus},
};
use stubmart_http_kit::SentFile;

use super::{found, id, selling::own};
use crate::{
    failure::Failure,
    flash::Word,
    format::{When, count},
    hold::Member,
    layout::Layout,
    view::{EventView, Lot},
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "files.html")]
struct Files {
    layout: Layout,
    title: String,
    event: Option<EventView>,
    lot: Lot,
    /// What is there already.
    shown: Option<Read>,
    /// Why nothing can be uploaded now.
    closed: Option<&'static str>,
    /// The page of the sale, once it is sold.
    sale: Option<String>,
    /// What is wrong with what was sent.
    error: Option<String>,
}

/// What was read of a file.
struct Read {
    summary: String,
    /// Whether there are more codes than tickets.
    has_more: bool,
    at: When,
    pages: Vec<ReadPage>,
}

/// What was read of a page.
struct ReadPage {
    number: u32,
    code: &'static str,
    has_code: bool,
    /// What it seems to say.
    says: String,
}

impl Read {
    fn new(files: &TicketFiles, ticket: &Ticket) -> Self {
        let pages = count(files.pages, "page", "pages");
        let summary = match files.codes {
            0 => format!("{pages}. We found no code on it, so check that this is the ticket."),
            codes => format!("{pages}, {} found.", count(codes, "code", "codes")),
        };
        Self {
            summary,
            has_more: files.codes > ticket.quantity,
            at: When::utc(files.uploaded_at),
            pages: files.read.iter().map(ReadPage::new).collect(),
        }
    }
}

impl ReadPage {
    fn new(page: &TicketPage) -> Self {
        let named = [
            ("Section", &page.section),
            ("Row", &page.row),
            ("Seat", &page.seat),
            ("Date", &page.date),
            ("Order", &page.order_number),
        ];
        let named = named.into_iter().filter_map(|(name, said)| Some((name, said.as_ref()?)));
        let says: Vec<String> = named.map(|(name, said)| format!("{name} {said}")).collect();
        let code = page.symbology.map_or("No code found", |it| match it {
            Symbology::Qr => "QR code",
            Symbology::Aztec => "Aztec code",
            Symbology::DataMatrix => "Data Matrix code",
            Symbology::Pdf417 => "PDF417 code",
            Symbology::Code128 | Symbology::Code39 | Symbology::Itf => "Barcode",
            Symbology::Other => "Code",
        });
        let has_code = page.symbology.is_some();
        Self { number: page.page, code, has_code, says: says.join(" · ") }
    }
}

/// `GET /tickets/{id}/files`.
pub(crate) async fn files(
    visitor: Visitor,
    Path(ticket): Path<String>,
) -> Result<Response, Failure> {
    let (user, ticket) = own(&visitor, &ticket).await?;
    files_page(&visitor, user, &ticket, None, StatusCode::OK).await
}

async fn files_page(
    visitor: &Visitor,
    user: Member,
    ticket: &Ticket,
    error: Option<String>,
    status: StatusCode,
) -> Result<Response, Failure> {
    let event = match ticket.event_id {
        Some(event) => found(visitor.api().event(event).await)?,
        None => None,
    };
    let files = found(visitor.api().ticket_files(ticket.id).await)?;
    let title = event.as_ref().map_or(&ticket.title, |it| &it.name).clone();
    let closed = match ticket.status {
        TicketStatus::Available => None,
        TicketStatus::Locked => {
            Some("A buyer is paying for this ticket, so its file stays as it is for now.")
        }
        TicketStatus::Withdrawn => Some("This listing is off sale, so it doesn’t need a file."),
        TicketStatus::Sold if files.is_some() => {
            Some("You sold this ticket, and the buyer has its file.")
        }
        TicketStatus::Sold => None,
    };
    let sold = ticket.order_id.filter(|_| ticket.status == TicketStatus::Sold);
    visitor.page_with(
        status,
        &Files {
            lot: Lot::new(ticket, Some(title.as_str()), Some(user.id)),
            layout: visitor.layout(Some(user), "Ticket file"),
            title,
            event: event.map(|it| EventView::new(&it, &visitor.site)),
            shown: files.map(|it| Read::new(&it, ticket)),
            closed,
            sale: sold.map(|it| format!("/orders/{it}/deliver")),
            error,
        },
    )
}

/// `POST /tickets/{id}/files`: the seller uploads it.
pub(crate) async fn upload(
    visitor: Visitor,
    Path(ticket): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let (user, ticket) = own(&visitor, &ticket).await?;
    let again = async |error: &str, status| {
        files_page(&visitor, user.clone(), &ticket, Some(error.to_owned()), status).await
    };
    let sent = match SentFile::from_request(request, &()).await {
        Ok(sent) => sent,
        Err(problem) if problem.code() == Code::BodyTooLarge => {
            return again(TOO_LARGE, StatusCode::PAYLOAD_TOO_LARGE).await;
        }
        Err(_) => return Err(Failure::BadForm),
    };
    let Some(file) = sent.file else {
        return again("Choose a file first.", StatusCode::BAD_REQUEST).await;
    };
    match visitor.api().upload_ticket_file(ticket.id, &file).await {
        Ok(_) => {
            let sold = ticket.order_id.filter(|_| ticket.status == TicketStatus::Sold);
            Ok(match sold {
                Some(order) => visitor.tell(&format!("/orders/{order}/deliver"), Word::TicketSent),
                None => visitor.tell(&format!("/tickets/{}/files", ticket.id), Word::FileKept),
            })
        }
        Err(error) => match explained(&error) {
            Some((said, status)) => again(&said, status).await,
            None => Err(error.into()),
        },
    }
}

const TOO_LARGE: &str =
    "That file is larger than 10 MB. Save it smaller, or upload the ticket page alone.";

/// What a seller can do about a file that was not taken.
fn explained(error: &ClientError) -> Option<(String, StatusCode)> {
    let problem = error.problem()?;
    let said = match problem.code {
        Code::ValidationFailed => {
            let field = problem.errors.first()?;
            format!("Your file {}.", field.message)
        }
        Code::CodeListed => "This ticket is in another listing already, or somebody else bought it. You can only sell \
            tickets that are yours."
            .to_owned(),
        Code::TicketLocked => {
            "A buyer is paying for this ticket, so its file stays as it is. Try again in a few minutes.".to_owned()
        }
        Code::DeliveryEnded => "The buyer already has this ticket, or their money back.".to_owned(),
        Code::TicketWithdrawn => "This listing is off sale, so it doesn’t need a file.".to_owned(),
        Code::BodyTooLarge => TOO_LARGE.to_owned(),
        Code::TooManyRequests => "That’s a lot of files. Wait a while and try again.".to_owned(),
        Code::Contended => "Something happened in the meantime. Send it again.".to_owned(),
        Code::Unavailable => "We can’t read files right now. Try again in a minute.".to_owned(),
        _ => return None,
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    Some((said, status))
}

/// `GET /orders/{id}/files/{n}`: a page of the ticket, for its buyer; as the API gives it.
pub(crate) async fn page(
    visitor: Visitor,
    Path((order, page)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let page: u32 = id(&page)?;
    visitor.member().await?;
    let answer = visitor.api().ticket_page(order, page).await?;
    let passed = |name: HeaderName| answer.headers.get(&name).cloned().map(|value| (name, value));
    let headers = [
        header::CONTENT_TYPE,
        header::CONTENT_DISPOSITION,
        header::CACHE_CONTROL,
        header::CONTENT_SECURITY_POLICY,
    ];
    let headers = headers.into_iter().filter_map(passed).collect::<axum::http::HeaderMap>();
    Ok((headers, answer.body).into_response())
}
