//! The checkout: its clock, leaving and coming back, cards that are declined.

use std::time::Duration;

use stubmart_browser::{Browser, Look, Market, Member, eventually};
use stubmart_contract::{
    TicketId,
    api::{
        ChargeStatus, CreateOrderRequest, CreatePaymentRequest, Event, OrderStatus, Ticket,
        TicketStatus,
    },
};

use crate::clean;

async fn stage(market: &Market) -> (Member, Event, Ticket, Member) {
    let seller = market.member("Sally").await;
    let event = seller.add_event("Quiet Storm").await;
    let ticket = seller.list(&event, "102", 9000).await;
    (seller, event, ticket, market.member("Bob").await)
}

/// A browser of the buyer's, in the checkout of the ticket.
async fn in_checkout(market: &Market, buyer: &Member, ticket: &Ticket) -> Browser {
    let browser = Browser::open(market, Look::DESK).await;
    browser.log_in(buyer).await;
    browser.go(&format!("/tickets/{}", ticket.id)).await;
    browser.follow(".pass .btn.huge", "/orders/").await;
    browser.sees(".clock", ":").await;
    browser
}

async fn becomes(market: &Market, ticket: TicketId, status: TicketStatus) {
    eventually(&format!("the ticket to become {status:?}"), async || {
        let ticket = market.api.ticket(ticket).await.ok()?;
        (ticket.status == status).then_some(())
    })
    .await;
}

async fn order_status(buyer: &Member) -> Option<OrderStatus> {
    let orders = buyer.api.orders(&stubmart_client::OrderQuery::default()).await.ok()?;
    orders.items.first().map(|order| order.status)
}

/// The countdown runs to its end by itself: the page says what happened and that nothing was charged, and
/// an onlooker sees the ticket come back.
#[tokio::test]
async fn an_expired_hold_says_what_happened_and_frees_the_ticket() {
    let market = Market::serve(&[("STUBMART_CHECKOUT_HOLD", "10s")]).await;
    let (_, event, ticket, buyer) = stage(&market).await;
    let onlooker = Browser::open(&market, Look::DESK).await;
    onlooker.go(&format!("/events/{}", event.id)).await;
    onlooker.find(".live").await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    onlooker.sees(".lot .held", "Someone’s buying this").await;
    browser.find(".hold.late").await;
    browser.sees("h1", "Time’s up").await;
    browser.sees("main", "You weren’t charged.").await;
    onlooker.find(".lot .btn").await;
    // And again: the same ticket can be had.
    browser.follow(".btn.huge", "/orders/").await;
    browser.sees(".clock", ":").await;
    clean(&browser).await;
    clean(&onlooker).await;
}

/// A reload and the back button keep the hold; going away ends it after the grace.
#[tokio::test]
async fn leaving_the_page_frees_the_ticket_and_coming_back_keeps_it() {
    let market = Market::serve(&[("STUBMART_LEAVE_GRACE", "8s")]).await;
    let (_, _, ticket, buyer) = stage(&market).await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    let order = browser.path().await;
    for _ in 0..3 {
        browser.driver().refresh().await.unwrap();
        browser.sees(".clock", ":").await;
    }
    browser.go("/events").await;
    browser.driver().back().await.unwrap();
    browser.sees(".clock", ":").await;
    // Longer than the grace: had one of the goodbyes counted, the checkout would be over.
    let later = tokio::time::Instant::now() + Duration::from_secs(10);
    eventually("the grace to pass", async || {
        assert_eq!(order_status(&buyer).await, Some(OrderStatus::Created));
        (tokio::time::Instant::now() > later).then_some(())
    })
    .await;
    assert_eq!(browser.path().await, order);
    // Closing the tab is going away for good.
    let other = browser.driver().new_window(true).await.unwrap().handle;
    browser.driver().close_window().await.unwrap();
    browser.driver().switch_to_window(other).await.unwrap();
    becomes(&market, ticket.id, TicketStatus::Available).await;
    browser.go(&order).await;
    browser.sees("h1", "You left checkout").await;
}

