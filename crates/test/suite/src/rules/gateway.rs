//! The rules of the payment gateway, in the terms of Stripe's documented test payment methods
//! (<https://docs.stripe.com/testing>).

use std::{fmt, sync::Arc};

use stubmart_contract::{ChargeId, Currency, OrderId, Price, RefundId, api::RefundStatus};
use stubmart_ports::{
    gateway::{
        AuthoriseRequest, GatewayError, Payment, PaymentBooks, PaymentGateway, PaymentState,
        Refund, RefundRequest,
    },
    host::Ids,
};

use super::at_once;

/// Troubles the way between a gateway and its provider.
pub trait Trouble: Send + Sync + 'static {
    /// The next call reaches the provider and is done, and its answer is lost.
    fn lose_next_answer(&self);

    /// The next call does not reach the provider.
    fn fail_next(&self);
}

/// What the rules of the gateway need besides: ids that the provider has not seen yet, and trouble.
#[derive(Clone)]
pub struct Bench {
    /// Makes the ids of charges and orders. Where the provider remembers earlier runs they must be
    /// new in each.
    pub ids: Arc<dyn Ids>,
    /// Troubles handle `a` of the subject, and may trouble the other one too.
    pub trouble: Arc<dyn Trouble>,
    /// The provider's books.
    pub books: Arc<dyn PaymentBooks>,
}

impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench").finish_non_exhaustive()
    }
}

type Gateway = Arc<dyn PaymentGateway>;

/// A card that is authorised.
const GOOD: &str = "pm_card_visa";

/// A card that is declined for no stated reason.
const BAD: &str = "pm_card_visa_chargeDeclined";

/// A card whose bank wants to see the buyer.
const AUTHENTICATED: &str = "pm_card_threeDSecure2Required";

impl Bench {
    fn request(&self, payment_method: &str) -> AuthoriseRequest {
        AuthoriseRequest {
            charge_id: ChargeId(self.ids.uuid()),
            order_id: OrderId(self.ids.uuid()),
            amount: Price::try_from(12_345).unwrap(),
            currency: "usd".parse::<Currency>().unwrap(),
            payment_method: Some(payment_method.to_owned()),
        }
    }

    /// A payment that was authorised.
    async fn authorised(&self, gateway: &dyn PaymentGateway) -> Payment {
        let payment = gateway.authorise(&self.request(GOOD)).await.unwrap();
        assert_eq!(payment.state, PaymentState::Authorised);
        payment
    }

    /// A payment that was declined.
    async fn declined(&self, gateway: &dyn PaymentGateway) -> Payment {
        let payment = gateway.authorise(&self.request(BAD)).await.unwrap();
        assert!(matches!(payment.state, PaymentState::Declined { .. }), "{payment:?}");
        payment
    }
}

const NOT_REFUNDED: PaymentState = PaymentState::Captured { refunds: Vec::new() };

/// The only refund of a payment that was given back.
fn refund_of(state: PaymentState) -> Refund {
    match state {
        PaymentState::Captured { refunds } => match <[Refund; 1]>::try_from(refunds) {
            Ok([refund]) => refund,
            Err(refunds) => unreachable!("not one refund: {refunds:?}"),
        },
        other => unreachable!("not refunded: {other:?}"),
    }
}

/// A refund of all of a payment.
fn refund(payment: &Payment) -> RefundRequest {
    RefundRequest {
        charge_id: payment.charge_id,
        payment_id: payment.id.clone(),
        refund_id: RefundId(payment.charge_id.0),
        amount: payment.amount,
    }
}

async fn state(gateway: &dyn PaymentGateway, payment: &Payment) -> PaymentState {
    gateway.payment(&payment.id).await.unwrap().state
}

/// A good card is authorised: the amount is held and nothing is taken. The payment is found by its id
/// and by its charge, through either handle.
pub async fn a_good_card_is_authorised(a: Gateway, b: Gateway, bench: Bench) {
    let request = bench.request(GOOD);
    let payment = a.authorise(&request).await.unwrap();
    assert_eq!((payment.charge_id, &payment.state), (request.charge_id, &PaymentState::Authorised));
    for gateway in [&a, &b] {
        assert_eq!(gateway.payment(&payment.id).await.unwrap(), payment);
        assert_eq!(gateway.payment_of(request.charge_id).await.unwrap(), Some(payment.clone()));
    }
}

