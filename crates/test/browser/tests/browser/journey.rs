//! The whole way of a seller and a buyer, by the pages alone.

use stubmart_browser::{Browser, Look, Market, Member, eventually};
use stubmart_contract::api::TicketStatus;

use crate::clean;

async fn sign_up(browser: &Browser, name: &str) {
    browser.click(".who .btn").await;
    browser.fill("[name=name]", name).await;
    browser.fill("[name=email]", &format!("{}@example.com", name.to_lowercase())).await;
    browser.fill("[name=password]", Member::PASSWORD).await;
    browser.click("main form .btn").await;
    browser.sees(".flash", "Welcome to Stubmart").await;
}

/// Adds an event that nobody has added and lists four seats in pairs.
async fn sell(browser: &Browser) {
    browser.follow(".top nav a[href='/sell']", "/sell").await;
    browser.fill("#q", "Quiet Storm").await;
    browser.sees("[data-swap=results]", "We don’t have that one yet").await;
    // What was searched for goes along.
    browser.follow("[data-swap=results] .btn[href$='Quiet%20Storm']", "/sell/event").await;
    browser.fill("[name=category]", "Jazz").await;
    browser.run("document.querySelector('[name=date]').value = '2099-06-01'").await;
    browser.run("document.querySelector('[name=time]').value = '20:00'").await;
    browser.fill("[name=venue]", "The Cellar").await;
    browser.fill("[name=city]", "New Orleans").await;
    browser.fill("[name=region]", "LA").await;
    browser.click("main form .btn").await;
    browser.sees("h1", "Your seats").await;
    browser.fill("[name=section]", "102").await;
    browser.fill("[name=row]", "B").await;
    browser.fill("[name=seats]", "12-15").await;
    browser.click("[value=pairs]").await;
    browser.fill("[name=price]", "45").await;
    // What buyers will see follows what is typed.
    browser.sees(".preview", "You get $180.00 if everything sells").await;
    browser.follow("[value=list]", "/selling").await;
    browser.sees(".flash", "2 listings on sale.").await;
}

/// A buyer, a seller and an onlooker, who sees the lock the moment it is taken, without a reload, and the
/// sale as well.
#[tokio::test]
async fn a_seller_lists_a_buyer_buys_and_everybody_sees_it_happen() {
    let market = Market::serve(&[]).await;
    let seller = Browser::open(&market, Look::DESK).await;
    seller.go("/").await;
    sign_up(&seller, "Sally").await;
    sell(&seller).await;

    let buyer = Browser::open(&market, Look::DESK).await;
    buyer.go("/").await;
    // Search as one types, and go by the keyboard's arrows.
    buyer.fill(".search input", "quiet st").await;
    buyer.sees("[role=option]", "Quiet Storm").await;
    buyer.click("[role=option]").await;
    buyer.sees("h1", "Quiet Storm").await;
    buyer.sees(".prices", "Lowest").await;
    let event = buyer.path().await;

    let onlooker = Browser::open(&market, Look::DESK).await;
    onlooker.go(&event).await;
    onlooker.find(".live").await;
    let row = onlooker.find(".lot").await.attr("id").await.unwrap_or_default().unwrap_or_default();
    let row = format!("[id='{row}']");

    // An anonymous visitor is asked to sign in, sees for what, and lands in the checkout.
    buyer.follow(&format!("{row} button"), "/login").await;
    buyer.sees(".bought", "Section 102").await;
    buyer.click("main p a[href^='/signup']").await;
    buyer.fill("[name=email]", "bob@example.com").await;
    buyer.fill("[name=password]", Member::PASSWORD).await;
    buyer.follow("main form .btn", "/orders/").await;
    buyer.sees(".clock", ":").await;
    buyer.sees(".bill .total", "$90.00").await;

    onlooker.sees(&format!("{row} .held"), "Someone’s buying this until").await;
    onlooker.hears("Someone is buying Section 102.").await;
    seller.sees(".listing", "A buyer is paying").await;

    buyer.click(".pay .btn.huge").await;
    buyer.sees("h1", "It’s yours").await;
    onlooker.loses(&row).await;
    assert!(onlooker.has(".lot button").await, "the other pair is still there");
    seller.sees(".listing .badge", "Sold").await;

    buyer.follow(".top nav a[href='/orders']", "/orders").await;
    buyer.sees(".stub", "Paid").await;
    for browser in [&seller, &buyer, &onlooker] {
        clean(browser).await;
    }
}

