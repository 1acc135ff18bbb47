//! Trouble between the adapter and Stripe: what is sent again, what is known afterwards, and that no trouble
//! has a second effect.

use std::time::Duration;

use stubmart_ports::gateway::{GatewayError, PaymentBooks as _, PaymentGateway as _, PaymentState};
use stubmart_sandbox::emulator::{Emulator, Endpoint, FaultKind};
use stubmart_stripe::{ApiBase, Config, Patience, SecretKey, Stripe};

use crate::support::{
    WEBHOOK_SECRET, emulator, fault, host, patient, refund, request, stripe, with_patience,
};

const CARD: Option<&str> = Some("pm_card_visa");

const NOT_REFUNDED: PaymentState = PaymentState::Captured { refunds: Vec::new() };

/// How many requests of this path changed something, or tried to.
fn posts(emulator: &Emulator, path: &str) -> usize {
    let requests = emulator.requests();
    requests.iter().filter(|(method, it, _)| method == "POST" && it.ends_with(path)).count()
}

/// Whatever happens to the first try of a step: the second has the effect, once.
#[tokio::test]
async fn one_try_that_fails_is_made_good_by_the_next_one() {
    let host = host();
    for kind in [
        FaultKind::HangBefore,
        FaultKind::HangAfter,
        FaultKind::CutBefore,
        FaultKind::CutAfter,
        FaultKind::Conflict,
        FaultKind::RateLimited,
        FaultKind::Locked,
    ] {
        let emulator = emulator(&host).await;
        let stripe = with_patience(&emulator, &host, patient());
        emulator.fail(fault(kind, "/payment_intents", 1));
        emulator.fail(fault(kind, "/capture", 1));
        emulator.fail(fault(kind, "/refunds", 1));
        emulator.fail(fault(kind, "/cancel", 1));
        let paid = stripe.authorise(&request(&host, CARD)).await.unwrap();
        assert_eq!(paid.state, PaymentState::Authorised, "{kind:?}");
        let captured = stripe.capture(paid.charge_id, &paid.id).await.unwrap();
        assert_eq!(captured, NOT_REFUNDED, "{kind:?}");
        let refunded = stripe.refund(&refund(&paid)).await.unwrap();
        assert_eq!(refunded.given_back(), u64::from(paid.amount.minor()), "{kind:?}");
        let held = stripe.authorise(&request(&host, CARD)).await.unwrap();
        let voided = stripe.void(held.charge_id, &held.id).await.unwrap();
        assert_eq!(voided, PaymentState::Voided, "{kind:?}");
        assert_eq!(emulator.payments().len(), 2, "{kind:?}: one payment a charge");
        let records = stripe.records().await.unwrap();
        assert!(records.iter().all(|it| (it.held, it.kept) == (0, 0)), "{kind:?}: {records:?}");
    }
}

/// Stripe keeps an answer of 500 and gives it again under the same key. What is safe to ask for under
/// another key is: a capture, a void and a refund of the whole can happen only once.
#[tokio::test]
async fn a_failure_that_stripe_keeps_is_looked_behind() {
    let host = host();
    for kind in [FaultKind::ErrorBefore, FaultKind::ErrorAfter] {
        let emulator = emulator(&host).await;
        let stripe = with_patience(&emulator, &host, patient());
        let paid = stripe.authorise(&request(&host, CARD)).await.unwrap();
        for step in ["/capture", "/refunds"] {
            emulator.fail(fault(kind, step, 1));
        }
        let captured = stripe.capture(paid.charge_id, &paid.id).await.unwrap();
        assert_eq!(captured, NOT_REFUNDED, "{kind:?}");
        let refunded = stripe.refund(&refund(&paid)).await.unwrap();
        assert_eq!(refunded.given_back(), u64::from(paid.amount.minor()), "{kind:?}");
        let record = stripe.records().await.unwrap();
        assert_eq!(record.iter().map(|it| it.kept).collect::<Vec<_>>(), [0], "{kind:?}");
    }
}

