//! Tickets: listing, editing, withdrawing, and who sees what.

use serde_json::{Value, json};

use crate::support::{Server, text};

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|it| text(it, "id")).collect()
}

#[tokio::test]
async fn a_ticket_is_listed_with_all_its_fields() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let body = json!({
        "title": "Stalls", "price": 12550, "currency": "usd", "eventId": event, "section": "Stalls",
        "row": "F", "seats": ["11", "12"], "quantity": 2,
    });
    let created = server.post("/api/tickets").by(&ann).json(&body).await;
    assert_eq!((created.status, created.header("etag")), (201, "\"1\""), "{created:?}");
    let ticket = created.json();
    for field in ["title", "price", "currency", "eventId", "section", "row", "seats", "quantity"] {
        assert_eq!(ticket[field], body[field], "{field}");
    }
    assert_eq!((&ticket["status"], &ticket["version"]), (&json!("available"), &json!(1)));
    assert_eq!((&ticket["userId"], &ticket["orderId"]), (&json!(ann.id), &Value::Null));
    assert!(ticket["createdAt"].is_string() && ticket["updatedAt"] == ticket["createdAt"]);
    let plain = server.ticket(&ann).await;
    assert_eq!((&plain["currency"], &plain["quantity"]), (&json!("usd"), &json!(1)), "defaults");
    assert_eq!((&plain["seats"], &plain["eventId"]), (&json!([]), &Value::Null));
    let read = server.get(&format!("/api/tickets/{}", text(&ticket, "id"))).await;
    assert_eq!((read.json(), read.header("etag")), (ticket, "\"1\""));
}

#[tokio::test]
async fn what_is_no_ticket_is_refused() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    for (field, wrong) in [
        ("price", json!(0)),
        ("price", json!(100_000_001)),
        ("price", json!(12.5)),
        ("price", json!("12")),
        ("currency", json!("xxx")),
        ("quantity", json!(0)),
        ("seats", json!(["1", "1"])),
        ("eventId", json!("x")),
        ("title", json!("x".repeat(201))),
    ] {
        let mut body = json!({"title": "A", "price": 100});
        body[field] = wrong.clone();
        let answer = server.post("/api/tickets").by(&ann).json(&body).await;
        assert_eq!(answer.bad_fields(), [field], "{wrong}");
    }
    let body = json!({"title": "A", "price": 100, "seats": ["1", "2"], "quantity": 3});
    assert_eq!(server.post("/api/tickets").by(&ann).json(&body).await.bad_fields(), ["seats"]);
    let body = json!({"title": "A", "price": 100, "eventId": ann.id});
    assert_eq!(server.post("/api/tickets").by(&ann).json(&body).await.bad_fields(), ["eventId"]);
}

#[tokio::test]
async fn a_ticket_is_edited_by_merge_patch_by_its_seller_only() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let fields = json!({"section": "B", "row": "F", "seats": ["1"]});
    let ticket = server.ticket_with(&ann, fields).await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    server.patch(&path).by(&bob).json(&json!({"price": 100})).await.is(403, "not_owner");
    let patch = json!({"title": "New", "price": 700, "row": null, "seats": ["9"]});
    let edited = server.patch(&path).by(&ann).json(&patch).await;
    assert_eq!((edited.status, edited.header("etag")), (200, "\"2\""), "{edited:?}");
    let edited = edited.json();
    assert_eq!((&edited["title"], &edited["price"]), (&json!("New"), &json!(700)));
    assert_eq!((&edited["row"], &edited["section"]), (&Value::Null, &json!("B")), "null clears");
    assert_eq!(edited["seats"], json!(["9"]));
    let cleared = server.patch(&path).by(&ann).json(&json!({"section": ""})).await;
    assert_eq!(
        (cleared.status, &cleared.json()["section"]),
        (200, &Value::Null),
        "as good as null"
    );
    let bad = json!({"price": null, "title": 5, "userId": bob.id});
    let bad = server.patch(&path).by(&ann).json(&bad).await;
    assert_eq!(bad.bad_fields(), ["price", "title", "userId"]);
    server.patch("/api/tickets/x").by(&ann).json(&json!({})).await.is(404, "not_found");
}

