//! `Idempotency-Key` where the answer holds a secret or the request a password.

use serde_json::{Value, json};
use stubmart_contract::EventType;
use stubmart_testkit::Answer;

use crate::market::{Account as _, ME, Market, PASSWORD};

const SIGNUP: &str = "/api/auth/signup";
const TOKENS: &str = "/api/auth/tokens";

fn ann(password: &str) -> Value {
    json!({"email": "ann@example.com", "password": password, "name": "Ann"})
}

fn is_replay(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == "true"
}

/// A signup that is sent again is answered as the first time and opens no second account. The session
/// is a new one, because the first one's token is kept nowhere.
#[tokio::test]
async fn a_repeated_signup_opens_one_account() {
    let market = Market::new();
    let first = market.anonymous().post(SIGNUP).key("k").json(&ann(PASSWORD)).await;
    let again = market.anonymous().post(SIGNUP).key("k").json(&ann(PASSWORD)).await;
    assert_eq!((first.outcome(), is_replay(&first)), ((201, ""), false));
    assert_eq!((again.outcome(), is_replay(&again)), ((201, ""), true));
    assert_eq!(again.body, first.body);
    assert_ne!(again.token(), first.token());
    for answer in [&first, &again] {
        assert!(market.with_token(answer.token()).is_signed_in().await);
    }
    assert_eq!(market.event_types().await, [EventType::UserCreated]);
}

/// The first answer comes again whatever became of the account, as long as the password opens it.
#[tokio::test]
async fn a_repeated_signup_is_answered_as_the_first_time() {
    let market = Market::new();
    let first = market.anonymous().post(SIGNUP).key("k").json(&ann(PASSWORD)).await;
    let body = json!({"name": "Other", "currentPassword": PASSWORD});
    market.with_token(first.token()).patch(ME).json(&body).await;
    market.pass(3600);
    let again = market.anonymous().post(SIGNUP).key("k").json(&ann(PASSWORD)).await;
    assert_eq!(again.body, first.body);
}

/// Who knows a signup's key and not its password gets in as little as by logging in, and is held up
/// as much when guessing.
#[tokio::test]
async fn a_repeated_signup_needs_the_password() {
    let market = Market::new();
    market.anonymous().post(SIGNUP).key("k").json(&ann(PASSWORD)).await;
    for _ in 0..10 {
        let wrong = market.anonymous().post(SIGNUP).key("k").json(&ann("wrong password")).await;
        assert_eq!(wrong.outcome(), (422, "idempotency_key_reused"));
        assert!(wrong.header("set-cookie").is_empty());
    }
    let held_up = market.anonymous().post(SIGNUP).key("k").json(&ann("wrong password")).await;
    assert_eq!(held_up.outcome(), (429, "too_many_requests"));
    market.pass(60);
    let right = market.anonymous().post(SIGNUP).key("k").json(&ann(PASSWORD)).await;
    assert_eq!(right.outcome(), (201, ""), "wrong guesses did not spoil the key");

    market.with_token(right.token()).delete_account(PASSWORD).await;
    market.pass(60);
    let gone = market.anonymous().post(SIGNUP).key("k").json(&ann(PASSWORD)).await;
    assert_eq!(gone.outcome(), (422, "idempotency_key_reused"));
}