/// Who looks around in the market keeps the ticket, longer than the grace, and every page leads back; the
/// end of it is closing the last page.
#[tokio::test]
async fn looking_around_keeps_the_ticket() {
    let market = Market::serve(&[("STUBMART_LEAVE_GRACE", "3s")]).await;
    let (_, event, ticket, buyer) = stage(&market).await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    let order = browser.path().await;
    browser.follow(".bought h2 a", &format!("/events/{}", event.id)).await;
    browser.sees(".holding", "Held for you: ").await;
    browser.go("/events").await;
    browser.sees(".holding", "Held for you: ").await;
    let later = tokio::time::Instant::now() + Duration::from_secs(6);
    eventually("twice the grace to pass", async || {
        assert_eq!(order_status(&buyer).await, Some(OrderStatus::Created));
        (tokio::time::Instant::now() > later).then_some(())
    })
    .await;
    browser.follow(".holding a", &order).await;
    browser.sees(".clock", ":").await;
    browser.go("/events").await;
    browser.find(".holding").await;
    let other = browser.driver().new_window(true).await.unwrap().handle;
    browser.driver().close_window().await.unwrap();
    browser.driver().switch_to_window(other).await.unwrap();
    becomes(&market, ticket.id, TicketStatus::Available).await;
}

/// The cancel button frees the ticket at once.
#[tokio::test]
async fn cancelling_frees_the_ticket_and_charges_nothing() {
    let market = Market::serve(&[]).await;
    let (_, event, ticket, buyer) = stage(&market).await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    browser.follow("form[action$='/leave'] button", &format!("/events/{}", event.id)).await;
    browser.sees(".flash", "You weren’t charged").await;
    browser.find(".lot button.btn").await;
    becomes(&market, ticket.id, TicketStatus::Available).await;
    // Buying it again from the page one has come back to is another order, not the old one.
    browser.follow(".lot button", "/orders/").await;
    browser.sees(".clock", ":").await;
}

/// A declined card ends the checkout; the page says why, and the way to try again works.
#[tokio::test]
async fn a_declined_card_says_why_and_another_try_succeeds() {
    let market = Market::serve(&[("STUBMART_MAX_PAYMENT_ATTEMPTS", "1")]).await;
    let (_, _, ticket, buyer) = stage(&market).await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    browser.click("[value=pm_card_visa_chargeDeclinedInsufficientFunds]").await;
    browser.click(".pay .btn.huge").await;
    browser.sees("h1", "Your payment didn’t go through").await;
    browser.sees("main", "That card doesn’t have enough funds.").await;
    browser.sees("main", "You weren’t charged.").await;
    becomes(&market, ticket.id, TicketStatus::Available).await;
    browser.follow(".btn.huge", "/orders/").await;
    browser.click(".pay .btn.huge").await;
    browser.sees("h1", "It’s yours").await;
    clean(&browser).await;
}

/// Two clicks in the same moment start one checkout, and two on the pay button charge once.
#[tokio::test]
async fn a_double_click_counts_once() {
    let market = Market::serve(&[]).await;
    let (_, event, ticket, buyer) = stage(&market).await;
    let browser = Browser::open(&market, Look::DESK).await;
    browser.log_in(&buyer).await;
    browser.go(&format!("/events/{}", event.id)).await;
    browser.find(".lot button").await;
    browser.run("const it = document.querySelector('.lot button'); it.click(); it.click()").await;
    browser.arrive("/orders/").await;
    browser.find(".pay .btn.huge").await;
    browser
        .run("const it = document.querySelector('.pay .btn.huge'); it.click(); it.click()")
        .await;
    browser.sees("h1", "It’s yours").await;
    let orders = buyer.api.orders(&stubmart_client::OrderQuery::default()).await.unwrap().items;
    let [order] = &orders[..] else { panic!("one order, and not {orders:?}") };
    assert_eq!(order.ticket_id, ticket.id);
    assert_eq!(buyer.api.charges(order.id).await.unwrap().items.len(), 1);
}

