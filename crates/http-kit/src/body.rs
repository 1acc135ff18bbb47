//! JSON bodies.

use std::time::Duration;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use stubmart_contract::Code;
use stubmart_ports::host::Host;

use crate::{given::Given, problem::Problem};

/// The largest body a route takes, in bytes, unless it is one of [`LARGER`].
pub const BODY_MAX: usize = 64 * 1024;

/// The largest inventory a route takes, in bytes.
const INVENTORY_MAX: usize = 4 * 1024 * 1024;

/// The largest file of a ticket that a route takes, in bytes.
const TICKET_MAX: usize = 10 * 1024 * 1024;

/// Routes that take more, by how their paths begin and end: many listings at once, and files, with the form around
/// them.
const LARGER: [(&str, &str, usize); 6] = [
    ("/api/tickets/bulk", "", 1024 * 1024),
    ("/api/tickets/import", "", INVENTORY_MAX + BODY_MAX),
    ("/api/tickets/", "/files", TICKET_MAX + BODY_MAX),
    ("/selling/import", "", INVENTORY_MAX + BODY_MAX),
    ("/selling/import/report", "", INVENTORY_MAX + BODY_MAX),
    ("/tickets/", "/files", TICKET_MAX + BODY_MAX),
];

/// How much of a body that is too large is read and thrown away, in bytes: a client that is still sending
/// when it is answered may see a broken connection in place of the answer (RFC 9112, 9.6).
const DISCARDED_MAX: usize = 8 * 1024 * 1024;

/// How long a body may take to arrive.
const ARRIVAL_MAX: Duration = Duration::from_secs(15);

/// How long the file of a ticket may take to arrive: it comes from a phone.
const TICKET_ARRIVAL_MAX: Duration = Duration::from_secs(60);

/// The body as JSON.
///
/// # Errors
/// `unsupported_media_type`, `malformed_json`, or as [`bytes`].
pub(crate) async fn json(request: Request) -> Result<Given, Problem> {
    if !is_json(request.headers()) {
        return Err(Problem::new(Code::UnsupportedMediaType));
    }
    let bytes = bytes(request).await?;
    Given::read(&bytes).map_err(|error| {
        let detail = format!("The body is not valid JSON: {error}");
        Problem::with_detail(Code::MalformedJson, detail)
    })
}

/// The body's bytes.
///
/// # Errors
/// `body_too_large` beyond what the route takes; `request_timeout` when it broke off.
pub async fn bytes(request: Request) -> Result<Bytes, Problem> {
    let most = most(&request);
    collect(request.into_body(), most).await
}

/// The largest body that is taken at the address of a request, in bytes.
fn most(request: &Request) -> usize {
    let path = request.uri().path();
    let is_at = |start: &str, end: &str| match path.strip_prefix(start) {
        Some(rest) if end.is_empty() => rest.is_empty(),
        Some(rest) => rest.strip_suffix(end).is_some_and(|id| !id.is_empty() && !id.contains('/')),
        None => false,
    };
    let larger = LARGER.iter().find(|(start, end, _)| is_at(start, end));
    larger.map_or(BODY_MAX, |(.., most)| *most)
}

/// The request with its body read.
///
/// # Errors
/// As [`bytes`]; `request_timeout` also when the body took too long; `unsupported_media_type` when it is
/// compressed or otherwise encoded (RFC 9110, 15.5.16).
pub(crate) async fn read_whole(host: &Host, request: Request) -> Result<Request, Problem> {
    let most = most(&request);
    let (parts, body) = request.into_parts();
    if parts.headers.get_all(header::CONTENT_ENCODING).iter().any(is_encoding) {
        let detail = "Send the body as it is, without a Content-Encoding";
        return Err(Problem::with_detail(Code::UnsupportedMediaType, detail));
    }
    if is_refused_unread(&parts.headers, most) {
        return Err(too_large(most));
    }
    let arrival = if most > TICKET_MAX { TICKET_ARRIVAL_MAX } else { ARRIVAL_MAX };
    let bytes = host.timeout(arrival, collect(body, most)).await.map_err(|_| {
        let seconds = arrival.as_secs();
        let detail = format!("The body did not arrive within {seconds} seconds");
        Problem::with_detail(Code::RequestTimeout, detail)
    })?;
    Ok(Request::from_parts(parts, Body::from(bytes?)))
}

async fn collect(mut body: Body, most: usize) -> Result<Bytes, Problem> {
    let (mut bytes, mut length) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::with_detail(Code::RequestTimeout, "The body broke off").caused_by(error)
        })?;
        let Ok(data) = frame.into_data() else { continue };
        length = length.saturating_add(data.len());
        if length <= most {
            bytes.extend_from_slice(&data);
        } else if length > most.max(DISCARDED_MAX) {
            break;
        }
    }
    if length > most {
        return Err(too_large(most));
    }
    Ok(bytes.freeze())
}

fn too_large(most: usize) -> Problem {
    let detail = format!("The body is larger than {most} bytes");
    Problem::with_detail(Code::BodyTooLarge, detail)
}

/// Whether the body is announced as too large, and either more than is thrown away or not sent yet
/// (`Expect: 100-continue`, RFC 9110, 10.1.1).
fn is_refused_unread(headers: &HeaderMap, most: usize) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<usize>().ok()).unwrap_or(0);
    length > most.max(DISCARDED_MAX) || (length > most && headers.contains_key(header::EXPECT))
}

/// Whether a `Content-Encoding` names one that is applied.
fn is_encoding(value: &HeaderValue) -> bool {
    !value.is_empty() && !value.as_bytes().eq_ignore_ascii_case(b"identity")
}

/// Whether the body says it is JSON: `application/json` or `application/…+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| {
        let essence = essence.to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}
