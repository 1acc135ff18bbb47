//! An order: the checkout while it is open, then what became of it.

use askama::Template;
use axum::{extract::Path, response::Response};
use stubmart_client::{Client, ClientError, TransportError};
use stubmart_contract::{
    Code, OrderId,
    api::{
        CancelReason, Charge, ChargeStatus, CreatePaymentRequest, Delivery, DeliveryStatus, Order,
        OrderStatus, TicketStatus,
    },
};

use super::{claim::ClaimView, delivery::DeliveryView, found, id, keyed};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Form, Query},
    format::{When, clock, count, countdown, money},
    hold::Member,
    layout::Layout,
    seller::SellerView,
    site::PAYMENT_MAX,
    view::{EventView, each, order_place},
    visitor::Visitor,
};

/// After how many seconds a browser without JavaScript looks again while a payment is on its way.
const LOOK_AGAIN_S: u64 = 4;

/// What is bought, as every state of an order shows it.
struct Bought {
    order_id: String,
    /// What people call the order by.
    number: String,
    ticket_id: String,
    title: String,
    event: Option<EventView>,
    seller: SellerView,
    place: String,
    quantity: String,
    /// What one ticket costs, and all of them, before fees.
    each: String,
    price: String,
    /// The buyer's fee, if there is one.
    fee: Option<String>,
    total: String,
    /// What the seller asks, for another try.
    minor: u32,
    total_minor: u32,
    currency: String,
    placed: When,
}

#[derive(Template)]
#[template(path = "checkout.html")]
struct Checkout {
    layout: Layout,
    bought: Bought,
    key: String,
    /// The time left, and the whole hold, in milliseconds by the server's clock.
    left_ms: u64,
    left: String,
    whole_ms: u64,
    until: String,
    until_iso: String,
    cards: &'static [Card],
    stripe_key: Option<String>,
    /// Why the card before was declined, where the operator allows another try.
    declined: Option<&'static str>,
    /// Whether the buyer's bank waits for a confirmation. In the sandbox the page stands in for the bank.
    confirm: bool,
}

#[derive(Template)]
#[template(path = "paying.html")]
struct Paying {
    layout: Layout,
    bought: Bought,
    /// Whether the checkout can still be left.
    open: bool,
    until: String,
    until_iso: String,
}

#[derive(Template)]
#[template(path = "receipt.html")]
struct Receipt {
    layout: Layout,
    bought: Bought,
    paid: When,
    /// Where the ticket is.
    delivery: Option<DeliveryView>,
    /// What was claimed.
    claim: Option<ClaimView>,
    /// Whether something may still be claimed.
    can_claim: bool,
}

#[derive(Template)]
#[template(path = "ended.html")]
struct Ended {
    layout: Layout,
    bought: Bought,
    heading: &'static str,
    text: String,
    /// Whether the buyer can have the ticket after all.
    free: bool,
    key: String,
}

/// A test card of the sandbox.
struct Card {
    method: &'static str,
    name: &'static str,
    outcome: &'static str,
}

/// Stripe's documented test payment methods (<https://docs.stripe.com/testing>).
const CARDS: &[Card] = &[
    Card { method: "pm_card_visa", name: "Visa •••• 4242", outcome: "Goes through" },
    Card {
        method: "pm_card_mastercard", name: "Mastercard •••• 4444", outcome: "Goes through"
    },
    Card {
        method: "pm_card_amex", name: "American Express •••• 0005", outcome: "Goes through"
    },
    Card {
        method: "pm_card_visa_chargeDeclined",
        name: "Visa •••• 0002",
        outcome: "Declined by the bank",
    },
    Card {
        method: "pm_card_visa_chargeDeclinedInsufficientFunds",
        name: "Visa •••• 9995",
        outcome: "Insufficient funds",
    },
    Card {
        method: "pm_card_chargeDeclinedExpiredCard",
        name: "Visa •••• 0069",
        outcome: "Expired card",
    },
    Card {
        method: "pm_card_threeDSecure2Required",
        name: "Visa •••• 3220",
        outcome: "The bank asks you to confirm (3-D Secure)",
    },
];

