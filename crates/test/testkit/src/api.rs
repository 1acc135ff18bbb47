//! The driver: what people do with a market, through its public API alone.

use std::{fmt, ops::Deref, time::Duration};

use axum::Router;
use serde_json::{Value, json};
use stubmart_client::{Client, Forwarded, SessionToken};

use crate::{
    answer::{Answer, text},
    call::{Call, Session},
};

/// The password of everybody who does not say otherwise.
pub const PASSWORD: &str = "correct horse battery";

/// How often [`Api::wait_for`] looks, and how long it waits in between.
const LOOKS: u32 = 500;
const PAUSE: Duration = Duration::from_millis(20);

/// Speaks to a market's public API, as nobody or in one session. Clones share connections.
#[derive(Clone)]
pub struct Api {
    client: Client,
    token: Option<String>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl Api {
    /// The API that these routes serve, in this process.
    #[must_use]
    pub fn in_process(routes: Router) -> Self {
        Self { client: Client::in_process(routes), token: None }
    }

    /// The API that is served at an address such as `127.0.0.1:8080`.
    #[must_use]
    pub fn served_at(address: &str) -> Self {
        Self { client: Client::http(&format!("http://{address}")).unwrap(), token: None }
    }

    /// The same API, as nobody.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self { client: self.client.anonymous(), token: None }
    }

    /// The same API, in the session of this token, sent as its cookie as a browser does.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        let token = token.into();
        let client = self.client.with_session(&SessionToken::new(token.as_str()));
        Self { client, token: Some(token) }
    }

    /// The same API and token, sent as a bearer token as scripts do.
    #[must_use]
    pub fn bearer(&self) -> Self {
        let client = self.client.with_token(&SessionToken::new(self.token()));
        Self { client, token: self.token.clone() }
    }

    /// The same API, on behalf of a visitor at this address, as the pages call it.
    #[must_use]
    pub fn from_address(&self, address: &str) -> Self {
        let client_ip = Some(address.parse().unwrap());
        let client = self.client.forwarded(&Forwarded { client_ip, ..Forwarded::default() });
        Self { client, token: self.token.clone() }
    }

    /// The token of the session.
    #[must_use]
    #[track_caller]
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("nobody is signed in")
    }

    /// A request.
    pub fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.client.clone(), method, path)
    }

    /// A `GET` request.
    pub fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// A `POST` request.
    pub fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// A `PATCH` request.
    pub fn patch(&self, path: &str) -> Call {
        self.call("PATCH", path)
    }

    /// A `DELETE` request.
    pub fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }

    /// Signs up `name@example.com`.
    pub async fn sign_up(&self, name: &str) -> User {
        self.sign_up_as(&format!("{name}@example.com"), PASSWORD, name).await
    }

    /// Signs up with this address, password and name.
    pub async fn sign_up_as(&self, email: &str, password: &str, name: &str) -> User {
        let body = json!({"email": email, "password": password, "name": name});
        let answer = self.post("/api/auth/signup").json(&body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let (id, email) = (answer.id().to_owned(), email.to_owned());
        User { id, email, api: self.with_token(answer.token()) }
    }

    /// Opens one more session of a user.
    pub async fn log_in(&self, user: &User) -> User {
        let body = json!({"email": user.email, "password": PASSWORD});
        let answer = self.post("/api/auth/login").json(&body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        user.in_session(answer.token())
    }

    /// Adds an event; the answer is its id.
    pub async fn event(&self, by: &User, name: &str) -> String {
        let answer = self.post("/api/events").by(by).json(&event_body(name)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        text(&answer.body, "id")
    }

    /// Lists a ticket at 125.50; the answer is the ticket.
    pub async fn ticket(&self, seller: &User) -> Value {
        self.ticket_with(seller, json!({})).await
    }

    /// Lists a ticket with other fields than the usual ones.
    pub async fn ticket_with(&self, seller: &User, fields: Value) -> Value {
        let mut body = json!({"title": "Stalls, row F", "price": 12550});
        merge(&mut body, fields);
        let answer = self.post("/api/tickets").by(seller).json(&body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    /// Starts a checkout; the answer is the order.
    pub async fn order(&self, buyer: &User, ticket: &Value) -> Value {
        let body = json!({"ticketId": ticket["id"]});
        let answer = self.post("/api/orders").by(buyer).json(&body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    /// Pays with a test payment method.
    pub async fn pay(&self, buyer: &User, order: &Value, method: &str) -> Answer {
        let body = json!({"orderId": order["id"], "paymentMethod": method});
        self.post("/api/payments").by(buyer).json(&body).await
    }

    /// Buys a ticket; the answer is the order, as it was placed.
    pub async fn buy(&self, buyer: &User, ticket: &Value) -> Value {
        let order = self.order(buyer, ticket).await;
        let paid = self.pay(buyer, &order, "pm_card_visa").await;
        assert_eq!(paid.status, 201, "{paid:?}");
        order
    }

    /// The document at a path, as `user` sees it.
    pub async fn read(&self, path: &str, user: &User) -> Value {
        let answer = self.get(path).by(user).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Waits until the document at a path has this value in this field.
    pub async fn wait_for(&self, path: &str, user: &User, field: &str, value: &str) -> Value {
        let mut seen = Value::Null;
        for _ in 0..LOOKS {
            seen = self.read(path, user).await;
            if seen[field] == value {
                return seen;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("{path} never had the {field} {value}: {seen}");
    }
}

/// Somebody with an account and a session. What they send through [`Api`]'s methods carries the session's
/// cookie, as a browser sends it.
#[derive(Debug, Clone)]
pub struct User {
    /// The user's id.
    pub id: String,
    /// The address they log in with.
    pub email: String,
    api: Api,
}

impl User {
    /// The same user in another session, or with an access token.
    #[must_use]
    pub fn in_session(&self, token: impl Into<String>) -> Self {
        Self { api: self.api.with_token(token), ..self.clone() }
    }
}

impl Deref for User {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Session for User {
    fn token(&self) -> &str {
        self.api.token()
    }
}

/// The body of a request that adds an event.
#[must_use]
pub fn event_body(name: &str) -> Value {
    json!({
        "name": name, "category": "Plays", "startsAt": "2031-03-01T19:30:00Z",
        "venue": {"name": "Old Globe", "city": "San Diego", "region": "CA"},
    })
}

/// Puts the fields of `other` over those of `body`; null removes one.
pub fn merge(body: &mut Value, other: Value) {
    let Value::Object(other) = other else { panic!("not an object: {other}") };
    for (field, value) in other {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(&field)),
            value => body[field] = value,
        }
    }
}
