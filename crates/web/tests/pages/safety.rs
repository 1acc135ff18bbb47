//! What a hostile visitor cannot do, and what every answer must be.

use stubmart_contract::{Code, UserId};
use stubmart_testkit::Call;
use stubmart_web::WebConfig;

use crate::{
    EVIL, market,
    support::{FORM, Fake, cookie, id},
};

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
        assert_eq!(page.status, 200, "{path}");
        for raw in ["<script>alert", "<img src=x", "<b>evil"] {
            assert!(!page.text().contains(raw), "{raw} on {path}: {}", page.text());
        }
    }
    let page = fake.post("/login", &[("email", EVIL), ("password", "x"), ("next", EVIL)]).await;
    assert_eq!(page.location(), "/");
}

#[tokio::test]
async fn a_form_from_another_site_is_refused_before_anything_happens() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let send = async |headers: &[(&str, &str)]| {
        let request = fake.call("POST", &format!("/tickets/{ticket}/buy"));
        let request = request.header("cookie", &cookie()).header("host", "tickets.example");
        let request = request.header("content-type", FORM).body("price=9000");
        let named = |request: Call, (name, value): &(&str, &str)| request.header(name, value);
        headers.iter().fold(request, named).await.status
    };
    for theirs in [
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        [("sec-fetch-site", "same-site"), ("origin", "https://other.tickets.example")],
        [("x", "y"), ("origin", "https://evil.example")],
        [("x", "y"), ("origin", "null")],
        [("x", "y"), ("origin", "http://tickets.example.evil.example")],
        [("x", "y"), ("origin", "https://tickets.example")],
    ] {
        assert_eq!(send(&theirs).await, 403, "{theirs:?}");
    }
    assert!(fake.calls("POST /api/orders").is_empty());
    for ours in [
        [("sec-fetch-site", "same-origin"), ("x", "y")],
        [("origin", "http://tickets.example"), ("x", "y")],
    ] {
        assert_eq!(send(&ours).await, 303, "{ours:?}");
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
        "/selling/import".to_owned(),
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
async fn what_is_no_form_or_too_large_is_refused() {
    let fake = Fake::new();
    let send = async |kind: &str, body: Vec<u8>| {
        fake.call("POST", "/login").header("content-type", kind).body(body).await.status
    };
    assert_eq!(send("application/json", b"{}".to_vec()).await, 400);
    assert_eq!(send(FORM, vec![b'a'; 40_000]).await, 413);
    assert_eq!(send(FORM, b"%ff=%00&&&=".to_vec()).await, 303);
    assert!(fake.calls("POST /api/auth/login").len() == 1);
}

#[tokio::test]
async fn the_api_learns_about_the_visitor() {
    let fake = Fake::new();
    let request = fake.from_address("192.0.2.7").post("/login").form(&[("email", "a")]);
    request.header("user-agent", "Browser/1").header("x-request-id", "r-42").await;
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

#[tokio::test]
async fn a_proxy_is_believed_only_where_it_is_trusted() {
    for (trust_proxy, proto, secure) in [
        (false, "https", false),
        (true, "https", true),
        (true, "HTTPS, http", true),
        (true, "http, https", false),
    ] {
        let fake = Fake::with(WebConfig { trust_proxy, ..WebConfig::default() });
        let page = fake.call("POST", "/logout").header("x-forwarded-proto", proto).await;
        let is_secure = page.cookies().iter().any(|it| it.contains("Secure"));
        assert_eq!(is_secure, secure, "{trust_proxy} {proto}");
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
        assert_eq!(page.status, 200);
        assert_eq!(page.header("cache-control"), "public, max-age=31536000, immutable");
        let small = fake.get(name).header("accept-encoding", "gzip, br").await;
        assert!(small.bytes.len() < page.bytes.len(), "{name}");
        assert_eq!(small.header("vary"), "accept-encoding");
    }
    assert_eq!(fake.get("/assets/app-000000000000.css").await.status, 404);
}

#[tokio::test]
async fn what_goes_wrong_is_a_page_that_helps() {
    let (fake, event) = market();
    let lost = fake.get("/nowhere").await;
    assert_eq!(lost.status, 404);
    lost.has("We can’t find that page");
    lost.has("role=\"search\"");
    for path in ["/events/x", "/tickets/1", &format!("/events/{}", id(404)), "/orders/%00"] {
        assert_eq!(fake.get_as_ada(path).await.status, 404, "{path}");
    }
    let method = fake.post_as_ada("/events", &[]).await;
    assert_eq!(method.status, 405);
    method.has("That link doesn’t work like this");

    fake.refuse(&format!("GET /api/events/{event}"), Code::Unavailable, &[]);
    let busy = fake.get(&format!("/events/{event}")).await;
    assert_eq!(busy.status, 503);
    busy.has("We’re a little busy");
    assert_eq!(busy.header("retry-after"), "7", "what the API says");
    fake.market.lock().unwrap().broken = true;
    let gone = fake.get_as_ada("/orders").await;
    assert_eq!(gone.status, 503);
    gone.has("Nothing is lost");
    assert_eq!(gone.header("retry-after"), "5");
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
