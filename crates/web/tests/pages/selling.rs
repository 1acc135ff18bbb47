//! Listing, and what sellers do with their listings.

use stubmart_contract::{Code, UserId, api::TicketStatus};

use crate::{
    market,
    support::{Fake, id},
};

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
    page.has("You get <b>$90.00</b> if everything sells, paid on Dec 1, 2026.");
    fields[1] = ("price", "cheap");
    fields[4] = ("step", "list");
    let page = fake.post_as_ada(&format!("/sell/{event}"), &fields).await;
    assert_eq!(page.status, 400);
    page.has("value=\"cheap\"");
    page.has("id=\"e-price\">Enter an amount like $45.50.");
    assert!(fake.calls("POST /api/tickets").is_empty());
}

#[tokio::test]
async fn a_new_event_is_added_once_and_its_mistakes_are_marked() {
    let fake = Fake::new();
    let fields = [
        ("name", "New show"),
        ("category", "Pop"),
        ("date", "2026-12-24"),
        ("time", "19:30"),
        ("venue", "The Cellar"),
        ("city", "Boston"),
        ("region", ""),
    ];
    let page = fake.post_as_ada("/sell/event", &fields).await;
    assert_eq!(page.location(), format!("/sell/{}", id(500)));
    let call = &fake.calls("POST /api/events")[0];
    assert_eq!(call.body["localStart"], "2026-12-24T19:30");
    assert_eq!(call.body["currency"], "usd");
    assert!(call.headers.contains_key("idempotency-key"));
    let page = fake.post_as_ada("/sell/event", &[("name", "New show"), ("date", "soon")]).await;
    assert_eq!(page.status, 400);
    for field in ["category", "date", "venue", "city"] {
        page.has(&format!("id=\"e-{field}\""));
    }
    fake.refuse("POST /api/events", Code::ValidationFailed, &[("venue.city", "is too long")]);
    fake.post_as_ada("/sell/event", &fields).await.has("id=\"e-city\">Is too long.");
    // A city that is not known asks for its time zone, and only then.
    let zone = [("venue.timeZone", "is needed")];
    fake.refuse("POST /api/events", Code::ValidationFailed, &zone);
    let page = fake.post_as_ada("/sell/event", &fields).await;
    page.has("id=\"e-zone\">We don’t know this city’s time zone.");
    page.lacks("Is needed");
    fake.market.lock().unwrap().refusals.clear();
    let mut zoned = fields.to_vec();
    zoned.push(("zone", "Mars/Olympus"));
    fake.post_as_ada("/sell/event", &zoned).await.has("id=\"e-zone\">Enter a time zone");
    zoned.pop();
    zoned.push(("zone", "America/Chicago"));
    zoned.retain(|(name, _)| *name != "time");
    fake.post_as_ada("/sell/event", &zoned).await;
    let body = fake.calls("POST /api/events").pop().unwrap().body;
    assert_eq!(body["venue"]["timeZone"], "America/Chicago");
    assert_eq!(body["localStart"], "2026-12-24", "the time is not announced");
}