/// A new payment under another key could be a second one: it stays open, and is found when it was made.
#[tokio::test]
async fn a_kept_failure_to_make_a_payment_stays_open() {
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = with_patience(&emulator, &host, patient());
    for (kind, found) in [(FaultKind::ErrorBefore, false), (FaultKind::ErrorAfter, true)] {
        let request = request(&host, CARD);
        emulator.fail(fault(kind, "/payment_intents", 1));
        for _ in 0..2 {
            let lost = stripe.authorise(&request).await;
            assert!(matches!(lost, Err(GatewayError::Indeterminate(_))), "{kind:?}: {lost:?}");
        }
        let payment = stripe.payment_of(request.charge_id).await.unwrap();
        assert_eq!(payment.is_some(), found, "{kind:?}");
    }
    assert_eq!(emulator.payments().len(), 1);
}

/// What stays unreachable is said to be so: open where a try may have arrived, and nothing done where
/// none can have.
#[tokio::test]
async fn what_is_not_known_is_never_said_to_be() {
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = with_patience(&emulator, &host, patient());
    let answer = async |kind, times| {
        emulator.fail(fault(kind, "/payment_intents", times));
        stripe.authorise(&request(&host, CARD)).await.unwrap_err()
    };
    for kind in [FaultKind::HangBefore, FaultKind::CutAfter] {
        let lost = answer(kind, 3).await;
        assert!(matches!(lost, GatewayError::Indeterminate(_)), "{kind:?}: {lost:?}");
    }
    let refused = answer(FaultKind::RateLimited, 3).await;
    assert!(matches!(refused, GatewayError::Unavailable(_)), "{refused:?}");
    emulator.fail(fault(FaultKind::CutAfter, "/payment_intents", 1));
    let then_limited = answer(FaultKind::RateLimited, 2).await;
    assert!(
        matches!(then_limited, GatewayError::Indeterminate(_)),
        "the first try may have arrived"
    );
}

/// Nobody listens: nothing was sent.
#[tokio::test]
async fn a_stripe_that_cannot_be_reached_is_unavailable() {
    let host = host();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let config = Config {
        secret_key: SecretKey::parse("sk_test_1").unwrap(),
        webhook_secrets: Vec::new(),
        api_base: ApiBase::parse(&base).unwrap(),
        patience: Patience { tries: 1, ..patient() },
    };
    let stripe = Stripe::new(&config, host.clone()).unwrap();
    let failed = stripe.authorise(&request(&host, CARD)).await.unwrap_err();
    assert!(matches!(failed, GatewayError::Unavailable(_)), "{failed:?}");
    assert!(!format!("{stripe:?} {config:?} {failed:?}").contains("sk_test_1"));
}

/// An answer that is kept says how the payment was; the adapter says how it is.
#[tokio::test]
async fn what_was_answered_before_is_looked_at_again() {
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = stripe(&emulator, &host);
    let request = request(&host, Some("pm_card_threeDSecure2Required"));
    let waiting = stripe.authorise(&request).await.unwrap();
    assert!(matches!(waiting.state, PaymentState::RequiresAction { .. }));
    assert!(emulator.authenticate(&waiting.id, true));
    let again = stripe.authorise(&request).await.unwrap();
    assert_eq!((again.id, again.state), (waiting.id, PaymentState::Authorised));
}

/// A capture that was refused because the payment was not held yet does not stand in the way of a later
/// one: the refusal is kept under its key for a day.
#[tokio::test]
async fn a_refusal_that_is_out_of_date_does_not_count() {
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = stripe(&emulator, &host);
    let request = request(&host, Some("pm_card_threeDSecure2Required"));
    let payment = stripe.authorise(&request).await.unwrap();
    let early = stripe.capture(payment.charge_id, &payment.id).await.unwrap();
    assert!(matches!(early, PaymentState::RequiresAction { .. }), "{early:?}");
    assert!(emulator.authenticate(&payment.id, true));
    let captured = stripe.capture(payment.charge_id, &payment.id).await.unwrap();
    assert_eq!(captured, NOT_REFUNDED);
    assert_eq!(
        posts(&emulator, "/capture"),
        3,
        "refused, the refusal again, and under another key"
    );
}

