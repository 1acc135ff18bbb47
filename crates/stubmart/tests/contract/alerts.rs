//! Alerts: what can be asked for, and how it ends.

use serde_json::json;

use crate::support::{Server, text};

/// An alert is for an event or for a performer; what cannot be meant is refused, with the field.
#[tokio::test]
async fn an_alert_is_for_one_thing() {
    let server = Server::start();
    let user = server.sign_up("fan").await;
    let event = server.event(&user, "Hamlet").await;
    let ask = async |body| server.post("/api/alerts").by(&user).json(&body).await;
    for (body, field) in [
        (json!({}), "eventId"),
        (json!({"eventId": event, "performer": "Hamlet"}), "eventId"),
        (json!({"eventId": "0192f0c1-2345-7abc-8def-0123456789ab"}), "eventId"),
        (json!({"performer": "!?"}), "performer"),
        (json!({"eventId": event, "currency": "jpy"}), "currency"),
        (json!({"eventId": event, "quantity": 0}), "quantity"),
        (json!({"eventId": event, "sections": [""]}), "sections"),
        (json!({"eventId": event, "price": 1}), "price"),
    ] {
        assert_eq!(ask(body.clone()).await.bad_fields(), [field], "{body}");
    }
    let wish =
        json!({"eventId": event, "quantity": 2, "maxTotal": 5000, "sections": ["Block 112"]});
    let made = ask(wish.clone()).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(made["name"], "Hamlet");
    for (field, value) in wish.as_object().unwrap() {
        assert_eq!(&made[field], value);
    }
    assert_eq!(made["endsAt"], server.read(&format!("/api/events/{event}"), &user).await["endsAt"]);
    // The same one again is the one that is there.
    assert_eq!(ask(wish).await.json(), made);
    let other =
        ask(json!({"performer": "The Killers", "maxTotal": 1, "currency": "jpy"})).await.json();
    assert_eq!((&other["performer"], &other["currency"]), (&json!("The Killers"), &json!("jpy")));
    let listed = server.read("/api/alerts", &user).await;
    assert_eq!(listed["items"], json!([other, made]));
    let path = format!("/api/alerts/{}", text(&made, "id"));
    assert_eq!(server.delete(&path).by(&user).await.status, 204);
    server.delete(&path).by(&user).await.is(404, "not_found");
    assert_eq!(server.read("/api/alerts", &user).await["items"], json!([other]));
}

/// The link of a mail shows a page that changes nothing, and takes what mail programs send, who follow no
/// redirect and have no session (RFC 8058).
#[tokio::test]
async fn one_click_is_enough_to_stop() {
    let server = Server::start();
    let page = server.get("/alerts/stop?token=guess").await;
    assert_eq!(page.status, 200);
    let one_click = [("List-Unsubscribe", "One-Click")];
    let stopped = server.post("/alerts/stop?token=guess").form(&one_click).await;
    assert_eq!(stopped.status, 200, "{stopped:?}");
}