#[tokio::test]
async fn a_ticket_in_a_checkout_or_sold_is_neither_edited_nor_withdrawn() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    let order = server.order(&bob, &ticket).await;
    let edit = async || server.patch(&path).by(&ann).json(&json!({"price": 100})).await;
    edit().await.is(409, "ticket_locked");
    server.delete(&path).by(&ann).await.is(409, "ticket_locked");
    assert_eq!(server.pay(&bob, &order, "pm_card_visa").await.status, 201);
    edit().await.is(409, "ticket_sold");
    server.delete(&path).by(&ann).await.is(409, "ticket_sold");
    assert_eq!(server.read(&path, &ann).await["price"], 12550);
}

#[tokio::test]
async fn a_withdrawn_ticket_is_only_its_sellers_to_see() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    server.delete(&path).by(&bob).await.is(403, "not_owner");
    assert_eq!(server.delete(&path).by(&ann).await.status, 204);
    assert_eq!(server.delete(&path).by(&ann).await.status, 204, "again is fine");
    server.patch(&path).by(&ann).json(&json!({"price": 100})).await.is(409, "ticket_withdrawn");
    assert_eq!(server.read(&path, &ann).await["status"], "withdrawn");
    server.get(&path).by(&bob).await.is(404, "not_found");
    server.get(&path).await.is(404, "not_found");
    server.patch(&path).by(&bob).json(&json!({"price": 100})).await.is(404, "not_found");
    server.delete(&path).by(&bob).await.is(404, "not_found");
    let withdrawn = async |query: &str, user| {
        ids(&server.read(&format!("/api/tickets?status=withdrawn{query}"), user).await).len()
    };
    assert_eq!((withdrawn("", &ann).await, withdrawn("", &bob).await), (1, 0));
    assert_eq!(withdrawn(&format!("&sellerId={}", ann.id), &bob).await, 0);
    let body = json!({"ticketId": ticket["id"]});
    server.post("/api/orders").by(&bob).json(&body).await.is(404, "not_found");
}

/// An answer that depends on the viewer says so, so that no cache gives it to others.
#[tokio::test]
async fn a_ticket_shows_each_viewer_what_they_may_see() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let ticket = server.ticket(&ann).await;
    for path in ["/api/tickets", &format!("/api/tickets/{}", text(&ticket, "id"))] {
        let answer = server.get(path).await;
        let vary = answer.header("vary").to_lowercase();
        assert!(vary.contains("cookie") && vary.contains("authorization"), "{path}: {vary}");
    }
}

