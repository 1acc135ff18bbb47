//! The seller's side, and what a buyer sees of it.

use stubmart_browser::{Browser, Look, Market};
use stubmart_contract::api::{CreateOrderRequest, Ticket, UpdateTicketRequest};

use crate::clean;

/// An onlooker sees a changed price without a reload; while a checkout holds the ticket it
/// cannot change, and the seller sees why.
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
    browser.fill(".inline input", "60").await;
    browser.click(".inline button").await;
    browser.sees(".flash", "Your new price is live").await;
    onlooker.sees(".lot .cost", "$120.00 total").await;
    onlooker.sees(".lot .cost", "$60.00 each").await;
    onlooker.sees(".prices dd", "$60.00").await;

    // The page is open with its form when a buyer takes the ticket: the change comes too late.
    browser.find(".inline input").await.send_keys("5").await.unwrap();
    let buyer = market.member("Bob").await;
    let order = CreateOrderRequest { ticket_id: ticket.id, price: None };
    let order = buyer.api.create_order(&order).await.unwrap();
    browser.fill(".inline input", "150").await;
    browser.click(".inline button").await;
    browser.sees(".flash", "you can’t change it right now").await;
    browser.sees(".listing", "You can edit this again if they don’t buy").await;
    onlooker.sees(".lot", "Someone’s buying this").await;

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

/// An onlooker sees what changed while the market was down as soon as it is back.
#[tokio::test]
async fn a_page_catches_up_when_the_market_comes_back() {
    let mut market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    let ticket = seller.list(&event, "102", 9000).await;
    let gone = seller.list(&event, "103", 9000).await;
    let onlooker = Browser::open(&market, Look::DESK).await;
    onlooker.go(&format!("/events/{}", event.id)).await;
    onlooker.find(".live").await;
    market.go_down().await;
    onlooker.loses(".live").await;
    market.come_back().await;
    let price = UpdateTicketRequest { price: 12_000.try_into().ok(), ..Default::default() };
    seller.api.update_ticket(ticket.id, &price).await.unwrap();
    seller.api.withdraw_ticket(gone.id).await.unwrap();
    seller.list(&event, "Balcony", 5000).await;
    onlooker.find(".live").await;
    onlooker.sees(".lot .cost", "$120.00").await;
    onlooker.sees(".lot", "Balcony").await;
    onlooker.loses(&format!("[id='t-{}']", gone.id)).await;
}

/// A page of a long list fills up again while what is on it goes, and leads on only while there is more.
#[tokio::test]
async fn a_long_list_follows_what_is_behind_its_page() {
    let mut market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    let mut tickets = Vec::new();
    for number in 1..=52 {
        tickets.push(seller.list(&event, &format!("S{number}"), 1000 + number).await);
    }
    let onlooker = Browser::open(&market, Look::DESK).await;
    onlooker.go(&format!("/events/{}", event.id)).await;
    onlooker.find(".live").await;
    onlooker.find(".more:not([hidden])").await;
    assert!(!onlooker.has(&format!("[id='t-{}']", tickets[50].id)).await, "it is on the next page");
    for ticket in &tickets[..30] {
        seller.api.withdraw_ticket(ticket.id).await.unwrap();
    }
    onlooker.find(&format!("[id='t-{}']", tickets[50].id)).await;
    onlooker.find(&format!("[id='t-{}']", tickets[51].id)).await;
    onlooker.loses(".more:not([hidden])").await;

    market.go_down().await;
    onlooker.loses(".live").await;
    market.come_back().await;
    for number in 1..=30 {
        seller.list(&event, &format!("B{number}"), 100 + number).await;
    }
    onlooker.find(".live").await;
    onlooker.loses(&format!("[id='t-{}']", tickets[51].id)).await;
    onlooker.follow(".more a", "/events/").await;
    onlooker.find(&format!("[id='t-{}']", tickets[51].id)).await;
    let rows = "return document.querySelectorAll('.lot').length";
    assert_eq!(onlooker.run(rows).await, 2, "those that the first page does not show");
}

