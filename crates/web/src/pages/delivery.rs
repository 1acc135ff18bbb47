//! The delivery of what was bought: what its buyer sees on the page of the order, and the page on which its
//! seller delivers it.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use stubmart_client::ClientError;
use stubmart_contract::{
    Code, OrderId, Timestamp,
    api::{
        Delivery, DeliveryCancelReason, DeliveryKind, DeliverySide, DeliveryStatus, DeliveryStep,
        DeliveryStepKind, LateChoice, SendDeliveryRequest, TicketFileKind,
    },
};

use super::{claim::ClaimView, found, id};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form},
    format::{When, count},
    hold::Member,
    layout::Layout,
    view::{EventView, order_place},
    visitor::Visitor,
};

/// A delivery, as its buyer sees it.
pub(crate) struct DeliveryView {
    /// What stands above everything.
    pub(crate) heading: &'static str,
    /// What happens next.
    pub(crate) text: &'static str,
    /// By when that happens, while the seller has time left.
    pub(crate) by: Option<When>,
    /// The link that opens the ticket.
    pub(crate) link: Option<String>,
    /// Where the link leads.
    pub(crate) host: String,
    /// The pages of its file, by number.
    pub(crate) pages: Vec<u32>,
    /// Whether they are images, which the page shows.
    pub(crate) are_images: bool,
    /// What the seller says of it.
    pub(crate) reference: Option<String>,
    /// Whether the buyer is to say that it came.
    pub(crate) can_accept: bool,
    /// Whether the buyer is to wait or take the money back.
    pub(crate) can_decide: bool,
    /// Whether the buyer has chosen to wait.
    pub(crate) is_awaited: bool,
    pub(crate) steps: Vec<Step>,
}

/// A line of the timeline.
pub(crate) struct Step {
    pub(crate) at: When,
    pub(crate) words: &'static str,
}

impl DeliveryView {
    pub(crate) fn new(delivery: &Delivery) -> Self {
        let (heading, text) = words(delivery);
        let is_pending = delivery.status == DeliveryStatus::Pending;
        let link = delivery.link.clone();
        let host = link.as_deref().and_then(|it| it.split('/').nth(2)).unwrap_or_default();
        Self {
            heading,
            text,
            by: is_pending.then(|| When::utc(delivery.deliver_by)),
            host: host.to_owned(),
            link,
            pages: (1..=delivery.pages).collect(),
            are_images: delivery.file_kind.is_some_and(|it| it != TicketFileKind::Pdf),
            reference: delivery.reference.clone(),
            can_accept: delivery.status == DeliveryStatus::Sent,
            can_decide: delivery.status == DeliveryStatus::Late,
            is_awaited: delivery.is_awaited,
            steps: steps(delivery),
        }
    }
}

/// What a buyer is told of a delivery.
fn words(delivery: &Delivery) -> (&'static str, &'static str) {
    match (delivery.status, delivery.kind) {
        (DeliveryStatus::Pending, DeliveryKind::Transfer) => (
            "It’s yours. The seller sends it next",
            "The seller transfers it to your email address in the issuer’s app. Accept it there when it comes.",
        ),
        (DeliveryStatus::Pending, DeliveryKind::Link) => (
            "It’s yours. The seller sends it next",
            "The seller gives you a link that opens it. You’ll find it here, and we’ll email you.",
        ),
        (DeliveryStatus::Pending, DeliveryKind::File) => (
            "It’s yours. The seller sends it next",
            "The seller uploads it here. We’ll email you the moment it’s there.",
        ),
        (DeliveryStatus::Pending, DeliveryKind::Paper) => (
            "It’s yours. The seller sends it next",
            "The seller sends you a paper ticket, or leaves it at the box office. We’ll email you how.",
        ),
        (DeliveryStatus::Late, _) => (
            "Your ticket is late",
            "The seller hasn’t delivered in time. Wait for it, or take all of your money back: it’s up to you. \
             If it never comes, your money comes back by itself when the event is over.",
        ),
        (DeliveryStatus::Sent, DeliveryKind::Transfer) => (
            "Your ticket has been transferred",
            "Look in the issuer’s app, and for its email in your inbox. Accept the transfer there.",
        ),
        (DeliveryStatus::Sent, DeliveryKind::Link) => {
            ("Your ticket is here", "Open it before you go, and check that it’s what you bought.")
        }
        (DeliveryStatus::Sent, DeliveryKind::File) => (
            "Your ticket is here",
            "Open it before you go, and check that it’s what you bought. Save it to your phone or print it.",
        ),
        (DeliveryStatus::Sent, DeliveryKind::Paper) => {
            ("Your ticket has been sent", "Check that it’s what you bought when it comes.")
        }
        (DeliveryStatus::Accepted, _) => ("It’s yours. Enjoy the show!", "You have your ticket."),
        (DeliveryStatus::Cancelled, _) => match delivery.cancel_reason {
            Some(DeliveryCancelReason::NeverCame) => (
                "Your ticket never came",
                "We’re sorry. All of your money is on its way back to your card.",
            ),
            _ => (
                "You got your money back",
                "All of it is on its way to your card. Banks take up to ten days to show it.",
            ),
        },
    }
}

