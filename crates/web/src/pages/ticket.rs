//! One ticket, and the step into its checkout.

use askama::Template;
use axum::{extract::Path, response::Response};
use stubmart_client::{Client, ClientError};
use stubmart_contract::{
    Code, EventId, Price, TicketId,
    api::{CreateOrderRequest, Order, OrderStatus, TicketQueue},
};

use super::{found, id};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Form, Query},
    format::{When, count},
    layout::Layout,
    view::{EventView, Lot, LotState},
    visitor::Visitor,
};

/// How often a page looks for what became of a line, without a script, in seconds.
const LOOK_AGAIN_S: u64 = 15;

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage {
    layout: Layout,
    event: Option<EventView>,
    lot: Lot,
    key: String,
    line: Option<LineView>,
}

/// The line for a ticket that somebody has alone.
struct LineView {
    /// Whether there is room for one more.
    has_room: bool,
    /// `3 people`; empty for nobody.
    people: String,
    /// `2nd`; nothing for a visitor who is not in line.
    place: Option<&'static str>,
    /// Until when the visitor alone can buy it.
    turn: Option<When>,
}

/// Places in a line, as people say them.
const PLACES: [&str; 5] = ["1st", "2nd", "3rd", "4th", "5th"];

impl LineView {
    fn new(line: &TicketQueue) -> Self {
        let place = line.position.and_then(|it| usize::try_from(it).ok()?.checked_sub(1));
        let people = count(line.length, "person", "people");
        Self {
            has_room: usize::try_from(line.length).is_ok_and(|it| it < PLACES.len()),
            people: if line.length == 0 { String::new() } else { people },
            place: place.and_then(|at| PLACES.get(at).copied()),
            turn: line.turn_until.map(When::utc),
        }
    }
}

/// `GET /tickets/{id}`.
pub(crate) async fn ticket(
    visitor: Visitor,
    Path(ticket): Path<String>,
    Query(query): Query,
) -> Result<Response, Failure> {
    let ticket: TicketId = id(&ticket)?;
    let is_buying = !query.get("buying").is_empty();
    let api = visitor.api();
    let (user, ticket) = tokio::try_join!(visitor.user(), async {
        api.ticket(ticket).await.map_err(Failure::from)
    })?;
    let event = match ticket.event_id {
        Some(event) => found(api.event(event).await)?,
        None => None,
    };
    let viewer = user.as_ref().map(|user| user.id);
    let mut lot = Lot::new(&ticket, event.as_ref().map(|it| it.name.as_str()), viewer);
    if event.as_ref().is_some_and(|it| !it.status.is_on_sale()) {
        lot = lot.ended();
    }
    let is_held = matches!(lot.state, LotState::Held { .. })
        || lot.state == LotState::Free && ticket.locked_until.is_some();
    let line = if is_held { found(api.queue(ticket.id).await)? } else { None };
    if let (true, LotState::Mine(order)) = (is_buying, &lot.state) {
        return Ok(visitor.go(&format!("/orders/{order}")));
    }
    let name = event.as_ref().map_or(&ticket.title, |event| &event.name);
    let mut layout = visitor.layout(user, format!("{}: {}", name, lot.place)).public();
    layout.refresh_s = match &line {
        Some(line) if line.position.is_some() => LOOK_AGAIN_S,
        Some(_) | None => u64::from(is_buying && lot.state == LotState::Free),
    };
    layout.description = format!("{name}: {}.", lot.spoken());
    let page = TicketPage {
        layout,
        event: event.map(|it| EventView::new(&it, &visitor.site)),
        lot,
        key: visitor.site.form_key(),
        line: line.as_ref().map(LineView::new),
    };
    visitor.page(&page)
}

/// `POST /tickets/{id}/line`.
pub(crate) async fn join_line(
    visitor: Visitor,
    Path(ticket): Path<String>,
) -> Result<Response, Failure> {
    let ticket: TicketId = id(&ticket)?;
    let page = format!("/tickets/{ticket}");
    if visitor.sessions.is_empty() {
        return Err(Failure::SignIn(Some(page)));
    }
    let word = match visitor.api().join_queue(ticket).await {
        Ok(_) => Word::LineJoined,
        Err(error) => match error.code() {
            Some(Code::QueueFull) => Word::LineFull,
            Some(Code::TicketAvailable | Code::OwnCheckout) => Word::LineFree,
            Some(Code::NotSignedIn) => return Err(Failure::SignIn(Some(page))),
            code => code.and_then(refusal).ok_or(error)?,
        },
    };
    Ok(visitor.tell(&page, word))
}

/// `POST /tickets/{id}/line/leave`.
pub(crate) async fn leave_line(
    visitor: Visitor,
    Path(ticket): Path<String>,
) -> Result<Response, Failure> {
    let ticket: TicketId = id(&ticket)?;
    visitor.api().leave_queue(ticket).await?;
    Ok(visitor.tell(&format!("/tickets/{ticket}"), Word::LineLeft))
}

/// A ticket that a visitor wants to buy, at the price that they saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) ticket_id: TicketId,
    price: Option<Price>,
}

impl Wanted {
    fn new(ticket_id: TicketId, price: &str) -> Self {
        let price = price.parse().ok().and_then(|minor: i64| Price::try_from(minor).ok());
        Self { ticket_id, price }
    }

    /// The address that remembers it through signing in.
    fn href(self) -> String {
        let price = self.price.map(|price| format!("?price={}", price.minor()));
        format!("/tickets/{}/buy{}", self.ticket_id, price.unwrap_or_default())
    }