/// A ticket that is withdrawn while its page is open says so there, and pressing Buy a moment too late
/// leads to what is left.
#[tokio::test]
async fn an_open_page_tells_that_its_ticket_was_withdrawn() {
    let market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    let ticket = seller.list(&event, "102", 9000).await;
    let page = format!("/tickets/{}", ticket.id);
    let buyer = market.member("Bob").await;
    let late = Browser::open(&market, Look::PLAIN).await;
    late.log_in(&buyer).await;
    late.go(&page).await;
    let onlooker = Browser::open(&market, Look::DESK).await;
    onlooker.go(&page).await;
    onlooker.find(".pass .btn.huge").await;
    seller.api.withdraw_ticket(ticket.id).await.unwrap();
    onlooker.sees(".pass .held", "The seller took this ticket off sale.").await;
    assert!(!onlooker.has(".pass .btn.huge").await, "it cannot be bought");
    late.follow(".pass .btn.huge", "/events/").await;
    late.sees(".flash", "the seller took this ticket off sale").await;
}

/// What a seller is typing stays while the list follows the market.
#[tokio::test]
async fn the_list_of_listings_does_not_undo_what_is_typed() {
    let market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    let typed = seller.list(&event, "102", 9000).await;
    let other = seller.list(&event, "103", 7000).await;
    let browser = Browser::open(&market, Look::DESK).await;
    browser.log_in(&seller).await;
    browser.go("/selling").await;
    let row = |ticket: &Ticket| format!("[id='t-{}']", ticket.id);
    browser.fill(&format!("{} input[name=price]", row(&typed)), "123").await;
    browser.run("document.activeElement.blur()").await;
    let buyer = market.member("Bob").await;
    let order = CreateOrderRequest { ticket_id: other.id, price: None };
    buyer.api.create_order(&order).await.unwrap();
    browser.sees(&format!("{} .badge", row(&other)), "In checkout").await;
    let field = browser.find(&format!("{} input[name=price]", row(&typed))).await;
    assert_eq!(field.prop("value").await.unwrap().as_deref(), Some("123"));
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
    browser.sees("#e-profile-currentPassword", "isn’t your current password").await;
    browser.fill("#f-profile-currentPassword", stubmart_browser::Member::PASSWORD).await;
    browser.click("section:has(#profile-title) .btn").await;
    browser.sees(".lead", "Countess, member since").await;

    browser.fill("#f-token-name", "script").await;
    browser.click("#tokens form[action='/account/tokens'] .btn").await;
    let secret = browser.find("#secret").await.prop("value").await.unwrap().unwrap_or_default();
    let script = market.api.with_token(&stubmart_client::SessionToken::new(secret));
    assert_eq!(script.current_user().await.unwrap().map(|it| it.name).as_deref(), Some("Countess"));
    browser.go("/account").await;
    assert!(!browser.has("#secret").await, "it is shown once");
    browser.click("#tokens .rows .btn").await;
    browser.sees(".flash", "That token no longer works").await;

    // The session of the API client is another one.
    browser.click("#sessions .btn").await;
    browser.sees(".flash", "Logged out on that device").await;
    browser.click("summary").await;
    browser.fill("#f-delete-currentPassword", stubmart_browser::Member::PASSWORD).await;
    browser.click("details .btn.danger").await;
    browser.sees(".flash", "Your account and your personal data are deleted").await;
    assert!(browser.has(".who .btn").await, "nobody is signed in");
    clean(&browser).await;
}

/// A form counts against the limits of the address it comes from, like a call of the API does, and the page
/// says when to try again.
#[tokio::test]
async fn forms_are_limited_by_address() {
    let market = Market::serve(&[("STUBMART_RATE_LIMITS", "on")]).await;
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
    assert!(told.contains("Too many attempts. Try again in"), "{told}");
}