/// Whatever states are asked for together: the list is in order, and its pages make up the whole.
#[tokio::test]
async fn tickets_of_several_states_are_one_list() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let event = server.event(&ann, "Hamlet").await;
    let of_event = |price: u32| json!({"eventId": event, "price": price});
    let mut listed = Vec::new();
    for price in [100, 200, 300, 400, 500, 600] {
        listed.push(server.ticket_with(&ann, of_event(price)).await);
    }
    for sold in [0, 3, 5] {
        server.buy(&bob, &listed[sold]).await;
    }
    server.order(&bob, &listed[1]).await;
    let withdrawn = format!("/api/tickets/{}", text(&listed[2], "id"));
    assert_eq!(server.delete(&withdrawn).by(&ann).await.status, 204);
    for (query, user, expected) in [
        ("status=sold,available", &bob, vec![100, 400, 500, 600]),
        ("status=available,locked,sold,withdrawn", &bob, vec![100, 200, 400, 500, 600]),
        ("status=available,locked,sold,withdrawn", &ann, vec![100, 200, 300, 400, 500, 600]),
        ("status=sold,locked&sort=-price", &bob, vec![600, 400, 200, 100]),
        ("status=sold,available&sort=newest", &bob, vec![600, 500, 400, 100]),
        ("status=sold,available&maxPrice=450&minPrice=0", &bob, vec![100, 400]),
        ("sellerId=me&status=withdrawn,sold&sort=price", &ann, vec![100, 300, 400, 600]),
    ] {
        for limit in [1, 2, 200] {
            let (mut prices, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/api/tickets?eventId={event}&{query}&limit={limit}{cursor}");
                let page = server.read(&path, user).await;
                let items = page["items"].as_array().unwrap();
                prices.extend(items.iter().map(|it| it["price"].as_i64().unwrap()));
                let Some(next) = page["nextCursor"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(prices, expected, "{query} by {limit}");
        }
    }
}

/// `orderId` is shown to the seller and to that order's buyer, and is null to all others.
#[tokio::test]
async fn the_order_that_holds_a_ticket_is_hidden_from_others() {
    let server = Server::start();
    let (ann, bob, eve) =
        (server.sign_up("ann").await, server.sign_up("bob").await, server.sign_up("eve").await);
    let ticket = server.ticket(&ann).await;
    let order = server.order(&bob, &ticket).await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    for (who, sees) in [(&ann, true), (&bob, true), (&eve, false)] {
        let ticket = server.read(&path, who).await;
        assert_eq!(ticket["status"], "locked");
        assert_eq!(ticket["orderId"] == order["id"], sees, "{}", who.email);
        assert_eq!(ticket["orderId"].is_null(), !sees, "{}", who.email);
        let list = server.read("/api/tickets", who).await;
        assert_eq!(list["items"][0]["orderId"].is_null(), !sees, "{}", who.email);
    }
    assert!(server.get(&path).await.json()["orderId"].is_null());
}

#[tokio::test]
async fn tickets_are_listed_by_event_price_quantity_state_and_seller() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let event = server.event(&ann, "Hamlet").await;
    let of_event =
        |price: u32, quantity: u32| json!({"eventId": event, "price": price, "quantity": quantity});
    let a = server.ticket_with(&ann, of_event(300, 1)).await;
    let b = server.ticket_with(&ann, of_event(100, 2)).await;
    let c = server.ticket_with(&bob, of_event(200, 1)).await;
    let withdrawn = server.ticket_with(&ann, of_event(50, 1)).await;
    let elsewhere = server.ticket(&ann).await;
    let path = format!("/api/tickets/{}", text(&withdrawn, "id"));
    assert_eq!(server.delete(&path).by(&ann).await.status, 204);
    let sold = server.ticket_with(&ann, of_event(60, 1)).await;
    server.buy(&bob, &sold).await;
    server.order(&bob, &a).await;

    let [a, b, c, withdrawn, elsewhere, sold] =
        [&a, &b, &c, &withdrawn, &elsewhere, &sold].map(|it| it["id"].as_str().unwrap());
    let find = async |query: &str| ids(&server.read(&format!("/api/tickets?{query}"), &bob).await);
    let of_event = format!("eventId={event}");
    assert_eq!(find(&of_event).await, [b, c, a], "cheapest first; available and locked ones");
    assert_eq!(find(&format!("{of_event}&sort=-price")).await, [a, c, b]);
    assert_eq!(find(&format!("{of_event}&sort=newest")).await, [c, b, a]);
    assert_eq!(find(&format!("{of_event}&minPrice=150&maxPrice=250")).await, [c]);
    assert_eq!(find(&format!("{of_event}&minPrice=0&maxPrice=200000000")).await, [b, c, a]);
    assert_eq!(find(&format!("{of_event}&maxPrice=0")).await, Vec::<String>::new());
    assert_eq!(find(&format!("{of_event}&minPrice=99999999999999")).await, Vec::<String>::new());
    assert_eq!(find(&format!("{of_event}&quantity=2")).await, [b]);
    assert_eq!(find(&format!("{of_event}&status=locked")).await, [a]);
    assert_eq!(find(&format!("{of_event}&status=available")).await, [b, c]);
    assert_eq!(find("").await, [elsewhere, c, b, a], "newest first");
    assert_eq!(find(&format!("sellerId={}", bob.id)).await, [c]);
    assert_eq!(find(&format!("sellerId={}", ann.id)).await, [elsewhere, b, a]);
    assert_eq!(find(&format!("sellerId={}&status=withdrawn", ann.id)).await, Vec::<String>::new());
    let mut own = ids(&server.read("/api/tickets?sellerId=me", &ann).await);
    own.sort();
    let mut every = vec![a, b, withdrawn, elsewhere, sold];
    every.sort();
    assert_eq!(own, every, "one's own in every state");
    server.get("/api/tickets?sellerId=me").await.is(401, "not_signed_in");
    let bad = server.get("/api/tickets?quantity=0&status=gone&eventId=1&sellerId=you").await;
    assert_eq!(bad.bad_fields(), ["eventId", "quantity", "sellerId", "status"]);
    let bad = server.get("/api/tickets?minPrice=-1&maxPrice=1.5&status=sold,").await;
    assert_eq!(bad.bad_fields(), ["maxPrice", "minPrice", "status"]);
}

