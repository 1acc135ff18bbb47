//! Every page over a small API in memory: what is shown, what is asked of the API, and what a hostile
//! visitor cannot do.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![expect(unreachable_pub, reason = "the support module is shared by nothing else")]

mod support;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use stubmart_contract::{
    Code, EventId, UserId,
    api::{CancelReason, OrderStatus, TicketStatus},
};
use stubmart_web::WebConfig;
use support::{Fake, charge, cookie, id};

const EVIL: &str = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'&";

fn market() -> (Fake, EventId) {
    let fake = Fake::new();
    let event = fake.event(10, "The Paper Lanterns");
    (fake, event)
}

#[tokio::test]
async fn home_shows_what_is_on_and_what_it_costs() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    let page = fake.get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    page.has("The Paper Lanterns");
    page.has("The Cellar · Boston, MA");
    page.has("<small>listings from</small><b>$90</b><span>1 listing</span>");
    page.has("Log in");
}

#[tokio::test]
async fn an_empty_market_says_what_to_do() {
    let page = Fake::new().get("/").await;
    assert_eq!(page.status, StatusCode::OK);
    page.has("No events yet");
}

#[tokio::test]
async fn an_event_shows_its_tickets_and_what_each_visitor_can_do_with_them() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    fake.ticket(21, event, |it| {
        it.status = TicketStatus::Locked;
        it.locked_until = "2026-11-20T14:32:00Z".parse().ok();
        it.section = Some("Balcony".to_owned());
    });
    fake.ticket(22, event, |it| it.user_id = UserId(id(1)));
    let page = fake.get_as_ada(&format!("/events/{event}")).await;
    page.has(
        "<b data-f=\"place\">Section 102</b><span data-f=\"detail\">Row B · Seats 12, 13</span>",
    );
    page.has("$45 each");
    page.has(&format!("formaction=\"/tickets/{}/buy\" name=\"price\" value=\"9000\"", id(20)));
    page.has("In someone’s checkout, free again by <time datetime=\"2026-11-20T14:32:00.000Z\" data-local=\"time\">14:32 UTC</time> at the latest");
    page.has(&format!("href=\"/tickets/{}/edit\">Yours: edit", id(22)));
    page.has("Median");
    page.has(&format!("data-stream=\"/api/events/{event}/stream\""));
    assert_eq!(
        page.text().matches("\" form=\"buy\"").count(),
        2,
        "one button, and the blank row's"
    );
}

#[tokio::test]
async fn filters_reach_the_api_and_a_bad_one_is_marked() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    let page = fake.get(&format!("/events/{event}?qty=3&max=50")).await;
    page.has("No tickets like that right now");
    let page = fake.get(&format!("/events/{event}?max=cheap")).await;
    page.has("aria-invalid=\"true\"");
    page.has("Section 102");
    let page = fake.get("/events?q=lanterns&max=50").await;
    page.has("Nothing found");
    page.has("href=\"/events?q=lanterns\"");
    let page = fake.get("/events?q=lanterns&qty=2").await;
    page.has("The Paper Lanterns");
}

#[tokio::test]
async fn what_users_write_is_never_markup() {
    let fake = Fake::new();
    let event = fake.event(10, EVIL);
    let ticket = fake.ticket(20, event, |it| {
        it.title = format!("{EVIL}2");
        it.section = Some(EVIL.to_owned());
        it.user_id = UserId(id(1));
    });
    let order = fake.order(70, ticket, |_| {});
    let evil = serde_urlencoded::to_string([("q", EVIL), ("city", EVIL), ("max", EVIL)]).unwrap();
    for path in [
        "/".to_owned(),
        format!("/events?{evil}"),
        format!("/events/{event}"),
        format!("/tickets/{ticket}"),
        format!("/tickets/{ticket}/edit"),
        format!("/orders/{order}"),
        "/orders".to_owned(),
        "/selling".to_owned(),
        format!("/sell?{evil}"),
        format!("/sell/{event}"),
        "/account".to_owned(),
    ] {
        let page = fake.get_as_ada(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        for raw in ["<script>alert", "<img src=x", "<b>evil"] {
            assert!(!page.text().contains(raw), "{raw} on {path}: {}", page.text());
        }
    }
    let page = fake.post("/login", &[("email", EVIL), ("password", "x"), ("next", EVIL)]).await;
    assert_eq!(page.location(), "/");
}

#[tokio::test]
async fn structured_data_is_json_that_cannot_end_its_script() {
    let fake = Fake::new();
    let event = fake.event(10, EVIL);
    fake.ticket(20, event, |_| {});
    let page = fake.get(&format!("/events/{event}")).await;
    let (_, rest) = page.text().split_once("<script type=\"application/ld+json\">").unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["name"], EVIL);
    assert_eq!(data["offers"]["lowPrice"], "90");
    assert_eq!(data["offers"]["priceCurrency"], "USD");
}

