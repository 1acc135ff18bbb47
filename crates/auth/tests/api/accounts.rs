//! Signing up, changing the account, deleting it.

use std::sync::Arc;

use serde_json::{Value, json};
use stubmart_contract::{EventType, calls::OpenSales};
use stubmart_ports::host::{Busy, PasswordHasher};

use crate::market::{Account as _, ME, Market, PASSWORD};

/// A new account is signed in, and shown with what was given.
#[tokio::test]
async fn signing_up_opens_an_account_and_a_session() {
    let market = Market::new();
    let body = json!({"email": " Ann@Example.com ", "password": PASSWORD});
    let answer = market.anonymous().post("/api/auth/signup").json(&body).await;
    assert_eq!(answer.outcome(), (201, ""));
    let user = &answer.body;
    assert_eq!((&user["email"], &user["name"]), (&json!("Ann@Example.com"), &json!("")));
    assert_eq!(user["createdAt"], "2026-01-01T00:00:00.000Z");
    assert_eq!((&user["emailVerified"], &user["role"]), (&json!(false), &json!("user")));
    assert_eq!(user.as_object().unwrap().len(), 6, "{user}");
    let shown = market.with_token(answer.token()).get("/api/auth/currentuser").await;
    assert_eq!(shown.body["currentUser"], *user);
    let logged_in = market.try_log_in("ann@EXAMPLE.com", PASSWORD).await;
    assert_eq!(logged_in.body, *user);
    assert_eq!(market.event_types().await, [EventType::UserCreated]);
}

/// Every bad field is named at once, and an unknown one is bad.
#[tokio::test]
async fn bad_fields_are_all_named() {
    let market = Market::new();
    let anonymous = market.anonymous();
    let body =
        json!({"email": "nobody", "password": "short", "name": "x".repeat(101), "admin": true});
    let answer = anonymous.post("/api/auth/signup").json(&body).await;
    assert_eq!(answer.bad_fields(), ["admin", "email", "name", "password"]);
    let answer = anonymous.post("/api/auth/signup").json(&json!({})).await;
    assert_eq!(answer.bad_fields(), ["email", "password"]);
    let answer = anonymous.post("/api/auth/login").json(&json!({"email": 1, "x": 2})).await;
    assert_eq!(answer.bad_fields(), ["email", "password", "x"]);
    let ann = market.sign_up("ann@example.com").await;
    let answer = ann
        .patch(ME)
        .json(&json!({"email": "", "password": "short", "name": "x".repeat(101), "id": 1}))
        .await;
    assert_eq!(answer.bad_fields(), ["currentPassword", "email", "id", "name", "password"]);
    let answer = ann.post("/api/auth/tokens").json(&json!({"name": " "})).await;
    assert_eq!(answer.bad_fields(), ["name"]);
    let answer = anonymous.post("/api/auth/signup").json(&json!([])).await;
    assert_eq!(answer.bad_fields(), ["body"]);
}

/// A password is taken as it is typed: 8 to 128 characters of any kind, none trimmed, no case folded.
#[tokio::test]
async fn a_password_is_taken_verbatim() {
    let market = Market::new();
    let passwords = ["      x ", " Päß\u{0}wö\u{1F39F} ", &"x".repeat(128), &"é".repeat(128)];
    for (number, password) in passwords.into_iter().enumerate() {
        let email = format!("u{number}@example.com");
        let body = json!({"email": email, "password": password});
        let answer = market.anonymous().post("/api/auth/signup").json(&body).await;
        assert_eq!(answer.outcome(), (201, ""), "{password:?}");
        assert_eq!(market.try_log_in(&email, password).await.outcome(), (200, ""));
        let trimmed = format!("{password} ");
        assert_eq!(market.try_log_in(&email, &trimmed).await.outcome(), (401, "bad_credentials"));
    }
    for password in
        ["1234567", &"x".repeat(129), "password", "12345678", "        ", &"\u{3000}".repeat(8)]
    {
        let body = json!({"email": "no@example.com", "password": password});
        let answer = market.anonymous().post("/api/auth/signup").json(&body).await;
        assert_eq!(answer.bad_fields(), ["password"]);
    }
}

