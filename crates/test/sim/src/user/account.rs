//! What users do with their accounts: sign up, log in and out, end sessions, make access tokens, leave.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use stubmart_contract::UserId;
use stubmart_kernel::mark;
use stubmart_node::Service;

use super::{PASSWORD, User, broken, pick};
use crate::{
    exec::{WORLD, lock},
    http::Request,
    world::World,
};

/// How long a session that was ended may still be taken for alive.
const DEAD_WITHIN: Duration = Duration::from_secs(1);

impl User {
    pub(super) async fn sign_up(&mut self) {
        let body = json!({ "email": self.email(), "password": PASSWORD, "name": "Somebody" });
        let key = self.new_key();
        let request = Request::new("POST", "/api/auth/signup").json(&body);
        let Some(answer) = self.send(Service::Auth, request, key.as_deref()).await else { return };
        self.noticed(&answer);
        match answer.status {
            201 => {
                self.id = answer.id("id");
                let is_stored = |id: UserId| lock(&self.world.checker).users.contains_key(&id.0);
                if !self.id.is_some_and(is_stored) || answer.token.is_none() {
                    let text = "a signup was answered 201 without a user or a session".to_owned();
                    broken(&self.world, "AUTH-1", &[], text);
                }
                self.token = answer.token;
            }
            // An earlier try did it, and its answer was lost.
            409 => self.log_in().await,
            _ => {}
        }
    }

    pub(super) async fn log_in(&mut self) {
        if let Some((id, token)) = self.enter().await {
            self.id = Some(id);
            self.token = Some(token);
        }
    }

    /// Opens a session.
    async fn enter(&mut self) -> Option<(UserId, String)> {
        for password in self.passwords.clone() {
            let body = json!({ "email": self.email(), "password": password });
            let request = Request::new("POST", "/api/auth/login").json(&body);
            let answer = self.world.request(Service::Auth, request).await?;
            if answer.status == 200 {
                return Some((answer.id("id")?, answer.token?));
            }
        }
        None
    }

    /// Signs in from another browser, and ends that session from this one: by itself, or with a new
    /// password.
    pub(super) async fn other_window(&mut self) {
        let Some((_, other)) = self.enter().await else { return };
        if self.random.happens(500) {
            let request = Request::new("GET", "/api/auth/sessions").by(Some(&other));
            let Some(answer) = self.world.request(Service::Auth, request).await else { return };
            let items = answer.body.get("items").and_then(Value::as_array);
            let current =
                items.into_iter().flatten().find(|it| it.get("current") == Some(&json!(true)));
            let Some(id) = current.and_then(|it| it.get("id")).and_then(Value::as_str) else {
                return;
            };
            let request = Request::new("DELETE", format!("/api/auth/sessions/{id}"));
            let answer = self.send(Service::Auth, request, None).await;
            if answer.is_some_and(|answer| answer.status == 204) {
                mark!("a session was ended from another one");
                lock(&self.board).dead.push((other, self.world.exec.now()));
            }
            return;
        }
        let Some(present) = self.passwords.first().cloned() else { return };
        self.requests += 1;
        let password = format!("correct horse {}", self.requests);
        let body = json!({ "password": password, "currentPassword": present });
        // Whether it is set is not known until it is answered.
        self.passwords.insert(0, password);
        let request = Request::new("PATCH", "/api/auth/currentuser").json(&body);
        let Some(answer) = self.send(Service::Auth, request, None).await else { return };
        self.noticed(&answer);
        if answer.status == 200 {
            mark!("a new password ended the other sessions");
            self.passwords.truncate(1);
            lock(&self.board).dead.push((other, self.world.exec.now()));
        }
    }

