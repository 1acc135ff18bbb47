//! Server-Sent Events.

use serde_json::{Value, json};

use crate::support::{Server, text};

fn ticket(data: &str) -> Value {
    serde_json::from_str(data).unwrap()
}

#[tokio::test]
async fn a_stream_tells_every_change_of_its_ticket_and_no_other() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let (watched, other) = (server.ticket(&ann).await, server.ticket(&ann).await);
    let path = format!("/api/tickets/{}", text(&watched, "id"));
    let mut stream = server.get(&format!("{path}/stream")).stream().await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    assert_eq!(stream.headers["cache-control"], "no-store");
    server.order(&bob, &other).await;
    let edit = json!({"price": 700});
    assert_eq!(server.patch(&path).by(&ann).json(&edit).await.status, 200);
    let order = server.order(&bob, &watched).await;
    let left = server.delete(&format!("/api/orders/{}", text(&order, "id"))).by(&bob).await;
    assert_eq!(left.status, 200);
    assert_eq!(server.delete(&path).by(&ann).await.status, 204);
    let mut seen = Vec::new();
    for _ in 0..4 {
        let event = stream.next().await;
        assert_eq!(event.event, "ticket");
        let ticket = ticket(&event.data);
        assert_eq!(ticket["id"], watched["id"]);
        assert!(ticket["orderId"].is_null(), "public fields only: {ticket}");
        seen.push((ticket["version"].as_u64().unwrap(), text(&ticket, "status")));
    }
    let expected = ["available", "locked", "available", "withdrawn"].map(str::to_owned);
    assert_eq!(seen, (2..).zip(expected).collect::<Vec<_>>());
}

/// A client that lost its connection resumes behind the last event it has seen.
#[tokio::test]
async fn a_stream_resumes_behind_the_last_event_that_was_seen() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let listed = server.ticket_with(&ann, json!({"eventId": event})).await;
    let path = format!("/api/tickets/{}", text(&listed, "id"));
    let edit = async |price: u32| {
        let answer = server.patch(&path).by(&ann).json(&json!({"price": price})).await;
        assert_eq!(answer.status, 200);
    };
    for stream_path in [format!("{path}/stream"), format!("/api/events/{event}/stream")] {
        let mut first = server.get(&stream_path).stream().await;
        edit(100).await;
        let seen = first.next().await;
        assert_eq!(ticket(&seen.data)["price"], 100);
        drop(first);
        edit(200).await;
        edit(300).await;
        let mut resumed = server.get(&stream_path).header("last-event-id", &seen.id).stream().await;
        assert_eq!(ticket(&resumed.next().await.data)["price"], 200, "{stream_path}");
        assert_eq!(ticket(&resumed.next().await.data)["price"], 300, "{stream_path}");
        edit(400).await;
        assert_eq!(ticket(&resumed.next().await.data)["price"], 400, "and goes on live");
    }
}

/// A client that was away for too long, or saw another market's events, is sent what a stranger may see
/// as it is now. Only the end of it has an id: one that is cut off before is sent all of it again.
#[tokio::test]
async fn a_stream_that_cannot_be_resumed_begins_with_the_present_state() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let event = server.event(&ann, "Hamlet").await;
    let mut tickets = Vec::new();
    for price in [100, 200, 300] {
        tickets.push(server.ticket_with(&ann, json!({"eventId": event, "price": price})).await);
    }
    let path = |number: usize| format!("/api/tickets/{}", text(&tickets[number], "id"));
    assert_eq!(server.delete(&path(0)).by(&ann).await.status, 204);
    server.buy(&bob, &tickets[1]).await;
    let resume = async |path: &str| {
        let stream = server.get(&format!("{path}/stream"));
        let mut stream = stream.header("last-event-id", "9000000000").stream().await;
        assert_eq!(stream.next_frame().await.id, "9000000000", "until all is sent");
        let mut seen = Vec::new();
        loop {
            let frame = stream.next_frame().await;
            if !frame.data.is_empty() {
                assert_eq!(frame.id, "", "{frame:?}");
                let ticket = ticket(&frame.data);
                seen.push((ticket["price"].as_u64().unwrap(), text(&ticket, "status")));
            } else if !frame.id.is_empty() {
                seen.sort();
                return (stream, seen);
            }
        }
    };
    let (sold, available) = ((200, "sold".to_owned()), (300, "available".to_owned()));
    let (mut stream, seen) = resume(&format!("/api/events/{event}")).await;
    assert_eq!(seen, [sold.clone(), available]);
    let edit = json!({"price": 400});
    assert_eq!(server.patch(&path(2)).by(&ann).json(&edit).await.status, 200);
    assert_eq!(ticket(&stream.next().await.data)["price"], 400, "and goes on live");
    assert_eq!(resume(&path(1)).await.1, [sold]);
}

/// An event's stream tells the changes of all of its tickets, new ones too.
#[tokio::test]
async fn an_events_stream_tells_of_all_its_tickets() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let (hamlet, faust) = (server.event(&ann, "Hamlet").await, server.event(&ann, "Faust").await);
    let mut stream = server.get(&format!("/api/events/{hamlet}/stream")).stream().await;
    server.ticket_with(&ann, json!({"eventId": faust})).await;
    let first = server.ticket_with(&ann, json!({"eventId": hamlet})).await;
    let second = server.ticket_with(&ann, json!({"eventId": hamlet})).await;
    for expected in [first, second] {
        let shown = ticket(&stream.next().await.data);
        assert_eq!(shown["id"], expected["id"]);
    }
    server.get(&format!("/api/events/{}/stream", ann.id)).await.is(404, "not_found");
    server.get(&format!("/api/tickets/{}/stream", ann.id)).await.is(404, "not_found");
}
