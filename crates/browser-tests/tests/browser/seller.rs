//! The seller's side, and what a buyer sees of it.

use stubmart_browser_tests::{Browser, Look, Market};
use stubmart_contract::api::CreateOrderRequest;

use crate::clean;

/// A price that changes is seen by who looks on without a reload; while a checkout holds the ticket it
/// cannot change, and the seller is told why.
#[tokio::test]
async fn a_price_changes_live_but_not_while_a_buyer_pays() {
    let market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    let ticket = seller.list(&event, "102", 9000).await;
    let onlooker = Browser::open(&market, Look::DESK).await;
    onlooker.go(&format!("/events/{}", event.id)).await;
    onlooker.find(".live").await;

    let browser = Browser::open(&market, Look::DESK).await;
    browser.log_in(&seller).await;
    browser.go("/selling").await;
    browser.fill(".inline input", "120").await;
    browser.click(".inline button").await;
    browser.sees(".flash", "The new price is live").await;
    onlooker.sees(".lot .cost", "$120").await;
    onlooker.sees(".lot .cost", "$60 each").await;

    // The page is open with its form when a buyer takes the ticket: the change comes too late.
    browser.find(".inline input").await.send_keys("5").await.unwrap();
    let buyer = market.member("Bob").await;
    let order = CreateOrderRequest { ticket_id: ticket.id, price: None };
    let order = buyer.api.create_order(&order).await.unwrap();
    browser.fill(".inline input", "150").await;
    browser.click(".inline button").await;
    browser.sees(".flash", "its price cannot change now").await;
    browser.sees(".listing", "You can edit it again if they leave").await;
    onlooker.sees(".lot", "In someone’s checkout").await;

    buyer.api.cancel_order(order.id).await.unwrap();
    browser.find(".inline input").await;
    onlooker.find(".lot .btn").await;
    // A new listing appears by itself, and a withdrawn one goes.
    let other = seller.list(&event, "Balcony", 5000).await;
    onlooker.sees(".lot", "Balcony").await;
    let first = onlooker.run("return document.querySelector('.lot').id").await;
    assert_eq!(first, format!("t-{}", other.id), "the cheapest stands first");
    seller.api.withdraw_ticket(other.id).await.unwrap();
    onlooker.loses(&format!("[id='t-{}']", other.id)).await;
    clean(&onlooker).await;
    clean(&browser).await;
}

/// The account's own page: a wrong password is marked, a token is shown once, another session can be ended.
#[tokio::test]
async fn the_account_can_be_looked_after() {
    let market = Market::serve(&[]).await;
    let member = market.member("Sally").await;
    let browser = Browser::open(&market, Look::DESK).await;
    browser.log_in(&member).await;
    browser.fill("#f-profile-name", "Countess").await;
    browser.fill("#f-profile-currentPassword", "not that one").await;
    browser.click("section:has(#profile-title) .btn").await;
    browser.sees("#e-profile-currentPassword", "not your present password").await;
    browser.fill("#f-profile-currentPassword", stubmart_browser_tests::Member::PASSWORD).await;
    browser.click("section:has(#profile-title) .btn").await;
    browser.sees(".who .me", "Countess").await;

    browser.fill("#f-token-name", "script").await;
    browser.click("#tokens form[action='/account/tokens'] .btn").await;
    let secret = browser.find("#secret").await.prop("value").await.unwrap().unwrap_or_default();
    let script = market.api.with_token(&stubmart_client::SessionToken::new(secret));
    assert_eq!(script.current_user().await.unwrap().map(|it| it.name).as_deref(), Some("Countess"));
    browser.go("/account").await;
    assert!(!browser.has("#secret").await, "it is shown once");
    browser.click("#tokens .rows .btn").await;
    browser.sees(".flash", "The token is revoked").await;

    // The session of the API client is another one.
    browser.click("#sessions .btn").await;
    browser.sees(".flash", "That session is signed out").await;
    browser.click("summary").await;
    browser.fill("#f-delete-currentPassword", stubmart_browser_tests::Member::PASSWORD).await;
    browser.click("details .btn.danger").await;
    browser.sees(".flash", "Your account is deleted").await;
    assert!(browser.has(".who .btn").await, "nobody is signed in");
    clean(&browser).await;
}

/// A form counts against the limits of the address it comes from, like a call of the API does, and the page
/// says when to try again.
#[tokio::test]
async fn forms_are_limited_by_address() {
    let market = Market::serve(&["--rate-limits", "on"]).await;
    market.member("Sally").await;
    let browser = Browser::open(&market, Look::DESK).await;
    browser.go("/signup").await;
    let script = "const done = arguments[0];
        const body = new URLSearchParams({ email: 'sally@example.com', password: 'a few plain words' });
        (async () => {
            for (let tries = 1; tries < 150; tries += 1) {
                const answer = await fetch('/signup', { method: 'POST', body });
                if (answer.status === 429) return done([tries, await answer.text()]);
            }
            done([0, 'never']);
        })();";
    let told = browser.driver().execute_async(script, vec![]).await.unwrap().to_string();
    assert!(told.contains("Too many tries. Wait"), "{told}");
}
