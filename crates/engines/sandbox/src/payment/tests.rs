use super::*;
use stubmart_contract::RefundId;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);
const AUTHENTICATES: &str = "pm_card_threeDSecure2Required";

fn request(payment_method: Option<&str>) -> AuthoriseRequest {
    AuthoriseRequest {
        charge_id: ChargeId(Uuid::nil()),
        order_id: OrderId(Uuid::nil()),
        amount: Price::try_from(500).unwrap(),
        currency: "jpy".parse().unwrap(),
        payment_method: payment_method.map(ToOwned::to_owned),
    }
}

fn authorise(payment_method: Option<&str>) -> Authorise {
    Authorise {
        request: request(payment_method),
        payment_id: "pi_1".to_owned(),
        secret: "s".to_owned(),
        slow_bank: SlowBank { decides_at: NOW.after(Duration::from_secs(5)), approves: true },
        key_kept: DAY,
    }
}

fn decide(
    current: Option<&SandboxPayment>,
    command: &Command,
    now: Timestamp,
) -> Result<Option<SandboxPayment>, Refusal> {
    Ok(match SandboxPayment::decide(current, command, now)? {
        Decision::Unchanged => None,
        Decision::Changed { state, event } => {
            assert_eq!(event, None);
            Some(state)
        }
    })
}

fn made(payment_method: Option<&str>) -> SandboxPayment {
    decide(None, &Command::Authorise(authorise(payment_method)), NOW).unwrap().unwrap()
}

fn in_status(status: Status) -> SandboxPayment {
    SandboxPayment { status, ..made(Some(AUTHENTICATES)) }
}

fn declined(code: &'static str, decline_code: Option<&'static str>) -> Status {
    Status::RequiresPaymentMethod { error: Some(Decline::of(code, decline_code)) }
}

/// A refund with this id, of ours by its number.
fn refund_of(id: &str, ours: Option<u128>, amount: Option<i64>) -> NewRefund {
    NewRefund {
        payment_id: "pi_1".to_owned(),
        id: id.to_owned(),
        refund_id: ours.map(|number| RefundId(Uuid::from_u128(number))),
        amount: amount.map(|amount| Price::try_from(amount).unwrap()),
        bounces_at: None,
    }
}

/// Money is given back in parts, each once, and no more than there is; what bounces is there again.
#[test]
fn money_is_given_back_in_parts_and_may_bounce() {
    let mut payment = in_status(Status::Succeeded { refunds: Vec::new() });
    let later = NOW.after(Duration::from_secs(60));
    let bounces = NewRefund { bounces_at: Some(later), ..refund_of("re_2", Some(2), Some(200)) };
    for (new, kept) in [
        (refund_of("re_1", Some(1), Some(100)), Some(400)),
        (refund_of("re_1b", Some(1), Some(100)), None),
        (bounces, Some(200)),
        (refund_of("re_3", Some(3), Some(201)), None),
        (refund_of("re_4", None, None), Some(0)),
        (refund_of("re_5", None, None), None),
    ] {
        let after = decide(Some(&payment), &Command::Refund(new.clone()), NOW).unwrap();
        assert_eq!(after.as_ref().map(|it| it.kept(NOW)), kept, "{new:?}");
        payment = after.unwrap_or(payment);
    }
    assert_eq!((payment.kept(NOW), payment.kept(later)), (0, 200));
    let fail = Command::FailRefund { payment_id: "pi_1".to_owned(), id: "re_4".to_owned() };
    let failed = decide(Some(&payment), &fail, later).unwrap().unwrap();
    assert_eq!(failed.kept(later), 400);
    assert_eq!(decide(Some(&failed), &fail, later), Ok(None));
}

/// Every status and every step: what moves money moves it from one status only.
#[test]
fn a_step_is_taken_from_the_status_that_allows_it_and_changes_nothing_elsewhere() {
    let no_method = Status::RequiresPaymentMethod { error: None };
    let all = |id: &str, amount| SandboxRefund {
        id: id.to_owned(),
        refund_id: None,
        amount,
        fails: false,
        decided_at: NOW,
    };
    let refunded = Status::Succeeded { refunds: vec![all("re_1", None)] };
    let succeeded = Status::Succeeded { refunds: Vec::new() };
    let again = Status::Succeeded { refunds: vec![all("re_2", Price::try_from(500).ok())] };
    let later = SlowBank { decides_at: NOW.after(Duration::from_millis(1)), approves: true };
    let agreed = SlowBank { decides_at: NOW, approves: true };
    let refused = SlowBank { decides_at: NOW, approves: false };
    let (held, void) = (Some(Status::RequiresCapture), Some(Status::Canceled));
    let (took, back) = (Some(succeeded.clone()), Some(again));
    #[rustfmt::skip]
    let table = [
        // status                        capture       void          refund  authenticate  confirm
        (no_method,                      None,         void.clone(), None,   None,         held.clone()),
        (declined("x", None),            None,         void.clone(), None,   None,         held.clone()),
        (Status::RequiresAction,         None,         void.clone(), None,   held.clone(), held),
        (Status::Processing(later),      None,         None,         None,   None,         None),
        (Status::Processing(agreed),     took.clone(), void.clone(), None,   None,         None),
        (Status::Processing(refused),    None,         void.clone(), None,   None,         None),
        (Status::RequiresCapture,        took,         void,         None,   None,         None),
        (succeeded,                      None,         None,         back,   None,         None),
        (refunded,                       None,         None,         None,   None,         None),
        (Status::Canceled,               None,         None,         None,   None,         None),
    ];
    let id = || "pi_1".to_owned();
    for (status, capture, void, refund, authenticate, confirm) in table {
        let payment = in_status(status);
        let confirms = Command::Confirm {
            payment_id: id(),
            payment_method: "pm_card_visa".to_owned(),
            succeed: true,
        };
        for (command, expected) in [
            (Command::Capture { payment_id: id() }, capture),
            (Command::Void { payment_id: id() }, void),
            (Command::Refund(refund_of("re_2", None, None)), refund),
            (Command::Authenticate { payment_id: id(), succeed: true }, authenticate),
            (confirms, confirm),
        ] {
            let after = decide(Some(&payment), &command, NOW).unwrap();
            assert_eq!(after.map(|it| it.status), expected, "{command:?} {:?}", payment.status);
        }
    }
}

