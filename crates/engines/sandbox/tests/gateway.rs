//! The sandbox keeps the rules of the payment gateway, also across handles that share a store, and
//! answers as Stripe documents.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use stubmart_contract::{ChargeId, Currency, OrderId, Price, Timestamp};
use stubmart_memory::MemoryStore;
use stubmart_ports::{
    bank::TestBank,
    gateway::{
        AuthoriseRequest, BadNotice, GatewayError, PaymentBooks, PaymentGateway, PaymentState,
    },
    host::Host,
};
use stubmart_sandbox::{METHODS, Outcome, Sandbox};
use stubmart_suite::{
    fault::{Fault, FaultyGateway, Injector},
    gateway_suite, host,
    rules::{
        Subject,
        gateway::{Bench, Trouble},
    },
};

/// The trouble of the next call: 0 none, 1 its answer is lost, 2 it fails.
#[derive(Default)]
struct Next(AtomicU8);

impl Trouble for Next {
    fn lose_next_answer(&self) {
        self.0.store(1, Ordering::SeqCst);
    }

    fn fail_next(&self) {
        self.0.store(2, Ordering::SeqCst);
    }
}

fn subject() -> Ready<Subject<dyn PaymentGateway, Bench>> {
    let (host, _) = host::manual(1);
    let store = Arc::new(MemoryStore::new());
    let trouble = Arc::new(Next::default());
    let next = Arc::clone(&trouble);
    let injector = Injector::new(move |_, _| match next.0.swap(0, Ordering::SeqCst) {
        1 => Fault::LoseAnswer,
        2 => Fault::Fail,
        _ => Fault::None,
    });
    let troubled = Arc::new(Sandbox::new(store.clone(), host.clone()));
    let ids = Arc::clone(&host.ids);
    let books: Arc<dyn PaymentBooks> = troubled.clone();
    ready(Subject {
        a: Arc::new(FaultyGateway::new(troubled, injector)),
        b: Arc::new(Sandbox::new(store, host)),
        with: Bench { ids, trouble, books },
        guard: Box::new(()),
    })
}

gateway_suite!(subject);

fn sandbox() -> (Sandbox, Host) {
    let (host, _) = host::manual(1);
    (Sandbox::new(Arc::new(MemoryStore::new()), host.clone()), host)
}

fn request(host: &Host, payment_method: Option<&str>) -> AuthoriseRequest {
    AuthoriseRequest {
        charge_id: ChargeId(host.uuid()),
        order_id: OrderId(host.uuid()),
        amount: Price::try_from(12_550).unwrap(),
        currency: Currency::USD,
        payment_method: payment_method.map(ToOwned::to_owned),
    }
}

/// Every documented payment method is answered as documented, and only what succeeds holds the amount.
#[tokio::test]
async fn every_method_is_answered_as_documented_and_only_success_holds_money() {
    let (sandbox, host) = sandbox();
    for method in METHODS {
        let payment = sandbox.authorise(&request(&host, Some(method.id))).await.unwrap();
        let as_documented = match &method.outcome {
            Outcome::Succeeds => payment.state == PaymentState::Authorised,
            Outcome::Declined(_) => matches!(payment.state, PaymentState::Declined { .. }),
            Outcome::Authenticates(_) => {
                matches!(payment.state, PaymentState::RequiresAction { .. })
            }
            Outcome::TakesTime => payment.state == PaymentState::Processing,
        };
        assert!(as_documented, "{}: {:?}", method.id, payment.state);
    }
    let held = sandbox.records().await.unwrap().iter().filter(|payment| payment.held > 0).count();
    let succeed = METHODS.iter().filter(|method| method.outcome == Outcome::Succeeds).count();
    assert_eq!(held, succeed);
}

#[tokio::test]
async fn an_unknown_method_is_refused_in_stripes_words() {
    let (sandbox, host) = sandbox();
    let refused = sandbox.authorise(&request(&host, Some("pm_card_nope"))).await.unwrap_err();
    let GatewayError::Refused { code, message } = refused else { panic!("{refused}") };
    assert_eq!(code, "resource_missing");
    assert_eq!(message, "No such PaymentMethod: 'pm_card_nope'");
    assert!(sandbox.records().await.unwrap().is_empty());
}

/// The buyer's authentication decides: success holds the amount, failure declines; once, and only with
/// the right secret.
#[tokio::test]
async fn authentication_decides_once_and_only_with_the_secret() {
    let (sandbox, host) = sandbox();
    for succeed in [true, false] {
        let card = "pm_card_threeDSecure2Required";
        let payment = sandbox.authorise(&request(&host, Some(card))).await.unwrap();
        let PaymentState::RequiresAction { client_secret } = payment.state else { panic!() };
        assert!(client_secret.starts_with(&format!("{}_secret_", payment.id)));
        for wrong in ["", "pi_1", &payment.id, &format!("{}_secret_", payment.id)] {
            assert_eq!(sandbox.authenticate(wrong, true).await.unwrap(), None, "{wrong}");
        }
        let decided = sandbox.authenticate(&client_secret, succeed).await.unwrap().unwrap();
        assert_eq!(decided.state == PaymentState::Authorised, succeed);
        assert_eq!(matches!(decided.state, PaymentState::Declined { .. }), !succeed);
        let again = sandbox.authenticate(&client_secret, !succeed).await.unwrap().unwrap();
        assert_eq!(again, decided);
    }
}

#[tokio::test]
async fn an_intent_without_a_method_waits_for_a_browser_and_can_be_voided() {
    let (sandbox, host) = sandbox();
    let payment = sandbox.authorise(&request(&host, None)).await.unwrap();
    assert!(matches!(payment.state, PaymentState::RequiresAction { .. }));
    let voided = sandbox.void(payment.charge_id, &payment.id).await.unwrap();
    assert_eq!(voided, PaymentState::Voided);
}

/// A payment belongs to its charge: with another charge's id nothing can be done to it.
#[tokio::test]
async fn an_intent_is_moved_only_together_with_its_charge() {
    let (sandbox, host) = sandbox();
    let mine = sandbox.authorise(&request(&host, Some("pm_card_visa"))).await.unwrap();
    let other = sandbox.authorise(&request(&host, Some("pm_card_visa"))).await.unwrap();
    let crossed = sandbox.capture(mine.charge_id, &other.id).await;
    assert!(matches!(crossed, Err(GatewayError::Refused { .. })), "{crossed:?}");
    assert!(sandbox.records().await.unwrap().iter().all(|payment| payment.kept == 0));
}

#[tokio::test]
async fn the_sandbox_signs_no_webhook() {
    let (sandbox, _) = sandbox();
    assert_eq!(sandbox.notice("t=1,v1=00", b"{}", Timestamp::EPOCH), Err(BadNotice::Signature));
}