/// A phone is enough for the whole way, and no page is wider than it.
#[tokio::test]
async fn a_phone_is_enough_to_buy() {
    let market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    let ticket = seller.list(&event, "102", 9000).await;
    let buyer = market.member("Bob").await;
    // Longer than a phone is wide.
    seller.add_event("For Everyone Who Ever Waited in the Rain When the Doors Were Closed").await;

    let phone = Browser::open(&market, Look::PHONE).await;
    let fits = async |page: &str| {
        // A page that is too wide makes the phone's viewport wider, so that cannot be the measure.
        let wide = phone.run("return document.documentElement.scrollWidth").await;
        let fits = wide.as_u64().is_some_and(|it| it <= u64::from(Look::PHONE.size.0));
        assert!(fits, "{page} is {wide} pixels wide");
    };
    phone.log_in(&buyer).await;
    fits("account").await;
    for page in ["/", "/events", "/sell", "/selling", "/orders", "/nowhere"] {
        phone.go(page).await;
        fits(page).await;
    }
    phone.go(&format!("/sell/{}", event.id)).await;
    fits("sell").await;
    for place in ["/cities/", "/venues/"] {
        phone.go(&format!("/events/{}", event.id)).await;
        fits("event").await;
        phone.follow(&format!("a[href^='{place}']"), place).await;
        fits(place).await;
    }
    phone.go(&format!("/events/{}", event.id)).await;
    phone.follow(".lot button", "/orders/").await;
    fits("checkout").await;
    phone.click(".pay .btn.huge").await;
    phone.sees("h1", "It’s yours").await;
    fits("receipt").await;
    eventually("the ticket to be sold", async || {
        let ticket = market.api.ticket(ticket.id).await.ok()?;
        (ticket.status == TicketStatus::Sold).then_some(())
    })
    .await;
    clean(&phone).await;
}

/// Every form works without a script.
#[tokio::test]
async fn without_scripts_one_can_search_buy_and_sell() {
    let market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    seller.list(&event, "102", 9000).await;

    let plain = Browser::open(&market, Look::PLAIN).await;
    plain.go("/").await;
    assert!(!plain.has("[role=combobox]").await, "no script runs: it would have said what this is");
    plain.fill(".search input", "quiet").await;
    plain.follow(".search .btn", "/events").await;
    plain.follow(".stub", "/events/").await;
    plain.follow(".lot button", "/login").await;
    plain.click("main p a[href^='/signup']").await;
    plain.fill("[name=email]", "bob@example.com").await;
    plain.fill("[name=password]", "short").await;
    plain.click("main form .btn").await;
    plain.sees(".field .error", "8").await;
    plain.fill("[name=password]", Member::PASSWORD).await;
    plain.follow("main form .btn", "/orders/").await;
    plain.sees(".hold", "We’re holding your ticket until").await;
    // Looking around costs nothing: every page leads back.
    plain.follow(".logo", "/").await;
    plain.sees(".holding", "Held for you: ").await;
    plain.follow(".holding a", "/orders/").await;
    plain.click(".pay .btn.huge").await;
    plain.sees("h1", "It’s yours").await;

    plain.go(&format!("/sell/{}", event.id)).await;
    plain.fill("[name=price]", "20").await;
    plain.click("[value=preview]").await;
    plain.sees(".preview", "You get $40.00").await;
    plain.follow("[value=list]", "/selling").await;
    plain.fill(".inline input", "25").await;
    plain.click(".inline button").await;
    plain.sees(".flash", "Your new price is live").await;
    plain.click(".tools summary").await;
    plain.click(".tools .danger").await;
    plain.sees(".listing .badge", "Off sale").await;
}