/// `GET /orders/{id}`: by asking for the order the buyer also takes it back when its page was closed.
pub(crate) async fn order(
    visitor: Visitor,
    Path(order): Path<String>,
    Query(query): Query,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let user = visitor.member().await?;
    let api = visitor.api();
    let (order, charges) = tokio::try_join!(api.order(order), api.charges(order))?;
    let event = async {
        match order.ticket.event_id {
            Some(event) => found(api.event(event).await),
            None => Ok(None),
        }
    };
    let (event, ticket) = tokio::join!(event, api.ticket(order.ticket_id));
    let (event, ticket) = (event?, found(ticket)?);
    let event = event.map(|it| EventView::new(&it, &visitor.site));
    let seller = SellerView::new(ticket.as_ref().and_then(|it| it.seller.as_ref()));
    let bought = Bought::new(&order, event, seller);
    let charges = charges.items;
    // A charge that waits for Stripe's form is paid only once that form has come back from it.
    let sent = visitor.site.is_sandbox()
        || (!query.get("paid").is_empty() && query.get("redirect_status") != "failed");
    let pending = pending(&charges).filter(|_| sent);
    let confirm = visitor.site.is_sandbox() && pending.is_some_and(|it| it.next_action.is_some());
    match order.status {
        OrderStatus::Created if pending.is_none() || confirm => {
            let declined = decline(&charges, &query);
            checkout(&visitor, user, &order, bought, declined, confirm)
        }
        OrderStatus::Created | OrderStatus::AwaitingPayment => {
            paying(&visitor, user, &order, bought)
        }
        OrderStatus::Completed => {
            let paid = charges.iter().find(|charge| charge.status == ChargeStatus::Completed);
            receipt(&visitor, user, &order, bought, paid).await
        }
        OrderStatus::Cancelled => {
            // While it is still held for this very order, it is about to be free.
            let free = ticket.is_some_and(|it| {
                it.status == TicketStatus::Available || it.order_id == Some(order.id)
            });
            let refunded = charges.iter().any(|charge| charge.stripe_refund_id.is_some());
            let end = End { free, refunded, declined: decline(&charges, &query) };
            ended(&visitor, user, &order, bought, &end)
        }
    }
}

/// The charge that is not decided, if there is one.
fn pending(charges: &[Charge]) -> Option<&Charge> {
    charges.iter().find(|charge| charge.status == ChargeStatus::Created)
}

impl Bought {
    fn new(order: &Order, event: Option<EventView>, seller: SellerView) -> Self {
        let (minor, seats) = (order.price.minor(), order.ticket.quantity);
        let fee = u32::try_from(order.breakdown.buyer_fee).unwrap_or(0);
        Self {
            order_id: order.id.to_string(),
            number: order.number.clone(),
            ticket_id: order.ticket_id.to_string(),
            title: event.as_ref().map_or(&order.ticket.title, |event| &event.name).clone(),
            event,
            seller,
            place: order_place(&order.ticket),
            quantity: count(seats, "ticket", "tickets"),
            each: each(minor, seats, order.currency),
            price: money(minor, order.currency),
            fee: (fee > 0).then(|| money(fee, order.currency)),
            total: money(order.total.minor(), order.currency),
            total_minor: order.total.minor(),
            minor,
            currency: order.currency.to_string(),
            placed: When::utc(order.created_at),
        }
    }
}

fn checkout(
    visitor: &Visitor,
    user: Member,
    order: &Order,
    bought: Bought,
    declined: Option<&'static str>,
    confirm: bool,
) -> Result<Response, Failure> {
    let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let left = order.expires_at.since(order.server_time);
    let stripe_key = visitor.site.config.stripe_publishable_key.clone();
    let mut layout = visitor.layout(Some(user), "Checkout");
    layout.refresh_s = left.as_secs().saturating_add(1);
    layout.stripe = stripe_key.is_some();
    visitor.page(&Checkout {
        layout,
        bought,
        key: visitor.site.form_key(),
        left_ms: millis(left),
        left: countdown(left),
        whole_ms: millis(order.expires_at.since(order.created_at)),
        until: clock(order.expires_at),
        until_iso: order.expires_at.to_string(),
        cards: CARDS,
        stripe_key,
        declined,
        confirm,
    })
}