#[tokio::test]
async fn a_seller_changes_the_version_they_saw_or_learns_why_not() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |it| it.user_id = UserId(id(1)));
    let listings = fake.get_as_ada("/selling").await;
    listings.has("name=\"version\" value=\"3\"");
    listings.has("value=\"45.00\"");
    listings.has("each</span>");
    fake.get_as_ada(&format!("/tickets/{ticket}/edit"))
        .await
        .has("In USD. Buyers take all 2 tickets together.");
    let path = format!("/tickets/{ticket}/price");
    let page = fake.post_as_ada(&path, &[("price", "50"), ("version", "3")]).await;
    assert_eq!(page.location(), "/selling");
    let line = format!("PATCH /api/tickets/{ticket}");
    let call = &fake.calls(&line)[0];
    assert_eq!(
        (&call.body, &call.headers["if-match"]),
        (&serde_json::json!({ "price": 10_000, "whenFree": true }), &"\"3\"".parse().unwrap())
    );
    for (code, word) in [(Code::TicketLocked, "edit-locked"), (Code::TicketSold, "edit-sold")] {
        fake.refuse(&line, code, &[]);
        let page = fake.post_as_ada(&path, &[("price", "50"), ("version", "3")]).await;
        assert!(page.cookies()[0].starts_with(&format!("stubmart_flash={word}.")), "{code}");
    }
    // Touched in the meantime, and still theirs to change: what was typed stays.
    fake.refuse(&line, Code::VersionMismatch, &[]);
    let page = fake.post_as_ada(&path, &[("price", "51"), ("version", "3")]).await;
    assert_eq!(page.status, 409);
    page.has("This listing changed while you were editing.");
    page.has("value=\"51\"");
    let page = fake.post_as_ada(&path, &[("price", "-5")]).await;
    assert_eq!(page.status, 400);
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
    page.has("A buyer is paying until");
    page.has("Set a price for then");
    page.lacks(&format!("/tickets/{ticket}/withdraw"));
    fake.get_as_ada(&format!("/tickets/{ticket}/edit")).await.has("we promised them this price");
    let (fake, event) = market();
    let other = fake.ticket(20, event, |_| {});
    let page = fake.get_as_ada(&format!("/tickets/{other}/edit")).await;
    assert_eq!(page.status, 404, "not one's own");
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
    assert_eq!(page.status, 503);
    page.has("1 of 3 listed.");
    page.has("value=\"1-3\"");
    page.has("name=\"key\" value=\"0123456789abcdef\"");
    // Sent again with other seats: under that key nothing could ever be listed.
    fake.refuse("POST /api/tickets", Code::IdempotencyKeyReused, &[]);
    let page = fake.post_as_ada(&format!("/sell/{event}"), &fields).await;
    page.has("You changed the form after sending it.");
    page.lacks("0123456789abcdef");
}

#[tokio::test]
async fn every_event_can_be_found_to_sell_for() {
    let (fake, _) = market();
    fake.market.lock().unwrap().next_cursor = Some("page2".to_owned());
    let page = fake.get_as_ada("/sell?q=lanterns&from=2026-12-01&cursor=page1").await;
    let query = &fake.calls("GET /api/events")[0].query;
    assert!(query.contains("from=2026-12-01&"), "{query}");
    assert!(query.contains("cursor=page1"), "{query}");
    page.has("href=\"/sell?q=lanterns&#38;from=2026-12-01&#38;cursor=page2\"");
    page.has("type=\"date\" value=\"2026-12-01\"");
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
    assert!(page.bytes.len() < 60 * 1024, "{} bytes", page.bytes.len());
    let query = &fake.calls("GET /api/tickets")[0].query;
    assert!(query.contains("limit=30"), "no more are asked for: {query}");
}

/// Sellers list and edit by the ticket, whatever the lot; a price that is not touched stays to the cent.
#[tokio::test]
async fn a_price_is_edited_by_the_ticket() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |it| {
        it.user_id = UserId(id(1));
        it.quantity = 3;
        it.price = 10_000.try_into().unwrap();
    });
    let path = format!("/tickets/{ticket}/price");
    fake.get_as_ada("/selling").await.has("value=\"33.34\"");
    for (typed, price) in [("33.34", 10_000), ("33.33", 9999), ("40", 12_000)] {
        fake.market.lock().unwrap().calls.clear();
        fake.post_as_ada(&path, &[("price", typed), ("version", "3")]).await;
        let call = &fake.calls(&format!("PATCH /api/tickets/{ticket}"))[0];
        assert_eq!(call.body, serde_json::json!({ "price": price, "whenFree": true }), "{typed}");
    }
    let dear = fake.post_as_ada(&path, &[("price", "400000"), ("version", "3")]).await;
    assert_eq!(dear.status, 400, "three of them cost more than a listing may");
}