/// A card that is declined is answered as a decline with Stripe's code and the bank's reason, and holds
/// nothing.
pub async fn a_bad_card_is_declined_for_its_reason(a: Gateway, b: Gateway, bench: Bench) {
    let cards = [
        (BAD, "card_declined", Some("generic_decline")),
        (
            "pm_card_visa_chargeDeclinedInsufficientFunds",
            "card_declined",
            Some("insufficient_funds"),
        ),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
    ];
    for (card, expected_code, reason) in cards {
        let request = bench.request(card);
        let payment = a.authorise(&request).await.unwrap();
        let PaymentState::Declined { code, decline_code } = &payment.state else {
            unreachable!("{card}: {payment:?}")
        };
        assert_eq!(code, expected_code, "{card}");
        if reason.is_some() {
            assert_eq!(decline_code.as_deref(), reason, "{card}");
        }
        assert_eq!(b.payment_of(request.charge_id).await.unwrap(), Some(payment));
    }
}

/// A card whose bank wants to see the buyer waits for that: nothing is held or taken.
pub async fn a_card_to_be_authenticated_waits_for_the_buyer(a: Gateway, b: Gateway, bench: Bench) {
    let payment = a.authorise(&bench.request(AUTHENTICATED)).await.unwrap();
    let PaymentState::RequiresAction { client_secret } = &payment.state else {
        unreachable!("{payment:?}")
    };
    assert!(!client_secret.is_empty());
    let captured = b.capture(payment.charge_id, &payment.id).await.unwrap();
    assert!(matches!(captured, PaymentState::RequiresAction { .. }), "{captured:?}");
    assert_eq!(b.void(payment.charge_id, &payment.id).await.unwrap(), PaymentState::Voided);
}

/// A payment method that does not exist is refused, for ever, and leaves nothing that was held.
pub async fn an_unknown_card_is_refused(a: Gateway, b: Gateway, bench: Bench) {
    let request = bench.request("pm_no_such_card");
    for gateway in [&a, &b, &a] {
        let refused = gateway.authorise(&request).await;
        assert!(matches!(refused, Err(GatewayError::Refused { .. })), "{refused:?}");
    }
    if let Some(payment) = b.payment_of(request.charge_id).await.unwrap() {
        assert!(!matches!(payment.state, PaymentState::Authorised), "{payment:?}");
    }
}

/// To ask for a payment that was never made is refused; a charge that was never authorised has none.
pub async fn an_unknown_intent_is_refused(a: Gateway, b: Gateway, bench: Bench) {
    let unknown = a.payment("pi_no_such_intent").await;
    assert!(matches!(unknown, Err(GatewayError::Refused { .. })), "{unknown:?}");
    assert_eq!(b.payment_of(ChargeId(bench.ids.uuid())).await.unwrap(), None);
}

/// To authorise a charge again answers with the same payment, as it stands then, and holds the amount
/// once.
pub async fn authorising_again_answers_with_the_same_intent(a: Gateway, b: Gateway, bench: Bench) {
    for card in [GOOD, BAD, AUTHENTICATED] {
        let request = bench.request(card);
        let first = a.authorise(&request).await.unwrap();
        for gateway in [&b, &a] {
            assert_eq!(gateway.authorise(&request).await.unwrap(), first, "{card}");
        }
    }
    let request = bench.request(GOOD);
    let payment = a.authorise(&request).await.unwrap();
    a.capture(payment.charge_id, &payment.id).await.unwrap();
    let again = b.authorise(&request).await.unwrap();
    assert_eq!((again.id, again.state), (payment.id, NOT_REFUNDED));
}

/// Two charges have two payments, even of one order.
pub async fn each_charge_has_an_intent_of_its_own(a: Gateway, b: Gateway, bench: Bench) {
    let first = bench.request(GOOD);
    let second = AuthoriseRequest { charge_id: ChargeId(bench.ids.uuid()), ..first.clone() };
    let payments = (a.authorise(&first).await.unwrap(), b.authorise(&second).await.unwrap());
    assert_ne!(payments.0.id, payments.1.id);
    a.void(first.charge_id, &payments.0.id).await.unwrap();
    assert_eq!(state(&*b, &payments.1).await, PaymentState::Authorised);
}

