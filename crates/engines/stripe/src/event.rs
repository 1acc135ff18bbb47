//! Events, as webhooks bring them and as they can be listed (<https://docs.stripe.com/event-destinations>).

use stubmart_contract::Timestamp;
use stubmart_ports::gateway::{BadNotice, Notice};

use crate::{object::Event, payment::CHARGE_ID};

/// The kinds of events that are worth a look at their payment. An endpoint may be sent others: they are
/// none of the market's business.
pub const EVENT_TYPES: &[&str] = &[
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "charge.captured",
    "charge.expired",
    "charge.refunded",
    "refund.created",
    "refund.failed",
    "refund.updated",
];

/// Reads the body of a webhook. `is_live` tells whether the market's keys are: an endpoint for live events
/// may be sent test events too, and those are about none of our payments.
///
/// # Errors
/// [`BadNotice::Malformed`]: it is no event.
pub(crate) fn read(body: &[u8], is_live: bool) -> Result<Notice, BadNotice> {
    let malformed = |error: serde_json::Error| BadNotice::Malformed(error.to_string());
    notice(serde_json::from_slice(body).map_err(malformed)?, is_live)
}

/// What an event says to the market.
///
/// # Errors
/// [`BadNotice::Malformed`]: it is an event of Stripe's second API, whose form is another one.
pub(crate) fn notice(event: Event, is_live: bool) -> Result<Notice, BadNotice> {
    if event.object != "event" {
        return Err(BadNotice::Malformed(format!("an object {:?} is no event", event.object)));
    }
    let is_ours = event.livemode == is_live && EVENT_TYPES.contains(&event.kind.as_str());
    let object = event.data.object;
    let payment_id =
        if object.object == "payment_intent" { Some(object.id) } else { object.payment_intent };
    let payment_id = payment_id.filter(|id| is_ours && !id.is_empty());
    let charge_id = object.metadata.get(CHARGE_ID).and_then(|id| id.parse().ok());
    Ok(Notice {
        id: event.id,
        kind: event.kind,
        at: Timestamp::from_millis(event.created.saturating_mul(1000)),
        charge_id: charge_id.filter(|_| payment_id.is_some()),
        payment_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, object: &str, livemode: bool) -> Vec<u8> {
        format!(
            r#"{{"id": "evt_1", "object": "event", "type": "{kind}", "created": 1700000000, "livemode": {livemode},
                "pending_webhooks": 1, "api_version": "2026-10-28.endive", "data": {{"object": {object}}}}}"#
        )
        .into_bytes()
    }

    #[test]
    fn an_event_names_its_payment_whatever_it_is_about() {
        for (kind, object) in [
            ("payment_intent.succeeded", r#"{"id": "pi_1", "object": "payment_intent"}"#),
            ("charge.refunded", r#"{"id": "ch_1", "object": "charge", "payment_intent": "pi_1"}"#),
            ("refund.failed", r#"{"id": "re_1", "object": "refund", "payment_intent": "pi_1"}"#),
        ] {
            let notice = read(&event(kind, object, false), false).unwrap();
            assert_eq!(notice.payment_id.as_deref(), Some("pi_1"), "{kind}");
            assert_eq!((notice.id.as_str(), notice.charge_id), ("evt_1", None));
        }
    }

    #[test]
    fn what_is_none_of_our_business_names_no_payment() {
        let payment = r#"{"id": "pi_1", "object": "payment_intent"}"#;
        let other = r#"{"id": "acct_1", "object": "account"}"#;
        for (kind, object, livemode) in [
            ("account.updated", other, false),
            ("payment_intent.invented", payment, false),
            ("payment_intent.succeeded", payment, true),
        ] {
            let notice = read(&event(kind, object, livemode), false).unwrap();
            assert_eq!(notice.payment_id, None, "{kind}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let thin = r#"{"id": "evt_1", "object": "v2.core.event", "type": "x", "created": 1, "livemode": false,
            "data": {"object": {}}}"#;
        for body in ["", "{}", "[]", "null", thin] {
            assert!(matches!(read(body.as_bytes(), false), Err(BadNotice::Malformed(_))), "{body}");
        }
    }
}
