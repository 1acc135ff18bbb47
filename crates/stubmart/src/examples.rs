//! Examples for every operation of the API's document, made from its schemas: they have every field, and
//! cannot grow old.

use serde_json::{Map, Value, json};
use stubmart_contract::Code;

/// How deep an example goes. No schema of ours refers to itself.
const DEPTH_MAX: usize = 8;

/// Examples of texts and numbers by the names of their fields.
const BY_NAME: &[(&str, &str)] = &[
    ("title", "\"Stalls, row F\""),
    ("section", "\"Stalls\""),
    ("performer", "\"The Killers\""),
    ("maxTotal", "15000"),
    ("row", "\"F\""),
    ("seats", "[\"12\", \"13\"]"),
    ("quantity", "2"),
    ("price", "12550"),
    ("amount", "12550"),
    ("minPrice", "5000"),
    ("maxPrice", "20000"),
    ("faceValue", "12000"),
    ("currency", "\"usd\""),
    ("category", "\"Plays\""),
    ("city", "\"London\""),
    ("region", "\"England\""),
    ("country", "\"GB\""),
    ("timeZone", "\"Europe/London\""),
    ("localStart", "\"2027-03-01T19:30\""),
    ("localEnd", "\"2027-03-01T22:00\""),
    ("from", "\"2027-03-01\""),
    ("to", "\"2027-03-31\""),
    ("q", "\"hamlet\""),
    ("sellerId", "\"me\""),
    ("paymentMethod", "\"pm_card_visa\""),
    ("stripeId", "\"pi_3Q1\""),
    ("clientSecret", "\"pi_3Q1_secret_x\""),
    ("publishableKey", "\"pk_test_x\""),
    ("token", "\"stub_dGhpcyBpcyBhbiBleGFtcGxl\""),
    ("userAgent", "\"Mozilla/5.0\""),
    ("number", "\"7H2K-9QXD\""),
    ("url", "\"https://tickets.example/events/0193e4c2-7d1a-7c3e-9f00-5b1d2a4c6e8f\""),
    ("link", "\"https://issuer.example/t/1\""),
    ("reference", "\"T-1042\""),
    ("text", "\"The gate was red at 19:10, and the staff turned us away.\""),
    ("externalId", "\"INV-1042\""),
    ("heading", "\"Inventory ID\""),
    ("line", "2"),
    ("venue", "\"Old Globe\""),
    ("limit", "50"),
    // Empty is as good as left out: a page that fills in examples can be tried as it is.
    ("cursor", "\"\""),
    ("nextCursor", "\"AAAAAA\""),
    ("version", "1"),
    ("If-Match", "\"\\\"1\\\"\""),
    ("Idempotency-Key", "\"4f7c2a52\""),
    ("Last-Event-ID", "\"1042\""),
];

/// Examples of texts by their formats.
const BY_FORMAT: &[(&str, &str)] = &[
    ("uuid", "0193e4c2-7d1a-7c3e-9f00-5b1d2a4c6e8f"),
    ("date-time", "2027-03-01T19:30:00.000Z"),
    ("date", "2027-03-01"),
    ("email", "ann@example.com"),
    ("password", "correct horse battery staple"),
    ("uri", "https://tickets.example"),
];

/// Gives every parameter and body of a document an example.
pub(crate) fn add(document: &mut Value) {
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    let schemas = Schemas(&schemas);
    let paths = document.pointer_mut("/paths").and_then(Value::as_object_mut);
    let operations = paths.into_iter().flat_map(Map::values_mut).filter_map(Value::as_object_mut);
    for operation in operations.flat_map(Map::values_mut) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
            schemas.show(parameter, &name);
        }
        if let Some(bodies) = operation.pointer_mut("/requestBody/content") {
            bodies.as_object_mut().into_iter().flatten().for_each(|(_, it)| schemas.show(it, ""));
        }
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for response in responses.into_iter().flat_map(Map::values_mut) {
            let problem = problem(response);
            let bodies = response.get_mut("content").and_then(Value::as_object_mut);
            for (kind, body) in bodies.into_iter().flatten() {
                match (kind.as_str(), &problem) {
                    ("application/problem+json", Some(problem)) => set(body, problem.clone()),
                    ("text/event-stream", _) => {
                        set(body, json!("event: ticket\nid: 1042\ndata: {}\n\n"))
                    }
                    _ => schemas.show(body, ""),
                }
            }
        }
    }
}

