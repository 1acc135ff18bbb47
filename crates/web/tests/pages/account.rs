//! Signing in and out, and the account.

use stubmart_contract::Code;

use crate::{market, support::Fake};

#[tokio::test]
async fn who_is_not_signed_in_logs_in_and_comes_back() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    for (page, next) in [
        (fake.get("/account").await, "/account"),
        (fake.get("/orders?cursor=a").await, "/orders?cursor=a"),
        (
            fake.post(&format!("/tickets/{ticket}/buy"), &[("price", "9000")]).await,
            &*format!("/tickets/{ticket}/buy?price=9000"),
        ),
    ] {
        let query = serde_urlencoded::to_string([("next", next)]).unwrap();
        assert_eq!(page.location(), format!("/login?{query}"));
    }
    let page =
        fake.post("/login", &[("email", "a@b"), ("password", "p"), ("next", "/orders")]).await;
    assert_eq!(page.location(), "/orders");
    assert!(page.cookies().iter().any(|it| it.starts_with("stubmart_session=adas-session")));
    assert_eq!(fake.get_as_ada("/login?next=/orders").await.location(), "/orders");
    let away = fake.post("/login", &[("email", "a@b"), ("next", "//evil.example")]).await;
    assert_eq!(away.location(), "/");
}

#[tokio::test]
async fn a_refused_login_keeps_the_email_and_not_the_password() {
    let fake = Fake::new();
    fake.refuse("POST /api/auth/login", Code::BadCredentials, &[]);
    let page =
        fake.post("/login", &[("email", "ada@example.com"), ("password", "wrong one")]).await;
    assert_eq!(page.status, 401);
    page.has("That email and password don’t match.");
    page.has("value=\"ada@example.com\"");
    page.lacks("wrong one");
    let too_short = [("password", "must have 8 to 128 characters")];
    fake.refuse("POST /api/auth/signup", Code::ValidationFailed, &too_short);
    let page = fake.post("/signup", &[("email", "x"), ("password", "short")]).await;
    assert_eq!(page.status, 400);
    page.has("id=\"e-password\">Must have 8 to 128 characters.");
    page.has("aria-describedby=\"e-password h-password\"");
}

#[tokio::test]
async fn logging_out_ends_the_session_and_takes_the_cookie() {
    let page = Fake::new().post_as_ada("/logout", &[]).await;
    assert_eq!(page.location(), "/");
    assert!(page.cookies().iter().any(|it| it.starts_with("stubmart_session=;")));
}

#[tokio::test]
async fn a_new_token_is_shown_once_and_not_compressed() {
    let fake = Fake::new();
    let fields = [("name", "script"), ("key", "0123456789abcdef")];
    let sent = fake.post_as_ada("/account/tokens", &fields);
    let page = sent.header("accept-encoding", "gzip").await;
    assert_eq!(page.status, 201);
    page.has("value=\"the-secret-token\"");
    assert_eq!(page.header("content-encoding"), "");
    fake.get_as_ada("/account").await.lacks("the-secret-token");
}

#[tokio::test]
async fn the_account_marks_a_wrong_password_in_the_form_that_was_sent() {
    let fake = Fake::new();
    fake.refuse("PATCH /api/auth/currentuser", Code::BadCredentials, &[]);
    let fields = [("name", "Countess"), ("email", "c@d"), ("currentPassword", "no")];
    let page = fake.post_as_ada("/account/profile", &fields).await;
    assert_eq!(page.status, 401);
    page.has("id=\"e-profile-currentPassword\"");
    page.has("value=\"Countess\"");
    page.lacks("id=\"e-password-currentPassword\"");
    let page = fake.post_as_ada("/account/delete", &[("currentPassword", "yes")]).await;
    assert_eq!(page.location(), "/");
    assert!(page.cookies().iter().any(|it| it.starts_with("stubmart_session=;")));
}

/// Who still has sales to settle reads what is open, where to look, and that nothing was deleted.
#[tokio::test]
async fn an_account_with_open_sales_leads_to_them() {
    let fake = Fake::new();
    fake.get_as_ada("/account").await.lacks("See what’s open");
    fake.refuse("DELETE /api/auth/currentuser", Code::OpenSales, &[]);
    let page = fake.post_as_ada("/account/delete", &[("currentPassword", "yes")]).await;
    assert_eq!(page.status, 409);
    page.has("You can’t close your account yet: ");
    page.has("<a href=\"/selling/sales\">See what’s open in My sales</a>");
    assert!(page.cookies().iter().all(|it| !it.starts_with("stubmart_session=;")));
}

/// The key and the recovery codes are shown once and not compressed; a wrong code keeps the key on the page.
#[tokio::test]
async fn two_step_login_is_set_up_on_pages() {
    let fake = Fake::new();
    let password = ("currentPassword", "yes");
    let begun = fake.post_as_ada("/account/two-step", &[password]);
    let begun = begun.header("accept-encoding", "gzip").await;
    assert_eq!(begun.header("content-encoding"), "");
    begun.has("GEZD GNBV");
    begun.has("aria-label=\"QR code for your authenticator app\"");
    let uri = "otpauth://totp/Stubmart:ada?secret=GEZDGNBV&issuer=Stubmart";
    let sent = [password, ("code", "123456"), ("uri", uri)];
    let confirm = "/account/two-step/confirm";
    let saved = fake.post_as_ada(confirm, &sent).header("accept-encoding", "gzip").await;
    assert_eq!(saved.header("content-encoding"), "");
    saved.has("<li>aaaa-bbbb</li><li>cccc-dddd</li>");
    fake.get_as_ada("/account/two-step").await.lacks("aaaa-bbbb");

    let wrong = [("code", "is wrong, or was used already")];
    fake.refuse("POST /api/auth/totp", Code::ValidationFailed, &wrong);
    let page = fake.post_as_ada(confirm, &sent).await;
    assert_eq!(page.status, 400);
    page.has("id=\"e-code\">Is wrong, or was used already.");
    page.has("GEZD GNBV");
    let forged = [password, ("uri", "https://evil.example/?secret=A")];
    assert_eq!(fake.post_as_ada(confirm, &forged).await.location(), "/account/two-step");
    fake.refuse("POST /api/auth/totp", Code::SecondFactorOn, &[]);
    let there = fake.post_as_ada("/account/two-step", &[password]).await;
    assert_eq!(there.location(), "/account/two-step", "it is on already");
    let off = fake.post_as_ada("/account/two-step/end", &[password, ("code", "123456")]).await;
    assert_eq!(off.location(), "/account/two-step");
}