#[tokio::test]
async fn buying_starts_a_checkout_at_the_price_that_was_seen() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let path = format!("/tickets/{ticket}/buy");
    let fields = [("price", "9000"), ("key", "0123456789abcdef")];
    let page = fake.post_as_ada(&path, &fields).await;
    assert!(page.location().starts_with("/orders/"));
    let call = &fake.calls("POST /api/orders")[0];
    assert_eq!(call.body, serde_json::json!({ "ticketId": ticket, "price": 9000 }));
    // A double click: the same order.
    let again = fake.post_as_ada(&path, &fields).await;
    assert_eq!(again.location(), page.location());
    // The order has ended since: who clicks again means it.
    fake.market.lock().unwrap().orders[0].status = OrderStatus::Cancelled;
    let anew = fake.post_as_ada(&path, &fields).await;
    assert_ne!(anew.location(), page.location());
}

#[tokio::test]
async fn a_ticket_that_cannot_be_had_is_told_on_its_page() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    for (code, words) in [
        (Code::TicketLocked, "Someone else is checking this ticket out"),
        (Code::TicketSold, "has just been sold"),
        (Code::OwnTicket, "your own listing"),
        (Code::PriceChanged, "changed the price"),
    ] {
        fake.refuse("POST /api/orders", code, &[]);
        let page = fake.post_as_ada(&format!("/tickets/{ticket}/buy"), &[("price", "9000")]).await;
        assert_eq!(page.location(), format!("/tickets/{ticket}"));
        let flash = page.cookies()[0].split(';').next().unwrap().to_owned();
        let request = Request::get(format!("/tickets/{ticket}")).header(header::COOKIE, flash);
        let shown = fake.send(request.body(Body::empty()).unwrap()).await;
        shown.has(words);
        assert!(shown.cookies()[0].starts_with("stubmart_flash=;"), "it is shown once");
    }
}

#[tokio::test]
async fn who_is_not_signed_in_logs_in_and_comes_back() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    for (page, next) in [
        (fake.get("/account").await, "/account"),
        (fake.get("/orders?cursor=a").await, "/orders?cursor=a"),
        (fake.post(&format!("/tickets/{ticket}/buy"), &[]).await, &*format!("/tickets/{ticket}")),
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
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    page.has("The email or the password is wrong.");
    page.has("value=\"ada@example.com\"");
    page.lacks("wrong one");
    let too_short = [("password", "must have 8 to 128 characters")];
    fake.refuse("POST /api/auth/signup", Code::ValidationFailed, &too_short);
    let page = fake.post("/signup", &[("email", "x"), ("password", "short")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
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
async fn a_checkout_counts_down_by_the_servers_clock_and_lists_the_test_cards() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |it| {
        it.created_at = "2026-11-20T11:55:00Z".parse().unwrap();
    });
    let page = fake.get_as_ada(&format!("/orders/{order}")).await;
    page.has("data-left=\"600000\" data-whole=\"900000\"");
    page.has("pm_card_visa_chargeDeclined");
    page.has("Pay $90.00");
    page.has("<noscript><meta http-equiv=\"refresh\" content=\"601\"></noscript>");
    page.has("noindex");
}

#[tokio::test]
async fn paying_shows_the_receipt_and_a_decline_says_why() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |_| {});
    let path = format!("/orders/{order}");
    let fields = [("method", "pm_card_visa"), ("key", "0123456789abcdef")];
    let page = fake.post_as_ada(&format!("{path}/pay"), &fields).await;
    assert_eq!(page.location(), path);
    assert_eq!(fake.calls("POST /api/payments")[0].headers["idempotency-key"], "0123456789abcdef");
    fake.get_as_ada(&path).await.has("It’s yours");

    let declined = fake.order(71, ticket, |it| {
        it.status = OrderStatus::Cancelled;
        it.cancel_reason = Some(CancelReason::PaymentFailed);
    });
    fake.market.lock().unwrap().charges = vec![charge("failed", Some("insufficient_funds"))];
    let page = fake.get_as_ada(&format!("/orders/{declined}")).await;
    page.has("There is not enough money on that card.");
    page.has("Nothing was charged.");
    let page = fake.get_as_ada(&format!("/orders/{declined}?declined=made_up")).await;
    page.has("There is not enough money on that card.");
    page.has("Try again for $90.00");
    fake.market.lock().unwrap().tickets[0].status = TicketStatus::Sold;
    let page = fake.get_as_ada(&format!("/orders/{declined}")).await;
    page.has("The ticket is not on sale right now.");
    page.lacks("Try again for");
}