    /// Makes an access token, uses it, or revokes it.
    pub(super) async fn script(&mut self) {
        if self.scripts.is_empty() || self.random.happens(400) {
            let request = Request::new("POST", "/api/auth/tokens").json(&json!({ "name": "ci" }));
            let key = self.new_key();
            let Some(answer) = self.send(Service::Auth, request, key.as_deref()).await else {
                return;
            };
            self.noticed(&answer);
            if answer.status == 201 {
                let made = (answer.text("id").to_owned(), answer.text("token").to_owned());
                if made.0.is_empty() || made.1.is_empty() {
                    let text = "an access token was answered 201 without id or secret".to_owned();
                    broken(&self.world, "AUTH-1", &[], text);
                }
                self.scripts.push(made);
            }
            return;
        }
        let bound = u64::try_from(self.scripts.len()).unwrap_or(0);
        let place = usize::try_from(self.random.below(bound)).unwrap_or(0);
        let (id, secret) = self.scripts.swap_remove(place);
        let request = Request::new("GET", "/api/orders").by(Some(&secret));
        let used = self.world.request(Service::Orders, request).await;
        // A deletion whose answer was lost ends them too.
        let is_there = self.id.is_some_and(|id| {
            let checker = lock(&self.world.checker);
            checker
                .users
                .get(&id.0)
                .and_then(|user| user.get("account"))
                .is_some_and(|it| !it.is_null())
        });
        if is_there && used.is_some_and(|answer| answer.status == 401) {
            let text = format!("access token {id}, which nobody revoked, is refused");
            broken(&self.world, "AUTH-1", &[], text);
        }
        let request = Request::new("DELETE", format!("/api/auth/tokens/{id}"));
        let answer = self.send(Service::Auth, request, None).await;
        if answer.is_some_and(|answer| answer.status == 204) {
            mark!("an access token was revoked");
            lock(&self.board).dead.push((secret, self.world.exec.now()));
        }
    }

    pub(super) async fn log_out(&mut self) {
        let request = Request::new("POST", "/api/auth/logout").by(self.token.as_deref());
        let answer = self.world.request(Service::Auth, request).await;
        if answer.is_some_and(|answer| answer.status == 200)
            && let Some(token) = self.token.take()
        {
            lock(&self.board).dead.push((token, self.world.exec.now()));
        }
    }

    pub(super) async fn delete(&mut self) {
        self.hurry();
        let Some(present) = self.passwords.first().cloned() else { return };
        let body = json!({ "currentPassword": present });
        let request =
            Request::new("DELETE", "/api/auth/currentuser").json(&body).by(self.token.as_deref());
        let answer = self.world.request(Service::Auth, request).await;
        if answer.is_none_or(|answer| answer.status != 204) {
            return;
        }
        mark!("an account was deleted");
        let now = self.world.exec.now();
        let mut board = lock(&self.board);
        board.dead.extend(self.token.take().map(|token| (token, now)));
        board.dead.extend(self.scripts.drain(..).map(|(_, secret)| (secret, now)));
        board.deleted.extend(self.id.take());
        drop(board);
        self.accounts += 1;
        self.passwords = vec![PASSWORD.to_owned()];
        self.listings.clear();
        self.orders.clear();
    }

    /// Lists and buys something from another window, at about the same time.
    fn hurry(&mut self) {
        let body = json!({ "title": "A last one", "price": 700, "quantity": 1 });
        let mut requests =
            vec![(Service::Tickets, Request::new("POST", "/api/tickets").json(&body))];
        let ticket = pick(&mut self.random, &lock(&self.board).tickets);
        if let Some(id) = ticket {
            let body = json!({ "ticketId": id });
            requests.push((Service::Orders, Request::new("POST", "/api/orders").json(&body)));
        }
        for (service, request) in requests {
            for _ in 0..3 {
                let request = request.clone().by(self.token.as_deref());
                let delay = Duration::from_millis(self.random.below(1000));
                let world = Arc::clone(&self.world);
                world.exec.clone().spawn(WORLD, async move {
                    world.exec.sleep(delay).await;
                    drop(world.request(service, request).await);
                });
            }
        }
    }

    /// A session that was ended is used.
    pub(super) async fn haunt(&mut self) {
        let dead = {
            let board = lock(&self.board);
            let bound = u64::try_from(board.dead.len()).unwrap_or(0);
            let place = usize::try_from(self.random.below(bound)).unwrap_or(0);
            board.dead.get(place).cloned()
        };
        let Some((token, since)) = dead else { return };
        haunt(&self.world, &token, since, self.random.below(4)).await;
    }
}

/// AUTH-1: a session that ended is refused by every service within one second.
pub(crate) async fn haunt(world: &Arc<World>, token: &str, since: Duration, which: u64) {
    let (service, path) = match which {
        0 => (Service::Auth, "/api/auth/sessions"),
        1 => (Service::Tickets, "/api/tickets?sellerId=me"),
        2 => (Service::Orders, "/api/orders"),
        _ => (Service::Payments, "/api/payments"),
    };
    let began = world.exec.now();
    let answer = world.request(service, Request::new("GET", path).by(Some(token))).await;
    let alive = answer.is_some_and(|answer| answer.status < 300);
    if alive && began > since + DEAD_WITHIN {
        let age = began.saturating_sub(since);
        let text = format!("a session that ended {age:?} ago is taken by {}", service.name());
        broken(world, "AUTH-1", &[], text);
    }
}