/// The problem of the first code that a response names.
fn problem(response: &Value) -> Option<Value> {
    let word = response.get("description")?.as_str()?.split('`').nth(1)?;
    let code = Code::ALL.iter().find(|code| code.word() == word)?;
    Some(json!({
        "type": format!("/api/problems#{word}"),
        "title": code.title(),
        "status": code.status(),
        "detail": code.title(),
        "code": word,
        "requestId": "0193e4c2-7d1a-7c3e-9f00-5b1d2a4c6e8f",
    }))
}

fn set(place: &mut Value, example: Value) {
    if let Some(place) = place.as_object_mut() {
        place.entry("example").or_insert(example);
    }
}

/// The named schemas of a document.
#[derive(Clone, Copy)]
struct Schemas<'a>(&'a Value);

impl<'a> Schemas<'a> {
    /// Gives what has a schema an example of it.
    fn show(self, place: &mut Value, name: &str) {
        if let Some(schema) = place.get("schema") {
            let example = self.example(schema, name, 0);
            set(place, example);
        }
    }

    fn example(self, schema: &Value, name: &str, depth: usize) -> Value {
        let deeper = depth.saturating_add(1);
        if depth > DEPTH_MAX {
            return Value::Null;
        }
        if let Some(example) = schema.get("example").or_else(|| schema.pointer("/examples/0")) {
            return example.clone();
        }
        if let Some(named) = self.named(schema) {
            return self.example(named, name, deeper);
        }
        if let Some(word) = schema.pointer("/enum/0") {
            return word.clone();
        }
        let choices = ["oneOf", "anyOf", "allOf"].iter().find_map(|it| schema.get(it)?.as_array());
        if let Some(choice) = choices.into_iter().flatten().find(|it| kind(it) != "null") {
            return self.example(choice, name, deeper);
        }
        let format = schema.get("format").and_then(Value::as_str).unwrap_or_default();
        if let Some((_, text)) = BY_FORMAT.iter().find(|(it, _)| *it == format) {
            return json!(text);
        }
        let of_name = BY_NAME.iter().find(|(it, _)| *it == name);
        let of_name = of_name.and_then(|(_, text)| serde_json::from_str::<Value>(text).ok());
        match kind(schema) {
            "object" => {
                let fields = schema.get("properties").and_then(Value::as_object);
                let field = |(name, schema): (&String, &Value)| {
                    (name.clone(), self.example(schema, name, deeper))
                };
                fields.into_iter().flatten().map(field).collect()
            }
            "array" => of_name.filter(Value::is_array).unwrap_or_else(|| {
                let item = schema.get("items").map(|items| self.example(items, name, deeper));
                item.into_iter().collect()
            }),
            "integer" => of_name
                .filter(Value::is_number)
                .or_else(|| schema.get("minimum").cloned())
                .unwrap_or_else(|| json!(1)),
            "number" => json!(1),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => of_name.filter(Value::is_string).unwrap_or_else(|| json!("Hamlet")),
        }
    }

    fn named(self, schema: &Value) -> Option<&'a Value> {
        let reference = schema.get("$ref")?.as_str()?;
        self.0.get(reference.strip_prefix("#/components/schemas/")?)
    }
}

/// The type of a schema that is not null, if it has one.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            let mut kinds = kinds.iter().filter_map(Value::as_str);
            kinds.find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ => "",
    }
}