/// FOUND C, G: lists go by what one ticket costs with fees, and a section is found in any spelling.
#[tokio::test]
async fn tickets_are_listed_by_the_price_of_one_ticket_and_by_section() {
    let server = Server::with(&[("STUBMART_BUYER_FEE_BPS", "1000")]);
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let lot = async |price: u32, quantity: u32, section: Option<&str>| {
        let lot = json!({
            "eventId": event, "price": price, "quantity": quantity, "section": section,
        });
        text(&server.ticket_with(&ann, lot).await, "id")
    };
    let four = lot(20_000, 4, Some("Section 12")).await;
    let one = lot(6_000, 1, Some("sec. 012")).await;
    let two = lot(11_000, 2, Some("Balcony")).await;
    let general = lot(9_000, 1, None).await;
    let find = async |query: &str| {
        ids(&server.get(&format!("/api/tickets?eventId={event}&{query}")).await.json())
    };
    let [four, one, two, general] = [&four, &one, &two, &general].map(String::as_str);
    assert_eq!(find("").await, [four, two, one, general]);
    assert_eq!(find("sort=-price").await, [general, one, two, four]);
    assert_eq!(find("maxPrice=6050").await, [four, two]);
    assert_eq!(find("maxPrice=6049").await, [four]);
    assert_eq!(find("minPrice=6051&maxPrice=6600").await, [one]);
    for section in ["12", "SECTION%20012", "Blk%2012"] {
        assert_eq!(find(&format!("section={section}")).await, [four, one], "{section}");
    }
    assert_eq!(find("section=12&quantity=1").await, [one]);
    assert_eq!(find("section=12&quantity=2").await, Vec::<String>::new());
    assert_eq!(find("section=12&maxPrice=6599&sort=newest").await, [four]);
    assert_eq!(find("section=-").await, [general]);
    assert_eq!(find("section=").await.len(), 4, "an empty filter is as good as none");
    let facets = server.get(&format!("/api/events/{event}/facets")).await.json();
    let quantity = |quantity: u32, count: u32, price: u32| json!({ "quantity": quantity, "count": count, "minPrice": price });
    let expected = json!({
        "currency": "usd", "count": 4, "minPrice": 5500,
        "sections": [
            { "section": facets["sections"][0]["section"], "count": 2, "minPrice": 5500,
                "quantities": [quantity(1, 1, 6600), quantity(4, 1, 5500)] },
            { "section": "Balcony", "count": 1, "minPrice": 6050, "quantities": [quantity(2, 1, 6050)] },
            { "section": null, "count": 1, "minPrice": 9900, "quantities": [quantity(1, 1, 9900)] },
        ],
        "quantities": [quantity(1, 2, 6600), quantity(2, 1, 6050), quantity(4, 1, 5500)],
    });
    assert_eq!(facets, expected);
    assert!(
        ["Section 12", "sec. 012"].contains(&facets["sections"][0]["section"].as_str().unwrap())
    );
    let withdrawn = format!("/api/tickets/{two}");
    assert_eq!(server.delete(&withdrawn).by(&ann).await.status, 204);
    let facets = server.get(&format!("/api/events/{event}/facets")).await.json();
    assert_eq!((&facets["count"], facets["sections"].as_array().unwrap().len()), (&json!(3), 2));
    let quiet = server.event(&ann, "Faust").await;
    let none = server.get(&format!("/api/events/{quiet}/facets")).await.json();
    assert_eq!(
        (&none["count"], &none["minPrice"], &none["sections"]),
        (&json!(0), &Value::Null, &json!([]))
    );
    server.get(&format!("/api/events/{}/facets", ann.id)).await.is(404, "not_found");
}

