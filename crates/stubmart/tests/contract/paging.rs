//! Lists are pages with a cursor, stable while others insert.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Server, User, text};

async fn pages(server: &Server, path: &str, user: &User, between: impl AsyncFn()) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let separator = if path.contains('?') { '&' } else { '?' };
        let page = server.read(&format!("{path}{separator}limit=7&cursor={cursor}"), user).await;
        let fetched = page["items"].as_array().unwrap();
        assert!(fetched.len() <= 7, "{page}");
        items.extend(fetched.iter().cloned());
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return items,
        }
        between().await;
    }
}

/// A page has 50 items when nobody says, and never more than 200.
#[tokio::test]
async fn a_page_has_50_items_by_default_and_at_most_200() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    for batch in 0..8 {
        let listed = (0..26)
            .map(|number| server.ticket_with(&ann, json!({"price": 100 + batch * 26 + number})));
        futures_util::future::join_all(listed).await;
    }
    let count = async |query: &str| {
        let page = server.read(&format!("/api/tickets{query}"), &ann).await;
        (page["items"].as_array().unwrap().len(), page["nextCursor"].is_string())
    };
    assert_eq!(count("").await, (50, true));
    assert_eq!(count("?limit=200").await, (200, true));
    assert_eq!(count("?limit=1").await, (1, true));
    for wrong in ["0", "201", "-1", "x", "1.5"] {
        let answer = server.get(&format!("/api/tickets?limit={wrong}")).await;
        assert_eq!(answer.bad_fields(), ["limit"], "{wrong}");
    }
}

/// Whatever is inserted while somebody pages, each item that was there at the start comes exactly once.
#[tokio::test]
async fn paging_misses_and_repeats_nothing_under_concurrent_inserts() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let event = server.event(&ann, "Hamlet").await;
    let mut there = BTreeSet::new();
    for number in 0..30 {
        let fields = json!({"eventId": event, "price": 100 + number % 5});
        there.insert(text(&server.ticket_with(&ann, fields).await, "id"));
    }
    for path in [
        format!("/api/tickets?eventId={event}"),
        format!("/api/tickets?eventId={event}&sort=-price"),
        format!("/api/tickets?eventId={event}&sort=newest"),
        "/api/tickets?sellerId=me".to_owned(),
    ] {
        let insert = async || {
            for price in [90, 102, 110] {
                server.ticket_with(&bob, json!({"eventId": event, "price": price})).await;
            }
        };
        let items = pages(&server, &path, &ann, insert).await;
        let ids: Vec<_> = items.iter().map(|it| text(it, "id")).collect();
        let distinct: BTreeSet<_> = ids.iter().cloned().collect();
        assert_eq!(distinct.len(), ids.len(), "{path} repeats");
        assert!(distinct.is_superset(&there), "{path} misses");
    }
}

/// Orders, charges, access tokens, sessions and events are paged the same way, newest or soonest first.
#[tokio::test]
async fn every_list_is_paged_to_its_end() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let mut orders = Vec::new();
    for number in 0..15 {
        server.event(&ann, &format!("Show {number:02}")).await;
        let ticket = server.ticket(&ann).await;
        orders.push(text(&server.buy(&bob, &ticket).await, "id"));
    }
    orders.reverse();
    for number in 0..8 {
        let token = json!({"name": format!("token {number}")});
        assert_eq!(server.post("/api/auth/tokens").by(&bob).json(&token).await.status, 201);
        server.log_in(&bob).await;
    }
    let nothing = async || {};
    let ids = |items: &[Value]| items.iter().map(|it| text(it, "id")).collect::<Vec<_>>();
    assert_eq!(ids(&pages(&server, "/api/orders", &bob, nothing).await), orders);
    let charges = pages(&server, "/api/payments", &bob, nothing).await;
    assert_eq!(charges.iter().map(|it| text(it, "orderId")).collect::<Vec<_>>(), orders);
    let completed = pages(&server, "/api/orders?status=completed", &bob, nothing).await;
    assert_eq!(ids(&completed), orders);
    assert_eq!(
        pages(&server, "/api/orders?status=created", &bob, nothing).await,
        Vec::<Value>::new()
    );
    for (path, count) in [("/api/auth/tokens", 8), ("/api/auth/sessions", 9)] {
        let listed = ids(&pages(&server, path, &bob, nothing).await);
        let distinct: BTreeSet<_> = listed.iter().cloned().collect();
        assert_eq!((listed.len(), distinct.len()), (count, count), "{path}");
        let whole = server.read(path, &bob).await;
        assert!(whole.as_object().unwrap().contains_key("nextCursor"), "{whole}");
        assert!(whole["nextCursor"].is_null());
    }
    for path in ["/api/events", "/api/events?q=show", "/api/events?sort=price"] {
        let events = pages(&server, path, &ann, nothing).await;
        let distinct: BTreeSet<_> = ids(&events).into_iter().collect();
        assert_eq!((events.len(), distinct.len()), (15, 15), "{path}");
    }
}
