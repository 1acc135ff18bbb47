//! Every page can be used by everybody: an audit by axe-core, in light and dark, on desk and phone; and
//! every page is light.

use stubmart_browser::{Browser, Look, Market, Member, SETTLED};
use stubmart_client::TicketQuery;
use stubmart_contract::api::{CreateOrderRequest, CreatePaymentRequest};

use crate::clean;

/// What a page weighs: at most so many bytes of HTML, plain and compressed.
const HTML_MAX: u64 = 60 * 1024;
const HTML_COMPRESSED_MAX: u64 = 15 * 1024;

/// A market with something in every state, and the pages that show it.
async fn pages(market: &Market) -> (Member, Vec<String>) {
    let seller = market.member("Sally").await;
    let bob = market.member("Bob").await;
    let event = seller.add_event("Quiet Storm").await;
    let mut tickets = Vec::new();
    for (number, section) in (0..).zip(["101", "102", "103", "104", "Balcony"]) {
        tickets.push(seller.list(&event, section, 9000 + number * 700).await);
    }
    let [open, paid, declined, left, free] = &tickets[..] else { panic!("five tickets") };
    let mut orders = Vec::new();
    for ticket in [open, paid, declined, left] {
        let request = CreateOrderRequest { ticket_id: ticket.id, price: None };
        orders.push(bob.api.create_order(&request).await.unwrap().id);
    }
    let [_, paid, declined, left] = orders[..] else { panic!("four orders") };
    let pay = async |order_id, method: &str| {
        let request = CreatePaymentRequest { order_id, payment_method: method.to_owned() };
        let _declined = bob.api.pay(&request).await;
    };
    pay(paid, "pm_card_visa").await;
    pay(declined, "pm_card_visa_chargeDeclined").await;
    bob.api.cancel_order(left).await.unwrap();
    let own = bob.list(&event, "Circle", 4000).await;
    let mut paths: Vec<String> = [
        "/",
        "/events",
        "/events?q=storm&max=x&from=y",
        "/events?q=nothing",
        "/sell",
        "/sell?q=nothing",
        "/sell/event",
        "/orders",
        "/selling",
        "/selling/import",
        "/account",
        "/nowhere",
    ]
    .map(str::to_owned)
    .into();
    paths.extend(orders.iter().map(|order| format!("/orders/{order}")));
    paths.extend([format!("/events/{}", event.id), format!("/sell/{}", event.id)]);
    paths.extend([open, free, &own].map(|ticket| format!("/tickets/{}", ticket.id)));
    paths.push(format!("/tickets/{}/edit", own.id));
    (bob, paths)
}

async fn audit(browser: &Browser, page: &str) {
    tokio::time::sleep(SETTLED).await;
    let barriers = browser.barriers().await;
    assert!(barriers.is_empty(), "{page}: {barriers:#?}");
    clean(browser).await;
}

async fn audit_all(look: Look) {
    let market = Market::serve(&[]).await;
    let (bob, paths) = pages(&market).await;
    let browser = Browser::open(&market, look).await;
    for path in ["/login", "/signup"] {
        browser.go(path).await;
        audit(&browser, path).await;
        // With everything that can be wrong.
        browser.click("main form .btn").await;
        browser.find(".alert").await;
        audit(&browser, &format!("{path} with faults")).await;
    }
    browser.log_in(&bob).await;
    for path in paths {
        browser.go(&path).await;
        audit(&browser, &path).await;
    }
}

#[tokio::test]
async fn no_page_has_a_barrier() {
    audit_all(Look::DESK).await;
}

#[tokio::test]
async fn no_dark_page_has_a_barrier() {
    audit_all(Look::DESK.dark()).await;
}

#[tokio::test]
async fn no_page_on_a_phone_has_a_barrier() {
    audit_all(Look::PHONE).await;
}

/// What comes by a click or belongs to the seller has no barrier either: suggestions, faults in a form, the
/// preview, a new token, a bank that asks, listings in every state, and the pages of anonymous visitors.
#[tokio::test]
async fn no_state_of_a_page_has_a_barrier() {
    let market = Market::serve(&[]).await;
    pages(&market).await;
    let sally = market.member("Sally").await;
    let empty = sally.add_event("Nobody Sells This").await;
    let browser = Browser::open(&market, Look::DESK).await;
    for path in ["/", "/events", "/nowhere", &format!("/events/{}", empty.id)] {
        browser.go(path).await;
        audit(&browser, path).await;
    }
    browser.go("/").await;
    browser.fill(".search input", "quiet").await;
    browser.find("[role=option]").await;
    audit(&browser, "open suggestions").await;

    browser.log_in(&sally).await;
    browser.go("/selling").await;
    audit(&browser, "listings in every state").await;
    let own = TicketQuery { seller_id: Some("me".to_owned()), ..TicketQuery::default() };
    for ticket in sally.api.tickets(&own).await.unwrap().items {
        let path = format!("/tickets/{}/edit", ticket.id);
        browser.go(&path).await;
        audit(&browser, &format!("{path}, {:?}", ticket.status)).await;
    }
    browser.go(&format!("/sell/{}", empty.id)).await;
    browser.fill("[name=price]", "45").await;
    browser.sees(".preview", "You get $90.00").await;
    audit(&browser, "preview").await;
    browser.fill("[name=seats]", "9-1").await;
    browser.click("[value=list]").await;
    browser.find(".alert").await;
    audit(&browser, "seats with faults").await;
    browser.go("/account").await;
    browser.fill("#f-token-name", "script").await;
    browser.click("#tokens form[action='/account/tokens'] .btn").await;
    browser.find("#secret").await;
    audit(&browser, "a new token").await;

    let event = market.member("Bob").await.add_event("Another").await;
    let ticket = market.member("Bob").await.list(&event, "101", 5000).await;
    browser.go(&format!("/tickets/{}", ticket.id)).await;
    browser.follow(".pass .btn.huge", "/orders/").await;
    browser.click("[value=pm_card_threeDSecure2Required]").await;
    browser.click(".pay .btn.huge").await;
    browser.find(".bank").await;
    audit(&browser, "a bank that asks").await;
}

/// One style sheet and one script beside the HTML, which is small.
#[tokio::test]
async fn every_page_is_light() {
    let market = Market::serve(&[]).await;
    let (bob, paths) = pages(&market).await;
    let browser = Browser::open(&market, Look::DESK).await;
    browser.log_in(&bob).await;
    for path in paths {
        browser.go(&path).await;
        let weight = browser
            .run(
                "const [page] = performance.getEntriesByType('navigation');
                 const names = performance.getEntriesByType('resource').map((it) => it.name);
                 const count = (end) => names.filter((it) => it.endsWith(end)).length;
                 return [page.decodedBodySize, page.encodedBodySize, count('.css'), count('.js')];",
            )
            .await;
        let [html, compressed, styles, scripts] = [0, 1, 2, 3]
            .map(|at| weight.get(at).and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX));
        assert!(html < HTML_MAX, "{path}: {html} bytes");
        assert!(compressed < HTML_COMPRESSED_MAX, "{path}: {compressed} bytes compressed");
        assert_eq!((styles, scripts), (1, 1), "{path}: style sheets and scripts");
    }
}