#[test]
fn a_buyer_who_fails_to_authenticate_is_declined_and_so_are_some_cards_afterwards() {
    let status = |method, succeed| {
        let payment = made(Some(method));
        let command = Command::Authenticate { payment_id: payment.id.clone(), succeed };
        decide(Some(&payment), &command, NOW).unwrap().unwrap().status
    };
    let failed = declined("payment_intent_authentication_failure", None);
    assert_eq!(status(AUTHENTICATES, false), failed);
    let poor = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
    assert_eq!(status(poor, true), declined("card_declined", Some("insufficient_funds")));
}

/// While the key is kept, the same request is answered with the same payment, and another one refused.
#[test]
fn an_idempotency_key_makes_one_payment_and_belongs_to_one_request() {
    let payment = made(Some("pm_card_visa"));
    let again = Command::Authorise(Authorise {
        payment_id: "pi_2".to_owned(),
        ..authorise(Some("pm_card_visa"))
    });
    let last = NOW.after(DAY).before(Duration::from_millis(1));
    assert_eq!(decide(Some(&payment), &again, last), Ok(None));
    let same = request(Some("pm_card_visa"));
    for other in [
        AuthoriseRequest { amount: Price::try_from(501).unwrap(), ..same.clone() },
        AuthoriseRequest { currency: Currency::USD, ..same.clone() },
        AuthoriseRequest { order_id: OrderId(Uuid::max()), ..same.clone() },
        request(None),
    ] {
        let other =
            Command::Authorise(Authorise { request: other, ..authorise(Some("pm_card_visa")) });
        assert_eq!(decide(Some(&payment), &other, last), Err(Refusal::KeyReused), "{other:?}");
    }
}

/// A key that was forgotten makes a second payment; both are held, and each is moved by its own id.
#[test]
fn after_its_key_was_forgotten_a_request_makes_another_payment() {
    let payment = made(Some("pm_card_visa"));
    let again = Command::Authorise(authorise(Some("pm_card_visa")));
    let both = decide(Some(&payment), &again, NOW.after(DAY)).unwrap().unwrap();
    let held: Vec<_> =
        both.records(NOW).into_iter().map(|it| (it.id, it.held, it.currency)).collect();
    let yen: Currency = "jpy".parse().unwrap();
    assert_eq!(held, [("pi_1".to_owned(), 500, yen), ("pi_1_2".to_owned(), 500, yen)]);
    let void = Command::Void { payment_id: "pi_1".to_owned() };
    let voided = decide(Some(&both), &void, NOW).unwrap().unwrap();
    let open = voided.records(NOW).into_iter().filter(|it| it.is_open).map(|it| it.id);
    assert_eq!(open.collect::<Vec<_>>(), ["pi_1_2"]);
    let unknown = Command::Void { payment_id: "pi_2".to_owned() };
    let refused = Refusal::NoSuchPayment("pi_2".to_owned());
    assert_eq!(decide(Some(&voided), &unknown, NOW), Err(refused));
}

/// A buyer who was declined at the provider's form may enter another card.
#[test]
fn at_the_form_another_card_can_follow_a_declined_one() {
    let mut payment = made(None);
    assert!(matches!(payment.state(NOW), PaymentState::RequiresAction { .. }));
    for (method, succeed, expected) in [
        ("pm_card_chargeDeclinedExpiredCard", true, declined("expired_card", None)),
        (AUTHENTICATES, false, declined("payment_intent_authentication_failure", None)),
        ("pm_card_visa", true, Status::RequiresCapture),
    ] {
        let command = Command::Confirm {
            payment_id: payment.id.clone(),
            payment_method: method.to_owned(),
            succeed,
        };
        payment = decide(Some(&payment), &command, NOW).unwrap().unwrap();
        assert_eq!(payment.status, expected, "{method}");
    }
}

/// Documents of earlier versions read as they are.
#[test]
fn documents_of_earlier_versions_are_read() {
    let id = "00000000-0000-0000-0000-000000000001";
    for (status, is_open) in [
        (r#"{"requires_payment_method":{"error":null}}"#, true),
        (r#""requires_action""#, true),
        (r#""requires_capture""#, true),
        (r#"{"succeeded":{"refund_id":null}}"#, false),
        (r#"{"succeeded":{"refund_id":"re_1"}}"#, false),
        (r#""canceled""#, false),
    ] {
        let text = format!(
            r#"{{"id":"pi_9","chargeId":"{id}","orderId":"{id}","amount":500,"currency":"usd",
                "paymentMethod":null,"clientSecret":"pi_9_secret_0","status":{status},
                "createdAt":"2026-01-01T00:00:00.000Z"}}"#
        );
        let payment: SandboxPayment = serde_json::from_str(&text).unwrap();
        let [record] = &payment.records(NOW)[..] else { panic!("one payment") };
        assert_eq!((record.id.as_str(), record.is_open), ("pi_9", is_open), "{status}");
        assert_eq!(record.kept, if status.contains("null}}") && !is_open { 500 } else { 0 });
    }
}