#[tokio::test]
async fn too_many_tries_say_when_to_come_back() {
    let fake = Fake::new();
    fake.refuse("POST /api/auth/login", Code::TooManyRequests, &[]);
    let page = fake.post("/login", &[("email", "a@b"), ("password", "p")]).await;
    assert_eq!(page.status, 429);
    assert_eq!(page.header("retry-after"), "7");
}

/// Who presses Buy without an account sees the ticket while they sign in or up, and lands in its checkout.
#[tokio::test]
async fn a_ticket_is_remembered_through_signing_in_and_up() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let next = format!("/tickets/{ticket}/buy?price=9000");
    let buy = fake.post(&format!("/tickets/{ticket}/buy"), &[("price", "9000")]).await;
    let login = fake.get(buy.location()).await;
    login.has("Log in to buy");
    login.has("The Paper Lanterns");
    login.has("$90.00 ($45.00 each)");
    login.has("Next, we’ll hold these seats for you and take you to checkout.");
    let other = login.text().split('"').find(|part| part.starts_with("/signup?")).unwrap();
    fake.get(&other.replace("&#38;", "&")).await.has("Sign up to buy");

    fake.refuse("POST /api/auth/login", Code::BadCredentials, &[]);
    let wrong = fake.post("/login", &[("email", "a@b"), ("next", &next)]).await;
    wrong.has("Log in to buy");
    wrong.has(&format!("name=\"next\" value=\"{next}\""));
    fake.market.lock().unwrap().refusals.clear();
    for path in ["/login", "/signup"] {
        let page = fake.post(path, &[("email", "a@b"), ("password", "p"), ("next", &next)]).await;
        assert!(page.location().starts_with("/orders/"), "{path}: {}", page.location());
        let cookies = page.cookies();
        assert!(cookies.iter().any(|it| it.starts_with("stubmart_session=adas-session")));
        assert!(cookies.iter().any(|it| it.starts_with("stubmart_flash=held.")));
    }
    let calls = fake.calls("POST /api/orders");
    assert_eq!(calls[0].body, serde_json::json!({ "ticketId": ticket, "price": 9000 }));

    // Sold in the meantime: they are signed in, and read why.
    fake.refuse("POST /api/orders", Code::TicketSold, &[]);
    let late = fake.post("/login", &[("email", "a@b"), ("next", &next)]).await;
    assert_eq!(late.location(), format!("/tickets/{ticket}"));
    assert!(late.cookies().iter().any(|it| it.starts_with("stubmart_flash=buy-sold.")));
    assert!(late.cookies().iter().any(|it| it.starts_with("stubmart_session=adas-session")));
}

/// Reading an address never buys: only a form that was sent does.
#[tokio::test]
async fn an_address_alone_starts_no_checkout() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let next = format!("/tickets/{ticket}/buy?price=9000");
    assert_eq!(fake.get_as_ada(&next).await.location(), format!("/tickets/{ticket}"));
    let query = serde_urlencoded::to_string([("next", &next)]).unwrap();
    fake.get_as_ada(&format!("/login?{query}")).await;
    assert!(fake.calls("POST /api/orders").is_empty());
}

/// A mailed link shows a form and does nothing by itself: programs that read mail follow links.
#[tokio::test]
async fn a_mailed_link_waits_for_its_button() {
    let fake = Fake::new();
    for (page, button) in
        [("/reset-password?token=t-1", "Set password"), ("/verify-email?token=t-1", ">Confirm<")]
    {
        let page = fake.get(page).await;
        assert_eq!(page.status, 200);
        page.has("name=\"token\" value=\"t-1\"");
        page.has(button);
    }
    fake.get("/forgot-password").await.has("Send me a link");
    fake.refuse("POST /api/auth/password-reset/confirm", Code::TokenInvalid, &[]);
    let page = fake.post("/reset-password", &[("token", "t-1"), ("password", "a new one")]).await;
    assert_eq!(page.status, 400);
    page.has("This link no longer works");
}

/// Who has a second factor is asked for its code, and types the password again: pages keep none.
#[tokio::test]
async fn a_login_asks_for_the_code_of_a_second_factor() {
    let fake = Fake::new();
    fake.get("/login").await.lacks("name=\"code\"");
    fake.refuse("POST /api/auth/login", Code::SecondFactorRequired, &[]);
    let sent = [("email", "ada@example.com"), ("password", "the right one")];
    let page = fake.post("/login", &sent).await;
    assert_eq!(page.status, 401);
    page.has("name=\"code\"");
    page.has("Enter your password again, and the code from your app.");
    page.lacks("the right one");
}