/// A bank that wants to be sure is answered on the checkout, also by a buyer who was elsewhere meanwhile; to
/// refuse is no sale.
#[tokio::test]
async fn a_bank_that_wants_to_be_sure_is_answered() {
    let market = Market::serve(&[]).await;
    let (_, _, ticket, buyer) = stage(&market).await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    for (answer, heading) in
        [("refuse", "Your payment didn’t go through"), ("approve", "It’s yours")]
    {
        browser.click("[value=pm_card_threeDSecure2Required]").await;
        browser.click(".pay .btn.huge").await;
        browser.sees(".bank", "Confirm it’s you").await;
        browser.go("/orders").await;
        browser.follow(".stub.open", "/orders/").await;
        browser.sees(".clock", ":").await;
        browser.click(&format!(".bank [value={answer}]")).await;
        browser.sees("h1", heading).await;
        if answer == "refuse" {
            browser.sees("main", "Your bank couldn’t confirm it was you.").await;
            browser.follow(".btn.huge", "/orders/").await;
        }
    }
    clean(&browser).await;
}

/// The buyer's answer to the bank about a payment that waits for it, with any card.
#[tokio::test]
async fn the_bank_is_answered_about_the_card_that_was_used() {
    let market = Market::serve(&[("STUBMART_MAX_PAYMENT_ATTEMPTS", "1")]).await;
    let (_, _, ticket, buyer) = stage(&market).await;
    let order = CreateOrderRequest { ticket_id: ticket.id, price: None };
    let order = buyer.api.create_order(&order).await.unwrap();
    let poor = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds".to_owned();
    let payment = CreatePaymentRequest { order_id: order.id, payment_method: poor };
    buyer.api.pay(&payment).await.unwrap();
    let browser = Browser::open(&market, Look::DESK).await;
    browser.log_in(&buyer).await;
    browser.go(&format!("/orders/{}", order.id)).await;
    browser.click(".bank [value=approve]").await;
    browser.sees("h1", "Your payment didn’t go through").await;
    becomes(&market, ticket.id, TicketStatus::Available).await;
}

/// A buyer whose bank asks may take another card instead.
#[tokio::test]
async fn another_card_takes_the_place_of_one_that_waits_for_the_bank() {
    let market = Market::serve(&[]).await;
    let (_, _, ticket, buyer) = stage(&market).await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    browser.click("[value=pm_card_threeDSecure2Required]").await;
    browser.click(".pay .btn.huge").await;
    browser.find(".bank").await;
    browser.click("[value=pm_card_amex]").await;
    browser.click(".pay .btn.huge").await;
    browser.sees("h1", "It’s yours").await;
    becomes(&market, ticket.id, TicketStatus::Sold).await;
}

/// Payments that are sent at the same moment, from two tabs or by a browser that sends twice, charge once.
#[tokio::test]
async fn payments_in_flight_together_charge_once() {
    let market = Market::serve(&[]).await;
    let (_, _, ticket, buyer) = stage(&market).await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    let script = "const form = document.querySelector('.pay form:has([name=method])');
        for (const key of ['aaaaaaaa', 'aaaaaaaa', 'bbbbbbbb', 'cccccccc']) {
            const body = new URLSearchParams(new FormData(form));
            body.set('key', key);
            fetch(form.action, { method: 'POST', body, keepalive: true });
        }";
    browser.run(script).await;
    // The page itself sees what has become of its order.
    browser.sees("h1", "It’s yours").await;
    let orders = buyer.api.orders(&stubmart_client::OrderQuery::default()).await.unwrap().items;
    let [order] = &orders[..] else { panic!("one order, and not {orders:?}") };
    let charges = eventually("every charge to be settled", async || {
        let charges = buyer.api.charges(order.id).await.ok()?.items;
        charges.iter().all(|it| it.status != ChargeStatus::Created).then_some(charges)
    })
    .await;
    let paid = charges.iter().filter(|it| it.status == ChargeStatus::Completed).count();
    assert_eq!(paid, 1, "{charges:?}");
}

/// Logging out in the middle of a checkout gives the ticket back: nobody could say goodbye afterwards.
#[tokio::test]
async fn logging_out_leaves_the_checkout() {
    let market = Market::serve(&[("STUBMART_LEAVE_GRACE", "1s")]).await;
    let (_, _, ticket, buyer) = stage(&market).await;
    let browser = in_checkout(&market, &buyer, &ticket).await;
    browser.click("form[action='/logout'] button").await;
    browser.sees(".flash", "You’re logged out").await;
    becomes(&market, ticket.id, TicketStatus::Available).await;
}
