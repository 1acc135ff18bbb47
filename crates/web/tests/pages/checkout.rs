//! Buying, paying, leaving.

use stubmart_contract::{
    Code,
    api::{CancelReason, OrderStatus, TicketStatus},
};
use stubmart_web::WebConfig;

use crate::{
    market,
    support::{Fake, charge},
};

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
    let new = fake.post_as_ada(&path, &fields).await;
    assert_ne!(new.location(), page.location());
}

#[tokio::test]
async fn a_ticket_that_cannot_be_bought_says_why_on_its_page() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    for (code, words) in [
        (Code::TicketLocked, "Someone else is buying this ticket"),
        (Code::TicketSold, "was just sold"),
        (Code::OwnTicket, "your own listing"),
        (Code::PriceChanged, "just changed the price"),
    ] {
        fake.refuse("POST /api/orders", code, &[]);
        let page = fake.post_as_ada(&format!("/tickets/{ticket}/buy"), &[("price", "9000")]).await;
        assert_eq!(page.location(), format!("/tickets/{ticket}"));
        let flash = page.cookies()[0].split(';').next().unwrap().to_owned();
        let shown = fake.get(&format!("/tickets/{ticket}")).header("cookie", &flash).await;
        shown.has(words);
        assert!(shown.cookies()[0].starts_with("stubmart_flash=;"), "it is shown once");
    }
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
    page.has("That card doesn’t have enough funds.");
    page.has("You weren’t charged.");
    let page = fake.get_as_ada(&format!("/orders/{declined}?declined=made_up")).await;
    page.has("That card doesn’t have enough funds.");
    page.has("Try again for $90.00");
    fake.market.lock().unwrap().tickets[0].status = TicketStatus::Sold;
    let page = fake.get_as_ada(&format!("/orders/{declined}")).await;
    page.has("The ticket isn’t on sale right now.");
    page.lacks("Try again for");
}

#[tokio::test]
async fn an_order_that_ended_says_what_happened() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    for (number, reason, words) in
        [(71, CancelReason::Expired, "Time’s up"), (72, CancelReason::Left, "You left checkout")]
    {
        let order = fake.order(number, ticket, |it| {
            it.status = OrderStatus::Cancelled;
            it.cancel_reason = Some(reason);
        });
        let page = fake.get_as_ada(&format!("/orders/{order}")).await;
        page.has(words);
        page.has("You weren’t charged.");
    }
    let waiting = fake.order(73, ticket, |it| it.status = OrderStatus::AwaitingPayment);
    fake.get_as_ada(&format!("/orders/{waiting}")).await.has("Your payment is going through");
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
    assert_eq!(confirm.status, 404, "the bank is a real one");
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
    page.has("Your payment is going through");
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
        page.has("Confirm it’s you");
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
async fn a_failed_payment_gives_its_true_reason() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let open = fake.order(70, ticket, |_| {});
    for (code, words) in [
        ("payment_intent_authentication_failure", "couldn’t confirm it was you"),
        ("provider_unavailable", "Our payment provider didn’t respond"),
        ("card_declined", "Your bank declined the card"),
    ] {
        fake.market.lock().unwrap().charges = vec![charge("failed", Some(code))];
        let page = fake.get_as_ada(&format!("/orders/{open}")).await;
        page.has(words);
        page.has("You haven’t been charged.");
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
    assert_eq!(bought.location(), format!("/tickets/{ticket}?buying=1"));
    fake.get_as_ada(bought.location())
        .await
        .has("<noscript><meta http-equiv=\"refresh\" content=\"1\"></noscript>");
    // The first click's checkout is there by now.
    {
        let mut market = fake.market.lock().unwrap();
        market.tickets[0].status = TicketStatus::Locked;
        market.tickets[0].order_id = Some(order);
    }
    let page = fake.get_as_ada(bought.location()).await;
    assert_eq!(page.location(), format!("/orders/{order}"));
    let seats = [("quantity", "2"), ("price", "45"), ("title", "t"), ("step", "list")];
    let listed = fake.post_as_ada(&format!("/sell/{event}"), &seats).await;
    assert_eq!(listed.status, 409);
    listed.has("We’re listing them right now.");
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

/// While something is in checkout every other page says so, with the time by the server's clock.
#[tokio::test]
async fn every_page_leads_back_to_the_checkout() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let first = fake.order(70, ticket, |_| {});
    let later = fake.order(71, ticket, |it| {
        it.expires_at = "2026-11-20T12:12:00Z".parse().unwrap();
    });
    for path in ["/", "/events", &format!("/events/{event}"), "/orders", "/account", "/nowhere"] {
        let page = fake.get_as_ada(path).await;
        page.has(
            "Held for you: <b data-clock>10:00</b> <span>+1<span class=\"vh\"> more</span></span>",
        );
        page.has(&format!("href=\"/orders/{first}\">Back to checkout"));
        page.has(&format!("data-holds=\"{first} {later}\" data-left=\"600000\""));
    }
    // The checkout's own page says it itself, and tells of the other.
    let page = fake.get_as_ada(&format!("/orders/{first}")).await;
    page.has(&format!("data-holds=\"{later}\""));
    page.has("Held for you: <b data-clock>12:00</b>");
    fake.get("/").await.lacks("Back to checkout");
    for order in &mut fake.market.lock().unwrap().orders {
        order.status = OrderStatus::Completed;
    }
    fake.get_as_ada("/").await.lacks("Back to checkout");
    // A page never fails for want of that line.
    fake.refuse("GET /api/orders", Code::Unavailable, &[]);
    assert_eq!(fake.get_as_ada("/").await.status, 200);
}

/// What is bought stands apart from what never was.
#[tokio::test]
async fn my_tickets_are_apart_from_orders_that_ended() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let open = fake.order(70, ticket, |_| {});
    let paid = fake.order(71, ticket, |it| it.status = OrderStatus::Completed);
    let left = fake.order(72, ticket, |it| {
        it.status = OrderStatus::Cancelled;
        it.cancel_reason = Some(CancelReason::Expired);
    });
    let mine = fake.get_as_ada("/orders").await;
    let at = |class: &str| mine.text().find(&format!("class=\"stub {class}")).unwrap();
    assert!(at("open") < at("good"), "what can still be paid stands first");
    mine.has(&format!("href=\"/orders/{open}\""));
    mine.has(&format!("href=\"/orders/{paid}\""));
    mine.lacks(&left.to_string());
    let ended = fake.get_as_ada("/orders?show=ended").await;
    ended.has(&left.to_string());
    ended.has("Time ran out");
    ended.lacks(&paid.to_string());
}
