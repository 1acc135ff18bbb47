//! Stripe's objects, as far as they matter here. Enums are open and unknown fields ignored, so that a field
//! or a status that Stripe adds breaks nothing.

use std::collections::HashMap;

use serde::{Deserialize, de::IgnoredAny};

/// A payment intent (<https://docs.stripe.com/api/payment_intents/object>). Not `Debug`: it holds the
/// client secret.
#[derive(Deserialize)]
pub(crate) struct PaymentIntent {
    pub(crate) id: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) status: Status,
    pub(crate) client_secret: Option<String>,
    pub(crate) last_payment_error: Option<ErrorDetail>,
    pub(crate) latest_charge: Option<Expandable<Charge>>,
    #[serde(default)]
    pub(crate) metadata: HashMap<String, String>,
}

/// A payment intent's status (<https://docs.stripe.com/payments/paymentintents/lifecycle>).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Succeeded,
    Canceled,
    #[serde(untagged)]
    Unknown(String),
}

/// An object, or its id alone.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Expandable<T> {
    Object(T),
    Id(IgnoredAny),
}

/// One try to take money (<https://docs.stripe.com/api/charges/object>).
#[derive(Debug, Deserialize)]
pub(crate) struct Charge {
    pub(crate) amount_captured: i64,
    pub(crate) amount_refunded: i64,
    pub(crate) payment_intent: Option<String>,
    pub(crate) refunds: Option<List<Refund>>,
}

/// A refund (<https://docs.stripe.com/api/refunds/object>).
#[derive(Debug, Deserialize)]
pub(crate) struct Refund {
    pub(crate) id: String,
    pub(crate) amount: i64,
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) metadata: HashMap<String, String>,
}

/// A page of a list, newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct List<T> {
    pub(crate) data: Vec<T>,
    #[serde(default)]
    pub(crate) has_more: bool,
}

/// The body of an answer that is an error (<https://docs.stripe.com/api/errors>).
#[derive(Deserialize)]
pub(crate) struct ErrorBody {
    pub(crate) error: ErrorDetail,
}

/// What went wrong. Not `Debug`: it may hold a payment intent.
#[derive(Default, Deserialize)]
pub(crate) struct ErrorDetail {
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    pub(crate) code: Option<String>,
    pub(crate) decline_code: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) param: Option<String>,
    pub(crate) payment_intent: Option<Box<PaymentIntent>>,
}

/// An event (<https://docs.stripe.com/api/events/object>).
#[derive(Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    /// `event`; the events of Stripe's second API say `v2.core.event`.
    pub(crate) object: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) created: i64,
    pub(crate) livemode: bool,
    pub(crate) data: EventData,
}

#[derive(Deserialize)]
pub(crate) struct EventData {
    pub(crate) object: EventObject,
}

/// The object that an event is about. Only its ids are read: what it says may be old by now.
#[derive(Deserialize)]
pub(crate) struct EventObject {
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) object: String,
    pub(crate) payment_intent: Option<String>,
    #[serde(default)]
    pub(crate) metadata: HashMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stripe_may_add_is_read_all_the_same() {
        let intent: PaymentIntent = serde_json::from_str(
            r#"{"id": "pi_1", "amount": 5, "currency": "usd", "status": "requires_approval", "new": {"a": [1]},
                "latest_charge": "ch_1", "client_secret": null, "last_payment_error": null}"#,
        )
        .unwrap();
        assert_eq!(intent.status, Status::Unknown("requires_approval".to_owned()));
        assert!(matches!(intent.latest_charge, Some(Expandable::Id(_))));
        let known: Status = serde_json::from_str(r#""requires_capture""#).unwrap();
        assert_eq!(known, Status::RequiresCapture);
    }

    #[test]
    fn an_error_without_details_is_an_error_all_the_same() {
        let body: ErrorBody =
            serde_json::from_str(r#"{"error": {"type": "api_error", "charge": "ch_1"}}"#).unwrap();
        assert_eq!((body.error.kind.as_str(), body.error.code), ("api_error", None));
    }
}
