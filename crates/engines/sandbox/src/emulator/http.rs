//! The emulator's routes. `/v1` is Stripe's; `/emulator` is for tests and for the buyer's bank.

use std::{collections::hash_map::Entry, convert::Infallible};

use axum::{
    Router,
    body::to_bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{Html, IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tower::ServiceExt as _;

use super::{
    account::Emulator,
    answer::{Answer, Error, VERSION},
    books::{Answered, Asked, Books, Kept},
    fault::{Fault, FaultKind},
    form::Form,
};
use crate::{KEY_KEPT, payment::Refusal};

/// How large a form may be.
const FORM_MAX: usize = 64 << 10;

/// Marks an answer that is never sent: the connection breaks instead.
#[derive(Debug, Clone, Copy)]
struct Cut;

/// A connection that breaks.
#[derive(Debug, thiserror::Error)]
#[error("cut by order of a test")]
struct CutError;

/// Answers connections for ever.
pub(super) async fn serve(listener: TcpListener, emulator: Emulator) {
    let spawner = emulator.host().spawner.clone();
    let app = Router::new()
        .route("/emulator/faults", post(add_fault))
        .route("/emulator/authenticate/{intent}", get(bank_page).post(bank_answer))
        .fallback(api)
        .with_state(emulator);
    while let Ok((stream, _)) = listener.accept().await {
        let app = app.clone();
        let service = service_fn(move |request| {
            let answered = app.clone().oneshot(request);
            async move {
                let answer = answered.await.unwrap_or_else(|never: Infallible| match never {});
                if answer.extensions().get::<Cut>().is_some() { Err(CutError) } else { Ok(answer) }
            }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        spawner
            .spawn("stripe-emulator-connection", Box::pin(async move { drop(connection.await) }));
    }
}

async fn add_fault(State(emulator): State<Emulator>, axum::Json(fault): axum::Json<Fault>) {
    emulator.fail(fault);
}

/// The bank's page: the buyer is who they say they are, or not.
async fn bank_page(State(emulator): State<Emulator>, Path(intent): Path<String>) -> Response {
    if emulator.books().intent(&intent).is_err() {
        return StatusCode::NOT_FOUND.into_response();
    }
    Html(
        "<!doctype html><html lang=en><title>Your bank (emulated)</title><h1>Is it you?</h1>\
         <form method=post><button name=succeed value=true>Yes, it is me</button> \
         <button name=succeed value=false>No</button></form></html>",
    )
    .into_response()
}

#[derive(Deserialize)]
struct BankAnswer {
    succeed: bool,
}

async fn bank_answer(
    State(emulator): State<Emulator>,
    Path(intent): Path<String>,
    body: String,
) -> Response {
    let Ok(BankAnswer { succeed }) = serde_urlencoded::from_str(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if !emulator.authenticate(&intent, succeed) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let books = emulator.books();
    let back = books.intent(&intent).ok().and_then(|it| Some((it.return_url.clone()?, it)));
    let Some((return_url, intent)) = back else { return Html("Done.").into_response() };
    let status = if succeed { "succeeded" } else { "failed" };
    let query = serde_urlencoded::to_string([
        ("payment_intent", intent.payment.id.as_str()),
        ("payment_intent_client_secret", &intent.client_secret),
        ("redirect_status", status),
    ]);
    let mark = if return_url.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{return_url}{mark}{}", query.unwrap_or_default())).into_response()
}

/// A call of Stripe's API.
struct Call {
    method: Method,
    path: String,
    query: String,
    form: String,
    key: Option<String>,
    request_id: String,
}

async fn api(State(emulator): State<Emulator>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let request_id = format!("req_{}", emulator.host().uuid().simple());
    let form = to_bytes(body, FORM_MAX).await.unwrap_or_default();
    let text = |name: &str| head.headers.get(name)?.to_str().ok().map(ToOwned::to_owned);
    let call = Call {
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        form: String::from_utf8_lossy(&form).into_owned(),
        key: text("idempotency-key"),
        request_id,
        method: head.method,
    };
    let version = text("stripe-version").unwrap_or_else(|| VERSION.to_owned());
    let mut answer = if is_signed_in(&head.headers) {
        answer(&emulator, &call).await
    } else {
        let message = "You did not provide an API key.";
        response(&Answer::error(401, "invalid_request_error", "secret_key_required", message))
    };
    for (name, value) in [("request-id", call.request_id), ("stripe-version", version)] {
        if let Ok(value) = value.parse() {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

/// Whether a test key came, as a bearer's or as the user's name of basic authentication.
fn is_signed_in(headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.is_some_and(|it| {
        it.strip_prefix("Bearer ").is_some_and(|key| key.starts_with("sk_test_"))
            || it.starts_with("Basic c2tfdGVzdF")
    })
}

fn response(Answer { status, body }: &Answer) -> Response {
    let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, axum::Json(body)).into_response()
}

/// The fault that the next such request meets.
fn next_fault(emulator: &Emulator, call: &Call) -> Option<FaultKind> {
    let mut faults = emulator.faults();
    let is_meant = |it: &Fault| call.method == Method::POST && call.path.ends_with(&it.path);
    let fault = faults.iter_mut().find(|it| it.times > 0 && is_meant(it))?;
    fault.times = fault.times.saturating_sub(1);
    Some(fault.kind)
}

fn server_error() -> Answer {
    let message = "An unknown error occurred.";
    let mut answer = Answer::error(500, "api_error", "", message);
    answer.body = json!({ "error": { "type": "api_error", "message": message } });
    answer
}

async fn answer(emulator: &Emulator, call: &Call) -> Response {
    let fault = next_fault(emulator, call);
    let answered = match fault {
        None => by_key(emulator, call, None),
        Some(FaultKind::HangBefore | FaultKind::CutBefore) => (server_error(), false),
        Some(FaultKind::Conflict) => {
            let message = "There is currently another in-progress request using this key.";
            (Answer::error(409, "idempotency_error", "idempotency_key_in_use", message), false)
        }
        Some(FaultKind::RateLimited) => {
            (Answer::error(429, "invalid_request_error", "rate_limit", "Too many requests."), false)
        }
        Some(FaultKind::Locked) => {
            let message = "This object cannot be accessed right now.";
            (Answer::error(429, "invalid_request_error", "lock_timeout", message), false)
        }
        Some(kind) => by_key(emulator, call, Some(kind)),
    };
    let mut response = response(&answered.0);
    if answered.1 {
        response
            .headers_mut()
            .insert("idempotent-replayed", header::HeaderValue::from_static("true"));
    }
    match fault {
        Some(FaultKind::HangBefore | FaultKind::HangAfter) => std::future::pending().await,
        Some(FaultKind::CutBefore | FaultKind::CutAfter) => {
            response.extensions_mut().insert(Cut);
        }
        Some(FaultKind::RateLimited) => {
            let reason = header::HeaderValue::from_static("endpoint-rate");
            response.headers_mut().insert("stripe-rate-limited-reason", reason);
        }
        _ => {}
    }
    response
}

/// Answers a request that changes something as the first one with its key was answered
/// (<https://docs.stripe.com/api/idempotent_requests>). The second part of the answer is whether it is that
/// one.
fn by_key(emulator: &Emulator, call: &Call, fault: Option<FaultKind>) -> (Answer, bool) {
    let mut books = emulator.books();
    let before = books.events.len();
    let (answer, replayed) = keyed(&mut books, emulator, call, fault);
    let target = if call.query.is_empty() {
        call.path.clone()
    } else {
        format!("{}?{}", call.path, call.query)
    };
    let request = [call.method.to_string(), target, call.form.clone()];
    books.exchanges.push((request, answer.clone()));
    emulator.send(books.events.get(before..).unwrap_or_default());
    (answer, replayed)
}

fn keyed(
    books: &mut Books,
    emulator: &Emulator,
    call: &Call,
    fault: Option<FaultKind>,
) -> (Answer, bool) {
    let now = emulator.host().now();
    let key = call.key.as_ref().filter(|_| call.method == Method::POST);
    let request = format!("{} {} {}", call.method, call.path, call.form);
    if let Some(key) = key {
        books.keys.retain(|_, kept| now.since(kept.at) < KEY_KEPT);
        match books.keys.entry(key.clone()) {
            Entry::Occupied(kept) if kept.get().request != request => {
                return (Error::from(Refusal::KeyReused).answer, false);
            }
            Entry::Occupied(kept) => {
                return (kept.get().answer.clone(), true);
            }
            Entry::Vacant(_) => {}
        }
    }
    let asked = Asked {
        host: emulator.host(),
        base: emulator.base(),
        request_id: &call.request_id,
        key: key.map(String::as_str),
    };
    let (mut answer, mut is_kept) = (server_error(), true);
    if fault.is_none_or(FaultKind::has_effect) {
        match routed(books, call, &asked) {
            Ok(done) => answer = done,
            Err(error) => (answer, is_kept) = (error.answer, error.is_kept),
        }
    }
    if fault == Some(FaultKind::ErrorAfter) {
        answer = server_error();
    }
    if let Some(key) = key.filter(|_| is_kept) {
        let kept = Kept { request, answer: answer.clone(), at: now };
        books.keys.insert(key.clone(), kept);
    }
    (answer, false)
}

/// The parameters of `POST /v1/payment_intents` that the emulator knows.
const CREATE: &[&str] = &[
    "amount",
    "currency",
    "capture_method",
    "allowed_payment_method_types[",
    "metadata[",
    "transfer_group",
    "description",
    "receipt_email",
    "statement_descriptor_suffix",
    "payment_method",
    "confirm",
    "return_url",
    "use_stripe_sdk",
];
const CONFIRM: &[&str] = &["payment_method", "return_url", "use_stripe_sdk", "client_secret"];
const CAPTURE: &[&str] = &["amount_to_capture", "metadata["];
const CANCEL: &[&str] = &["cancellation_reason"];
const REFUND: &[&str] = &["payment_intent", "charge", "amount", "reason", "metadata["];
const LIST: &[&str] = &[
    "limit",
    "starting_after",
    "created[gte]",
    "delivery_success",
    "transfer_group",
    "payment_intent",
    "types[",
    "type",
];

fn routed(books: &mut Books, call: &Call, asked: &Asked<'_>) -> Answered {
    let (form, query) = (call.form.as_str(), call.query.as_str());
    let parts: Vec<&str> = call.path.trim_start_matches('/').split('/').collect();
    match (call.method.as_str(), parts.as_slice()) {
        ("POST", ["v1", "payment_intents"]) => books.create(&Form::read(form, CREATE)?, asked),
        ("POST", ["v1", "payment_intents", id, action @ ("capture" | "cancel" | "confirm")]) => {
            let known = match *action {
                "capture" => CAPTURE,
                "cancel" => CANCEL,
                _ => CONFIRM,
            };
            books.act(id, action, &Form::read(form, known)?, asked)
        }
        ("POST", ["v1", "refunds"]) => books.refund(&Form::read(form, REFUND)?, asked),
        ("GET", ["v1", "payment_intents", id]) => {
            books.retrieve(id, &Form::read(query, &["client_secret"])?, asked)
        }
        ("GET", ["v1", what @ ("payment_intents" | "charges" | "events")]) => {
            books.list(what, &Form::read(query, LIST)?, asked)
        }
        (method, _) => {
            let message = format!("Unrecognized request URL ({method}: {}).", call.path);
            let mut error = Error::invalid("", None, &message);
            error.answer.status = 404;
            Err(error)
        }
    }
}