fn paying(
    visitor: &Visitor,
    user: Member,
    order: &Order,
    bought: Bought,
) -> Result<Response, Failure> {
    let mut layout = visitor.layout(Some(user), "Payment in progress");
    layout.refresh_s = LOOK_AGAIN_S;
    visitor.page(&Paying {
        layout,
        bought,
        open: order.status == OrderStatus::Created,
        until: clock(order.expires_at),
        until_iso: order.expires_at.to_string(),
    })
}

async fn receipt(
    visitor: &Visitor,
    user: Member,
    order: &Order,
    bought: Bought,
    charge: Option<&Charge>,
) -> Result<Response, Failure> {
    let api = visitor.api();
    let (delivery, claims) = tokio::join!(api.delivery(order.id), api.claims(order.id));
    let (delivery, claims) = (found(delivery)?, claims?);
    let is_delivered = |it: &Delivery| it.status != DeliveryStatus::Cancelled;
    let can_claim = claims.items.is_empty() && delivery.as_ref().is_some_and(is_delivered);
    visitor.page(&Receipt {
        delivery: delivery.as_ref().map(DeliveryView::new),
        claim: claims.items.first().map(|it| ClaimView::new(it, true)),
        can_claim,
        layout: visitor.layout(Some(user), "Your order"),
        bought,
        paid: When::utc(charge.map_or(order.updated_at, |charge| charge.updated_at)),
    })
}

/// What has become of an order that was cancelled.
struct End {
    /// Whether its ticket can be bought.
    free: bool,
    refunded: bool,
    declined: Option<&'static str>,
}

fn ended(
    visitor: &Visitor,
    user: Member,
    order: &Order,
    bought: Bought,
    end: &End,
) -> Result<Response, Failure> {
    let money =
        if end.refunded { "We’ve refunded you in full." } else { "You weren’t charged." };
    let (heading, why) = match order.cancel_reason {
        Some(CancelReason::Expired) => {
            ("Time’s up", "We can only hold a ticket until the countdown ends.")
        }
        Some(CancelReason::PaymentFailed) => {
            ("Your payment didn’t go through", end.declined.unwrap_or("The payment failed."))
        }
        Some(CancelReason::AccountDeleted) => {
            ("This order was canceled", "The account that placed it was deleted.")
        }
        Some(CancelReason::Left) | None => {
            ("You left checkout", "We’re no longer holding the ticket for you.")
        }
    };
    visitor.page(&Ended {
        layout: visitor.layout(Some(user), heading),
        bought,
        heading,
        text: format!("{why} {money}"),
        free: end.free,
        key: visitor.site.form_key(),
    })
}

/// Why the last payment failed, if one did. The API gives the bank's reason once, with its refusal, and
/// the redirect carries it here; anything else but a known reason in the address is not shown.
fn decline(charges: &[Charge], query: &Form) -> Option<&'static str> {
    let failed = charges.first().filter(|charge| charge.status == ChargeStatus::Failed)?;
    match failed.failure_code.as_deref()? {
        "replaced"
        | "payment_in_progress"
        | "order_expired"
        | "order_cancelled"
        | "order_completed"
        | "order_not_found" => None,
        code => reason(query.get("declined"))
            .or_else(|| reason(code))
            .or(Some("Your bank declined the card. Try another one.")),
    }
}

/// What a decline code of the bank means (<https://docs.stripe.com/declines/codes>), or a failure code of
/// the charge, for those codes that help the buyer decide what to do.
fn reason(code: &str) -> Option<&'static str> {
    Some(match code {
        "insufficient_funds" => "That card doesn’t have enough funds. Try another one.",
        "expired_card" => "That card has expired. Try another one.",
        "incorrect_cvc" => "The security code doesn’t match. Check it and try again.",
        "lost_card" | "stolen_card" => "Your bank won’t accept that card. Try another one.",
        "processing_error" => "Your bank couldn’t process the card. Try again in a moment.",
        "authentication_required"
        | "authentication_failed"
        | "payment_intent_authentication_failure" => {
            "Your bank couldn’t confirm it was you. Try again or use another card."
        }
        "provider_unavailable" => {
            "Our payment provider didn’t respond. Your card is fine. Try again in a moment."
        }
        _ => return None,
    })
}