#[tokio::test]
async fn an_order_that_ended_says_what_happened() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    for (number, reason, words) in [
        (71, CancelReason::Expired, "Your time ran out"),
        (72, CancelReason::Left, "You left this checkout"),
    ] {
        let order = fake.order(number, ticket, |it| {
            it.status = OrderStatus::Cancelled;
            it.cancel_reason = Some(reason);
        });
        let page = fake.get_as_ada(&format!("/orders/{order}")).await;
        page.has(words);
        page.has("Nothing was charged.");
    }
    let waiting = fake.order(73, ticket, |it| it.status = OrderStatus::AwaitingPayment);
    fake.get_as_ada(&format!("/orders/{waiting}")).await.has("Your payment is on its way");
}

#[tokio::test]
async fn leaving_goes_back_to_the_event() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |_| {});
    let page = fake.post_as_ada(&format!("/orders/{order}/leave"), &[]).await;
    assert_eq!(page.location(), format!("/events/{event}"));
    fake.refuse(&format!("DELETE /api/orders/{order}"), Code::PaymentInProgress, &[]);
    let page = fake.post_as_ada(&format!("/orders/{order}/leave"), &[]).await;
    assert_eq!(page.location(), format!("/orders/{order}"));
}

#[tokio::test]
async fn listing_seats_in_pairs_makes_a_ticket_of_each_pair_once() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    let fields = [
        ("section", "102"),
        ("row", "B"),
        ("seats", "12-15"),
        ("price", "45.50"),
        ("split", "pairs"),
        ("title", "The Paper Lanterns"),
        ("key", "0123456789abcdef"),
        ("step", "list"),
    ];
    let page = fake.post_as_ada(&format!("/sell/{event}"), &fields).await;
    assert_eq!(page.location(), "/selling");
    let calls = fake.calls("POST /api/tickets");
    let listed: Vec<_> =
        calls.iter().map(|call| (&call.body["seats"], &call.body["price"])).collect();
    assert_eq!(
        serde_json::json!(listed),
        serde_json::json!([[["12", "13"], 9100], [["14", "15"], 9100]])
    );
    let keys: Vec<_> = calls.iter().map(|call| &call.headers["idempotency-key"]).collect();
    assert_eq!(keys, ["0123456789abcdef-0", "0123456789abcdef-1"]);
}

#[tokio::test]
async fn a_preview_lists_nothing_and_a_mistake_is_marked_with_what_was_typed() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    let mut fields = vec![
        ("seats", "12-13"),
        ("price", "45"),
        ("split", "lot"),
        ("title", "t"),
        ("step", "preview"),
    ];
    let page = fake.post_as_ada(&format!("/sell/{event}"), &fields).await;
    page.has("You get <b>$90.00</b> when all is sold.");
    fields[1] = ("price", "cheap");
    fields[4] = ("step", "list");
    let page = fake.post_as_ada(&format!("/sell/{event}"), &fields).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    page.has("value=\"cheap\"");
    page.has("id=\"e-price\">Enter an amount such as $45.50.");
    assert!(fake.calls("POST /api/tickets").is_empty());
}