/// What somebody does at the dashboard is seen.
#[tokio::test]
async fn what_is_done_at_the_dashboard_is_seen() {
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = stripe(&emulator, &host);
    let paid = stripe.authorise(&request(&host, CARD)).await.unwrap();
    assert!(emulator.at_the_dashboard(&paid.id, "capture"));
    let captured = stripe.capture(paid.charge_id, &paid.id).await.unwrap();
    assert_eq!(captured, NOT_REFUNDED);
    assert!(emulator.at_the_dashboard(&paid.id, "refund"));
    let state = stripe.payment(&paid.id).await.unwrap().state;
    assert_eq!(state.given_back(), u64::from(paid.amount.minor()), "{state:?}");
    assert!(!emulator.at_the_dashboard(&paid.id, "cancel"));
    let held = stripe.authorise(&request(&host, CARD)).await.unwrap();
    assert!(emulator.at_the_dashboard(&held.id, "cancel"));
    let voided = stripe.capture(held.charge_id, &held.id).await.unwrap();
    assert_eq!(voided, PaymentState::Voided);
}

/// A payment that somebody made at the dashboard is none of ours.
#[tokio::test]
async fn a_payment_that_the_market_did_not_make_is_not_its_business() {
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = stripe(&emulator, &host);
    let unknown = stripe.payment("pi_1/../../charges").await;
    assert!(matches!(unknown, Err(GatewayError::Refused { .. })), "{unknown:?}");
    assert_eq!(emulator.requests(), [], "what is no id is not sent");
}

/// An event is taken with its signature and no other, and names the payment that it is about; what was
/// missed can be listed.
#[tokio::test]
async fn events_are_signed_and_can_be_listed() {
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = stripe(&emulator, &host);
    let since = host.now().before(Duration::from_secs(60));
    let paid = stripe.authorise(&request(&host, CARD)).await.unwrap();
    stripe.capture(paid.charge_id, &paid.id).await.unwrap();
    let endpoint = |secrets: &[&str]| Endpoint {
        url: "http://127.0.0.1:1".parse().unwrap(),
        secrets: secrets.iter().map(|&it| it.to_owned()).collect(),
    };
    for event in emulator.events() {
        let body = event.to_string().into_bytes();
        let header = endpoint(&["whsec_new", WEBHOOK_SECRET]).sign(&body, host.now());
        let notice = stripe.notice(&header, &body, host.now()).unwrap();
        assert_eq!(notice.id, event["id"].as_str().unwrap());
        let kind = event["type"].as_str().unwrap();
        let is_ours = stubmart_stripe::EVENT_TYPES.contains(&kind);
        assert_eq!(notice.payment_id, is_ours.then(|| paid.id.clone()), "{kind}");
        let forged = endpoint(&["whsec_guessed"]).sign(&body, host.now());
        assert!(stripe.notice(&forged, &body, host.now()).is_err());
        let late = host.now().after(Duration::from_secs(301));
        assert!(stripe.notice(&header, &body, late).is_err(), "played back");
    }
    let listed = stripe.undelivered_notices(since).await.unwrap();
    let kinds: Vec<_> = listed.iter().map(|it| it.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["payment_intent.amount_capturable_updated", "charge.captured", "payment_intent.succeeded"]
    );
    assert!(listed.iter().all(|it| it.charge_id == Some(paid.charge_id)), "{listed:?}");
}

/// Lists are read to their end.
#[tokio::test]
async fn a_list_of_many_pages_is_read_to_its_end() {
    let host = host();
    let emulator = emulator(&host).await;
    let stripe = stripe(&emulator, &host);
    for _ in 0..40 {
        let request = request(&host, CARD);
        let paid = stripe.authorise(&request).await.unwrap();
        // Three events each of the kinds that count.
        assert!(emulator.at_the_dashboard(&paid.id, "capture"));
    }
    let listed =
        stripe.undelivered_notices(host.now().before(Duration::from_secs(3600))).await.unwrap();
    assert_eq!(listed.len(), 120);
    let mut ids: Vec<_> = listed.iter().map(|it| &it.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 120, "each once, and in order");
}
