//! A server, its users, and what they say to it.

mod http;
mod server;

use std::{env, fs::OpenOptions, io::Write as _};

pub(crate) use http::{Answer, Call};
use serde_json::{Value, json};
pub(crate) use server::{Server, binary, run, run_in};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody with an account and a session.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) token: String,
}

/// Takes note that `what` is not tested, in the file that `STUBMART_LEFT_OUT` names: the test command shows
/// it at its end.
pub(crate) fn leave_out(what: &str) {
    if let Some(path) = env::var_os("STUBMART_LEFT_OUT") {
        let mut notes = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(notes, "{what}").unwrap();
    }
}

/// A text field of a document.
pub(crate) fn text(document: &Value, field: &str) -> String {
    let value = document[field].as_str();
    value.unwrap_or_else(|| panic!("no text {field:?} in {document}")).to_owned()
}

impl Server {
    /// Signs up `name@example.com`.
    pub(crate) async fn sign_up(&self, name: &str) -> User {
        let email = format!("{name}@example.com");
        let body = json!({"email": email, "password": PASSWORD, "name": name});
        let answer = self.post("/api/auth/signup").json(&body).send().await;
        assert_eq!(answer.status, 201, "{answer:?}");
        User { id: text(&answer.json(), "id"), email, token: answer.session_cookie() }
    }

    /// Signs in once more.
    pub(crate) async fn log_in(&self, user: &User) -> User {
        let body = json!({"email": user.email, "password": PASSWORD});
        let answer = self.post("/api/auth/login").json(&body).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        User { token: answer.session_cookie(), ..user.clone() }
    }

    /// Adds an event; the answer is its id.
    pub(crate) async fn event(&self, by: &User, name: &str) -> String {
        let answer = self.post("/api/events").by(by).json(&event(name)).send().await;
        assert_eq!(answer.status, 201, "{answer:?}");
        text(&answer.json(), "id")
    }

    /// Lists a ticket at 125.50; the answer is the ticket.
    pub(crate) async fn ticket(&self, seller: &User) -> Value {
        self.ticket_with(seller, json!({})).await
    }

    /// Lists a ticket with other fields than the usual ones.
    pub(crate) async fn ticket_with(&self, seller: &User, fields: Value) -> Value {
        let mut body = json!({"title": "Stalls, row F", "price": 12550});
        merge(&mut body, fields);
        let answer = self.post("/api/tickets").by(seller).json(&body).send().await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// Starts a checkout; the answer is the order.
    pub(crate) async fn order(&self, buyer: &User, ticket: &Value) -> Value {
        let body = json!({"ticketId": ticket["id"]});
        let answer = self.post("/api/orders").by(buyer).json(&body).send().await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()
    }

    /// Pays with a test payment method.
    pub(crate) async fn pay(&self, buyer: &User, order: &Value, method: &str) -> Answer {
        let body = json!({"orderId": order["id"], "paymentMethod": method});
        self.post("/api/payments").by(buyer).json(&body).send().await
    }

    /// Buys a ticket; the answer is the order.
    pub(crate) async fn buy(&self, buyer: &User, ticket: &Value) -> Value {
        let order = self.order(buyer, ticket).await;
        let paid = self.pay(buyer, &order, "pm_card_visa").await;
        assert_eq!(paid.status, 201, "{paid:?}");
        order
    }

    /// The document at a path, as `user` sees it.
    pub(crate) async fn read(&self, path: &str, user: &User) -> Value {
        let answer = self.get(path).by(user).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Waits until the document at a path has this value in this field.
    pub(crate) async fn wait_for(
        &self,
        path: &str,
        user: &User,
        field: &str,
        value: &str,
    ) -> Value {
        let mut seen = Value::Null;
        for _ in 0..500 {
            seen = self.read(path, user).await;
            if seen[field] == value {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{path} never had the {field} {value}: {seen}");
    }
}

/// The body of an event.
pub(crate) fn event(name: &str) -> Value {
    json!({
        "name": name, "category": "Plays", "startsAt": "2031-03-01T19:30:00Z",
        "venue": {"name": "Old Globe", "city": "San Diego", "region": "CA"},
    })
}

/// Puts the fields of `other` over those of `body`; null removes one.
pub(crate) fn merge(body: &mut Value, other: Value) {
    let Value::Object(other) = other else { panic!("not an object: {other}") };
    for (field, value) in other {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(&field)),
            value => body[field] = value,
        }
    }
}