/// A password is the same on every keyboard, also the password of an account that was opened when it was
/// still hashed as it was typed. What is not the password takes as long without an account.
#[tokio::test]
async fn a_password_is_compared_in_one_spelling() {
    let (composed, decomposed) = ("p\u{e4}ssword of Zo\u{eb}", "pa\u{308}ssword of Zoe\u{308}");
    let market = Market::new();
    let body = json!({"email": "ann@example.com", "password": composed});
    assert_eq!(market.anonymous().post("/api/auth/signup").json(&body).await.status, 201);
    for spelling in [composed, decomposed] {
        assert_eq!(market.try_log_in("ann@example.com", spelling).await.outcome(), (200, ""));
    }
    let body = json!({"name": "Ann", "currentPassword": decomposed});
    let ann = market.log_in("ann@example.com", composed).await;
    assert_eq!(ann.patch(ME).json(&body).await.status, 200);

    let market = Market::with(|it| it.passwords = Arc::new(AsTyped(it.passwords.clone())));
    let body = json!({"email": "ann@example.com", "password": composed});
    assert_eq!(market.anonymous().post("/api/auth/signup").json(&body).await.status, 201);
    let known = market.try_log_in("ann@example.com", AsTyped::PASSWORD).await;
    assert_eq!(known.outcome(), (200, ""));
    let checks = async |email: &str| {
        let before = market.world.passwords.verified();
        let answer = market.try_log_in(email, decomposed).await;
        assert_eq!(answer.outcome(), (401, "bad_credentials"));
        market.world.passwords.verified() - before
    };
    assert_eq!(checks("ann@example.com").await, checks("nobody@example.com").await);
}

/// An earlier version, which hashed a password as it was typed: in two code points for each `ä`.
struct AsTyped(Arc<dyn PasswordHasher>);

impl AsTyped {
    const PASSWORD: &str = "ta\u{308}t a\u{308}t ta\u{308}t";
}

#[async_trait::async_trait]
impl PasswordHasher for AsTyped {
    async fn hash(&self, _: String) -> Result<String, Busy> {
        self.0.hash(Self::PASSWORD.to_owned()).await
    }

    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        self.0.verify(password, hash).await
    }
}

/// However an address is spelled, it is one account: in any case, composed or not, in Unicode or as the DNS
/// writes it.
#[tokio::test]
async fn an_address_is_one_account_in_every_spelling() {
    let market = Market::new();
    market.sign_up("zo\u{eb}@b\u{fc}cher.example").await;
    for same in ["zoe\u{308}@bu\u{308}cher.example", "ZO\u{cb}@XN--BCHER-KVA.example"] {
        let body = json!({"email": same, "password": PASSWORD});
        let answer = market.anonymous().post("/api/auth/signup").json(&body).await;
        assert_eq!(answer.outcome(), (409, "email_taken"), "{same}");
        assert_eq!(market.try_log_in(same, PASSWORD).await.outcome(), (200, ""), "{same}");
    }
    for none in ["a@example.com?subject=x", "a@#.com", "a@127.0.0.1"] {
        let body = json!({"email": none, "password": PASSWORD});
        let answer = market.anonymous().post("/api/auth/signup").json(&body).await;
        assert_eq!(answer.bad_fields(), ["email"], "{none}");
    }
}

/// An address has one account, in whatever case it is written.
#[tokio::test]
async fn an_address_is_taken_once() {
    let market = Market::new();
    market.sign_up("Ann@example.com").await;
    let bob = market.sign_up("bob@example.com").await;
    let body = json!({"email": "ann@EXAMPLE.com", "password": PASSWORD});
    let answer = market.anonymous().post("/api/auth/signup").json(&body).await;
    assert_eq!(answer.outcome(), (409, "email_taken"));
    assert!(answer.header("set-cookie").is_empty());
    let body = json!({"email": "aNN@example.com", "currentPassword": PASSWORD});
    assert_eq!(bob.patch(ME).json(&body).await.outcome(), (409, "email_taken"));
    let body = json!({"email": "BOB@example.com", "currentPassword": PASSWORD});
    assert_eq!(bob.patch(ME).json(&body).await.body["email"], "BOB@example.com");
}

