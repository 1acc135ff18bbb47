//! The `OpenAPI` document, the page that shows it, and the list of error codes.

use std::{
    fmt::Write as _,
    io::Write as _,
    sync::{Arc, LazyLock},
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::map_response,
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use stubmart_contract::{Code, api::ProblemBody, text};
use utoipa::{
    PartialSchema as _, ToSchema as _,
    openapi::{
        self, Components, Content, Header, HeaderBuilder, HttpMethod, InfoBuilder, LicenseBuilder,
        OpenApi, Ref, RefOr, Required, ResponseBuilder, SecurityRequirement,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn},
        schema::{ArrayItems, ObjectBuilder, Schema, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::SwaggerUi;

use crate::examples;

/// Where the document is served.
const OPENAPI_PATH: &str = "/api/openapi.json";

const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The operations that honour `Idempotency-Key`: those that create something.
const IDEMPOTENT: &[&str] = &[
    "sign_up",
    "create_token",
    "create_alert",
    "create_webhook",
    "create_event",
    "create_ticket",
    "bulk_tickets",
    "import_tickets",
    "create_order",
    "create_payment",
    "create_intent",
    "create_claim",
];

/// The document, the page and the list. `public_url` is where people reach the market.
pub(crate) fn router(api: &OpenApi, public_url: Option<&str>) -> Router {
    let document = Arc::new(Document::new(&published(api, public_url)));
    let ui = utoipa_swagger_ui::Config::new([OPENAPI_PATH]).try_it_out_enabled(true);
    let ui = Router::from(SwaggerUi::new("/api/docs").config(ui)).layer(map_response(with_policy));
    Router::new()
        .route(OPENAPI_PATH, get(async move |headers: HeaderMap| document.answer(&headers)))
        .route("/api/problems", get(async || Html(problems())))
        .merge(ui)
}

/// What the page may load: its own files. Its script sets styles.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

async fn with_policy(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

/// The document as it is served: built once, and packed once.
struct Document {
    json: Bytes,
    gzip: Bytes,
    /// Weak: both forms have it.
    etag: HeaderValue,
}

impl Document {
    fn new(document: &Value) -> Self {
        let json = document.to_string().into_bytes();
        let hash = hex(&Sha256::digest(&json));
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to a Vec cannot fail.
        let gzip = packed.write_all(&json).and_then(|()| packed.finish()).unwrap_or_default();
        let etag = HeaderValue::try_from(format!("W/\"{hash}\""));
        let etag = etag.unwrap_or(HeaderValue::from_static("W/\"0\""));
        Self { json: json.into(), gzip: gzip.into(), etag }
    }

    fn answer(&self, headers: &HeaderMap) -> Response {
        let kept = headers.get_all(header::IF_NONE_MATCH).iter();
        let tags = kept.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
        let is_kept = tags.map(str::trim).any(|tag| tag == "*" || self.etag == *tag);
        let common = [
            (header::ETAG, self.etag.clone()),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::VARY, HeaderValue::from_static("accept-encoding")),
        ];
        if is_kept {
            return (StatusCode::NOT_MODIFIED, common).into_response();
        }
        let json = [(header::CONTENT_TYPE, "application/json")];
        if takes_gzip(headers) {
            return (common, json, [(header::CONTENT_ENCODING, "gzip")], self.gzip.clone())
                .into_response();
        }
        (common, json, self.json.clone()).into_response()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a client takes gzip (RFC 9110, 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
    let codings = accepted.filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
    codings.map(str::trim).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().trim_start_matches("q=");
        let is_refused = !weight.is_empty() && weight.bytes().all(|it| matches!(it, b'0' | b'.'));
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

/// The document as JSON, with what utoipa has no place for.
fn published(api: &OpenApi, public_url: Option<&str>) -> Value {
    let mut document = serde_json::to_value(api).unwrap_or_default();
    // For strict readers: what the name of a licence means, and where the API is.
    if let Some(document) = document.as_object_mut() {
        let servers = json!([{"url": public_url.unwrap_or("/")}]);
        document.insert("servers".to_owned(), servers);
    }
    if let Some(license) = document.pointer_mut("/info/license").and_then(Value::as_object_mut) {
        license.insert("identifier".to_owned(), json!(LICENSE));
    }
    if let Some(schemas) =
        document.pointer_mut("/components/schemas").and_then(Value::as_object_mut)
    {
        name_items(schemas);
    }
    let paths = document.pointer_mut("/paths").and_then(Value::as_object_mut);
    let operations = paths.into_iter().flat_map(Map::values_mut);
    for operation in operations.filter_map(Value::as_object_mut).flat_map(Map::values_mut) {
        if let Some(id) = operation.get("operationId").and_then(Value::as_str).map(camel_case)
            && let Some(operation) = operation.as_object_mut()
        {
            operation.insert("operationId".to_owned(), id.into());
        }
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten().filter_map(Value::as_object_mut) {
            // A form sends its empty fields too: an empty parameter is as good as left out.
            if parameter.get("in").is_some_and(|place| place == "query") {
                parameter.insert("allowEmptyValue".to_owned(), Value::Bool(true));
            }
        }
    }
    examples::add(&mut document);
    document
}

const LICENSE: &str = "MIT OR Apache-2.0";

/// Has pages name the schema of their items: a copy would be another type to a client.
fn name_items(schemas: &mut Map<String, Value>) {
    let names: Vec<String> = schemas.keys().cloned().collect();
    for (page, item) in names.iter().filter_map(|page| Some((page, page.strip_prefix("Page_")?))) {
        let items = schemas.get_mut(page).and_then(|it| it.pointer_mut("/properties/items/items"));
        let Some(items) = items else { continue };
        let reference = json!({"$ref": format!("#/components/schemas/{item}")});
        let copy = std::mem::replace(items, reference);
        if copy.get("$ref").is_none() {
            schemas.entry(item).or_insert(copy);
        }
    }
}

/// `list_events` as `listEvents`.
fn camel_case(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |id, word| {
        let mut letters = word.chars();
        let initial = letters.next().map(|it| it.to_ascii_uppercase());
        id.chars().chain(initial).chain(letters).collect()
    })
}

/// Adds to the document generated from the routes what is true of all of them.
#[must_use]
pub(crate) fn complete(mut api: OpenApi) -> OpenApi {
    api.info = InfoBuilder::new()
        .title("Stubmart")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name(LICENSE).build()))
        .build();
    let components = api.components.get_or_insert_with(Components::new);
    add_components(components);
    components.schemas.values_mut().for_each(say_what_a_text_is);
    for (name, schema) in &mut components.schemas {
        if ANSWERS.contains(&name.as_str()) || name.starts_with("Page_") {
            say_what_is_always_there(schema);
        }
    }
    for item in api.paths.paths.values_mut() {
        let operations = [
            (HttpMethod::Get, &mut item.get),
            (HttpMethod::Post, &mut item.post),
            (HttpMethod::Put, &mut item.put),
            (HttpMethod::Patch, &mut item.patch),
            (HttpMethod::Delete, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                complete_operation(&method, operation);
            }
        }
    }
    api
}

const DESCRIPTION: &str = "Event-ticket resale. JSON in camelCase; ids are opaque; times are RFC 3339 in UTC; money is a whole \
    number of the currency's minor unit. Errors are `application/problem+json` with a stable `code` \
    ([the list](/api/problems)). Sign in with the cookie that signup and login set, or with \
    `Authorization: Bearer <token>`. A POST that creates something honours `Idempotency-Key`.";

fn add_components(components: &mut Components) {
    components.schemas.insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    let mut schemas = Vec::new();
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    let cookie = ApiKey::Cookie(ApiKeyValue::new(stubmart_http_kit::session::COOKIE));
    components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
}

/// The schemas of answers, beside the pages of lists.
const ANSWERS: [&str; 13] = [
    "BulkListingsResult",
    "BulkResult",
    "Charge",
    "Claim",
    "CurrentUser",
    "Delivery",
    "Event",
    "ImportColumn",
    "ImportCounts",
    "ImportLine",
    "ImportResult",
    "Order",
    "Ticket",
];

/// The one field of an answer that may be absent.
const MAY_BE_ABSENT: &str = "nextAction";

/// An answer has every field; those that say nothing are null.
fn say_what_is_always_there(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(object)) = schema {
        let always = object.properties.keys().filter(|name| *name != MAY_BE_ABSENT);
        object.required = always.cloned().collect();
    }
}

/// A text that people write and that must not be empty shows something;
/// [`stubmart_http_kit::valid`] reads it so.
fn say_what_a_text_is(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            object.properties.values_mut().for_each(say_what_a_text_is);
            let is_prose = object.max_length.is_some() && object.format.is_none();
            let must_say_something = object.min_length.is_some_and(|min| min > 0);
            if is_prose && must_say_something && object.pattern.is_none() {
                object.pattern = Some(SAYS_SOMETHING.clone());
            }
        }
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                say_what_a_text_is(items);
            }
        }
        _ => {}
    }
}

