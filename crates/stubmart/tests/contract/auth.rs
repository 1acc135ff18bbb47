//! Signup, login and the account.

use serde_json::json;

use crate::support::{PASSWORD, Server, text};

/// The cookie's attributes: not for scripts, not for other sites, and only over HTTPS where there is any.
#[tokio::test]
async fn signup_answers_the_user_and_sets_the_cookie() {
    let server = Server::start();
    let body = json!({"email": "Ann@Example.com", "password": PASSWORD, "name": "Ann"});
    let answer = server.post("/api/auth/signup").json(&body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/json");
    let user = answer.json();
    let mut fields: Vec<_> = user.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["createdAt", "email", "emailVerified", "id", "name", "role"]);
    assert_eq!((&user["email"], &user["name"]), (&json!("Ann@Example.com"), &json!("Ann")));
    let cookie = answer.header("set-cookie");
    let attributes: Vec<_> = cookie.split("; ").skip(1).collect();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(attributes.contains(&attribute), "{cookie}");
    }
    assert!(!attributes.contains(&"Secure"), "no HTTPS here: {cookie}");
}

#[tokio::test]
async fn over_https_the_cookie_is_secure() {
    let server = Server::with(&[("STUBMART_PUBLIC_URL", "https://tickets.example")]);
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let answer = server.post("/api/auth/signup").json(&body).await;
    assert!(answer.header("set-cookie").split("; ").any(|it| it == "Secure"), "{answer:?}");
    let proxied = Server::with(&[("STUBMART_TRUST_PROXY", "on")]);
    let https = proxied.post("/api/auth/signup").header("x-forwarded-proto", "https");
    let answer = https.json(&body).await;
    assert!(answer.header("set-cookie").split("; ").any(|it| it == "Secure"), "{answer:?}");
}

#[tokio::test]
async fn an_email_has_one_account_whatever_its_case() {
    let server = Server::start();
    server.sign_up("ann").await;
    let body = json!({"email": "ANN@example.COM", "password": PASSWORD});
    server.post("/api/auth/signup").json(&body).await.is(409, "email_taken");
    let login = server.post("/api/auth/login").json(&body).await;
    assert_eq!(login.status, 200, "{login:?}");
    assert_eq!(login.json()["email"], "ann@example.com");
}

#[tokio::test]
async fn a_password_is_8_to_128_characters_and_an_email_an_email() {
    let server = Server::start();
    let sign_up = async |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        server.post("/api/auth/signup").json(&body).await
    };
    assert_eq!(sign_up("a@example.com", &"ä".repeat(7)).await.bad_fields(), ["password"]);
    assert_eq!(sign_up("a@example.com", &"x".repeat(129)).await.bad_fields(), ["password"]);
    assert_eq!(sign_up("nobody", "short").await.bad_fields(), ["email", "password"]);
    assert_eq!(sign_up("a@example.com", &"ä".repeat(8)).await.status, 201);
    assert_eq!(sign_up("b@example.com", &"x".repeat(128)).await.status, 201);
}

/// The answers to a wrong password and to an unknown email do not differ but for the request's id.
#[tokio::test]
async fn a_failed_login_does_not_tell_whether_there_is_such_an_account() {
    let server = Server::start();
    server.sign_up("ann").await;
    let log_in = async |email: &str| {
        let body = json!({"email": email, "password": "not the password"});
        let answer = server.post("/api/auth/login").header("x-request-id", "r").json(&body).await;
        answer.is(401, "bad_credentials");
        assert!(answer.headers.get("set-cookie").is_none());
        answer.text().to_owned()
    };
    assert_eq!(log_in("ann@example.com").await, log_in("nobody@example.com").await);
}

/// An unknown email is answered with the work of a password check: measured over many tries in turn, the
/// median of neither is far from the other's.
#[tokio::test]
async fn a_failed_login_takes_as_long_without_an_account() {
    let server = Server::start();
    server.sign_up("ann").await;
    let mut taken = [Vec::new(), Vec::new()];
    for _ in 0..15 {
        for (times, email) in taken.iter_mut().zip(["ann@example.com", "nobody@example.com"]) {
            let body = json!({"email": email, "password": "not the password"});
            let started = std::time::Instant::now();
            server.post("/api/auth/login").json(&body).await.is(401, "bad_credentials");
            times.push(started.elapsed());
        }
    }
    let [known, unknown] = taken.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64()
    });
    assert!(unknown > known * 0.5 && unknown < known * 2.0, "known {known} s, unknown {unknown} s");
}

#[tokio::test]
async fn the_current_user_is_null_without_a_living_session() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    assert_eq!(server.get("/api/auth/currentuser").await.json(), json!({"currentUser": null}));
    let user = server.read("/api/auth/currentuser", &ann).await;
    assert_eq!(user["currentUser"]["id"], ann.id.as_str());
    let cookie = format!("theme=dark; stubmart_session={}", ann.token());
    let answer = server.get("/api/auth/currentuser").header("cookie", &cookie).await;
    assert_eq!(answer.json(), user, "by cookie as by token");
    let bad = server.get("/api/auth/currentuser").header("cookie", &cookie);
    let bad = bad.header("authorization", "Bearer nonsense").await;
    assert_eq!(bad.json(), json!({"currentUser": null}), "who sends a header means it");
}