/// Of any number of signups with one address at one moment, exactly one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_many_signups_at_once_wins() {
    let market = Market::new();
    for round in 0..300 {
        let start = Arc::new(tokio::sync::Barrier::new(4));
        let signups: Vec<_> = (0..4)
            .map(|number| {
                let (client, start) = (market.anonymous(), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    let case = if number % 2 == 0 { "round" } else { "ROUND" };
                    let email = format!("{case}{round}@example.com");
                    let body = json!({"email": email, "password": PASSWORD});
                    client.post("/api/auth/signup").json(&body).await.status
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for signup in signups {
            statuses.push(signup.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409], "round {round}");
    }
    assert_eq!(market.event_types().await.len(), 300);
}

/// What is named changes, what is left out or null stays, and nothing at all is fine.
#[tokio::test]
async fn an_account_changes_as_asked() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let before = ann.get("/api/auth/currentuser").await.body["currentUser"].clone();
    let patch = |more: Value| {
        let mut body = json!({"currentPassword": PASSWORD});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let ann = ann.clone();
        async move { ann.patch(ME).json(&body).await }
    };
    assert_eq!(patch(json!({})).await.body, before);
    assert_eq!(patch(json!({"name": null, "email": null, "password": null})).await.body, before);
    assert_eq!(market.event_types().await, [EventType::UserCreated], "nothing changed");

    assert_eq!(patch(json!({"name": " "})).await.body["name"], "");
    let changed = patch(json!({"name": "Anna", "email": "anna@example.org"})).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.body["id"], before["id"]);
    assert_eq!(ann.get("/api/auth/currentuser").await.body["currentUser"], changed.body);
    assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome().0, 401);
    assert_eq!(market.try_log_in("anna@example.org", PASSWORD).await.outcome().0, 200);
    market.sign_up("ann@example.com").await;
    let expected = [EventType::UserCreated, EventType::UserUpdated, EventType::UserUpdated];
    assert_eq!(market.event_types().await[..3], expected);
}

/// Nothing changes without the present password.
#[tokio::test]
async fn the_present_password_is_needed() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let body = json!({"name": "Eve", "password": "new password", "currentPassword": "guess"});
    assert_eq!(ann.patch(ME).json(&body).await.outcome(), (401, "bad_credentials"));
    assert_eq!(ann.delete_account("guess").await.outcome(), (401, "bad_credentials"));
    let user = ann.get("/api/auth/currentuser").await.body;
    assert_eq!(user["currentUser"]["name"], "Ann");
    assert_eq!(market.event_types().await, [EventType::UserCreated]);
    assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome().0, 200);
}

/// A deleted account leaves nothing personal behind, its address is free, and its id never comes back.
#[tokio::test]
async fn deleting_an_account_erases_it() {
    let market = Market::new();
    let sign_up = json!({"email": "ann@example.com", "password": PASSWORD, "name": "Annabel"});
    let path = "/api/auth/signup";
    let answer =
        market.post(path).key("k-ann").header("user-agent", "AnnBrowser/1").json(&sign_up).await;
    let (id, ann) = (answer.id().to_owned(), market.with_token(answer.token()));
    let token = ann.post("/api/auth/tokens").key("k").json(&json!({"name": "annscript"})).await;
    ann.patch(ME).json(&json!({"email": "anna@example.org", "currentPassword": PASSWORD})).await;
    let elsewhere = market.log_in("anna@example.org", PASSWORD).await;
    let script = market.with_token(token.body["token"].as_str().unwrap()).bearer();
    assert!(market.dump().await.contains("Annabel"), "the dump shows what is stored");

    let answer = ann.delete_account(PASSWORD).await;
    assert_eq!(answer.outcome(), (204, ""));
    assert_eq!(answer.token(), "", "the cookie is cleared");
    for client in [&ann, &elsewhere, &script] {
        assert!(!client.is_signed_in().await);
    }
    assert_eq!(market.try_log_in("anna@example.org", PASSWORD).await.outcome().0, 401);
    market.work().await;
    assert_eq!(market.stored_sessions().await, 0);
    let dump = market.dump().await.to_lowercase();
    for personal in ["ann", "example", "fake$", PASSWORD] {
        assert!(!dump.contains(personal), "{personal} in {dump}");
    }
    assert_eq!(market.event_types().await.last(), Some(&EventType::UserDeleted));
    let again = market.sign_up("anna@example.org").await;
    let user = again.get("/api/auth/currentuser").await.body;
    assert_ne!(user["currentUser"]["id"], id);
}

