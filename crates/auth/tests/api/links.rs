//! Links in mails: verifying an address, and a new password for who forgot it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::json;
use stubmart_auth::Config;
use stubmart_contract::EventType;
use stubmart_ports::mailer::Mail;
use stubmart_suite::fault::{Fault, FaultyMailer, FaultyStore, Injector};
use stubmart_testkit::{Answer, Api};

use crate::market::{Account as _, ME, Market, PASSWORD};

const ANN: &str = "ann@example.com";
const VERIFY: &str = "Confirm your email address";
const RESET: &str = "Set a new password";

/// The token in a mail's link, which is the same in both forms of the mail.
fn token(mail: &Mail) -> String {
    let (_, token) = mail.text.split_once("?token=").unwrap();
    let token = token.lines().next().unwrap().to_owned();
    assert!(mail.html.as_ref().unwrap().contains(&format!("?token={token}\"")));
    token
}

/// The token of the last mail with this subject.
async fn mailed(market: &Market, email: &str, subject: &str) -> String {
    market.work().await;
    token(market.mails_to(email, subject).last().unwrap())
}

async fn ask_reset(client: &Api, email: &str) -> Answer {
    client.post("/api/auth/password-reset").json(&json!({"email": email})).await
}

async fn reset(client: &Api, token: &str, password: &str) -> Answer {
    let body = json!({"token": token, "password": password});
    client.post("/api/auth/password-reset/confirm").json(&body).await
}

async fn verify(client: &Api, token: &str) -> Answer {
    client.post("/api/auth/verify-email").json(&json!({"token": token})).await
}

/// Who signs up is mailed a link, which shows that mail to the address reaches its owner: once.
#[tokio::test]
async fn an_address_is_verified_by_the_link_that_is_mailed_to_it() {
    let market = Market::new();
    let ann = market.sign_up(ANN).await;
    assert_eq!(ann.get(ME).await.body["currentUser"]["emailVerified"], false);
    let token = mailed(&market, ANN, VERIFY).await;
    let answer = verify(&market.anonymous(), &token).await;
    assert_eq!((answer.outcome(), answer.header("etag")), ((200, ""), "\"2\""));
    assert_eq!(answer.body["emailVerified"], true);
    assert_eq!(ann.get(ME).await.body["currentUser"], answer.body);
    assert_eq!(verify(&ann, &token).await.outcome(), (400, "token_invalid"), "it works once");
    assert_eq!(ann.post("/api/auth/verify-email/resend").await.status, 202);
    market.work().await;
    assert_eq!(market.world.mailer.mails().len(), 1, "there is nothing to verify any more");
    assert_eq!(market.event_types().await, [EventType::UserCreated, EventType::UserUpdated]);
}

/// A further link is mailed when it is asked for, and every link lasts a day. Nothing is mailed without
/// end.
#[tokio::test]
async fn a_verification_can_be_sent_again() {
    let market = Market::new();
    let ann = market.sign_up(ANN).await;
    let first = mailed(&market, ANN, VERIFY).await;
    market.pass(24 * 3600 - 1);
    assert_eq!(ann.post("/api/auth/verify-email/resend").await.status, 202);
    let second = mailed(&market, ANN, VERIFY).await;
    assert_ne!(first, second);
    market.pass(1);
    assert_eq!(verify(&ann, &first).await.outcome(), (400, "token_invalid"));
    assert_eq!(verify(&ann, &second).await.outcome(), (200, ""));

    let bob = market.sign_up("bob@example.com").await;
    for _ in 0..5 {
        assert_eq!(bob.post("/api/auth/verify-email/resend").await.status, 202);
    }
    let refused = bob.post("/api/auth/verify-email/resend").await;
    assert_eq!(refused.outcome(), (429, "too_many_requests"));
    assert!(!refused.header("retry-after").is_empty());
}

/// Another address is to be verified again, by the link that is mailed there; the links that were mailed
/// to the one before end. Its case is no other address.
#[tokio::test]
async fn another_address_is_verified_again() {
    let market = Market::new();
    let ann = market.sign_up(ANN).await;
    let first = mailed(&market, ANN, VERIFY).await;
    ask_reset(&ann, ANN).await;
    let password = mailed(&market, ANN, RESET).await;
    let change = async |email: &str| {
        ann.patch(ME).json(&json!({"email": email, "currentPassword": PASSWORD})).await
    };
    change("anna@example.org").await;
    assert_eq!(verify(&ann, &first).await.outcome(), (400, "token_invalid"));
    assert_eq!(reset(&ann, &password, PASSWORD).await.outcome(), (400, "token_invalid"));
    let second = mailed(&market, "anna@example.org", VERIFY).await;
    assert_eq!(verify(&ann, &second).await.outcome(), (200, ""));
    assert_eq!(change("ANNA@example.org").await.body["emailVerified"], true);
    assert_eq!(change(ANN).await.body["emailVerified"], false);
}