#[tokio::test]
async fn a_new_event_is_added_once_and_its_mistakes_are_marked() {
    let fake = Fake::new();
    let fields = [
        ("name", "New show"),
        ("category", "Pop"),
        ("starts", "2026-12-24T19:30"),
        ("venue", "The Cellar"),
        ("city", "Boston"),
        ("region", ""),
    ];
    let page = fake.post_as_ada("/sell/event", &fields).await;
    assert_eq!(page.location(), format!("/sell/{}", id(500)));
    let call = &fake.calls("POST /api/events")[0];
    assert_eq!(call.body["startsAt"], "2026-12-24T19:30:00.000Z");
    assert!(call.headers.contains_key("idempotency-key"));
    let page = fake.post_as_ada("/sell/event", &[("name", "New show"), ("starts", "soon")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    for field in ["category", "starts", "venue", "city"] {
        page.has(&format!("id=\"e-{field}\""));
    }
    fake.refuse("POST /api/events", Code::ValidationFailed, &[("venue.city", "is too long")]);
    fake.post_as_ada("/sell/event", &fields).await.has("id=\"e-city\">Is too long.");
}

#[tokio::test]
async fn a_seller_changes_the_version_they_saw_and_is_told_why_not() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |it| it.user_id = UserId(id(1)));
    let listings = fake.get_as_ada("/selling").await;
    listings.has("name=\"version\" value=\"3\"");
    listings.has("for 2 tickets</span>");
    fake.get_as_ada(&format!("/tickets/{ticket}/edit"))
        .await
        .has("In USD, for all 2 tickets together. Now $45 each.");
    let path = format!("/tickets/{ticket}/price");
    let page = fake.post_as_ada(&path, &[("price", "50"), ("version", "3")]).await;
    assert_eq!(page.location(), "/selling");
    let line = format!("PATCH /api/tickets/{ticket}");
    let call = &fake.calls(&line)[0];
    assert_eq!(
        (&call.body, &call.headers["if-match"]),
        (&serde_json::json!({ "price": 5000 }), &"\"3\"".parse().unwrap())
    );
    for (code, word) in [(Code::TicketLocked, "edit-locked"), (Code::TicketSold, "edit-sold")] {
        fake.refuse(&line, code, &[]);
        let page = fake.post_as_ada(&path, &[("price", "50"), ("version", "3")]).await;
        assert!(page.cookies()[0].starts_with(&format!("stubmart_flash={word}.")), "{code}");
    }
    // Touched in the meantime, and still theirs to change: what was typed stays.
    fake.refuse(&line, Code::VersionMismatch, &[]);
    let page = fake.post_as_ada(&path, &[("price", "51"), ("version", "3")]).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    page.has("The listing changed in the meantime.");
    page.has("value=\"51\"");
    let page = fake.post_as_ada(&path, &[("price", "-5")]).await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    page.has("value=\"-5\"");
}

#[tokio::test]
async fn a_locked_listing_says_why_it_cannot_be_edited() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |it| {
        it.user_id = UserId(id(1));
        it.status = TicketStatus::Locked;
        it.locked_until = "2026-11-20T14:32:00Z".parse().ok();
    });
    let page = fake.get_as_ada("/selling").await;
    page.has("A buyer is paying. You can edit it again if they leave, by");
    page.lacks(&format!("/tickets/{ticket}/price"));
    fake.get_as_ada(&format!("/tickets/{ticket}/edit"))
        .await
        .has("they have been promised this price");
    let (fake, event) = market();
    let other = fake.ticket(20, event, |_| {});
    let page = fake.get_as_ada(&format!("/tickets/{other}/edit")).await;
    assert_eq!(page.status, StatusCode::NOT_FOUND, "not one's own");
}

#[tokio::test]
async fn a_new_token_is_shown_once_and_not_compressed() {
    let fake = Fake::new();
    let request = Request::post("/account/tokens")
        .header(header::COOKIE, cookie())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ACCEPT_ENCODING, "gzip");
    let page =
        fake.send(request.body(Body::from("name=script&key=0123456789abcdef")).unwrap()).await;
    assert_eq!(page.status, StatusCode::CREATED);
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
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    page.has("id=\"e-profile-currentPassword\"");
    page.has("value=\"Countess\"");
    page.lacks("id=\"e-password-currentPassword\"");
    let page = fake.post_as_ada("/account/delete", &[("currentPassword", "yes")]).await;
    assert_eq!(page.location(), "/");
    assert!(page.cookies().iter().any(|it| it.starts_with("stubmart_session=;")));
}

