//! What the emulator answers, judged by Stripe's own specification.

use std::fs;

use serde_json::Value;
use stubmart_contract::{Price, RefundId};
use stubmart_ports::gateway::{PaymentBooks as _, PaymentGateway as _, RefundRequest};
use stubmart_sandbox::METHODS;

use crate::{
    support::{emulator, host, patient, refund, request, with_patience},
    wire::installed,
};

/// Where the Go module of stripe-mock keeps the specification.
const SPEC: &str = "pkg/mod/github.com/stripe/stripe-mock@v0.203.0/embedded/openapi/spec3.json";

/// A specification, and what was found to contradict it.
struct Judge<'a> {
    spec: &'a Value,
    faults: Vec<String>,
}

impl<'a> Judge<'a> {
    /// Checks a value against a schema: types, names, enums, required properties. A property that the
    /// schema does not name is a fault.
    fn check(&mut self, schema: &'a Value, value: &Value, at: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.check(self.spec.pointer(&reference[1..]).unwrap(), value, at);
        }
        if value.is_null() {
            if schema["nullable"] != true {
                self.faults.push(format!("{at}: null"));
            }
            return;
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let fits = |choice| {
                let mut judge = Self { spec: self.spec, faults: Vec::new() };
                judge.check(choice, value, at);
                judge.faults
            };
            let faults: Vec<_> = choices.iter().map(fits).collect();
            if !faults.iter().any(Vec::is_empty) {
                self.faults.extend(faults.into_iter().min_by_key(Vec::len).unwrap_or_default());
            }
            return;
        }
        if let Some(known) = schema["enum"].as_array().filter(|it| !it.contains(value)) {
            self.faults.push(format!("{at}: {value} is none of {known:?}"));
        }
        let fits = match schema["type"].as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        if !fits {
            self.faults.push(format!("{at}: {value} is no {}", schema["type"]));
        }
        for (number, item) in value.as_array().into_iter().flatten().enumerate() {
            self.check(&schema["items"], item, &format!("{at}[{number}]"));
        }
        for required in schema["required"].as_array().into_iter().flatten() {
            if value.get(required.as_str().unwrap()).is_none() {
                self.faults.push(format!("{at}: {required} is missing"));
            }
        }
        for (name, inner) in value.as_object().into_iter().flatten() {
            let property = schema["properties"].get(name).unwrap_or(&Value::Null);
            let rest = &schema["additionalProperties"];
            let within = format!("{at}.{name}");
            if property.is_object() {
                self.check(property, inner, &within);
            } else if rest.is_object() {
                self.check(rest, inner, &within);
            } else if schema["properties"].is_object() {
                self.faults.push(format!("{within} is not in the specification"));
            }
        }
    }
}

/// Every object that the emulator shows has the form that Stripe specifies: payments in every state, charges,
/// refunds, events, lists and errors.
#[tokio::test]
async fn every_answer_has_the_form_that_stripe_specifies() {
    let Some(path) = installed(SPEC) else { return };
    let spec: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = with_patience(&emulator, &host, patient());
    let cards = METHODS.iter().map(|method| Some(method.id)).chain([None, Some("pm_nope")]);
    let mut payments = Vec::new();
    for card in cards.step_by(3).chain([Some("pm_card_threeDSecure2Required")]) {
        if let Ok(payment) = stripe.authorise(&request(&host, card)).await {
            payments.push(payment);
        }
    }
    for (number, payment) in payments.iter().enumerate() {
        if number % 3 == 0 {
            stripe.void(payment.charge_id, &payment.id).await.unwrap();
        } else {
            stripe.capture(payment.charge_id, &payment.id).await.unwrap();
        }
        if number % 2 == 0 {
            let part = RefundRequest { amount: Price::try_from(50).unwrap(), ..refund(payment) };
            let has_refund = stripe.refund(&part).await.unwrap().given_back() > 0;
            assert_eq!(emulator.at_the_dashboard(&payment.id, "fail refund"), has_refund);
            let rest = RefundRequest { refund_id: RefundId(payment.order_id.0), ..refund(payment) };
            stripe.refund(&rest).await.unwrap();
        }
        stripe.payment_of(payment.charge_id).await.unwrap();
    }
    drop(stripe.payment("pi_none").await);
    stripe.records().await.unwrap();
    stripe.undelivered_notices(stubmart_contract::Timestamp::EPOCH).await.unwrap();
    let mut judge = Judge { spec: &spec, faults: Vec::new() };
    let answers = emulator.answers();
    assert!(answers.len() > 50, "only {} answers", answers.len());
    for (method, path, status, body) in &answers {
        let template = template(path);
        let operation = &spec["paths"][&template][method.to_lowercase()]["responses"];
        let response = if *status == 200 { &operation["200"] } else { &operation["default"] };
        let schema = &response["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {template} is not in the specification");
        judge.check(schema, body, &format!("{method} {template} {status}"));
    }
    for event in emulator.events() {
        judge.check(&spec["components"]["schemas"]["event"], &event, "event");
        let object = &event["data"]["object"];
        let name = object["object"].as_str().unwrap();
        judge.check(&spec["components"]["schemas"][name], object, name);
    }
    judge.faults.sort();
    judge.faults.dedup();
    assert!(judge.faults.is_empty(), "{}", judge.faults.join("\n"));
    judge.check(&spec["components"]["schemas"]["charge"], &Value::from(5), "the judge is awake");
    assert!(!judge.faults.is_empty());
}

/// The specification's name of a path.
fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap();
    let parts: Vec<_> = path.split('/').collect();
    match parts.as_slice() {
        ["", "v1", "payment_intents", _] => "/v1/payment_intents/{intent}".to_owned(),
        ["", "v1", "payment_intents", _, action] => {
            format!("/v1/payment_intents/{{intent}}/{action}")
        }
        _ => path.to_owned(),
    }
}
