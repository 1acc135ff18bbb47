//! The layer around every route: request ids, contexts, deadlines, errors in one form, logs and metrics.
//!
//! It is written by hand and not with tower-http's layers: every error, a panic and a time-out too, is a
//! problem with the request's id; time is the host's, so that it can be simulated; a change runs in a task
//! of its own; and a client's request id is taken only where it is harmless.

use std::{
    any::Any,
    future::{Ready, ready},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt as _;
use stubmart_contract::{Actor, Code, Context, RequestId};
use stubmart_ports::host::{Host, TimedOut};
use tokio::sync::oneshot;

use crate::{
    body,
    context::Incoming,
    ingress::{Ingress, OverHttps},
    problem::Problem,
};

/// How long a request may take until its answer begins.
const ANSWER_MAX: Duration = Duration::from_secs(30);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives every route of `router` request ids, logs, metrics, a time limit, errors in one form, headers
/// that keep browsers from misusing an answer, and the refusal of requests that another site's page sends in
/// a visitor's name; and tells it whether a request came [over HTTPS](OverHttps).
///
/// A [`Problem`] among a request's extensions is its answer: the server has found it before any route was
/// asked.
pub fn apply(router: Router, host: Host, ingress: Ingress) -> Router {
    router.layer(from_fn_with_state((host, Arc::new(ingress)), handle))
}

async fn handle(
    State((host, ingress)): State<(Host, Arc<Ingress>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = host.now();
    let request_id = request_id(request.headers(), &host);
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        request.headers_mut().insert(REQUEST_ID, value);
    }
    let deadline = started.after(ANSWER_MAX);
    let context = Context::request(Actor::System, request_id.clone(), deadline);
    let incoming = Incoming::new(context);
    request.extensions_mut().insert(incoming.clone());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());

    let over_https = OverHttps(ingress.is_https(request.headers()));
    request.extensions_mut().insert(over_https);

    let response = if let Some(problem) = request.extensions_mut().remove::<Problem>() {
        problem.into_response()
    } else if ingress.is_cross_site(&method, request.headers()) {
        Problem::new(Code::CrossOrigin).into_response()
    } else {
        answer(&host, request, next).await
    };
    let mut response = finish(response, request_id.as_str());
    secure(response.headers_mut(), over_https);

    let taken = host.now().since(started);
    let status = response.status();
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let problem = response.extensions().get::<Problem>();
    observe(&incoming, &method, &route, status, taken, problem);
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Headers for answers that no page is made of (OWASP, REST Security: security headers). A route that sets
/// one of them itself knows better: pages have a policy of their own.
const SECURE: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// A year, and for this host only: other hosts of the domain are the operator's decision (RFC 6797, 6.1).
const STRICT_TRANSPORT: (HeaderName, &str) =
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");

fn secure(headers: &mut HeaderMap, OverHttps(over_https): OverHttps) {
    for (name, value) in SECURE.into_iter().chain(over_https.then_some(STRICT_TRANSPORT)) {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// For routes whose answers are somebody's own: nothing on the way may keep them.
pub fn no_store(mut response: Response) -> Ready<Response> {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    ready(response)
}

/// The routes' answer, if it comes in time.
///
/// A request that may change something is read whole before a route sees it, so that the session is
/// checked at the moment of the change and not when the headers came. It then runs in a task of its
/// own: a client that goes away, or an answer that takes too long, does not cut it off half-way.
async fn answer(host: &Host, request: Request, next: Next) -> Response {
    let answered = if request.method().is_safe() {
        host.timeout(ANSWER_MAX, caught(request, next)).await
    } else {
        let request = match body::read_whole(host, request).await {
            Ok(request) => request,
            Err(problem) => return problem.into_response(),
        };
        let (answer, answered) = oneshot::channel();
        let work = async move {
            // The work is done all the same when no client waits any more.
            drop(answer.send(caught(request, next).await));
        };
        host.spawner.spawn("request", Box::pin(work));
        let answered = host.timeout(ANSWER_MAX, answered).await;
        answered.map(|sent| sent.unwrap_or_else(|_| Err(Box::new("the task has gone"))))
    };
    match answered {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => Problem::internal(panic_text(&*panic)).into_response(),
        Err(TimedOut) => Problem::from(TimedOut).into_response(),
    }
}

/// A route's answer, or its panic.
async fn caught(request: Request, next: Next) -> Result<Response, Box<dyn Any + Send>> {
    AssertUnwindSafe(next.run(request)).catch_unwind().await
}

/// The id that the client gave, when it is a harmless one, or a new one.
fn request_id(headers: &HeaderMap, host: &Host) -> RequestId {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    given.and_then(RequestId::new).unwrap_or_else(|| RequestId::from(host.uuid()))
}

/// Gives errors their one form, with the request's id.
fn finish(response: Response, request_id: &str) -> Response {
    let mut response = response;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let mut headers = std::mem::take(response.headers_mut());
        let mut rendered = problem.respond(request_id);
        headers.remove(header::CONTENT_LENGTH);
        for (name, value) in headers {
            if let Some(name) = name
                && !rendered.headers().contains_key(&name)
            {
                rendered.headers_mut().append(name, value);
            }
        }
        return rendered;
    }
    match bare_error(&response) {
        Some(code) => {
            let allow = response.headers_mut().remove(header::ALLOW);
            let mut rendered = Problem::new(code).respond(request_id);
            if let Some(allow) = allow {
                rendered.headers_mut().insert(header::ALLOW, allow);
            }
            rendered
        }
        None => response,
    }
}

/// The code of an error that the framework made itself, with no body or a plain text.
fn bare_error(response: &Response) -> Option<Code> {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let plain = content_type.is_none_or(|value| value.as_bytes().starts_with(b"text/plain"));
    if !plain {
        return None;
    }
    match response.status() {
        // The framework's own 400 is a path that is no text, which names nothing.
        StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => Some(Code::NotFound),
        StatusCode::METHOD_NOT_ALLOWED => Some(Code::MethodNotAllowed),
        StatusCode::PAYLOAD_TOO_LARGE => Some(Code::BodyTooLarge),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Some(Code::UnsupportedMediaType),
        status if status.is_server_error() => Some(Code::Internal),
        status if status.is_client_error() => Some(Code::ValidationFailed),
        _ => None,
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panic: {}", text.unwrap_or_default())
}

/// The method, if HTTP defines it. Clients may make up others, and each would be a metric label of its own
/// for ever.
fn known(method: &Method) -> &str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PATCH,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::CONNECT,
        Method::TRACE,
    ];
    if KNOWN.contains(method) { method.as_str() } else { "other" }
}

/// Counts the request and writes its log line. Causes are logged here and nowhere else.
fn observe(
    incoming: &Incoming,
    method: &Method,
    route: &str,
    status: StatusCode,
    taken: Duration,
    problem: Option<&Problem>,
) {
    let labels = [
        ("method", known(method).to_owned()),
        ("route", route.to_owned()),
        ("status", status.as_str().to_owned()),
    ];
    metrics::histogram!("stubmart_http_request_duration_seconds", &labels)
        .record(taken.as_secs_f64());
    let request_id = incoming.context.request_id.as_ref().map(RequestId::as_str);
    let taken_ms = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    let error = problem.and_then(Problem::cause).map(ToString::to_string);
    macro_rules! log {
        ($level:ident, $message:literal) => {
            tracing::$level!(
                request.id = request_id,
                actor = %incoming.actor(),
                method = known(method),
                route,
                status = status.as_u16(),
                taken_ms,
                code = problem.map_or("", |problem| problem.code().word()),
                error,
                $message
            )
        };
    }
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        log!(error, "request failed");
    } else if status.is_server_error() {
        log!(warn, "request not served");
    } else {
        log!(debug, "request");
    }
}