fn steps(delivery: &Delivery) -> Vec<Step> {
    let step = |step: &DeliveryStep| {
        let words = match step.what {
            DeliveryStepKind::Sold => "Sold",
            DeliveryStepKind::Moved => "The event moved, and so did the deadline",
            DeliveryStepKind::Reminded => "We reminded the seller",
            DeliveryStepKind::Late => "The deadline passed",
            DeliveryStepKind::Waiting => "The buyer chose to wait",
            DeliveryStepKind::Sent => "The seller sent the ticket",
            DeliveryStepKind::Opened => "The buyer opened the ticket",
            DeliveryStepKind::Accepted => "The buyer has the ticket",
            DeliveryStepKind::Cancelled => "The buyer got their money back",
        };
        Step { at: When::utc(step.at), words }
    };
    delivery.steps.iter().map(step).collect()
}

/// `POST /orders/{id}/accept`: the buyer has the ticket.
pub(crate) async fn accept(
    visitor: Visitor,
    Path(order): Path<String>,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let page = format!("/orders/{order}");
    match visitor.api().accept_delivery(order).await {
        Ok(_) => Ok(visitor.tell(&page, Word::TicketAccepted)),
        Err(error) => behind(&visitor, page, error),
    }
}

/// `POST /orders/{id}/late`: the buyer of a late ticket waits, or takes the money back.
pub(crate) async fn decide(
    visitor: Visitor,
    Path(order): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let page = format!("/orders/{order}");
    let (choice, word) = match form.get("choice") {
        "refund" => (LateChoice::Refund, Word::MoneyBack),
        _ => (LateChoice::Wait, Word::Waiting),
    };
    match visitor.api().decide_on_late_delivery(order, choice).await {
        Ok(_) => Ok(visitor.tell(&page, word)),
        Err(error) => behind(&visitor, page, error),
    }
}

/// Back to a page whose delivery is not any more as the visitor saw it.
fn behind(visitor: &Visitor, page: String, error: ClientError) -> Result<Response, Failure> {
    match error.code() {
        Some(Code::NotSent | Code::NotLate | Code::DeliveryEnded) => {
            Ok(visitor.tell(&page, Word::DeliveryMoved))
        }
        _ => Err(match Failure::from(error) {
            Failure::SignIn(_) => Failure::SignIn(Some(page)),
            other => other,
        }),
    }
}

#[derive(Template)]
#[template(path = "deliver.html")]
struct Deliver {
    layout: Layout,
    order_id: String,
    ticket_id: String,
    number: String,
    title: String,
    event: Option<EventView>,
    place: String,
    quantity: String,
    /// Whether it is delivered by a file.
    is_file: bool,
    /// What the seller is to do.
    task: &'static str,
    /// Where to transfer it.
    transfer_to: Option<String>,
    by: When,
    is_late: bool,
    is_sent: bool,
    /// How the delivery ended, if it has.
    end: Option<&'static str>,
    fields: Fields,
    steps: Vec<Step>,
    /// What the buyer claims.
    claim: Option<ClaimView>,
}

/// `GET /orders/{id}/deliver`: what a seller is to deliver, and by when.
pub(crate) async fn deliver(
    visitor: Visitor,
    Path(order): Path<String>,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let user = visitor.member().await?;
    let delivery = visitor.api().delivery(order).await?;
    if delivery.side == DeliverySide::Buyer {
        return Ok(visitor.go(&format!("/orders/{order}")));
    }
    let fields = fields(&delivery);
    deliver_page(&visitor, user, &delivery, fields, StatusCode::OK).await
}