#[tokio::test]
async fn a_form_from_another_site_is_refused_before_anything_happens() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let send = async |headers: &[(&str, &str)]| {
        let mut request = Request::post(format!("/tickets/{ticket}/buy"))
            .header(header::COOKIE, cookie())
            .header(header::HOST, "tickets.example")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        fake.send(request.body(Body::from("price=9000")).unwrap()).await.status
    };
    for theirs in [
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        [("sec-fetch-site", "same-site"), ("origin", "https://other.tickets.example")],
        [("x", "y"), ("origin", "https://evil.example")],
        [("x", "y"), ("origin", "null")],
        [("x", "y"), ("origin", "http://tickets.example.evil.example")],
        [("x", "y"), ("origin", "https://tickets.example")],
    ] {
        assert_eq!(send(&theirs).await, StatusCode::FORBIDDEN, "{theirs:?}");
    }
    assert!(fake.calls("POST /api/orders").is_empty());
    for ours in [
        [("sec-fetch-site", "same-origin"), ("x", "y")],
        [("origin", "http://tickets.example"), ("x", "y")],
    ] {
        assert_eq!(send(&ours).await, StatusCode::SEE_OTHER, "{ours:?}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_a_page_to_itself() {
    let fake = Fake::new();
    for path in ["/", "/nowhere", "/favicon.ico", "/robots.txt", "/login"] {
        let page = fake.get(path).await;
        let csp = page.header("content-security-policy");
        assert!(csp.contains("default-src 'none'") && csp.contains("script-src 'self';"), "{csp}");
        assert!(!csp.contains("unsafe-inline") && !csp.contains("stripe"), "{csp}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert_eq!(page.header("strict-transport-security"), "", "plain http promises nothing");
    }
    let stripe = Fake::with(WebConfig {
        stripe_publishable_key: Some("pk_test".to_owned()),
        public_url: Some("https://tickets.example".to_owned()),
        ..WebConfig::default()
    });
    let page = stripe.get("/").await;
    assert!(
        page.header("content-security-policy").contains("script-src 'self' https://js.stripe.com")
    );
    assert_eq!(page.header("strict-transport-security"), "max-age=31536000");
    page.has("<meta property=\"og:url\" content=\"https://tickets.example/\">");
    page.lacks("<script src=\"https://js.stripe.com");
}

#[tokio::test]
async fn pages_have_no_inline_script_or_style() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |_| {});
    for path in [
        "/".to_owned(),
        "/events".to_owned(),
        format!("/events/{event}"),
        format!("/orders/{order}"),
        "/selling".to_owned(),
        format!("/sell/{event}"),
        "/account".to_owned(),
    ] {
        let page = fake.get_as_ada(&path).await;
        for inline in [" style=", "<style", " onclick=", "javascript:"] {
            assert!(!page.text().contains(inline), "{inline} on {path}");
        }
        for script in page.text().split("<script").skip(1) {
            let own = script.starts_with(" type=\"module\" src=\"/assets/");
            assert!(
                own || script.starts_with(" type=\"application/ld+json\">"),
                "{path}: {script}"
            );
        }
    }
}

