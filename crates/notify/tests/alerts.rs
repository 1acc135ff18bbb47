//! Alerts in a whole market in memory: from the ticket that is listed to the mail, and its end.

use serde_json::json;
use stubmart_testkit::{PASSWORD, Process, World, text};

/// A fan of a performer and one who waits for the event are told of the ticket that is listed; the link in the
/// mail stops the alert, and a deleted account has none.
#[tokio::test]
async fn who_asked_is_told_and_can_stop() {
    let world = World::new(1);
    let market = Process::market(&world).await;
    let (seller, fan) = (market.sign_up("seller").await, market.sign_up("fan").await);
    let gone = market.sign_up("gone").await;
    let event = market.event(&seller, "Hamlet").await;
    let ask = async |user, body| market.post("/api/alerts").by(user).json(&body).await.status;
    assert_eq!(ask(&fan, json!({"performer": "hamlet"})).await, 201);
    assert_eq!(ask(&gone, json!({"eventId": event})).await, 201);
    assert_eq!(ask(&seller, json!({"eventId": event})).await, 201);
    let body = json!({"currentPassword": PASSWORD});
    assert_eq!(market.delete("/api/auth/currentuser").by(&gone).json(&body).await.status, 204);
    market.work().await;

    let before = world.mailer.mails().len();
    let ticket = market.ticket_with(&seller, json!({"eventId": event, "section": "A"})).await;
    market.work().await;
    let mails = world.mailer.mails().split_off(before);
    let [mail] = mails.as_slice() else { unreachable!("one mail, not {mails:?}") };
    assert_eq!(
        (mail.to.as_str(), mail.subject.as_str()),
        (fan.email.as_str(), "Tickets for Hamlet")
    );
    assert!(mail.text.contains(&format!("/tickets/{}", text(&ticket, "id"))), "{}", mail.text);

    let link = mail.unsubscribe.clone().unwrap();
    assert!(mail.text.contains(&link) && mail.html.as_ref().unwrap().contains(&link));
    let token = link.split_once("token=").unwrap().1;
    let stopped = market.post("/api/alerts/stop").json(&json!({"token": token})).await;
    assert_eq!(stopped.status, 204);
    assert_eq!(market.read("/api/alerts", &fan).await["items"], json!([]));
    market.ticket_with(&seller, json!({"eventId": event, "section": "B"})).await;
    market.work().await;
    assert_eq!(world.mailer.mails().len(), before + 1);
}