/// A key belongs to one request for a day.
#[tokio::test]
async fn a_key_comes_with_one_request() {
    let market = Market::new();
    let first = market.anonymous().post(SIGNUP).key("k").json(&ann(PASSWORD)).await;
    for other in [
        json!({"email": "bob@example.com", "password": PASSWORD, "name": "Ann"}),
        json!({"email": "ann@example.com", "password": PASSWORD}),
    ] {
        let answer = market.anonymous().post(SIGNUP).key("k").json(&other).await;
        assert_eq!(answer.outcome(), (422, "idempotency_key_reused"));
    }
    let taken = market.anonymous().post(SIGNUP).key("other").json(&ann(PASSWORD)).await;
    assert_eq!(taken.outcome(), (409, "email_taken"));
    let again = market.anonymous().post(SIGNUP).key("other").json(&ann(PASSWORD)).await;
    assert_eq!((again.outcome(), is_replay(&again)), ((409, "email_taken"), true));

    let ann_client = market.with_token(first.token());
    assert_eq!(ann_client.post(TOKENS).key("k").json(&json!({"name": "a"})).await.outcome().0, 201);
    let answer = ann_client.post(TOKENS).key("k").json(&json!({"name": "b"})).await;
    assert_eq!(answer.outcome(), (422, "idempotency_key_reused"));
    market.pass(24 * 3600);
    let answer = ann_client.post(TOKENS).key("k").json(&json!({"name": "b"})).await;
    assert_eq!(answer.outcome(), (201, ""));
    for key in ["", &"k".repeat(256)] {
        let answer = ann_client.post(TOKENS).key(key).json(&json!({"name": "b"})).await;
        assert_eq!(answer.outcome(), (400, "validation_failed"), "{key:?}");
    }
}

/// A repeated request for an access token shows the same secret to the same session, and to no other:
/// another one's key is its own.
#[tokio::test]
async fn a_repeated_token_request_shows_the_same_secret() {
    let market = Market::new();
    let browser = market.sign_up("ann@example.com").await;
    let other = market.log_in("ann@example.com", PASSWORD).await;
    let body = json!({"name": "deploy"});
    let first = browser.post(TOKENS).key("k").json(&body).await;
    market.pass(5);
    let again = browser.post(TOKENS).key("k").json(&body).await;
    assert_eq!((again.outcome(), is_replay(&again)), ((201, ""), true));
    assert_eq!(again.body, first.body);
    let theirs = other.post(TOKENS).key("k").json(&body).await;
    assert_eq!((theirs.outcome(), is_replay(&theirs)), ((201, ""), false));
    assert_ne!((theirs.id(), &theirs.body["token"]), (first.id(), &first.body["token"]));
    let script = market.with_token(first.body["token"].as_str().unwrap()).bearer();
    assert!(script.is_signed_in().await);
    let listed = browser.get(TOKENS).await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 2);
}

/// Nothing that opens anything is kept for the sake of repetition, and nothing personal.
#[tokio::test]
async fn nothing_secret_is_kept() {
    let market = Market::new();
    let first = market.anonymous().post(SIGNUP).key("key-of-ann").json(&ann(PASSWORD)).await;
    let client = market.with_token(first.token());
    let token = client.post(TOKENS).key("key-of-token").json(&json!({"name": "deploy"})).await;
    let dump = market.dump().await;
    let secret = token.body["token"].as_str().unwrap();
    for kept_nowhere in [PASSWORD, first.token(), &secret[5..], "key-of-ann", "key-of-token"] {
        assert!(!dump.contains(kept_nowhere), "{kept_nowhere}");
    }
    client.delete_account(PASSWORD).await;
    market.work().await;
    assert!(!market.dump().await.contains("ann@example.com"));
}

/// Of many requests with one key at one moment one is done; the others are told to wait or answered
/// as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_with_one_key_is_done() {
    let market = Market::new();
    for round in 0..50 {
        let requests: Vec<_> = (0..6)
            .map(|_| {
                let client = market.anonymous();
                let body = json!({"email": format!("u{round}@example.com"), "password": PASSWORD});
                let key = format!("k{round}");
                tokio::spawn(async move { client.post(SIGNUP).key(&key).json(&body).await })
            })
            .collect();
        for request in requests {
            let answer = request.await.unwrap();
            let expected = [(201, ""), (409, "idempotency_key_in_use")];
            assert!(expected.contains(&answer.outcome()), "{}", answer.body);
        }
    }
    assert_eq!(market.event_types().await.len(), 50);
}