#[tokio::test]
async fn assets_are_named_by_their_content_and_kept_for_ever() {
    let fake = Fake::new();
    let home = fake.get("/").await;
    let names: Vec<&str> =
        home.text().split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(names.len(), 3, "one icon, one style sheet, one script: {names:?}");
    for name in names {
        let page = fake.get(name).await;
        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.header("cache-control"), "public, max-age=31536000, immutable");
        let request = Request::get(name).header(header::ACCEPT_ENCODING, "gzip, br");
        let small = fake.send(request.body(Body::empty()).unwrap()).await;
        assert!(small.body.len() < page.body.len(), "{name}");
        assert_eq!(small.header("vary"), "accept-encoding");
    }
    assert_eq!(fake.get("/assets/app-000000000000.css").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_full_event_page_stays_small() {
    let (fake, event) = market();
    for number in 0..50 {
        fake.ticket(100 + number, event, |it| {
            it.price = (4500 + i64::try_from(number).unwrap() * 130).try_into().unwrap();
            it.title = format!("Great view number {number}");
        });
    }
    let path = format!("/events/{event}");
    let plain = fake.get(&path).await;
    assert!(plain.body.len() < 60 * 1024, "{} bytes", plain.body.len());
    let request = Request::get(path).header(header::ACCEPT_ENCODING, "gzip");
    let small = fake.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(small.header("content-encoding"), "gzip");
    assert!(small.body.len() < 15 * 1024, "{} bytes compressed", small.body.len());
}

#[tokio::test]
async fn what_goes_wrong_is_a_page_that_helps() {
    let (fake, event) = market();
    let lost = fake.get("/nowhere").await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    lost.has("This page is not here");
    lost.has("role=\"search\"");
    for path in ["/events/x", "/tickets/1", &format!("/events/{}", id(404)), "/orders/%00"] {
        assert_eq!(fake.get_as_ada(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let method = fake.post_as_ada("/events", &[]).await;
    assert_eq!(method.status, StatusCode::METHOD_NOT_ALLOWED);
    method.has("cannot be opened like that");

    fake.refuse(&format!("GET /api/events/{event}"), Code::Unavailable, &[]);
    let busy = fake.get(&format!("/events/{event}")).await;
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    busy.has("We are a little busy");
    assert_eq!(busy.header("retry-after"), "7", "what the API says");
    fake.market.lock().unwrap().broken = true;
    let gone = fake.get_as_ada("/orders").await;
    assert_eq!(gone.status, StatusCode::SERVICE_UNAVAILABLE);
    gone.has("Nothing is lost");
    assert_eq!(gone.header("retry-after"), "5");
}

#[tokio::test]
async fn what_is_no_form_or_too_large_is_refused() {
    let fake = Fake::new();
    let send = async |kind: &str, body: Vec<u8>| {
        let request = Request::post("/login").header(header::CONTENT_TYPE, kind);
        fake.send(request.body(Body::from(body)).unwrap()).await.status
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(send("application/json", b"{}".to_vec()).await, StatusCode::BAD_REQUEST);
    assert_eq!(send(form, vec![b'a'; 40_000]).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(send(form, b"%ff=%00&&&=".to_vec()).await, StatusCode::SEE_OTHER);
    assert!(fake.calls("POST /api/auth/login").len() == 1);
}

#[tokio::test]
async fn the_api_learns_who_visits() {
    let fake = Fake::new();
    let request = Request::post("/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::USER_AGENT, "Browser/1")
        .header("x-request-id", "r-42")
        .extension(axum::extract::ConnectInfo(std::net::SocketAddr::from(([192, 0, 2, 7], 1234))));
    fake.send(request.body(Body::from("email=a")).unwrap()).await;
    let call = &fake.calls("POST /api/auth/login")[0];
    assert_eq!(call.headers["user-agent"], "Browser/1");
    assert_eq!(call.headers["x-request-id"], "r-42");
    assert_eq!(call.headers["x-forwarded-for"], "192.0.2.7");
}

#[tokio::test]
async fn pages_of_a_visitor_are_kept_by_no_cache() {
    let fake = Fake::new();
    assert_eq!(fake.get_as_ada("/orders").await.header("cache-control"), "private, no-store");
    assert_eq!(fake.get("/").await.header("cache-control"), "private, no-cache");
}

/// A visitor gets an event's page as it is for them, however often it was made for others before.
#[tokio::test]
async fn an_event_page_is_never_another_visitors_nor_older_than_the_market() {
    let (fake, event) = market();
    fake.ticket(20, event, |it| it.user_id = UserId(id(1)));
    let path = format!("/events/{event}");
    for _ in 0..2 {
        let own = fake.get_as_ada(&path).await;
        own.has("Yours: edit");
        own.has(">Ada</a>");
        let anybody = fake.get(&path).await;
        anybody.lacks("Yours: edit");
        anybody.lacks("Ada");
        anybody.has("name=\"key\" value=\"\"");
        let told = Request::get(&path).header(header::COOKIE, "stubmart_flash=left.0");
        fake.send(told.body(Body::empty()).unwrap()).await.has("You left the checkout");
        fake.get(&path).await.lacks("You left the checkout");
        let address = fake.get(&format!("{path}?utm=x")).await;
        address.has("next=%2Fevents%2F");
        address.has("%3Futm%3Dx");
        fake.get(&path).await.lacks("%3Futm");
        let gzip = Request::get(&path).header(header::ACCEPT_ENCODING, "gzip");
        let gzip = fake.send(gzip.body(Body::empty()).unwrap()).await;
        assert_eq!(gzip.header("content-encoding"), "gzip");
        assert_eq!(fake.get(&path).await.header("content-encoding"), "");
    }
    for (price, shown) in [(12_300, "<b data-f=\"price\">$123"), (4500, "<b data-f=\"price\">$45")]
    {
        fake.market.lock().unwrap().tickets[0].price = price.try_into().unwrap();
        fake.get(&path).await.has(shown);
    }
    fake.market.lock().unwrap().events[0].name = "The Lanterns".to_owned();
    fake.get(&path).await.has("<h1>The Lanterns</h1>");
}

#[tokio::test]
async fn price_context_follows_the_offer_at_once() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let path = format!("/events/{event}?qty=2");
    fake.get(&path).await.has("<dd>$45</dd>");
    {
        let mut market = fake.market.lock().unwrap();
        let price = 6000.try_into().unwrap();
        market.tickets.iter_mut().find(|it| it.id == ticket).unwrap().price = price;
        market.events[0].min_price = Some(price);
    }
    fake.get(&path).await.has("<dd>$30</dd>");
}

#[tokio::test]
async fn a_checkout_with_stripe_loads_its_script_before_ours_and_offers_no_test_cards() {
    let fake = Fake::with(WebConfig {
        stripe_publishable_key: Some("pk_test".to_owned()),
        ..WebConfig::default()
    });
    let event = fake.event(10, "The Paper Lanterns");
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |_| {});
    let page = fake.get_as_ada(&format!("/orders/{order}")).await;
    let at = |part: &str| page.text().find(part).unwrap_or_else(|| panic!("no {part}"));
    assert!(
        at("<script src=\"https://js.stripe.com/v3/\" defer>") < at("<script type=\"module\""),
        "scripts run in the order of the page, and ours needs Stripe's"
    );
    page.has("data-stripe=\"pk_test\" data-amount=\"9000\" data-currency=\"usd\"");
    page.lacks("pm_card_");
    let confirm = fake.post_as_ada(&format!("/orders/{order}/confirm"), &[]).await;
    assert_eq!(confirm.status, StatusCode::NOT_FOUND, "the bank is a real one");
}

#[tokio::test]
async fn a_payment_on_its_way_asks_nothing_of_the_buyer_and_says_no_goodbye() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |_| {});
    let mut unknown = charge("created", None);
    unknown["stripeId"] = serde_json::Value::Null;
    fake.market.lock().unwrap().charges = vec![unknown];
    let page = fake.get_as_ada(&format!("/orders/{order}")).await;
    page.has("Your payment is on its way");
    page.has("data-paying");
    page.lacks("data-order=");
}

#[tokio::test]
async fn the_bank_is_answered_on_the_checkout_and_another_card_can_be_chosen() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |_| {});
    let path = format!("/orders/{order}");
    let early = fake.post_as_ada(&format!("{path}/confirm"), &[("answer", "refuse")]).await;
    assert_eq!(early.location(), path);
    assert!(fake.calls("POST /api/payments").is_empty(), "no bank waits for an answer yet");

    let card = [("method", "pm_card_threeDSecure2Required"), ("key", "0123456789abcdef")];
    assert_eq!(fake.post_as_ada(&format!("{path}/pay"), &card).await.location(), path);
    for _ in 0..2 {
        let page = fake.get_as_ada(&path).await;
        page.has("Your bank wants to be sure");
        page.has("data-order=");
        page.has("value=\"pm_card_visa\"");
    }
    for (answer, succeed) in [("approve", true), ("refuse", false)] {
        fake.market.lock().unwrap().calls.clear();
        let page = fake.post_as_ada(&format!("{path}/confirm"), &[("answer", answer)]).await;
        assert_eq!(page.location(), path);
        let call = &fake.calls("POST /api/payments/sandbox/authenticate")[0];
        let body = serde_json::json!({ "clientSecret": "pi_test_secret_x", "succeed": succeed });
        assert_eq!(call.body, body);
    }
}

#[tokio::test]
async fn why_a_payment_failed_is_told_truly() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let open = fake.order(70, ticket, |_| {});
    for (code, words) in [
        ("payment_intent_authentication_failure", "could not confirm that it was you"),
        ("provider_unavailable", "The payment provider did not answer"),
        ("card_declined", "The bank declined the card"),
    ] {
        fake.market.lock().unwrap().charges = vec![charge("failed", Some(code))];
        let page = fake.get_as_ada(&format!("/orders/{open}")).await;
        page.has(words);
        page.has("Nothing was charged so far.");
    }
    fake.market.lock().unwrap().charges = vec![charge("failed", Some("replaced"))];
    fake.get_as_ada(&format!("/orders/{open}")).await.lacks("class=\"alert\"");
}