/// A new password signs out everything that was signed in, access tokens too, and works at once. The link
/// works once, for half an hour from when it was sent.
#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail() {
    let market = Market::new();
    let ann = market.sign_up(ANN).await;
    let script = ann.post("/api/auth/tokens").json(&json!({"name": "script"})).await;
    let script = market.with_token(script.body["token"].as_str().unwrap());
    assert!(script.is_signed_in().await);
    let nobody = market.anonymous();
    assert_eq!(ask_reset(&nobody, " ANN@example.com ").await.status, 202);
    let old = mailed(&market, ANN, RESET).await;
    market.pass(1800);
    assert_eq!(reset(&nobody, &old, "a new one").await.outcome(), (400, "token_invalid"));
    ask_reset(&nobody, ANN).await;
    let token = mailed(&market, ANN, RESET).await;
    market.pass(1799);
    let bad = reset(&nobody, &token, "short").await;
    assert_eq!(bad.bad_fields(), ["password"], "a bad password costs no link");
    let answer = reset(&nobody, &token, "a new one").await;
    assert_eq!((answer.outcome(), &answer.body), ((200, ""), &json!({})));
    assert!(!ann.is_signed_in().await && !script.is_signed_in().await);
    assert_eq!(reset(&nobody, &token, "another one").await.outcome(), (400, "token_invalid"));
    assert_eq!(market.try_log_in(ANN, PASSWORD).await.outcome().0, 401);
    assert_eq!(market.try_log_in(ANN, "a new one").await.body["emailVerified"], true);
    market.work().await;
    let told = market.mails_to(ANN, "The password of your Stubmart account was changed");
    assert_eq!(told.len(), 1);
    assert_eq!(market.stored_sessions().await, 1, "the dead sessions are cleaned up");
}

/// A link sets no password once the password was changed otherwise: who found the old mail finds nothing.
#[tokio::test]
async fn a_link_ends_with_the_password_it_replaces() {
    let market = Market::new();
    let ann = market.sign_up(ANN).await;
    ask_reset(&ann, ANN).await;
    let token = mailed(&market, ANN, RESET).await;
    ann.patch(ME).json(&json!({"password": "a new one", "currentPassword": PASSWORD})).await;
    assert_eq!(reset(&ann, &token, "eve's choice").await.outcome(), (400, "token_invalid"));
    assert!(market.try_log_in(ANN, "a new one").await.outcome() == (200, ""));
}

/// The answer to an address without an account is the same, and does not wait for anything that depends on
/// the account: it comes also while the store is down. Too many requests are refused alike.
#[tokio::test]
async fn nobody_learns_who_has_an_account() {
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let faults = Injector::new(
        move |_, _| {
            if down.load(Ordering::SeqCst) { Fault::Fail } else { Fault::None }
        },
    );
    let market = Market::with(|it| {
        it.stores.auth = Arc::new(FaultyStore::new(it.stores.auth.clone(), faults));
    });
    market.sign_up(ANN).await;
    let client = market.anonymous();
    for email in [ANN, "nobody@example.com", "no address"] {
        is_down.store(true, Ordering::SeqCst);
        let answer = ask_reset(&client, email).await;
        assert_eq!((answer.status, &answer.body), (202, &json!(null)), "{email}");
        market.world.settle().await;
        is_down.store(false, Ordering::SeqCst);
        for _ in 0..4 {
            assert_eq!(ask_reset(&client, &email.to_uppercase()).await.status, 202, "{email}");
        }
        let refused = ask_reset(&client, email).await;
        assert_eq!(refused.outcome(), (429, "too_many_requests"), "{email}");
    }
    market.work().await;
    let mails = market.world.mailer.mails();
    assert!(mails.iter().all(|mail| mail.to == ANN), "nobody else is written to");
    assert_eq!(market.mails_to(ANN, RESET).len(), 1, "what is asked for often is mailed once");
}

/// Somebody signed up with an address that is not theirs. Its owner takes the account over with what
/// anybody can do who reads its mail: the squatter is signed out and knows no password.
#[tokio::test]
async fn an_owner_takes_a_squatted_address_over() {
    let market = Market::new();
    let squatter = market.sign_up_as(ANN, PASSWORD, "Visit evil.example").await;
    squatter.post("/api/auth/tokens").json(&json!({"name": "back door"})).await;
    let owner = market.anonymous();
    let body = json!({"email": ANN, "password": "the owner's"});
    assert_eq!(owner.post("/api/auth/signup").json(&body).await.outcome(), (409, "email_taken"));
    ask_reset(&owner, ANN).await;
    let token = mailed(&market, ANN, RESET).await;
    assert_eq!(reset(&owner, &token, "the owner's").await.outcome(), (200, ""));
    assert!(!squatter.is_signed_in().await);
    assert_eq!(market.try_log_in(ANN, PASSWORD).await.outcome(), (401, "bad_credentials"));
    let owner = market.log_in(ANN, "the owner's").await;
    assert_eq!(owner.get("/api/auth/tokens").await.body["items"], json!([]));
    for mail in market.world.mailer.mails().iter().filter(|mail| mail.text.contains("?token=")) {
        assert!(!mail.text.contains("evil"), "who squats says nothing to the owner");
    }
}

