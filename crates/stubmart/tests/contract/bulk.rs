//! Brokers' listings: names of their own, and many of them in one request.

use serde_json::{Value, json};

use crate::support::{Server, User, merge, text};

/// A lot of row A, called as its first seat.
fn item(event: &str, seat: u32, price: u32) -> Value {
    json!({
        "externalId": format!("INV-{seat}"), "price": price, "eventId": event,
        "section": "Stalls", "row": "A", "seats": [seat.to_string()],
    })
}

fn item_with(event: &str, seat: u32, fields: Value) -> Value {
    let mut item = item(event, seat, 9_000);
    merge(&mut item, fields);
    item
}

async fn send(server: &Server, by: &User, mode: &str, items: &[Value]) -> Vec<Value> {
    let body = json!({"mode": mode, "items": items});
    let answer = server.post("/api/tickets/bulk").by(by).json(&body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["results"].as_array().unwrap().clone()
}

fn outcomes(results: &[Value]) -> Vec<&str> {
    results.iter().map(|it| it["code"].as_str().or(it["outcome"].as_str()).unwrap()).collect()
}

async fn found(server: &Server, by: &User, external_id: &str) -> Vec<Value> {
    let path = format!("/api/tickets?sellerId=me&externalId={external_id}");
    server.read(&path, by).await["items"].as_array().unwrap().clone()
}

/// A seller's own name for a listing finds it, is shown to nobody else, and is that of one listing on sale.
#[tokio::test]
async fn a_sellers_own_name_is_that_of_one_listing_on_sale_and_shown_to_its_seller_alone() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let named = |name: &str| json!({"externalId": name});
    let first = server.ticket_with(&ann, named("INV-1")).await;
    assert_eq!(first["externalId"], "INV-1");
    let path = format!("/api/tickets/{}", text(&first, "id"));
    assert_eq!(server.read(&path, &ann).await["externalId"], "INV-1");
    assert_eq!(server.read(&path, &bob).await["externalId"], Value::Null);
    assert_eq!(server.get(&path).await.json()["externalId"], Value::Null);
    server.ticket_with(&bob, named("INV-1")).await;

    let twice = json!({"title": "A", "price": 100, "externalId": "INV-1"});
    let refused = server.post("/api/tickets").by(&ann).json(&twice).await;
    assert_eq!(refused.problem(), (409, "external_id_taken".to_owned()));
    let other = server.ticket_with(&ann, named("INV-2")).await;
    let other = format!("/api/tickets/{}", text(&other, "id"));
    let renamed = server.patch(&other).by(&ann).json(&named("INV-1")).await;
    assert_eq!(renamed.problem(), (409, "external_id_taken".to_owned()));
    let renamed = server.patch(&other).by(&ann).json(&named("INV-3")).await;
    assert_eq!(renamed.json()["externalId"], "INV-3");
    server.delete(&path).by(&ann).await;
    let again = server.ticket_with(&ann, named("INV-1")).await;

    let ids: Vec<_> = found(&server, &ann, "INV-1").await.iter().map(|it| text(it, "id")).collect();
    assert_eq!(ids, [text(&again, "id"), text(&first, "id")], "the newest first");
    assert_eq!(found(&server, &ann, "INV-2").await.len(), 0);
    for query in ["", "&eventId=", &format!("&sellerId={}", ann.id)] {
        let asked = server.get(&format!("/api/tickets?externalId=INV-1{query}")).by(&bob).await;
        assert_eq!(asked.bad_fields(), ["externalId"], "{query}");
    }
    let words = async |q: &str| -> usize {
        let path = format!("/api/tickets?sellerId=me&q={q}");
        server.read(&path, &ann).await["items"].as_array().unwrap().len()
    };
    assert_eq!((words("inv-1").await, words("inv+STALLS").await, words("inv-9").await), (2, 3, 0));
    let others = server.get("/api/tickets?q=inv").by(&bob).await;
    assert_eq!(others.bad_fields(), ["q"], "what sellers call their tickets is theirs");
}

/// A batch is sent whole, several times a day: what is there is changed where it differs.
#[tokio::test]
async fn a_batch_creates_changes_leaves_and_withdraws() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let [one, two] = [1, 2].map(|seat| item(&event, seat, 9_000));
    let first = send(&server, &ann, "upsert", &[one.clone(), two.clone()]).await;
    assert_eq!(outcomes(&first), ["created", "created"]);
    let dearer = item(&event, 1, 9_500);
    let tried = json!({"mode": "replace", "dryRun": true, "items": [dearer]});
    let tried = server.post("/api/tickets/bulk").by(&ann).json(&tried).await.json();
    assert_eq!(outcomes(tried["results"].as_array().unwrap()), ["changed", "withdrawn"]);
    assert_eq!(found(&server, &ann, "INV-1").await[0]["price"], 9_000, "nothing was saved");
    assert_eq!(
        outcomes(&send(&server, &ann, "upsert", &[one, two.clone()]).await),
        ["unchanged"; 2]
    );
    let replaced = send(&server, &ann, "replace", &[dearer]).await;
    assert_eq!(outcomes(&replaced), ["changed", "withdrawn"]);
    assert_eq!((&replaced[0]["id"], &replaced[1]["id"]), (&first[0]["id"], &first[1]["id"]));
    assert_eq!(replaced[1]["externalId"], "INV-2");
    assert_eq!(outcomes(&send(&server, &ann, "upsert", &[two]).await), ["created"], "once more");
}