#[tokio::test]
async fn a_request_that_is_worked_on_already_is_no_fault() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |_| {});
    for line in ["POST /api/payments", "POST /api/orders", "POST /api/tickets"] {
        fake.refuse(line, Code::IdempotencyKeyInUse, &[]);
    }
    let paid =
        fake.post_as_ada(&format!("/orders/{order}/pay"), &[("method", "pm_card_visa")]).await;
    assert_eq!(paid.location(), format!("/orders/{order}"));
    assert!(paid.cookies()[0].starts_with("stubmart_flash=pay-running."));
    let bought = fake.post_as_ada(&format!("/tickets/{ticket}/buy"), &[("price", "9000")]).await;
    assert_eq!(bought.location(), "/orders");
    let seats = [("quantity", "2"), ("price", "45"), ("title", "t"), ("step", "list")];
    let listed = fake.post_as_ada(&format!("/sell/{event}"), &seats).await;
    assert_eq!(listed.status, StatusCode::CONFLICT);
    listed.has("They are being listed right now.");
}

#[tokio::test]
async fn a_ticket_that_was_withdrawn_leads_to_what_is_left() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    fake.get(&format!("/tickets/{ticket}")).await.has("<template id=\"withdrawn\">");
    let event_field = event.to_string();
    let fields = [("price", "9000"), ("event", event_field.as_str())];
    for code in [Code::NotFound, Code::TicketWithdrawn] {
        fake.refuse("POST /api/orders", code, &[]);
        let page = fake.post_as_ada(&format!("/tickets/{ticket}/buy"), &fields).await;
        assert_eq!(page.location(), format!("/events/{event}"));
        assert!(page.cookies()[0].starts_with("stubmart_flash=buy-withdrawn."));
    }
    let astray = [("event", "//evil.example")];
    let page = fake.post_as_ada(&format!("/tickets/{ticket}/buy"), &astray).await;
    assert_eq!(page.location(), "/events");
}