/// Charges that are authorised at once, over and over, have one payment each.
pub async fn concurrent_authorisations_make_one_intent(a: Gateway, b: Gateway, bench: Bench) {
    for _ in 0..5 {
        let request = bench.request(GOOD);
        let tasks = [&a, &b].into_iter().cycle().take(6).map(|gateway| {
            let (gateway, request) = (Arc::clone(gateway), request.clone());
            async move { gateway.authorise(&request).await.unwrap().id }
        });
        let mut ids = at_once(tasks.collect::<Vec<_>>()).await;
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
}

/// A capture takes the amount, once however often it is asked for.
pub async fn a_capture_takes_the_amount_once(a: Gateway, b: Gateway, bench: Bench) {
    let payment = bench.authorised(&*a).await;
    for gateway in [&a, &b, &a] {
        assert_eq!(gateway.capture(payment.charge_id, &payment.id).await.unwrap(), NOT_REFUNDED);
    }
    assert_eq!(state(&*b, &payment).await, NOT_REFUNDED);
}

/// What cannot be captured stays as it is, and the answer says how that is.
pub async fn a_payment_that_cannot_be_captured_answers_its_state(
    a: Gateway,
    b: Gateway,
    bench: Bench,
) {
    let voided = bench.authorised(&*a).await;
    a.void(voided.charge_id, &voided.id).await.unwrap();
    assert_eq!(b.capture(voided.charge_id, &voided.id).await.unwrap(), PaymentState::Voided);
    let declined = bench.declined(&*a).await;
    assert_eq!(b.capture(declined.charge_id, &declined.id).await.unwrap(), declined.state);
    let refunded = bench.authorised(&*a).await;
    a.capture(refunded.charge_id, &refunded.id).await.unwrap();
    let given_back = a.refund(&refund(&refunded)).await.unwrap();
    assert_eq!(b.capture(refunded.charge_id, &refunded.id).await.unwrap(), given_back);
}

/// A void gives up the hold, once and for all, however often it is asked for.
pub async fn a_void_gives_up_the_hold(a: Gateway, b: Gateway, bench: Bench) {
    let payment = bench.authorised(&*a).await;
    for gateway in [&a, &b, &a] {
        let voided = gateway.void(payment.charge_id, &payment.id).await.unwrap();
        assert_eq!(voided, PaymentState::Voided);
    }
    assert_eq!(state(&*b, &payment).await, PaymentState::Voided);
}

/// What was captured cannot be voided: the money is taken, and the answer says so.
pub async fn a_void_after_a_capture_answers_captured(a: Gateway, b: Gateway, bench: Bench) {
    let payment = bench.authorised(&*a).await;
    a.capture(payment.charge_id, &payment.id).await.unwrap();
    assert_eq!(b.void(payment.charge_id, &payment.id).await.unwrap(), NOT_REFUNDED);
    assert_eq!(state(&*a, &payment).await, NOT_REFUNDED);
}

/// Of a capture and a void at once one happens, and both answers say which.
pub async fn of_a_capture_and_a_void_at_once_one_happens(a: Gateway, b: Gateway, bench: Bench) {
    for round in 0..8 {
        let payment = bench.authorised(&*a).await;
        let tasks = [(&a, round % 2 == 0), (&b, round % 2 != 0)].map(|(gateway, capture)| {
            let (gateway, payment) = (Arc::clone(gateway), payment.clone());
            async move {
                if capture {
                    gateway.capture(payment.charge_id, &payment.id).await.unwrap()
                } else {
                    gateway.void(payment.charge_id, &payment.id).await.unwrap()
                }
            }
        });
        let answers = at_once(tasks).await;
        let now = state(&*a, &payment).await;
        assert!(now == NOT_REFUNDED || now == PaymentState::Voided);
        assert!(answers.iter().all(|answer| *answer == now), "{answers:?}, now {now:?}");
    }
}

/// A refund gives captured money back in full, once however often it is asked for, at once too.
pub async fn a_refund_gives_the_money_back_once(a: Gateway, b: Gateway, bench: Bench) {
    let payment = bench.authorised(&*a).await;
    a.capture(payment.charge_id, &payment.id).await.unwrap();
    let tasks = [&a, &b].into_iter().cycle().take(4).map(|gateway| {
        let (gateway, payment) = (Arc::clone(gateway), payment.clone());
        async move { refund_of(gateway.refund(&refund(&payment)).await.unwrap()) }
    });
    let mut refunds = at_once(tasks.collect::<Vec<_>>()).await;
    refunds.push(refund_of(b.refund(&refund(&payment)).await.unwrap()));
    refunds.push(refund_of(state(&*a, &payment).await));
    refunds.dedup();
    assert_eq!(refunds.len(), 1, "{refunds:?}");
}

/// Money is given back in parts, each once, and says whose refund it is. What is more than is left is not
/// given back, and the answer says what was.
pub async fn money_is_given_back_in_parts(a: Gateway, b: Gateway, bench: Bench) {
    let payment = bench.authorised(&*a).await;
    a.capture(payment.charge_id, &payment.id).await.unwrap();
    let all = i64::from(payment.amount.minor());
    let part = |minor: i64| RefundRequest {
        refund_id: RefundId(bench.ids.uuid()),
        amount: Price::try_from(minor).unwrap(),
        ..refund(&payment)
    };
    let asked = [part(all / 5), part(all - all / 5 - 1)];
    for request in &asked {
        let answers = [a.refund(request).await.unwrap(), b.refund(request).await.unwrap()];
        assert_eq!(answers[0], answers[1], "asked again, it is the same");
    }
    assert_eq!(a.refund(&part(2)).await.unwrap().given_back(), u64::try_from(all - 1).unwrap());
    let PaymentState::Captured { refunds } = state(&*b, &payment).await else {
        unreachable!("it stays captured")
    };
    let made: Vec<_> = refunds.iter().map(|it| (it.refund_id, it.amount, it.status)).collect();
    let expected = asked.map(|it| (Some(it.refund_id), it.amount, RefundStatus::Succeeded));
    assert_eq!(made, expected);
}

/// What holds no captured money is not refunded: it stays as it is, and the answer says how that is.
pub async fn what_was_not_captured_is_not_refunded(a: Gateway, b: Gateway, bench: Bench) {
    let held = bench.authorised(&*a).await;
    assert_eq!(b.refund(&refund(&held)).await.unwrap(), PaymentState::Authorised);
    b.void(held.charge_id, &held.id).await.unwrap();
    assert_eq!(a.refund(&refund(&held)).await.unwrap(), PaymentState::Voided);
    let declined = bench.declined(&*a).await;
    assert_eq!(b.refund(&refund(&declined)).await.unwrap(), declined.state);
}

/// A call whose answer was lost is made again and has one effect; a charge whose authorisation was
/// never answered is found by the charge.
pub async fn after_a_lost_answer_the_same_call_has_one_effect(
    a: Gateway,
    b: Gateway,
    bench: Bench,
) {
    let request = bench.request(GOOD);
    bench.trouble.lose_next_answer();
    let lost = a.authorise(&request).await;
    assert!(matches!(lost, Err(GatewayError::Indeterminate(_))), "{lost:?}");
    let found = b.payment_of(request.charge_id).await.unwrap().unwrap();
    let payment = a.authorise(&request).await.unwrap();
    assert_eq!((&payment, &payment.state), (&found, &PaymentState::Authorised));

    bench.trouble.lose_next_answer();
    let lost = a.capture(payment.charge_id, &payment.id).await;
    assert!(matches!(lost, Err(GatewayError::Indeterminate(_))), "{lost:?}");
    assert_eq!(state(&*b, &payment).await, NOT_REFUNDED);
    assert_eq!(a.capture(payment.charge_id, &payment.id).await.unwrap(), NOT_REFUNDED);

    bench.trouble.lose_next_answer();
    let lost = a.refund(&refund(&payment)).await;
    assert!(matches!(lost, Err(GatewayError::Indeterminate(_))), "{lost:?}");
    let made = refund_of(state(&*b, &payment).await);
    assert_eq!(refund_of(a.refund(&refund(&payment)).await.unwrap()), made);

    let held = bench.authorised(&*a).await;
    bench.trouble.lose_next_answer();
    let lost = a.void(held.charge_id, &held.id).await;
    assert!(matches!(lost, Err(GatewayError::Indeterminate(_))), "{lost:?}");
    assert_eq!(state(&*b, &held).await, PaymentState::Voided);
    assert_eq!(a.void(held.charge_id, &held.id).await.unwrap(), PaymentState::Voided);
}

/// A call that did not reach the provider has no effect, and the same call succeeds later.
pub async fn a_call_that_failed_can_be_made_again(a: Gateway, b: Gateway, bench: Bench) {
    let request = bench.request(GOOD);
    bench.trouble.fail_next();
    let failed = a.authorise(&request).await;
    assert!(matches!(failed, Err(GatewayError::Unavailable(_))), "{failed:?}");
    assert_eq!(b.payment_of(request.charge_id).await.unwrap(), None);
    let payment = a.authorise(&request).await.unwrap();
    bench.trouble.fail_next();
    let failed = a.capture(payment.charge_id, &payment.id).await;
    assert!(matches!(failed, Err(GatewayError::Unavailable(_))), "{failed:?}");
    assert_eq!(state(&*b, &payment).await, PaymentState::Authorised);
    assert_eq!(a.capture(payment.charge_id, &payment.id).await.unwrap(), NOT_REFUNDED);
}

/// The books say of each payment what was asked for, in its own currency, and what became of it.
pub async fn the_books_say_what_was_asked_and_what_became_of_it(
    a: Gateway,
    b: Gateway,
    bench: Bench,
) {
    for (amount, currency) in [(12_345, "usd"), (12_000, "jpy"), (4_500, "kwd"), (990, "eur")] {
        let request = AuthoriseRequest {
            amount: Price::try_from(amount).unwrap(),
            currency: currency.parse().unwrap(),
            ..bench.request(GOOD)
        };
        let payment = a.authorise(&request).await.unwrap();
        let id = payment.id.clone();
        let all = request.amount.minor().into();
        let record = async || {
            let records = bench.books.records().await.unwrap();
            let record = records.into_iter().find(|it| it.id == id).unwrap();
            let asked = (record.charge_id, record.order_id, record.amount, record.currency);
            let AuthoriseRequest { charge_id, order_id, amount, currency, .. } = request;
            assert_eq!(asked, (charge_id, order_id, amount, currency));
            (record.is_open, record.held, record.kept)
        };
        assert_eq!(record().await, (true, all, 0));
        b.capture(request.charge_id, &id).await.unwrap();
        assert_eq!(record().await, (false, 0, all));
        let part = Price::try_from(i64::from(request.amount.minor()) / 10 * 3).unwrap();
        a.refund(&RefundRequest { amount: part, ..refund(&payment) }).await.unwrap();
        let left = i64::from(request.amount.minor() - part.minor());
        assert_eq!(record().await, (false, 0, left.try_into().unwrap()));
        let rest = RefundRequest {
            refund_id: RefundId(payment.order_id.0),
            amount: Price::try_from(left).unwrap(),
            ..refund(&payment)
        };
        b.refund(&rest).await.unwrap();
        assert_eq!(record().await, (false, 0, 0));
    }
}

/// Makes a test of each rule of the [`PaymentGateway`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn PaymentGateway, Bench>>`.
#[macro_export]
macro_rules! gateway_suite {
    ($factory:expr) => {
        $crate::rule_tests!(gateway, $factory, [], with [
            a_good_card_is_authorised,
            a_bad_card_is_declined_for_its_reason,
            a_card_to_be_authenticated_waits_for_the_buyer,
            an_unknown_card_is_refused,
            an_unknown_intent_is_refused,
            authorising_again_answers_with_the_same_intent,
            each_charge_has_an_intent_of_its_own,
            concurrent_authorisations_make_one_intent,
            a_capture_takes_the_amount_once,
            a_payment_that_cannot_be_captured_answers_its_state,
            a_void_gives_up_the_hold,
            a_void_after_a_capture_answers_captured,
            of_a_capture_and_a_void_at_once_one_happens,
            a_refund_gives_the_money_back_once,
            money_is_given_back_in_parts,
            what_was_not_captured_is_not_refunded,
            after_a_lost_answer_the_same_call_has_one_effect,
            a_call_that_failed_can_be_made_again,
            the_books_say_what_was_asked_and_what_became_of_it,
        ]);
    };
}