/// One item's fault harms no other, and each refusal says what a request of its own would be told.
#[tokio::test]
async fn each_item_is_judged_by_itself() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let event = server.event(&ann, "Hamlet").await;
    send(&server, &ann, "upsert", &[item(&event, 1, 9_000), item(&event, 2, 9_000)]).await;
    send(&server, &bob, "upsert", &[item(&event, 9, 9_000)]).await;
    let held = found(&server, &ann, "INV-1").await[0].clone();
    server.order(&bob, &held).await;
    server.buy(&bob, &found(&server, &ann, "INV-2").await[0]).await;
    let by_name = |name: &str| {
        json!({"eventId": null, "event": {
            "name": name, "venue": "old  globe", "localStart": "2031-03-01T11:30",
        }})
    };
    let results = send(
        &server,
        &ann,
        "upsert",
        &[
            item(&event, 1, 8_000),
            item(&event, 2, 9_000),
            item_with(&event, 3, json!({"seats": ["9"]})),
            item_with(&event, 4, json!({"price": 0, "colour": "red"})),
            item_with(&event, 5, by_name("HAMLET")),
            item_with(&event, 6, by_name("Macbeth")),
            json!("INV-7"),
            item_with(&event, 8, json!({"currency": "jpy"})),
        ],
    )
    .await;
    assert_eq!(
        outcomes(&results),
        [
            "ticket_locked",
            "ticket_sold",
            "seats_listed",
            "validation_failed",
            "created",
            "validation_failed",
            "validation_failed",
            "validation_failed",
        ]
    );
    let fields = |at: usize| -> Vec<_> {
        results[at]["errors"].as_array().unwrap().iter().map(|it| text(it, "field")).collect()
    };
    assert_eq!(
        (fields(3), fields(5), fields(7)),
        (
            vec!["price".to_owned(), "colour".to_owned()],
            vec!["event".to_owned()],
            vec!["currency".to_owned()],
        )
    );
    assert!(results[0]["detail"].as_str().unwrap().contains("checkout"), "{}", results[0]);
    assert_eq!((&results[0]["id"], &results[0]["outcome"]), (&held["id"], &json!("refused")));
    assert_eq!(found(&server, &ann, "INV-5").await[0]["eventId"], json!(event));
    assert_eq!(found(&server, &ann, "INV-1").await[0]["price"], 9_000);
}

/// A thousand lots fit into one request, which is larger than others may be.
#[tokio::test]
async fn a_batch_has_at_most_a_thousand_items() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let lot = |number: u32| {
        let (row, seat) = (number / 20, number % 20);
        item_with(
            &event,
            number,
            json!({
                "row": format!("Row {row}"), "seats": [seat.to_string()], "title": "Stalls, a clear view",
            }),
        )
    };
    let batch: Vec<_> = (0..1_000).map(lot).collect();
    let results = send(&server, &ann, "upsert", &batch).await;
    assert!(results.iter().all(|it| it["outcome"] == "created"), "{:?}", results[0]);
    let more: Vec<_> = (0..1_001).map(lot).collect();
    let body = json!({"mode": "upsert", "items": more});
    let answer = server.post("/api/tickets/bulk").by(&ann).json(&body).await;
    assert_eq!(answer.bad_fields(), ["items"]);
    let nameless = item_with(&event, 1, json!({"externalId": null}));
    let body = json!({"mode": "replace", "items": [item(&event, 2, 9_000), nameless]});
    let answer = server.post("/api/tickets/bulk").by(&ann).json(&body).await;
    assert_eq!(answer.bad_fields(), ["items"]);
    assert!(answer.json()["errors"][0]["message"].as_str().unwrap().starts_with("entry 2"));
    let large = json!({"mode": "upsert", "items": ["x".repeat(1024 * 1024)]});
    let answer = server.post("/api/tickets/bulk").by(&ann).json(&large).await;
    assert_eq!(answer.problem(), (413, "body_too_large".to_owned()));
}

/// The first answer is given again, also of a batch.
#[tokio::test]
async fn a_batch_under_one_key_is_answered_once() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let body = json!({"mode": "upsert", "items": [item(&event, 1, 9_000)]});
    let send = async |body: &Value| {
        server.post("/api/tickets/bulk").by(&ann).header("idempotency-key", "k1").json(body).await
    };
    let first = send(&body).await.json();
    assert_eq!(send(&body).await.json(), first);
    let other = json!({"mode": "replace", "items": [item(&event, 1, 9_000)]});
    assert_eq!(send(&other).await.problem(), (422, "idempotency_key_reused".to_owned()));
}