#[tokio::test]
async fn a_listing_that_stops_halfway_keeps_the_form_and_goes_on_with_the_same_key() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    let fields = [
        ("seats", "1-3"),
        ("price", "45"),
        ("split", "single"),
        ("title", "Aisle"),
        ("key", "0123456789abcdef"),
        ("step", "list"),
    ];
    fake.refuse_after(1, "POST /api/tickets", Code::Unavailable, &[]);
    let page = fake.post_as_ada(&format!("/sell/{event}"), &fields).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    page.has("1 of 3 are listed.");
    page.has("value=\"1-3\"");
    page.has("name=\"key\" value=\"0123456789abcdef\"");
    // Sent again with other seats: under that key nothing could ever be listed.
    fake.refuse("POST /api/tickets", Code::IdempotencyKeyReused, &[]);
    let page = fake.post_as_ada(&format!("/sell/{event}"), &fields).await;
    page.has("The form has changed since it was sent.");
    page.lacks("0123456789abcdef");
}

#[tokio::test]
async fn a_page_of_tickets_that_has_become_empty_leads_to_the_first() {
    let (fake, event) = market();
    let page = fake.get(&format!("/events/{event}?cursor=YQ")).await;
    page.has("Nothing more on this page");
    page.has(&format!("<a href=\"/events/{event}\">first page</a>"));
}

#[tokio::test]
async fn every_event_can_be_found_to_sell_for() {
    let (fake, _) = market();
    fake.market.lock().unwrap().next_cursor = Some("page2".to_owned());
    let page = fake.get_as_ada("/sell?q=lanterns&from=2026-12-01&cursor=page1").await;
    let query = &fake.calls("GET /api/events")[0].query;
    assert!(query.contains("from=2026-12-01T00%3A00%3A00.000Z"), "{query}");
    assert!(query.contains("cursor=page1"), "{query}");
    page.has("href=\"/sell?q=lanterns&#38;from=2026-12-01&#38;cursor=page2\"");
    page.has("type=\"date\" value=\"2026-12-01\"");
}

#[tokio::test]
async fn reloading_the_answer_to_a_form_leads_to_its_page() {
    let fake = Fake::new();
    for (path, page) in [
        ("/account/profile", "/account"),
        ("/account/tokens", "/account"),
        ("/account/sessions/1/end", "/account"),
        ("/tickets/7/price?x=y", "/tickets/7"),
        ("/tickets/7/buy", "/tickets/7"),
        ("/orders/7/pay", "/orders/7"),
        ("/logout", "/"),
    ] {
        assert_eq!(fake.get_as_ada(path).await.location(), page, "{path}");
    }
}

#[tokio::test]
async fn a_page_of_listings_stays_small() {
    let (fake, event) = market();
    for number in 0..30 {
        fake.ticket(100 + number, event, |it| {
            it.user_id = UserId(id(1));
            it.title = format!("Great view number {number}");
        });
    }
    let page = fake.get_as_ada("/selling").await;
    assert_eq!(page.text().matches("class=\"listing\"").count(), 30);
    assert!(page.body.len() < 60 * 1024, "{} bytes", page.body.len());
    let query = &fake.calls("GET /api/tickets")[0].query;
    assert!(query.contains("limit=30"), "no more are asked for: {query}");
}

#[tokio::test]
async fn too_many_tries_say_when_to_come_back() {
    let fake = Fake::new();
    fake.refuse("POST /api/auth/login", Code::TooManyRequests, &[]);
    let page = fake.post("/login", &[("email", "a@b"), ("password", "p")]).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.header("retry-after"), "7");
}

#[tokio::test]
async fn a_proxy_is_believed_only_where_it_is_trusted() {
    for (trust_proxy, proto, secure) in [
        (false, "https", false),
        (true, "https", true),
        (true, "HTTPS, http", true),
        (true, "http, https", false),
    ] {
        let fake = Fake::with(WebConfig { trust_proxy, ..WebConfig::default() });
        let request = Request::post("/logout").header("x-forwarded-proto", proto);
        let page = fake.send(request.body(Body::empty()).unwrap()).await;
        let told = page.cookies().iter().any(|it| it.contains("Secure"));
        assert_eq!(told, secure, "{trust_proxy} {proto}");
    }
}