/// A seller whose sales are not settled keeps the account, with all that is in it; what is open is told in words, and
/// to nobody who does not know the password. Without an answer of payments nothing happens either.
#[tokio::test]
async fn an_account_with_open_sales_stays() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let before = ann.get(ME).await;
    for (unsettled, undelivered, told) in [
        (1, 1, "1 sale is not settled yet, and 1 ticket is still to be delivered"),
        (3, 2, "3 sales are not settled yet, and 2 tickets are still to be delivered"),
        (1, 0, "1 sale is not settled yet"),
        (2, 0, "2 sales are not settled yet"),
    ] {
        market.sales.are(Some(OpenSales { unsettled, undelivered }));
        assert_eq!(ann.delete_account("not mine").await.outcome(), (401, "bad_credentials"));
        let refused = ann.delete_account(PASSWORD).await;
        assert_eq!(refused.outcome(), (409, "open_sales"));
        assert_eq!(refused.body["detail"], told);
    }
    market.sales.are(None);
    assert_eq!(ann.delete_account(PASSWORD).await.outcome(), (503, "unavailable"));
    market.work().await;
    let after = ann.get(ME).await;
    assert_eq!((after.header("etag"), &after.body), (before.header("etag"), &before.body));
    assert_eq!(market.event_types().await, [EventType::UserCreated]);
    market.sales.are(Some(OpenSales::default()));
    assert_eq!(ann.delete_account(PASSWORD).await.outcome(), (204, ""));
}

/// Events tell that something happened to an account and nothing about it; their versions have no gap.
#[tokio::test]
async fn events_carry_nothing_personal() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    ann.patch(ME).json(&json!({"name": "Secret", "currentPassword": PASSWORD})).await;
    ann.delete_account(PASSWORD).await;
    let events = market.events().await;
    let versions: Vec<_> = events.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2, 3]);
    for event in events {
        let text = String::from_utf8(event.encode().unwrap()).unwrap();
        assert!(!text.contains("example.com") && !text.contains("Secret"), "{text}");
    }
}

/// The owner hears of every change that a thief would make, at the address before it, once.
#[tokio::test]
async fn the_owner_is_told_by_mail() {
    let market = Market::new();
    let mailer = &market.world.mailer;
    let ann = market.sign_up("ann@example.com").await;
    ann.patch(ME).json(&json!({"name": "Anna", "currentPassword": PASSWORD})).await;
    market.work().await;
    assert_eq!(mailer.mails().len(), 1, "the address is to be verified, and a name is no secret");

    ann.post("/api/auth/tokens").json(&json!({"name": "back door"})).await;
    let body = json!({"email": "eve@example.org", "password": "battery staple", "currentPassword": PASSWORD});
    assert_eq!(ann.patch(ME).json(&body).await.outcome().0, 200);
    assert_eq!(ann.delete_account("battery staple").await.outcome().0, 204);
    market.work().await;
    market.work().await;
    let mails = mailer.mails().split_off(1);
    let told: Vec<_> = mails.iter().map(|mail| (mail.to.as_str(), mail.subject.as_str())).collect();
    assert_eq!(
        told,
        [
            ("ann@example.com", "An access token was made for your Stubmart account"),
            ("ann@example.com", "The email address of your Stubmart account was changed"),
            ("ann@example.com", "The password of your Stubmart account was changed"),
            ("eve@example.org", "Your Stubmart account was deleted"),
        ]
    );
    for mail in &mails {
        assert!(!mail.text.contains(PASSWORD) && !mail.text.contains("battery staple"));
    }
}

