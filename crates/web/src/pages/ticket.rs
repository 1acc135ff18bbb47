//! One ticket, and the step into its checkout.

use askama::Template;
use axum::{extract::Path, response::Response};
use stubmart_client::{Client, ClientError};
use stubmart_contract::{
    Code, EventId, Price, TicketId,
    api::{CreateOrderRequest, Order, OrderStatus},
};

use super::{found, id};
use crate::{
    failure::Failure,
    flash::Word,
    form::Form,
    layout::Layout,
    view::{EventView, Lot, LotState},
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "ticket.html")]
struct TicketPage {
    layout: Layout,
    event: Option<EventView>,
    lot: Lot,
    key: String,
}

/// `GET /tickets/{id}`.
pub(crate) async fn ticket(
    visitor: Visitor,
    Path(ticket): Path<String>,
) -> Result<Response, Failure> {
    let ticket: TicketId = id(&ticket)?;
    let api = visitor.api();
    let (user, ticket) = tokio::try_join!(visitor.user(), async {
        api.ticket(ticket).await.map_err(Failure::from)
    })?;
    let event = match ticket.event_id {
        Some(event) => found(api.event(event).await)?,
        None => None,
    };
    let viewer = user.as_ref().map(|user| user.id);
    let lot = Lot::new(&ticket, event.as_ref().map(|it| it.name.as_str()), viewer);
    let name = event.as_ref().map_or(&ticket.title, |event| &event.name);
    let mut layout = visitor.layout(user, format!("{}: {}", name, lot.place)).public();
    layout.description = format!("{name}: {}.", lot.spoken());
    let page = TicketPage {
        layout,
        event: event.map(|it| EventView::new(&it, visitor.site.config.currency)),
        lot,
        key: visitor.site.form_key(),
    };
    visitor.page(&page)
}

/// `POST /tickets/{id}/buy`: starts a checkout, at the price that the page showed.
pub(crate) async fn buy(
    visitor: Visitor,
    Path(ticket): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let ticket_id: TicketId = id(&ticket)?;
    let page = format!("/tickets/{ticket_id}");
    if visitor.sessions.is_empty() {
        return Err(Failure::SignIn(Some(page)));
    }
    let price = form.get("price").parse().ok().and_then(|minor: i64| Price::try_from(minor).ok());
    let request = CreateOrderRequest { ticket_id, price };
    let fresh = || visitor.site.form_key();
    // The buttons of a page share its key, so the ticket and its price belong to the key as well.
    let key = form.key().map_or_else(fresh, |key| {
        format!("{key}-{}-{}", ticket_id.0.simple(), price.map_or(0, Price::minor))
    });
    match start(&visitor.api(), &request, &key, fresh).await {
        Ok(order) => Ok(visitor.go(&format!("/orders/{}", order.id))),
        Err(error) => match error.code() {
            // A withdrawn ticket has no page any more.
            Some(Code::NotFound | Code::TicketWithdrawn) => {
                let event = form.get("event").parse::<EventId>();
                let back = event.map_or("/events".to_owned(), |event| format!("/events/{event}"));
                Ok(visitor.tell(&back, Word::BuyWithdrawn))
            }
            Some(Code::IdempotencyKeyInUse) => Ok(visitor.tell("/orders", Word::BuyRunning)),
            Some(Code::TicketLocked) => {
                // Only the seller and the buyer see whose order it is locked for.
                let order = visitor.api().ticket(request.ticket_id).await?.order_id;
                Ok(match order {
                    Some(order) => visitor.go(&format!("/orders/{order}")),
                    None => visitor.tell(&page, Word::BuyLocked),
                })
            }
            Some(Code::NotSignedIn) => Err(Failure::SignIn(Some(page))),
            code => match code.and_then(refusal) {
                Some(word) => Ok(visitor.tell(&page, word)),
                None => Err(error.into()),
            },
        },
    }
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
        Code::TicketSold => Word::BuySold,
        Code::OwnTicket => Word::BuyOwn,
        Code::PriceChanged => Word::BuyPrice,
        Code::TooManyRequests => Word::Slow,
        _ => return None,
    })
}