fn fields(delivery: &Delivery) -> Fields {
    let reference = |label, hint: &str| {
        let value = delivery.reference.clone().unwrap_or_default();
        Field::text("reference", label, 200).with(value).hint(hint)
    };
    Fields::new(match delivery.kind {
        DeliveryKind::Transfer => vec![reference(
            "Transfer confirmation",
            "The number or message the app shows. It helps if the buyer can’t find the transfer.",
        )],
        DeliveryKind::Link => vec![
            Field { kind: "url", ..Field::text("link", "Link that opens the ticket", 2000) }
                .must()
                .hint("Starts with https://. Only the buyer sees it."),
            reference("Message to the buyer", "For example, which ticket is for which seat."),
        ],
        // It is uploaded, by a form of its own.
        DeliveryKind::File => Vec::new(),
        DeliveryKind::Paper => {
            vec![reference("How you sent it", "A tracking number, or where to pick it up.")]
        }
    })
}

async fn deliver_page(
    visitor: &Visitor,
    user: Member,
    delivery: &Delivery,
    fields: Fields,
    status: StatusCode,
) -> Result<Response, Failure> {
    let event = match delivery.ticket.event_id {
        Some(event) => found(visitor.api().event(event).await)?,
        None => None,
    };
    let task = match delivery.kind {
        DeliveryKind::Transfer => "Transfer the ticket in the issuer’s app to the buyer’s address:",
        DeliveryKind::Link => "Give the buyer the link that opens the ticket.",
        DeliveryKind::File => "Upload the ticket.",
        DeliveryKind::Paper => "Send the ticket, or leave it at the box office.",
    };
    let end = match delivery.status {
        DeliveryStatus::Accepted => Some("The buyer has the ticket. You’re all done."),
        DeliveryStatus::Cancelled => {
            Some("The buyer got their money back. Don’t deliver this ticket.")
        }
        DeliveryStatus::Pending | DeliveryStatus::Late | DeliveryStatus::Sent => None,
    };
    let claims = visitor.api().claims(delivery.order_id).await?;
    visitor.page_with(
        status,
        &Deliver {
            claim: claims.items.first().map(|it| ClaimView::new(it, false)),
            layout: visitor.layout(Some(user), "Deliver a ticket"),
            order_id: delivery.order_id.to_string(),
            ticket_id: delivery.ticket_id.to_string(),
            is_file: delivery.kind == DeliveryKind::File,
            number: delivery.number.clone(),
            title: event.as_ref().map_or(&delivery.ticket.title, |event| &event.name).clone(),
            event: event.map(|it| EventView::new(&it, &visitor.site)),
            place: order_place(&delivery.ticket),
            quantity: count(delivery.ticket.quantity, "ticket", "tickets"),
            task,
            transfer_to: delivery.transfer_to.clone(),
            by: When::utc(delivery.deliver_by),
            is_late: delivery.status == DeliveryStatus::Late,
            is_sent: delivery.status == DeliveryStatus::Sent,
            end,
            fields,
            steps: steps(delivery),
        },
    )
}

/// `POST /orders/{id}/deliver`: the seller has sent it.
pub(crate) async fn sent(
    visitor: Visitor,
    Path(order): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let page = format!("/orders/{order}/deliver");
    let request =
        SendDeliveryRequest { link: form.optional("link"), reference: form.optional("reference") };
    match visitor.api().send_delivery(order, &request).await {
        Ok(_) => Ok(visitor.tell(&page, Word::TicketSent)),
        Err(error) if error.code() == Some(Code::ValidationFailed) => {
            let problem = super::mendable(error)?;
            let user = visitor.member().await?;
            let delivery = visitor.api().delivery(order).await?;
            let mut fields = fields(&delivery).keep(&form);
            fields.refused(&problem, &[]);
            deliver_page(&visitor, user, &delivery, fields, StatusCode::BAD_REQUEST).await
        }
        Err(error) => behind(&visitor, page, error),
    }
}

/// What a seller's list says of a sale, and whether the seller is to do something.
pub(crate) struct ToDeliver {
    pub(crate) order_id: String,
    pub(crate) words: &'static str,
    /// By when, while it is to be delivered.
    pub(crate) by: Option<When>,
    pub(crate) class: &'static str,
}

impl ToDeliver {
    pub(crate) fn new(delivery: &Delivery) -> Self {
        let by = |at: Timestamp| Some(When::utc(at));
        let (words, by, class) = match delivery.status {
            DeliveryStatus::Pending => ("Deliver by", by(delivery.deliver_by), "open"),
            DeliveryStatus::Late => ("Late: deliver now", None, "open"),
            DeliveryStatus::Sent => ("Sent", None, "good"),
            DeliveryStatus::Accepted => ("Delivered", None, "good"),
            DeliveryStatus::Cancelled => ("Refunded", None, "off"),
        };
        Self { order_id: delivery.order_id.to_string(), words, by, class }
    }
}