/// One character at least that is seen, as a regular expression (ECMA-262, in Unicode mode).
static SAYS_SOMETHING: LazyLock<String> = LazyLock::new(|| {
    let is_nothing = |it: &char| text::is_unseen(*it) || text::is_blank(*it);
    let mut rest = ('\0'..=char::MAX).filter(is_nothing).peekable();
    let mut class = String::new();
    while let Some(first) = rest.next() {
        let mut last = first;
        while let Some(next) =
            rest.next_if(|it| u32::from(*it) == u32::from(last).saturating_add(1))
        {
            last = next;
        }
        class.push_str(&escaped(first));
        if last != first {
            class.push('-');
            class.push_str(&escaped(last));
        }
    }
    format!("[^{class}]")
});

/// A character in a regular expression. There is no escape for the higher ones that all dialects read.
fn escaped(it: char) -> String {
    match u32::from(it) {
        code @ 0..=0xffff => format!("\\u{code:04x}"),
        _ => it.to_string(),
    }
}

/// base64url without padding, each text in its one spelling.
const CURSOR: &str =
    "^([A-Za-z0-9_-]{4})*([A-Za-z0-9_-][AQgw]|[A-Za-z0-9_-]{2}[AEIMQUYcgkosw048])?$";

/// Adds the problems that any operation of its kind can answer, and what is true of its parameters.
fn complete_operation(method: &HttpMethod, operation: &mut Operation) {
    let mut add = |status: &str, description: &str| {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_owned()).or_insert_with(|| problem(description));
    };
    add("400", "`validation_failed`, `malformed_json`");
    add("500", "`internal`");
    add("503", "`unavailable`; `Retry-After` says when to come back");
    if operation.request_body.is_some() {
        add("415", "`unsupported_media_type`");
    }
    if *method != HttpMethod::Get {
        add("408", "`request_timeout`");
        add("413", "`body_too_large`");
        also(operation, "403", "`cross_origin`", ": a browser sent it from another site's page");
        // A change can meet other changes of the same thing, again and again.
        also(operation, "409", "`contended`", "");
    }
    if operation.operation_id.as_deref().is_some_and(|id| IDEMPOTENT.contains(&id)) {
        also(operation, "409", "`idempotency_key_in_use`", "");
        also(operation, "422", "`idempotency_key_reused`", "");
        let parameters = operation.parameters.get_or_insert_default();
        if !parameters.iter().any(|it| matches!(it, RefOr::T(it) if it.name == IDEMPOTENCY_KEY)) {
            parameters.push(RefOr::T(idempotency_key()));
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let (Some(header), RefOr::T(response)) = (retry_after(status), response) {
            response.headers.insert("Retry-After".to_owned(), RefOr::T(header));
        }
    }
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter {
            complete_parameter(parameter);
        }
    }
    let asks_who = operation.responses.responses.get("401").is_some_and(|response| {
        matches!(response, RefOr::T(response) if response.description.contains("`not_signed_in`"))
    });
    if asks_who && *method != HttpMethod::Get {
        also(operation, "403", "`insufficient_scope`", ": the access token may only read");
    }
    if asks_who && operation.security.is_none() {
        let scopes: [&str; 0] = [];
        operation.security = Some(vec![
            SecurityRequirement::new("session", scopes),
            SecurityRequirement::new("token", scopes),
        ]);
    }
}