#[tokio::test]
async fn logging_out_clears_the_cookie_and_ends_the_session() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let other = server.log_in(&ann).await;
    let answer = server.post("/api/auth/logout").by(&ann).await;
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("stubmart_session=;") && cookie.contains("Max-Age=0"), "{cookie}");
    server.get("/api/orders").by(&ann).await.is(401, "not_signed_in");
    server.read("/api/orders", &other).await;
    let again = server.post("/api/auth/logout").by(&ann).await;
    assert_eq!((again.status, again.json()), (200, json!({})), "nothing to do is no error");
}

#[tokio::test]
async fn an_account_is_changed_with_its_password_only() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    server.sign_up("bob").await;
    let path = "/api/auth/currentuser";
    let edit = |body| server.patch(path).by(&ann).json(body).send();
    let without = json!({"name": "Anna"});
    assert_eq!(edit(&without).await.bad_fields(), ["currentPassword"]);
    let wrong = json!({"name": "Anna", "currentPassword": "wrong password"});
    edit(&wrong).await.is(401, "bad_credentials");
    let taken = json!({"email": "BOB@example.com", "currentPassword": PASSWORD});
    edit(&taken).await.is(409, "email_taken");
    let many = json!({"email": "x", "password": "y", "age": 7, "currentPassword": PASSWORD});
    assert_eq!(edit(&many).await.bad_fields(), ["age", "email", "password"]);
    let good = json!({"name": "Anna", "email": "anna@example.com", "currentPassword": PASSWORD});
    let changed = edit(&good).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(text(&changed.json(), "name"), "Anna");
    assert_eq!(text(&changed.json(), "email"), "anna@example.com");
    let old = json!({"email": "ann@example.com", "password": PASSWORD});
    server.post("/api/auth/login").json(&old).await.is(401, "bad_credentials");
    assert_eq!(server.post("/api/auth/signup").json(&old).await.status, 201, "it is free");
}

/// The account's `ETag` is wherever the account is shown, and `If-Match` makes a change of it, and its
/// deletion, conditional.
#[tokio::test]
async fn an_account_is_changed_at_the_version_that_is_meant() {
    let server = Server::start();
    let credentials = json!({"email": "ann@example.com", "password": PASSWORD});
    let signed_up = server.post("/api/auth/signup").json(&credentials).await;
    assert_eq!(signed_up.header("etag"), "\"1\"");
    let login = server.post("/api/auth/login").json(&credentials).await;
    assert_eq!(login.header("etag"), "\"1\"", "a login is no change");
    let token = format!("Bearer {}", login.token());
    let call = |method: &str, tag: &str, body| {
        let call = server.call(method, "/api/auth/currentuser").header("authorization", &token);
        call.header("if-match", tag).json(body).send()
    };
    let rename = json!({"name": "Anna", "currentPassword": PASSWORD});
    let proof = json!({"currentPassword": PASSWORD});
    call("PATCH", "\"2\"", &rename).await.is(412, "version_mismatch");
    let renamed = call("PATCH", "\"1\"", &rename).await;
    assert_eq!((renamed.status, renamed.header("etag")), (200, "\"2\""), "{renamed:?}");
    call("PATCH", "\"1\"", &rename).await.is(412, "version_mismatch");
    call("DELETE", "\"1\"", &proof).await.is(412, "version_mismatch");
    let read = server.get("/api/auth/currentuser").header("authorization", &token).await;
    assert_eq!(read.header("etag"), "\"2\"");
    assert_eq!(call("DELETE", "\"2\"", &proof).await.status, 204);
    let anonymous = server.get("/api/auth/currentuser").await;
    assert!(anonymous.headers.get("etag").is_none());
}

/// Ten wrong guesses, and the account lets nobody in from that address for a while; others still get in.
#[tokio::test]
async fn guessing_is_limited_and_retry_after_tells_how_long() {
    let server = Server::with(&[("STUBMART_RATE_LIMITS", "on")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let guess = json!({"email": ann.email, "password": "not the password"});
    let mut limited = None;
    for _ in 0..30 {
        let answer = server.post("/api/auth/login").json(&guess).await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
        answer.is(401, "bad_credentials");
    }
    let limited = limited.expect("no limit");
    limited.is(429, "too_many_requests");
    assert!(limited.header("retry-after").parse::<u32>().is_ok_and(|it| it > 0), "{limited:?}");
    server.log_in(&bob).await;
}

/// Signups from one address are limited.
#[tokio::test]
async fn signing_up_is_limited() {
    let server = Server::with(&[("STUBMART_RATE_LIMITS", "on")]);
    for number in 0..200 {
        let body = json!({"email": format!("u{number}@example.com"), "password": PASSWORD});
        let answer = server.post("/api/auth/signup").json(&body).await;
        if answer.status == 429 {
            answer.is(429, "too_many_requests");
            assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|it| it > 0));
            return;
        }
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    panic!("200 signups from one address in a row");
}