/// FOUND F: one reader of seats, for the API too; what is not certain is refused, by the field's name.
#[tokio::test]
async fn seats_of_a_request_may_be_ranges_and_are_refused_where_they_are_not_certain() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let ticket = server.ticket_with(&ann, json!({"seats": ["12-14", "A1"]})).await;
    assert_eq!(ticket["seats"], json!(["12", "13", "14", "A1"]));
    assert_eq!(ticket["quantity"], 4);
    for seats in [json!(["A-C"]), json!(["7", "07"]), json!(["x".repeat(33)]), json!(["1-51"])] {
        let body = json!({"title": "A", "price": 100, "seats": seats});
        let refused = server.post("/api/tickets").by(&ann).json(&body).await;
        assert_eq!(refused.bad_fields(), ["seats"], "{body}");
    }
    let long = json!({"section": "S".repeat(80), "seats": ["Wheelchair Companion Seat 12"]});
    server.ticket_with(&ann, long).await;
}

/// FOUND A and C, and API.md: `seats_listed`, the event's one currency, the provider's limits.
#[tokio::test]
async fn a_listing_is_refused_with_the_code_or_the_field_of_the_contract() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let event = server.event(&ann, "Hamlet").await;
    let lot = json!({"eventId": event, "section": "Stalls", "row": "A", "seats": ["1", "2"]});
    let first = server.ticket_with(&ann, lot).await;
    let body = json!({
        "title": "A", "price": 100, "eventId": event, "section": "Sec. STALLS", "row": "Row a",
        "seats": ["2", "3"],
    });
    for seller in [&ann, &bob] {
        server.post("/api/tickets").by(seller).json(&body).await.is(409, "seats_listed");
    }
    let third = json!({"eventId": event, "section": "Stalls", "row": "B", "seats": ["2"]});
    let third = server.ticket_with(&bob, third).await;
    let path = format!("/api/tickets/{}", text(&third, "id"));
    let moved = server.patch(&path).by(&bob).json(&json!({"row": "a"})).await;
    moved.is(409, "seats_listed");
    server.buy(&bob, &first).await;
    let again = server.post("/api/tickets").by(&ann).json(&body).await;
    again.is(409, "seats_listed");
    assert_eq!(server.post("/api/tickets").by(&bob).json(&body).await.status, 201);
    for (fields, bad) in [
        (json!({"price": 49}), "price"),
        (json!({"price": 100_000_000}), "price"),
        (json!({"price": 5_124, "currency": "kwd"}), "price"),
        (json!({"price": 5_000, "currency": "eur", "eventId": event}), "currency"),
    ] {
        let mut body = json!({"title": "A", "price": 100});
        crate::support::merge(&mut body, fields);
        let refused = server.post("/api/tickets").by(&ann).json(&body).await;
        assert_eq!(refused.bad_fields(), [bad], "{body}");
    }
    for (price, currency) in [(50, "usd"), (250_000_000, "idr"), (12_000, "jpy")] {
        server.ticket_with(&ann, json!({"price": price, "currency": currency})).await;
    }
}