    /// Reads [`Self::href`]; nothing for any other path.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let (ticket, rest) = path.strip_prefix("/tickets/")?.split_once("/buy")?;
        let price = if rest.is_empty() { "" } else { rest.strip_prefix("?price=")? };
        Some(Self::new(ticket.parse().ok()?, price))
    }

    /// The ticket's page.
    pub(crate) fn page(self) -> String {
        format!("/tickets/{}", self.ticket_id)
    }
}

/// What has become of the wish to buy.
pub(crate) enum Begun {
    /// The ticket is held; the checkout is at this path.
    Checkout(String),
    /// The ticket cannot be had: where the visitor goes, and what they read there.
    Refused(String, Word),
}

/// `POST /tickets/{id}/buy`: starts a checkout, at the price that the page showed. A visitor who is not
/// signed in does that first, and lands in the checkout then.
pub(crate) async fn buy(
    visitor: Visitor,
    Path(ticket): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let wanted = Wanted::new(id(&ticket)?, form.get("price"));
    if visitor.sessions.is_empty() {
        return Err(Failure::SignIn(Some(wanted.href())));
    }
    let fresh = || visitor.site.form_key();
    // The buttons of a page share its key, so the ticket and its price belong to the key as well.
    let key = form.key().map_or_else(fresh, |key| {
        let price = wanted.price.map_or(0, Price::minor);
        format!("{key}-{}-{price}", wanted.ticket_id.0.simple())
    });
    let event = form.get("event").parse::<EventId>().ok();
    Ok(match begin(&visitor, wanted, &key, event).await? {
        Begun::Checkout(path) => visitor.go(&path),
        Begun::Refused(path, word) => visitor.tell(&path, word),
    })
}

/// Starts a checkout for the visitor, who is signed in, or says why there is none.
///
/// # Errors
/// The API failed in a way that says nothing about the ticket. A session that is dead is
/// [`Failure::SignIn`], which leads back here.
pub(crate) async fn begin(
    visitor: &Visitor,
    wanted: Wanted,
    key: &str,
    event: Option<EventId>,
) -> Result<Begun, Failure> {
    let request = CreateOrderRequest { ticket_id: wanted.ticket_id, price: wanted.price };
    let error = match start(&visitor.api(), &request, key, || visitor.site.form_key()).await {
        Ok(order) => return Ok(Begun::Checkout(format!("/orders/{}", order.id))),
        Err(error) => error,
    };
    let page = wanted.page();
    Ok(match error.code() {
        // A withdrawn ticket has no page any more.
        Some(Code::NotFound | Code::TicketWithdrawn) => {
            let back = event.map_or("/events".to_owned(), |event| format!("/events/{event}"));
            Begun::Refused(back, Word::BuyWithdrawn)
        }
        // The first of two clicks is being worked on. The ticket's page leads on to its checkout.
        Some(Code::IdempotencyKeyInUse) => {
            Begun::Refused(format!("{page}?buying=1"), Word::BuyRunning)
        }
        Some(Code::TicketLocked) => {
            // Only the seller and the buyer see whose order it is locked for.
            match visitor.api().ticket(wanted.ticket_id).await?.order_id {
                Some(order) => Begun::Checkout(format!("/orders/{order}")),
                None => Begun::Refused(page, Word::BuyLocked),
            }
        }
        Some(Code::NotSignedIn) => return Err(Failure::SignIn(Some(wanted.href()))),
        code => match code.and_then(refusal) {
            Some(word) => Begun::Refused(page, word),
            None => return Err(error.into()),
        },
    })
}

/// Starts a checkout once for each key. A key's stored answer may be an order that has ended since, or a
/// refusal: then the buyer has come back to the page and tries again, under another key.
async fn start(
    api: &Client,
    request: &CreateOrderRequest,
    key: &str,
    fresh: impl Fn() -> String,
) -> Result<Order, ClientError> {
    let again = || async { api.with_idempotency_key(&fresh()).create_order(request).await };
    match api.with_idempotency_key(key).create_order(request).await {
        Ok(order) => match api.order(order.id).await?.status {
            OrderStatus::Cancelled => again().await,
            _ => Ok(order),
        },
        Err(error) => match error.code() {
            Some(Code::IdempotencyKeyReused | Code::TicketLocked | Code::PriceChanged) => {
                again().await
            }
            _ => Err(error),
        },
    }
}

/// The message to a buyer who cannot have the ticket.
fn refusal(code: Code) -> Option<Word> {
    Some(match code {
        Code::Contended => Word::BuyLocked,
        Code::TicketReserved => Word::BuyReserved,
        Code::TicketSold => Word::BuySold,
        Code::OwnTicket => Word::BuyOwn,
        Code::PriceChanged => Word::BuyPrice,
        Code::TooManyRequests => Word::Slow,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_reads_back_and_no_other_path_wants_anything() {
        let ticket_id = TicketId(uuid::Uuid::from_u128(7));
        for price in ["", "9000"] {
            let wanted = Wanted::new(ticket_id, price);
            assert_eq!(Wanted::parse(&wanted.href()), Some(wanted));
        }
        let page = Wanted::new(ticket_id, "").page();
        for other in ["/", "/tickets/", "/tickets/x/buy", &page, &format!("{page}/buy?x=1")] {
            assert_eq!(Wanted::parse(other), None, "{other}");
        }
    }
}