/// Without a script a checkout can be cancelled, a declined card says why, and a bank that asks is answered.
#[tokio::test]
async fn without_scripts_every_end_of_a_checkout_is_reached() {
    let market =
        Market::serve(&[("STUBMART_CHECKOUT_HOLD", "12s"), ("STUBMART_MAX_PAYMENT_ATTEMPTS", "1")])
            .await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    let ticket = seller.list(&event, "102", 9000).await;
    let buyer = market.member("Bob").await;
    let plain = Browser::open(&market, Look::PLAIN).await;
    plain.log_in(&buyer).await;
    let begin = async || {
        plain.go(&format!("/tickets/{}", ticket.id)).await;
        plain.follow(".pass .btn.huge", "/orders/").await;
        plain.find(".hold").await;
    };
    begin().await;
    plain.follow("form[action$='/leave'] button", "/events/").await;
    plain.sees(".flash", "You weren’t charged").await;

    begin().await;
    plain.click("[value=pm_card_visa_chargeDeclinedInsufficientFunds]").await;
    plain.click(".pay .btn.huge").await;
    plain.sees("main", "That card doesn’t have enough funds.").await;

    // Nobody does anything: the page reloads itself when the time is over.
    begin().await;
    plain.sees("h1", "Time’s up").await;

    begin().await;
    plain.click("[value=pm_card_threeDSecure2Required]").await;
    plain.click(".pay .btn.huge").await;
    plain.click(".bank [value=approve]").await;
    plain.sees("h1", "It’s yours").await;
}

/// Everything from the home page to the receipt can be done by the keyboard, and the focus is seen.
#[tokio::test]
async fn the_keyboard_is_enough_to_buy() {
    use fantoccini::key::Key;
    let market = Market::serve(&[]).await;
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    seller.list(&event, "102", 9000).await;
    let buyer = market.member("Bob").await;
    let browser = Browser::open(&market, Look::DESK).await;
    let key = |key: Key| char::from(key).to_string();
    // Goes from one element to the next until the focus is on what fits.
    let tab_to = async |css: &str| {
        for _ in 0..60 {
            browser.type_keys(&key(Key::Tab)).await;
            let script = format!(
                "const it = document.activeElement; const ring = getComputedStyle(it).outlineStyle;
                 return it.matches({css:?}) ? ring : ''"
            );
            if let Some(ring) = browser.run(&script).await.as_str().filter(|it| !it.is_empty()) {
                assert_ne!(ring, "none", "the focus on {css} is seen");
                return;
            }
        }
        panic!("{css} is not reached by the Tab key");
    };
    browser.go("/login").await;
    tab_to("[name=email]").await;
    browser.type_keys(&buyer.email).await;
    tab_to("[name=password]").await;
    browser.type_keys(&format!("{}{}", Member::PASSWORD, key(Key::Enter))).await;
    browser.sees(".flash", "You’re logged in").await;
    tab_to(".skip").await;
    tab_to(".search input").await;
    browser.type_keys("quiet").await;
    browser.sees("[role=option]", "Quiet Storm").await;
    browser.type_keys(&key(Key::Down)).await;
    browser.find("[role=option][aria-selected=true]").await;
    browser.type_keys(&key(Key::Enter)).await;
    browser.arrive("/events/").await;
    browser.find(".live").await;
    tab_to(".lot button").await;
    browser.type_keys(&key(Key::Enter)).await;
    browser.arrive("/orders/").await;
    tab_to("[name=method]").await;
    tab_to(".pay .btn.huge").await;
    browser.type_keys(&key(Key::Enter)).await;
    browser.sees("h1", "It’s yours").await;
}
