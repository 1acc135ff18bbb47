//! A request's type is its one definition: its schema and its fields' types refuse everything else.

use axum::{Json, Router, http::Method, routing::post as route};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stubmart_contract::{
    Currency, EventId, Price, Timestamp,
    api::{CreateEventRequest, CreateTicketRequest, Patch, UpdateTicketRequest},
};
use stubmart_http_kit::Valid;
use stubmart_suite::host::manual;
use utoipa::ToSchema;

use crate::kit::{Answer, post, send, served};

/// One field of each kind.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Sample {
    #[schema(min_length = 1, max_length = 9)]
    title: String,
    price: Price,
    currency: Option<Currency>,
    event_id: Option<EventId>,
    starts_at: Option<Timestamp>,
    #[schema(min_length = 8, max_length = 12, format = Password)]
    secret: Option<String>,
    anything: Option<String>,
    #[schema(minimum = 1, maximum = 50)]
    quantity: Option<u32>,
    flag: Option<bool>,
    place: Option<Place>,
    #[schema(min_items = 1, max_items = 2)]
    kinds: Option<Vec<Kind>>,
    #[schema(min_items = 2)]
    names: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Place {
    #[schema(min_length = 1, max_length = 9)]
    city: String,
    kind: Option<Kind>,
}

#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Hall,
    OpenAir,
}

fn app() -> Router {
    let router = Router::new()
        .route("/sample", route(async |body: Valid<Sample>| Json(body.body)))
        .route("/tickets", route(async |body: Valid<CreateTicketRequest>| Json(body.body)))
        .route("/events", route(async |body: Valid<CreateEventRequest>| Json(body.body)))
        .route("/patches", route(async |body: Valid<UpdateTicketRequest>| Json(body.body)))
        .route("/canonical", route(async |body: Valid<Sample>| body.canonical));
    served(router, &manual(1).0)
}

async fn sample(body: Value) -> Answer {
    let mut whole = json!({"title": "A", "price": 1});
    for (name, value) in body.as_object().unwrap() {
        whole[name] = value.clone();
    }
    post(&app(), "/sample", &[], &whole).await
}

/// What is wrong with a sample that has one field like this.
async fn fault(name: &str, value: Value) -> String {
    let faults = sample(json!({name: value})).await.faults();
    let [(field, message)] = faults.as_slice() else { panic!("{faults:?}") };
    assert_eq!(field, name);
    message.clone()
}

/// Missing, unknown, of another type, out of bounds, refused by its type: all are named at once, with
/// their paths.
#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let ticket = json!({
        "title": "", "price": 0, "currency": "xxx", "eventId": "7", "quantity": 51, "sect": "A",
        "seats": ["1", "1"], "row": 5,
    });
    let answer = post(&app(), "/tickets", &[], &ticket).await;
    let all = ["currency", "eventId", "price", "quantity", "row", "seats", "sect", "title"];
    assert_eq!(answer.bad_fields(), all);
    let event = json!({"name": "x", "venue": {"city": 7, "zip": 1}, "startsAt": "tomorrow"});
    let answer = post(&app(), "/events", &[], &event).await;
    let all = ["category", "startsAt", "venue.city", "venue.name", "venue.zip"];
    assert_eq!(answer.bad_fields(), all);
}

