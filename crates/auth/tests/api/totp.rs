//! The second factor: codes of an app, and recovery codes.

use serde_json::{Value, json};
use stubmart_testkit::{Answer, Api};

use crate::market::{Account as _, Market, PASSWORD};

const ANN: &str = "ann@example.com";
const TOTP: &str = "/api/auth/totp";

/// What the app shows at the market's time for a secret in base 32: an implementation of its own (RFC 6238,
/// RFC 4226), which knows nothing of the one it checks.
fn code(market: &Market, secret: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let bits: String = secret
        .chars()
        .map(|it| format!("{:05b}", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(it).unwrap()))
        .collect();
    let key: Vec<u8> = (0..bits.len() / 8)
        .map(|place| u8::from_str_radix(&bits[place * 8..place * 8 + 8], 2).unwrap())
        .collect();
    let step = u64::try_from(market.world.host.now().millis()).unwrap() / 30_000;
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let at = usize::from(hash[19] & 15);
    let number = u32::from_be_bytes(hash[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

async fn begin(client: &Api) -> String {
    let begun = client.post(TOTP).json(&json!({"currentPassword": PASSWORD})).await;
    assert_eq!(begun.outcome(), (201, ""));
    assert_eq!(begun.body["enabled"], false);
    let secret = begun.body["secret"].as_str().unwrap().to_owned();
    assert!(begun.body["uri"].as_str().unwrap().contains(&secret));
    secret
}

async fn confirm(client: &Api, code: &str) -> Answer {
    client.post(TOTP).json(&json!({"currentPassword": PASSWORD, "code": code})).await
}

async fn log_in(market: &Market, code: Option<&str>) -> Answer {
    let mut body = json!({"email": ANN, "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    market.anonymous().post("/api/auth/login").json(&body).await
}

/// Somebody with a second factor: the session, the app's secret and the recovery codes.
async fn protected(market: &Market) -> (Api, String, Vec<String>) {
    let ann = market.sign_up(ANN).await;
    let secret = begin(&ann).await;
    let on = confirm(&ann, &code(market, &secret)).await;
    assert_eq!((on.outcome(), &on.body["enabled"]), ((200, ""), &json!(true)));
    let codes: Vec<String> = serde_json::from_value(on.body["recoveryCodes"].clone()).unwrap();
    (ann, secret, codes)
}

/// From the moment it is on, a login asks for a code, and takes each once.
#[tokio::test]
async fn a_login_asks_for_a_code() {
    let market = Market::new();
    let (ann, secret, codes) = protected(&market).await;
    assert_eq!(codes.len(), 10);
    assert_eq!(log_in(&market, None).await.outcome(), (401, "second_factor_required"));
    let used = code(&market, &secret);
    assert_eq!(log_in(&market, Some(&used)).await.outcome(), (401, "bad_credentials"), "used up");
    market.pass(30);
    let next = code(&market, &secret);
    assert_eq!(log_in(&market, Some(&next)).await.outcome(), (200, ""));
    assert_eq!(log_in(&market, Some(&next)).await.outcome(), (401, "bad_credentials"), "once");
    let shown = ann.get(TOTP).await.body;
    let expected = json!({"enabled": true, "recoveryCodesLeft": 10, "secret": null, "uri": null, "recoveryCodes": null});
    assert_eq!(shown, expected);
    let dump = market.dump().await;
    assert!(codes.iter().all(|code| !dump.contains(code)));
}

/// A wrong password is no different with a second factor, and a wrong code counts like a wrong password.
#[tokio::test]
async fn codes_can_not_be_guessed() {
    let market = Market::new();
    protected(&market).await;
    let wrong = market.try_log_in(ANN, "guess").await;
    assert_eq!(wrong.outcome(), (401, "bad_credentials"));
    for _ in 0..9 {
        assert_eq!(log_in(&market, Some("000000")).await.outcome(), (401, "bad_credentials"));
    }
    assert_eq!(log_in(&market, Some("000000")).await.outcome(), (429, "too_many_requests"));
}

/// Each recovery code opens the account once.
#[tokio::test]
async fn a_recovery_code_opens_once() {
    let market = Market::new();
    let (ann, _, codes) = protected(&market).await;
    assert_eq!(log_in(&market, Some(&codes[0])).await.outcome(), (200, ""));
    assert_eq!(log_in(&market, Some(&codes[0])).await.outcome(), (401, "bad_credentials"));
    assert_eq!(log_in(&market, Some(&codes[1].to_uppercase())).await.outcome(), (200, ""));
    assert_eq!(ann.get(TOTP).await.body["recoveryCodesLeft"], 8);
}

/// Until a code has shown that the app has the secret nothing is asked for; a second secret does not
/// replace the first once it is on; and what is taken away is not asked for any more. The owner is told.
#[tokio::test]
async fn it_is_set_up_in_two_steps_and_taken_away() {
    let market = Market::new();
    let ann = market.sign_up(ANN).await;
    let first = begin(&ann).await;
    assert_eq!(log_in(&market, None).await.outcome(), (200, ""));
    let secret = begin(&ann).await;
    assert_ne!(first, secret);
    assert_eq!(confirm(&ann, &code(&market, &first)).await.bad_fields(), ["code"]);
    assert_eq!(confirm(&ann, &code(&market, &secret)).await.outcome(), (200, ""));
    let again = ann.post(TOTP).json(&json!({"currentPassword": PASSWORD})).await;
    assert_eq!(again.outcome(), (409, "second_factor_on"));
    let wrong = json!({"currentPassword": "guess"});
    assert_eq!(ann.delete(TOTP).json(&wrong).await.outcome(), (401, "bad_credentials"));
    let by_code = async |code: &str| {
        let body = json!({"currentPassword": PASSWORD, "code": code});
        ann.delete(TOTP).json(&body).await
    };
    let password_alone = json!({"currentPassword": PASSWORD});
    let refused = ann.delete(TOTP).json(&password_alone).await;
    assert_eq!(refused.outcome(), (401, "second_factor_required"));
    assert_eq!(by_code(&code(&market, &secret)).await.bad_fields(), ["code"], "it was used");
    assert_eq!(log_in(&market, None).await.outcome(), (401, "second_factor_required"), "still on");
    market.pass(30);
    let next = code(&market, &secret);
    for _ in 0..2 {
        assert_eq!(by_code(&next).await.outcome(), (204, ""));
    }
    assert_eq!(ann.delete(TOTP).json(&password_alone).await.outcome(), (204, ""), "nothing is on");
    assert_eq!(log_in(&market, None).await.outcome(), (200, ""));
    assert_eq!(ann.get(TOTP).await.body["enabled"], false);
    market.work().await;
    assert_eq!(market.mails_to(ANN, "Two-step login is on for your Stubmart account").len(), 1);
    assert_eq!(market.mails_to(ANN, "Two-step login is off for your Stubmart account").len(), 1);
}

/// Who has a session and the password cannot guess the second factor away; a recovery code takes it away.
#[tokio::test]
async fn it_is_not_guessed_away() {
    let market = Market::new();
    let (ann, _, codes) = protected(&market).await;
    let by_code = async |code: &str| {
        let body = json!({"currentPassword": PASSWORD, "code": code});
        ann.delete(TOTP).json(&body).await
    };
    for _ in 0..10 {
        assert_eq!(by_code("000000").await.bad_fields(), ["code"]);
    }
    assert_eq!(by_code(&codes[0]).await.outcome(), (429, "too_many_requests"));
    market.pass(60);
    assert_eq!(by_code(&codes[0]).await.outcome(), (204, ""));
}

/// A signup that is sent again opens no session past the second factor.
#[tokio::test]
async fn a_repeated_signup_is_no_way_around_it() {
    let market = Market::new();
    let body = json!({"email": ANN, "password": PASSWORD});
    let sign_up =
        async || market.post("/api/auth/signup").header("idempotency-key", "k-1").json(&body).await;
    let ann = market.with_token(sign_up().await.token());
    let secret = begin(&ann).await;
    assert_eq!(confirm(&ann, &code(&market, &secret)).await.outcome(), (200, ""));
    assert_eq!(sign_up().await.outcome(), (422, "idempotency_key_reused"));
}

/// Whoever recovers a verified account by mail still needs its second factor; the owner of a squatted
/// address is not locked out by the squatter's.
#[tokio::test]
async fn a_recovery_keeps_the_owners_factor_and_drops_a_squatters() {
    for verified in [true, false] {
        let market = Market::new();
        protected(&market).await;
        market.work().await;
        let token = |subject: &str| -> Value {
            let mail = market.mails_to(ANN, subject).pop().unwrap();
            json!(mail.text.split_once("?token=").unwrap().1.lines().next().unwrap())
        };
        if verified {
            let body = json!({"token": token("Confirm your email address")});
            assert_eq!(market.post("/api/auth/verify-email").json(&body).await.status, 200);
        }
        market.post("/api/auth/password-reset").json(&json!({"email": ANN})).await;
        market.work().await;
        let body = json!({"token": token("Set a new password"), "password": PASSWORD});
        let reset = market.post("/api/auth/password-reset/confirm").json(&body).await;
        assert_eq!(reset.outcome(), (200, ""));
        let expected = if verified { (401, "second_factor_required") } else { (200, "") };
        assert_eq!(log_in(&market, None).await.outcome(), expected);
    }
}