/// Adds a code to the answers with this status, and says when it comes where it is the only one.
fn also(operation: &mut Operation, status: &str, code: &str, when: &str) {
    let responses = &mut operation.responses.responses;
    match responses.entry(status.to_owned()).or_insert_with(|| problem(&format!("{code}{when}"))) {
        RefOr::T(response) if !response.description.contains(code) => {
            response.description = format!("{code}, {}", response.description);
        }
        _ => {}
    }
}

/// A response that is a problem.
fn problem(description: &str) -> RefOr<openapi::Response> {
    let schema = RefOr::Ref(Ref::from_schema_name(ProblemBody::name()));
    let content = Content::builder().schema(Some(schema)).build();
    let response = ResponseBuilder::new()
        .description(description)
        .content("application/problem+json", content)
        .build();
    RefOr::T(response)
}

/// The header that says when to come back, of the statuses that have it.
fn retry_after(status: &str) -> Option<Header> {
    if !matches!(status, "429" | "503") {
        return None;
    }
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    Some(
        HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some("When to come back, in seconds"))
            .build(),
    )
}

fn complete_parameter(parameter: &mut Parameter) {
    let Some(schema) = &mut parameter.schema else { return };
    match parameter.name.as_str() {
        "cursor" => *schema = string().pattern(Some(CURSOR)).into(),
        IDEMPOTENCY_KEY => *schema = idempotency_key_text().into(),
        _ => say_what_a_text_is(schema),
    }
}

fn string() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn idempotency_key_text() -> ObjectBuilder {
    string().min_length(Some(1)).max_length(Some(255)).pattern(Some("^[!-~]+$"))
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name(IDEMPOTENCY_KEY)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The same key and body replays the first answer; kept for 24 hours"))
        .schema(Some(idempotency_key_text()))
        .build()
}

/// The list of error codes as a page; the `type` of a problem points into it.
fn problems() -> String {
    let mut rows = String::new();
    for code in Code::ALL {
        // Writing to a String cannot fail.
        let written = write!(
            rows,
            "<tr id=\"{word}\"><td>{status}<td><code>{word}</code><td>{title}",
            word = code.word(),
            status = code.status(),
            title = code.title()
        );
        debug_assert!(written.is_ok());
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Stubmart problems</title><h1>Problems</h1>\
         <p>Every error is <code>application/problem+json</code> with one of these codes.\
         <table><tr><th>Status<th>Code<th>Meaning{rows}</table>"
    )
}