/// A field that has to be there is as good as missing when it is null.
#[tokio::test]
async fn what_is_required_must_be_there_and_not_null() {
    let answer = post(&app(), "/sample", &[], &json!({"title": null})).await;
    let required = "is required".to_owned();
    let both = [("price".to_owned(), required.clone()), ("title".to_owned(), required)];
    assert_eq!(answer.faults(), both);
    let nothing = ["currency", "eventId", "secret", "anything", "quantity", "flag", "place"];
    for name in nothing {
        assert_eq!(sample(json!({name: null})).await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn each_fault_says_what_would_be_right() {
    for (name, value, message) in [
        ("title", json!(5), "must be a text"),
        ("title", json!("x".repeat(10)), "must be 1 to 9 characters"),
        ("title", json!("  "), "must be 1 to 9 characters"),
        ("title", json!(" \u{200b}\u{3164}"), "must be 1 to 9 characters"),
        ("price", json!(0), "must be a whole number from 1 to 4294967295"),
        ("price", json!("12"), "must be a whole number from 1 to 4294967295"),
        ("price", json!(12.5), "must be a whole number from 1 to 4294967295"),
        ("quantity", json!(51), "must be a whole number from 1 to 50"),
        ("secret", json!("short"), "must be 8 to 12 characters"),
        ("flag", json!("yes"), "must be true or false"),
        ("place", json!("here"), "must be an object"),
        ("kinds", json!([]), "must not be empty"),
        ("kinds", json!(["hall", "hall", "hall"]), "must have at most 2 entries"),
        ("names", json!(["A"]), "must have at least 2 entries"),
        (
            "currency",
            json!("xxx"),
            "must be a three-letter ISO 4217 currency in lower case, such as usd",
        ),
        ("eventId", json!("0192f0c123457abc8def0123456789ab"), "not a valid id"),
        (
            "startsAt",
            json!("2026-02-30T00:00:00Z"),
            "not an RFC 3339 date-time such as 2026-03-01T19:30:00Z",
        ),
        ("extra", json!(null), "is not known here"),
    ] {
        assert_eq!(fault(name, value.clone()).await, message, "{name}: {value}");
    }
    let faults = sample(json!({"place": {"city": "B", "kind": "tent"}})).await.faults();
    assert_eq!(faults[0].1, "must be one of: hall, open_air");
}

/// An object that lacks what was wrong in it is no second fault.
#[tokio::test]
async fn a_fault_within_an_object_is_named_once() {
    let answer = sample(json!({"place": {"city": ""}, "currency": "xxx"})).await;
    assert_eq!(answer.bad_fields(), ["currency", "place.city"]);
    assert_eq!(sample(json!({"place": {}})).await.bad_fields(), ["place.city"]);
}

/// What people write is read in one form, wherever it stands; a secret stays as it is.
#[tokio::test]
async fn prose_is_cleaned_and_a_secret_is_not() {
    let secret = " se\u{200b}cret ";
    let body = json!({"title": " \u{202e}A\u{a0}", "secret": secret, "anything": " a "});
    let read = sample(body).await.json();
    assert_eq!((&read["title"], &read["secret"]), (&json!("A"), &json!(secret)));
    assert_eq!(read["anything"], " a ");
    let read = sample(json!({"place": {"city": "Zu\u{308}rich\n"}})).await.json();
    assert_eq!(read["place"]["city"], "Z\u{fc}rich");
    let ticket = json!({"title": "A", "price": 1, "row": " \u{3164}", "seats": [" 1\u{ad}2 "]});
    let read = post(&app(), "/tickets", &[], &ticket).await.json();
    assert_eq!((&read["row"], &read["seats"]), (&json!(""), &json!(["12"])));
    let twice = json!({"title": "A", "price": 1, "seats": ["1", "1\u{200b}"]});
    assert_eq!(post(&app(), "/tickets", &[], &twice).await.bad_fields(), ["seats"]);
}

#[tokio::test]
async fn a_number_is_whole_however_it_is_spelt() {
    for (spelt, whole) in [("250", 250), ("250.0", 250), ("2.5e2", 250)] {
        let body = format!("{{\"title\": \"A\", \"price\": {spelt}}}");
        let json = [("content-type", "application/json")];
        let read = send(&app(), Method::POST, "/sample", &json, &body).await;
        assert_eq!(read.json()["price"], whole, "{spelt}");
    }
    for wrong in ["250.5", "0.0", "-1.0", "1e30"] {
        let body = format!("{{\"title\": \"A\", \"price\": {wrong}}}");
        let json = [("content-type", "application/json")];
        let read = send(&app(), Method::POST, "/sample", &json, &body).await;
        assert_eq!(read.bad_fields(), ["price"], "{wrong}");
    }
}

/// Left out, null and a value are three things, and some fields cannot be cleared.
#[tokio::test]
async fn a_merge_patch_keeps_clears_and_sets() {
    let patch = json!({"row": null, "section": " B ", "price": 7});
    let read = post(&app(), "/patches", &[], &patch).await.json();
    assert_eq!(read, json!({"row": null, "section": "B", "price": 7}));
    let read: UpdateTicketRequest = serde_json::from_value(read).unwrap();
    assert_eq!((read.row, read.seats), (Patch::Clear, Patch::Keep));
    assert_eq!(read.section, Patch::Set("B".to_owned()));
    let wrong = json!({"price": null, "title": 5, "userId": "x", "seats": ["", "1"]});
    let faults = post(&app(), "/patches", &[], &wrong).await.faults();
    let faults: Vec<_> = faults.iter().map(|(field, it)| (field.as_str(), it.as_str())).collect();
    assert_eq!(
        faults,
        [
            ("price", "cannot be null"),
            ("seats", "entry 1: must be 1 to 32 characters"),
            ("title", "must be a text"),
            ("userId", "is not known here"),
        ]
    );
}

/// An answer does not grow with what a client makes up.
#[tokio::test]
async fn only_some_unknown_names_are_shown_and_none_at_length() {
    let names = (0..200).map(|number| (format!("{number:0>200}"), json!(1)));
    let answer = sample(Value::Object(names.collect())).await;
    let fields = answer.bad_fields();
    assert_eq!(fields.len(), 20);
    assert!(fields.iter().all(|name| name.chars().count() <= 60), "{fields:?}");
}

#[tokio::test]
async fn a_body_is_a_json_object() {
    let send = async |content_type: &str, body: &str| {
        let headers = [("content-type", content_type)];
        send(&app(), Method::POST, "/sample", &headers, body).await.code()
    };
    let code = |status, code: &str| (status, code.to_owned());
    assert_eq!(send("text/plain", "{}").await, code(415, "unsupported_media_type"));
    assert_eq!(send("application/json", "{\"title\": ").await, code(400, "malformed_json"));
    assert_eq!(send("application/json", "[1]").await, code(400, "validation_failed"));
    let large = format!("{{\"title\": \"{}\"}}", "x".repeat(70_000));
    assert_eq!(send("application/merge-patch+json", &large).await, code(413, "body_too_large"));
}

/// The canonical text is the same for every spelling of the same JSON, and is made only for a key.
#[tokio::test]
async fn a_body_is_canonical_where_a_key_comes_with_it() {
    let key = [("idempotency-key", "k"), ("content-type", "application/json")];
    let canonical = async |headers: &[(&str, &str)], body: &str| {
        send(&app(), Method::POST, "/canonical", headers, body).await.text
    };
    let first = canonical(&key, "{\"title\": \" A\", \"price\": 1}").await;
    assert_eq!(first, canonical(&key, "{\"price\":1,\n \"title\":\" A\"}").await);
    assert_eq!(first, "{\"price\":1,\"title\":\" A\"}");
    assert_eq!(canonical(&key[1..], "{\"title\": \"A\", \"price\": 1}").await, "");
}

/// Of two values of one name nobody knows which one counts: the body is refused, beside whatever else is
/// wrong with it.
#[tokio::test]
async fn a_name_that_is_given_twice_is_refused() {
    let json = [("content-type", "application/json")];
    for (body, bad) in [
        (r#"{"title": "A", "price": 1, "price": 1}"#, vec!["price"]),
        (r#"{"title": "A", "price": 1, "place": {"city": "B", "city": "C"}}"#, vec!["place.city"]),
        (r#"{"title": "A", "price": 0, "titl\u0065": "B"}"#, vec!["price", "title"]),
        (r#"{"title": "A", "price": 1, "x": 1, "x": 2}"#, vec!["x", "x"]),
    ] {
        let answer = send(&app(), Method::POST, "/sample", &json, body).await;
        assert_eq!(answer.bad_fields(), bad, "{body}");
    }
    let once = r#"{"title": "A", "price": 1, "place": {"city": "title"}}"#;
    assert_eq!(send(&app(), Method::POST, "/sample", &json, once).await.status, 200);
}

/// A body comes as it is: what is compressed is not read as broken JSON.
#[tokio::test]
async fn an_encoded_body_is_refused_as_such() {
    let sample = json!({"title": "A", "price": 1});
    for encoding in ["gzip", "GZIP", "br", "deflate, gzip", "\u{e4}"] {
        let answer = post(&app(), "/sample", &[("content-encoding", encoding)], &sample).await;
        assert_eq!(answer.code(), (415, "unsupported_media_type".to_owned()), "{encoding}");
    }
    for none in ["", "identity", "Identity"] {
        let answer = post(&app(), "/sample", &[("content-encoding", none)], &sample).await;
        assert_eq!(answer.status, 200, "{none}");
    }
}