/// What is stored opens nothing: the token of a link is in its mail alone.
#[tokio::test]
async fn a_stored_link_is_no_token() {
    let market = Market::new();
    market.sign_up(ANN).await;
    ask_reset(&market.anonymous(), ANN).await;
    let (verification, password) =
        (mailed(&market, ANN, VERIFY).await, mailed(&market, ANN, RESET).await);
    let dump = market.dump().await;
    assert!(!dump.contains(&verification) && !dump.contains(&password));
    let tampered =
        format!("{}{}", &password[..63], if password.ends_with('A') { 'B' } else { 'A' });
    assert_eq!(reset(&market, &tampered, PASSWORD).await.outcome(), (400, "token_invalid"));
    let other = verify(&market, &password).await;
    assert_eq!(other.outcome(), (400, "token_invalid"), "a link does what it is for");
}

/// Mails are in the language that the browser asked for at the signup, and links begin where the market
/// is.
#[tokio::test]
async fn mails_are_in_their_readers_language() {
    let public_url = "https://tickets.example".to_owned();
    let market = Market::configured(Config { public_url, ..Config::default() });
    let body = json!({"email": ANN, "password": PASSWORD});
    let call = market.post("/api/auth/signup").header("accept-language", "de-DE,de;q=0.9,en;q=0.1");
    assert_eq!(call.json(&body).await.status, 201);
    market.work().await;
    let mails = market.mails_to(ANN, "Bitte bestätigen Sie Ihre E-Mail-Adresse");
    assert!(mails[0].text.contains("https://tickets.example/verify-email?token="), "{mails:?}");
}

/// A mail whose first try failed, or whose answer was lost, has a link that works.
#[tokio::test]
async fn a_mail_that_is_sent_again_has_a_link_that_works() {
    for fault in [Fault::LoseAnswer, Fault::Fail] {
        let mut next = Some(fault);
        let faults = Injector::new(move |_, _| next.take().unwrap_or(Fault::None));
        let market = Market::with(|it| {
            it.mailer = Arc::new(FaultyMailer::new(it.mailer.clone(), faults));
        });
        market.sign_up(ANN).await;
        market.work().await;
        market.pass(60);
        let token = mailed(&market, ANN, VERIFY).await;
        assert_eq!(market.mails_to(ANN, VERIFY).len(), 1);
        assert_eq!(verify(&market, &token).await.outcome(), (200, ""));
    }
}

/// Where the market asks for it, nobody sells before the address is verified; an introspection says so.
#[tokio::test]
async fn who_may_sell_is_the_markets_choice() {
    use stubmart_contract::Context;
    use stubmart_ports::calls::Auth as _;
    for sellers_verify in [false, true] {
        let market = Market::configured(Config { sellers_verify, ..Config::default() });
        let body = json!({"email": ANN, "password": PASSWORD});
        let signed_up = market.post("/api/auth/signup").json(&body).await;
        let may_sell = async || {
            let asked = market.service.introspect(&Context::work("test"), signed_up.token()).await;
            asked.unwrap().unwrap().may_sell
        };
        assert_eq!(may_sell().await, !sellers_verify);
        verify(&market, &mailed(&market, ANN, VERIFY).await).await;
        assert!(may_sell().await);
    }
}

/// FOUND K: an account may create much once its address is verified or it is no new one; an introspection says so.
#[tokio::test]
async fn an_account_is_established_by_its_address_or_by_its_age() {
    use stubmart_contract::Context;
    use stubmart_ports::calls::Auth as _;
    let new_account_age = Duration::from_secs(3600);
    let market = Market::configured(Config { new_account_age, ..Config::default() });
    let sign_up = async |email: &str| {
        let body = json!({"email": email, "password": PASSWORD});
        market.post("/api/auth/signup").json(&body).await.token().to_owned()
    };
    let is_established = async |token: &str| {
        let asked = market.service.introspect(&Context::work("test"), token).await;
        asked.unwrap().unwrap().is_established
    };
    let (ann, bob) = (sign_up(ANN).await, sign_up("bob@example.com").await);
    assert!(!is_established(&ann).await);
    verify(&market, &mailed(&market, ANN, VERIFY).await).await;
    assert!(is_established(&ann).await);
    market.pass(3599);
    assert!(!is_established(&bob).await);
    market.pass(1);
    assert!(is_established(&bob).await);
}