/// `POST /orders/{id}/pay`: pays with a payment method of the provider.
pub(crate) async fn pay(
    visitor: Visitor,
    Path(order): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let order_id: OrderId = id(&order)?;
    let page = format!("/orders/{order_id}");
    let method = form.get("method");
    if method.is_empty() {
        return Ok(visitor.tell(&page, Word::PayMethod));
    }
    let request = CreatePaymentRequest { order_id, payment_method: method.to_owned() };
    match keyed(paying_api(&visitor), &form).pay(&request).await {
        Ok(_) => Ok(visitor.go(&page)),
        Err(error) => not_paid(&visitor, page, error),
    }
}

/// `POST /orders/{id}/confirm`: in the sandbox, what the buyer answers their bank.
pub(crate) async fn confirm(
    visitor: Visitor,
    Path(order): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let order_id: OrderId = id(&order)?;
    if !visitor.site.is_sandbox() {
        return Err(Failure::NotFound);
    }
    let page = format!("/orders/{order_id}");
    match answer_bank(&paying_api(&visitor), order_id, form.get("answer") == "approve").await {
        Ok(()) => Ok(visitor.go(&page)),
        Err(error) => not_paid(&visitor, page, error),
    }
}

/// Answers the bank that waits for it, if one does.
async fn answer_bank(api: &Client, order_id: OrderId, approve: bool) -> Result<(), ClientError> {
    let charges = api.charges(order_id).await?.items;
    match pending(&charges).and_then(|charge| charge.next_action.as_ref()) {
        Some(next) => api.authenticate_in_sandbox(&next.client_secret, approve).await.map(drop),
        None => Ok(()),
    }
}

/// The API, for calls that wait for the payment provider.
fn paying_api(visitor: &Visitor) -> Client {
    visitor.api().with_time_limit(visitor.site.host.clone(), PAYMENT_MAX)
}

/// Back to the order's page, which shows what became of the payment. Only this redirect carries
/// the bank's reason.
fn not_paid(visitor: &Visitor, page: String, error: ClientError) -> Result<Response, Failure> {
    if let Some(word) = refusal(&error) {
        return Ok(visitor.tell(&page, word));
    }
    match error.code() {
        Some(Code::OrderCompleted) => Ok(visitor.go(&page)),
        Some(Code::CardDeclined) => {
            let why = error.problem().and_then(|problem| problem.decline_code.as_deref());
            let query = serde_urlencoded::to_string([("declined", why.unwrap_or_default())]);
            Ok(visitor.go(&format!("{page}?{}", query.unwrap_or_default())))
        }
        _ => Err(signing_in(error, page)),
    }
}

/// The message to a buyer whose payment was refused or not answered.
fn refusal(error: &ClientError) -> Option<Word> {
    let code = match error {
        ClientError::Transport(TransportError::TimedOut) => return Some(Word::PayLate),
        ClientError::Transport(_) => return None,
        ClientError::Problem(problem) => problem.code,
    };
    Some(match code {
        Code::OrderExpired => Word::PayExpired,
        Code::OrderCancelled => Word::PayEnded,
        Code::PaymentInProgress | Code::IdempotencyKeyInUse | Code::IdempotencyKeyReused => {
            Word::PayRunning
        }
        Code::PaymentProviderUnavailable | Code::Unavailable => Word::PayProvider,
        Code::ValidationFailed => Word::PayMethodUnknown,
        Code::TooManyRequests => Word::Slow,
        _ => return None,
    })
}

/// A failure, after which a visitor who has to log in first comes back to `page`.
fn signing_in(error: ClientError, page: String) -> Failure {
    match Failure::from(error) {
        Failure::SignIn(_) => Failure::SignIn(Some(page)),
        other => other,
    }
}

/// `POST /orders/{id}/leave`: the cancel button.
pub(crate) async fn leave(
    visitor: Visitor,
    Path(order): Path<String>,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let page = format!("/orders/{order}");
    match visitor.api().cancel_order(order).await {
        Ok(order) => {
            let back = order.ticket.event_id.map_or(page, |event| format!("/events/{event}"));
            Ok(visitor.tell(&back, Word::Left))
        }
        Err(error) => match error.code() {
            Some(Code::PaymentInProgress) => Ok(visitor.tell(&page, Word::LeaveLate)),
            Some(Code::OrderCompleted) => Ok(visitor.go(&page)),
            _ => Err(signing_in(error, page)),
        },
    }
}