/// Whatever one does with one's accounts, an address is sent few mails of a kind an hour; what comes
/// more often is told of once, later.
#[tokio::test]
async fn a_mailbox_can_not_be_filled() {
    let market = Market::new();
    for number in 0..20 {
        let account = market.sign_up("victim@example.com").await;
        let away = format!("eve{number}@example.org");
        let body = json!({"email": away, "currentPassword": PASSWORD});
        assert_eq!(account.patch(ME).json(&body).await.outcome().0, 200);
        market.work().await;
    }
    let to_the_victim = || {
        market
            .mails_to(
                "victim@example.com",
                "The email address of your Stubmart account was changed",
            )
            .len()
    };
    assert_eq!(to_the_victim(), 5);
    market.pass(3600);
    market.work().await;
    assert_eq!(to_the_victim(), 6);
}

/// The account's version is the `ETag` wherever the account is shown, grows by one with each change,
/// and with nothing else: neither logging in nor being told by mail is a change.
#[tokio::test]
async fn the_etag_is_the_accounts_version() {
    let market = Market::new();
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let signed_up = market.anonymous().post("/api/auth/signup").json(&body).await;
    assert_eq!(signed_up.header("etag"), "\"1\"");
    let ann = market.with_token(signed_up.token());
    ann.post("/api/auth/tokens").json(&json!({"name": "script"})).await;
    let patched = ann.patch(ME).json(&json!({"name": "Anna", "currentPassword": PASSWORD})).await;
    assert_eq!(patched.header("etag"), "\"2\"");
    let same = ann.patch(ME).json(&json!({"name": "Anna", "currentPassword": PASSWORD})).await;
    assert_eq!(same.header("etag"), "\"2\"", "nothing changed");
    let body = json!({"email": "anna@example.com", "currentPassword": PASSWORD});
    assert_eq!(ann.patch(ME).json(&body).await.header("etag"), "\"3\"");
    market.pass(60);
    market.work().await;
    let logged_in = market.try_log_in("anna@example.com", PASSWORD).await;
    assert_eq!(logged_in.header("etag"), "\"3\"");
    let shown = ann.get("/api/auth/currentuser").await;
    assert_eq!(shown.header("etag"), "\"3\"");
    assert_eq!(market.anonymous().get("/api/auth/currentuser").await.header("etag"), "");
}

/// `If-Match` makes a change of the account, and its deletion, conditional.
#[tokio::test]
async fn a_stale_change_is_refused() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let send = async |method: &str, tag: &str, body: Value| {
        ann.call(method, ME).header("if-match", tag).json(&body).await
    };
    let rename = |name: &str| json!({"name": name, "currentPassword": PASSWORD});
    assert_eq!(send("PATCH", "\"1\"", rename("Anna")).await.outcome(), (200, ""));
    for name in ["Eve", "Anna"] {
        let stale = send("PATCH", "\"1\"", rename(name)).await;
        assert_eq!(stale.outcome(), (412, "version_mismatch"), "{name}: also if nothing changes");
    }
    let wrong = json!({"name": "Eve", "currentPassword": "guess"});
    assert_eq!(send("PATCH", "\"1\"", wrong).await.outcome(), (401, "bad_credentials"));
    let proof = json!({"currentPassword": PASSWORD});
    assert_eq!(send("DELETE", "\"1\"", proof.clone()).await.outcome(), (412, "version_mismatch"));
    assert_eq!(ann.get(ME).await.body["currentUser"]["name"], "Anna");
    assert_eq!(send("PATCH", "*", rename("Ann")).await.header("etag"), "\"3\"");
    assert_eq!(send("DELETE", "\"3\"", proof).await.outcome(), (204, ""));
}

/// Every event says who did it, and for which request: nobody is signed in at a signup.
#[tokio::test]
async fn events_name_their_actor_and_their_request() {
    let market = Market::new();
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let answer = market.post("/api/auth/signup").header("x-request-id", "r-1").json(&body).await;
    let ann = market.with_token(answer.token());
    ann.patch(ME).json(&json!({"name": "Anna", "currentPassword": PASSWORD})).await;
    ann.delete_account(PASSWORD).await;
    let user = format!("user:{}", answer.id());
    let events = market.events().await;
    let actors: Vec<_> = events.iter().map(|it| it.actor.to_string()).collect();
    assert_eq!(actors, ["system", &user, &user]);
    assert_eq!(events[0].request_id.as_ref().map(|it| it.as_str()), Some("r-1"));
    assert!(events.iter().all(|it| it.request_id.is_some()));
}
