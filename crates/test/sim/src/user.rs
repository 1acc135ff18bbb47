//! Users: they sign up, sell, buy, pay, leave, come back, and check that what they were answered is true.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use stubmart_contract::{
    EventId, OrderId, TicketId, UserId,
    api::{CancelReason, OrderStatus, TicketStatus},
};
use stubmart_kernel::mark;
use stubmart_node::Service;
use stubmart_payments::charge::Stage;
use stubmart_suite::host::Seeded;
use uuid::Uuid;

use crate::{
    exec::{WORLD, lock, mix},
    http::{Answer, Request},
    provider::{AUTHENTICATES, DECLINED, GOOD, SLOW, UNKNOWN},
    world::{Violation, World},
};

/// How often a request that was not answered is sent again.
const TRIES: u32 = 4;

/// How long a session that was ended may still be taken for alive.
const DEAD_WITHIN: Duration = Duration::from_secs(1);

const PASSWORD: &str = "correct horse";

/// What all users know.
#[derive(Debug, Default)]
pub struct Board {
    tickets: Vec<TicketId>,
    /// Shows that were added.
    shows: Vec<EventId>,
    orders: Vec<OrderId>,
    /// Sessions that ended, and when.
    pub dead: Vec<(String, Duration)>,
    /// Users whose account is deleted.
    pub deleted: Vec<UserId>,
    steps: u64,
}

/// A user.
pub struct User {
    world: Arc<World>,
    board: Arc<Mutex<Board>>,
    random: Seeded,
    number: u32,
    accounts: u32,
    id: Option<UserId>,
    token: Option<String>,
    listings: Vec<TicketId>,
    orders: Vec<OrderId>,
    keys: BTreeMap<String, String>,
    requests: u64,
    /// What the password may be: the last one that was told to be set, and any before of which it is not
    /// known whether they were replaced.
    passwords: Vec<String>,
    /// Access tokens: their ids and secrets.
    scripts: Vec<(String, String)>,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("number", &self.number).finish_non_exhaustive()
    }
}

fn broken(world: &World, invariant: &'static str, documents: &[Uuid], text: String) {
    world.violate(Violation { invariant, text, documents: documents.to_vec() });
}

impl User {
    /// The user of this number.
    #[must_use]
    pub fn new(world: &Arc<World>, board: &Arc<Mutex<Board>>, number: u32) -> Self {
        Self {
            world: Arc::clone(world),
            board: Arc::clone(board),
            random: Seeded::new(mix(world.scenario.seed, 100 + u64::from(number))),
            number,
            accounts: 0,
            id: None,
            token: None,
            listings: Vec::new(),
            orders: Vec::new(),
            keys: BTreeMap::new(),
            requests: 0,
            passwords: vec![PASSWORD.to_owned()],
            scripts: Vec::new(),
        }
    }

    /// Takes steps until faults end or the scenario's steps are used up.
    pub async fn live(mut self) {
        for _ in 0..self.world.scenario.steps {
            let think = self.world.scenario.think;
            let micros = u64::try_from(think.as_micros()).unwrap_or(u64::MAX);
            let drawn = Duration::from_micros(self.random.below(micros * 2));
            self.world.exec.sleep(drawn).await;
            let taken = {
                let mut board = lock(&self.board);
                board.steps += 1;
                board.steps
            };
            if self.world.is_healed() || taken > self.world.scenario.steps_max {
                return;
            }
            self.step().await;
        }
    }

    async fn step(&mut self) {
        if self.id.is_none() {
            self.sign_up().await;
        }
        if self.token.is_none() && self.id.is_some() {
            self.log_in().await;
        }
        if self.token.is_none() {
            return;
        }
        match self.random.below(100) {
            0..14 => self.list().await,
            14..22 => self.edit().await,
            22..25 => self.withdraw().await,
            25..52 => self.buy().await,
            52..74 => self.pay_some().await,
            74..79 => self.leave().await,
            79..84 => self.close().await,
            84..88 => self.look().await,
            88..90 => self.pay_late().await,
            90..92 => self.browse().await,
            92..94 => self.trespass().await,
            94..95 => self.other_window().await,
            95..96 => self.script().await,
            96..97 => self.haunt().await,
            97..99 => self.log_out().await,
            _ => self.delete().await,
        }
    }

    fn email(&self) -> String {
        format!("user{}.{}@example.org", self.number, self.accounts)
    }

    fn new_key(&mut self) -> Option<String> {
        self.requests += 1;
        self.random.happens(600).then(|| format!("key-{}-{}", self.number, self.requests))
    }

    /// Sends a request, and again while there is no answer or it is "not now". With a key, what it
    /// created must be the same thing each time.
    async fn send(
        &mut self,
        service: Service,
        request: Request,
        key: Option<&str>,
    ) -> Option<Answer> {
        let mut request = request.by(self.token.as_deref()).key(key);
        if key.is_none() {
            // Without a key, to send again may do it twice; some clients never do.
            return self.world.request(service, request).await;
        }
        for attempt in 0..TRIES {
            let answer = self.world.request(service, request.clone()).await;
            if let Some(answer) = answer {
                if answer.status < 300 {
                    self.same_each_time(key.unwrap_or_default(), &answer);
                }
                let not_now = answer.status == 503 || answer.code() == "idempotency_key_in_use";
                if !not_now && (answer.status >= 300 || !self.random.happens(100)) {
                    return Some(answer);
                }
            }
            let wait = 500 + self.random.below(20_000 << attempt);
            self.world.exec.sleep(Duration::from_millis(wait)).await;
            request = request.by(self.token.as_deref());
        }
        None
    }

    fn same_each_time(&mut self, key: &str, answer: &Answer) {
        let id = answer.text("id").to_owned();
        let first = self.keys.entry(key.to_owned()).or_insert_with(|| id.clone());
        if *first != id {
            let text = format!("key {key} made {first} and then {id}");
            broken(&self.world, "PAY-2", &[], text);
        }
    }

    async fn sign_up(&mut self) {
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

    async fn log_in(&mut self) {
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
    async fn other_window(&mut self) {
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
    async fn script(&mut self) {
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

    async fn log_out(&mut self) {
        let request = Request::new("POST", "/api/auth/logout").by(self.token.as_deref());
        let answer = self.world.request(Service::Auth, request).await;
        if answer.is_some_and(|answer| answer.status == 200)
            && let Some(token) = self.token.take()
        {
            lock(&self.board).dead.push((token, self.world.exec.now()));
        }
    }

    async fn delete(&mut self) {
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
    async fn haunt(&mut self) {
        let dead = {
            let board = lock(&self.board);
            let bound = u64::try_from(board.dead.len()).unwrap_or(0);
            let place = usize::try_from(self.random.below(bound)).unwrap_or(0);
            board.dead.get(place).cloned()
        };
        let Some((token, since)) = dead else { return };
        haunt(&self.world, &token, since, self.random.below(4)).await;
    }

    async fn list(&mut self) {
        let price = 100 + self.random.below(900_000);
        let drawn = usize::try_from(self.random.below(4)).unwrap_or(0);
        let currency = ["usd", "eur", "jpy", "kwd"].get(drawn);
        let show = self.show().await;
        let body = json!({ "title": "Two in the stalls", "price": price, "currency": currency,
            "quantity": 2, "eventId": show });
        let key = self.new_key();
        let request = Request::new("POST", "/api/tickets").json(&body);
        let Some(answer) = self.send(Service::Tickets, request, key.as_deref()).await else {
            return;
        };
        self.noticed(&answer);
        if answer.status == 400 {
            let text = format!("a listing for show {show:?}, which was added, was refused");
            return broken(&self.world, "EVT-1", &[], text);
        }
        if answer.status != 201 {
            return;
        }
        let Some(id) = answer.id::<TicketId>("id") else {
            return broken(
                &self.world,
                "EVT-1",
                &[],
                "a listing was answered 201 without an id".to_owned(),
            );
        };
        if !lock(&self.world.checker).tickets.contains_key(&id) {
            broken(
                &self.world,
                "EVT-1",
                &[id.0],
                format!("listing {id} was answered 201 and is not stored"),
            );
        }
        self.listings.push(id);
        lock(&self.board).tickets.push(id);
    }

    /// A show that somebody has added, a new one, or none.
    async fn show(&mut self) -> Option<EventId> {
        let known = pick(&mut self.random, &lock(&self.board).shows);
        if known.is_some() && self.random.below(3) > 0 {
            return known;
        }
        let number = self.random.below(6);
        if number > 3 {
            return None;
        }
        let body = json!({ "name": format!("Show {number}"), "category": "Plays",
            "venue": { "name": "Globe", "city": "London" }, "startsAt": "2031-01-01T19:30:00Z" });
        let key = self.new_key();
        let request = Request::new("POST", "/api/events").json(&body);
        let answer = self.send(Service::Catalogue, request, key.as_deref()).await?;
        self.noticed(&answer);
        if !matches!(answer.status, 200 | 201) {
            return None;
        }
        let id = answer.id::<EventId>("id")?;
        let mut board = lock(&self.board);
        if !board.shows.contains(&id) {
            board.shows.push(id);
        }
        Some(id)
    }

    async fn edit(&mut self) {
        let Some(id) = pick(&mut self.random, &self.listings) else { return };
        let price = 100 + self.random.below(900_000);
        let request =
            Request::new("PATCH", format!("/api/tickets/{id}")).json(&json!({ "price": price }));
        if let Some(answer) = self.send(Service::Tickets, request, None).await {
            self.noticed(&answer);
            if answer.code() == "ticket_locked" {
                mark!("a price edit met a lock");
            }
            if answer.status == 200 {
                self.edited(id, price, &answer);
            }
        }
    }

    /// What an edit was answered must be so: nobody else edits a ticket.
    fn edited(&self, id: TicketId, price: u64, answer: &Answer) {
        let told = answer.body.get("price").and_then(Value::as_u64);
        let seller = lock(&self.world.checker).tickets.get(&id).map(|ticket| ticket.user_id);
        if told != Some(price) || seller != self.id || answer.id("id") != Some(id) {
            let text = format!(
                "setting the price of {id} to {price} was answered 200 with {}, it is {seller:?}'s",
                answer.body
            );
            broken(&self.world, "PRICE-1", &[id.0], text);
        }
    }

    async fn withdraw(&mut self) {
        let Some(id) = pick(&mut self.random, &self.listings) else { return };
        let request = Request::new("DELETE", format!("/api/tickets/{id}"));
        let Some(answer) = self.send(Service::Tickets, request, None).await else { return };
        self.noticed(&answer);
        let status = lock(&self.world.checker).tickets.get(&id).map(|ticket| ticket.status);
        if answer.status == 204 && status != Some(TicketStatus::Withdrawn) {
            let text = format!("withdrawing {id} was answered 204, and it is {status:?}");
            broken(&self.world, "EVT-1", &[id.0], text);
        }
    }

    async fn buy(&mut self) {
        let ticket = {
            let board = lock(&self.board);
            let recent: Vec<_> = board.tickets.iter().rev().take(8).copied().collect();
            pick(&mut self.random, &recent)
        };
        let Some(ticket_id) = ticket else { return };
        if self.listings.contains(&ticket_id) && self.random.happens(900) {
            return;
        }
        let body = json!({ "ticketId": ticket_id });
        let key = self.new_key();
        let request = Request::new("POST", "/api/orders").json(&body);
        let Some(answer) = self.send(Service::Orders, request, key.as_deref()).await else {
            return;
        };
        self.noticed(&answer);
        if answer.code() == "ticket_locked" {
            mark!("a second buyer met the lock");
        }
        if answer.status != 201 {
            return;
        }
        let Some(id) = answer.id::<OrderId>("id") else {
            return broken(
                &self.world,
                "LOCK-1",
                &[],
                "an order was answered 201 without an id".to_owned(),
            );
        };
        self.is_my_order(&answer.body);
        if answer.id("ticketId") != Some(ticket_id) {
            let text = format!("an order for {ticket_id} was answered {}", answer.body);
            broken(&self.world, "LOCK-1", &[id.0, ticket_id.0], text);
        }
        self.orders.push(id);
        lock(&self.board).orders.push(id);
        if self.random.happens(700) {
            let think = Duration::from_millis(self.random.below(30_000));
            self.world.exec.sleep(think).await;
            self.pay(id).await;
        }
    }

    /// An order that is shown must be this user's, and ask what is stored.
    fn is_my_order(&self, shown: &Value) {
        let text = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default();
        let price = shown.get("price").and_then(Value::as_u64);
        let id: Option<OrderId> = text("id").parse().ok();
        let checker = lock(&self.world.checker);
        let stored = id.and_then(|id| checker.orders.get(&id));
        let is_so = stored.is_some_and(|order| {
            Some(order.user_id) == self.id
                && text("ticketId") == order.ticket_id.to_string()
                && price == Some(u64::from(order.price.minor()))
        });
        if !is_so {
            let text = format!("shown is the order {shown}, stored is {stored:?}");
            drop(checker);
            broken(&self.world, "AUTH-1", &[id.map_or(Uuid::nil(), |id| id.0)], text);
        }
    }

    async fn pay_some(&mut self) {
        let Some(id) = self.recent_order() else { return };
        self.pay(id).await;
    }

    fn recent_order(&mut self) -> Option<OrderId> {
        let recent: Vec<_> = self.orders.iter().rev().take(4).copied().collect();
        pick(&mut self.random, &recent)
    }

    /// Pays around the time when the checkout runs out.
    async fn pay_late(&mut self) {
        let Some(id) = self.recent_order() else { return };
        let expires = lock(&self.world.checker).orders.get(&id).map(|order| order.expires_at);
        let left = expires.map_or(Duration::ZERO, |at| at.since(self.world.now()));
        let early = Duration::from_millis(self.random.below(100));
        self.world.exec.sleep(left.saturating_sub(early)).await;
        self.pay(id).await;
    }

    async fn pay(&mut self, id: OrderId) {
        let method = match self.random.below(100) {
            0..52 => GOOD,
            52..66 => DECLINED,
            66..78 => AUTHENTICATES,
            78..87 => SLOW,
            87..91 => UNKNOWN,
            _ => return self.pay_in_browser(id).await,
        };
        let body = json!({ "orderId": id, "paymentMethod": method });
        let request = Request::new("POST", "/api/payments").json(&body);
        if self.random.happens(150) {
            // Pays twice at once.
            let again = request.clone().by(self.token.as_deref());
            let (world, delay) =
                (Arc::clone(&self.world), Duration::from_micros(self.random.below(20_000)));
            world.exec.clone().spawn(WORLD, async move {
                world.exec.sleep(delay).await;
                drop(world.request(Service::Payments, again).await);
            });
        }
        let key = self.new_key();
        let Some(answer) = self.send(Service::Payments, request, key.as_deref()).await else {
            return;
        };
        self.noticed(&answer);
        self.paid(id, &answer);
        let secret = answer.body.pointer("/nextAction/clientSecret").and_then(Value::as_str);
        if let Some(secret) = secret {
            self.confirm(secret.to_owned()).await;
        }
        // Who is not told that it worked does not always wait for it.
        if answer.status == 202 && self.random.happens(300) {
            self.leave_it(id).await;
        }
    }

    async fn pay_in_browser(&mut self, id: OrderId) {
        let request = Request::new("POST", "/api/payments/intents").json(&json!({ "orderId": id }));
        let Some(answer) = self.send(Service::Payments, request, None).await else { return };
        self.noticed(&answer);
        if answer.status == 201 {
            self.confirm(answer.text("clientSecret").to_owned()).await;
            if self.random.happens(300) {
                self.leave_it(id).await;
            }
        }
    }

    /// Does what the provider's form or the bank asks for, mostly.
    async fn confirm(&mut self, secret: String) {
        let think = Duration::from_millis(self.random.below(60_000));
        self.world.exec.sleep(think).await;
        if self.random.happens(850) {
            let succeed = self.random.happens(800);
            self.world.provider.confirm(&self.world, &secret, GOOD, succeed);
        }
    }

    /// What a payment was answered must be so.
    fn paid(&self, id: OrderId, answer: &Answer) {
        let checker = lock(&self.world.checker);
        let order = checker.orders.get(&id);
        let wrong = match (answer.status, answer.code()) {
            (201, _) => {
                let charge = answer.id("id").and_then(|id| checker.charges.get(&id));
                charge.is_none_or(|charge| charge.stage != Stage::Completed)
            }
            (409, "order_expired") => {
                mark!("a payment came after its checkout had expired");
                order.is_none_or(|order| order.cancel_reason != Some(CancelReason::Expired))
            }
            (409, "order_cancelled") => {
                order.is_none_or(|order| order.status == OrderStatus::Completed)
            }
            // The charge that took the money is ahead of its order, which follows by an event.
            (409, "order_completed") => !checker
                .charges
                .values()
                .any(|charge| charge.order_id == id && charge.stage == Stage::Completed),
            _ => false,
        };
        if wrong {
            let text = format!(
                "paying for order {id} was answered {} {}, and the order is {:?}",
                answer.status,
                answer.code(),
                order.map(|order| order.status)
            );
            drop(checker);
            broken(&self.world, "PAY-1", &[id.0], text);
        }
    }

    async fn leave(&mut self) {
        let Some(id) = self.recent_order() else { return };
        self.leave_it(id).await;
    }

    async fn leave_it(&mut self, id: OrderId) {
        let request = Request::new("DELETE", format!("/api/orders/{id}"));
        let Some(answer) = self.send(Service::Orders, request, None).await else { return };
        self.noticed(&answer);
        let status = lock(&self.world.checker).orders.get(&id).map(|order| order.status);
        if answer.code() == "payment_in_progress" {
            mark!("leaving met a payment in progress");
        }
        if answer.status == 200 && status != Some(OrderStatus::Cancelled) {
            let text = format!("leaving order {id} was answered 200, and it is {status:?}");
            broken(&self.world, "PAY-3", &[id.0], text);
        }
    }

    /// Closes the page, and comes back or not.
    async fn close(&mut self) {
        let Some(id) = self.recent_order() else { return };
        let request = Request::new("POST", format!("/api/orders/{id}/leave"));
        if let Some(answer) = self.send(Service::Orders, request, None).await {
            self.noticed(&answer);
        }
        if self.random.happens(500) {
            let away = Duration::from_millis(self.random.below(40_000));
            self.world.exec.sleep(away).await;
            self.look_at(id).await;
        }
    }

    async fn look(&mut self) {
        let Some(id) = self.recent_order() else { return };
        self.look_at(id).await;
        let request = Request::new("GET", format!("/api/payments?orderId={id}"));
        if let Some(answer) = self.send(Service::Payments, request, None).await {
            self.noticed(&answer);
            for shown in items(&answer) {
                let charge = shown.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
                let checker = lock(&self.world.checker);
                let stored = charge.and_then(|id| checker.charges.get(&id));
                let is_so = stored.is_some_and(|charge| charge.order_id == id);
                drop(checker);
                if !is_so {
                    let text = format!("shown among the charges of order {id} is {shown}");
                    broken(&self.world, "AUTH-1", &[id.0], text);
                }
            }
        }
    }

    async fn look_at(&mut self, id: OrderId) {
        let request = Request::new("GET", format!("/api/orders/{id}"));
        let Some(answer) = self.send(Service::Orders, request, None).await else { return };
        self.noticed(&answer);
        if answer.status == 200 {
            self.is_my_order(&answer.body);
        }
        if answer.status == 404 {
            broken(
                &self.world,
                "LOCK-1",
                &[id.0],
                format!("order {id} was answered 201 and is not found"),
            );
        }
    }

    async fn browse(&mut self) {
        for path in ["/api/tickets?limit=20", "/api/tickets?sellerId=me"] {
            let request = Request::new("GET", path);
            if let Some(answer) = self.send(Service::Tickets, request, None).await {
                self.noticed(&answer);
                for shown in items(&answer) {
                    self.is_listed(shown, path.ends_with("=me"));
                }
            }
        }
        let request = Request::new("GET", "/api/orders?limit=10");
        if let Some(answer) = self.send(Service::Orders, request, None).await {
            self.noticed(&answer);
            for shown in items(&answer) {
                self.is_my_order(shown);
            }
        }
    }

    /// A ticket that is shown must be stored, and this user's among their own.
    fn is_listed(&self, shown: &Value, is_mine: bool) {
        let id: Option<TicketId> =
            shown.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let seller = id
            .and_then(|id| lock(&self.world.checker).tickets.get(&id).map(|ticket| ticket.user_id));
        if seller.is_none() || (is_mine && seller != self.id) {
            let text = format!("shown is the ticket {shown}, stored is one of {seller:?}");
            broken(&self.world, "AUTH-1", &[id.map_or(Uuid::nil(), |id| id.0)], text);
        }
    }

    /// Tries what is somebody else's.
    async fn trespass(&mut self) {
        let (order, ticket) = {
            let board = lock(&self.board);
            (pick(&mut self.random, &board.orders), pick(&mut self.random, &board.tickets))
        };
        if let Some(id) = order.filter(|id| !self.orders.contains(id) && self.is_foreign(*id)) {
            for method in ["GET", "DELETE"] {
                let request = Request::new(method, format!("/api/orders/{id}"));
                let Some(answer) = self.send(Service::Orders, request, None).await else { return };
                if !matches!(answer.status, 404 | 401 | 503) {
                    let text = format!(
                        "{method} of somebody else's order {id} was answered {}",
                        answer.status
                    );
                    broken(&self.world, "AUTH-1", &[id.0], text);
                }
            }
        }
        let Some(id) = ticket else { return };
        let seller = lock(&self.world.checker).tickets.get(&id).map(|ticket| ticket.user_id);
        if seller == self.id {
            return;
        }
        let request =
            Request::new("PATCH", format!("/api/tickets/{id}")).json(&json!({ "price": 1 }));
        let Some(answer) = self.send(Service::Tickets, request, None).await else { return };
        // A withdrawn ticket is no business of anybody else's, and is not there for them.
        if !matches!(answer.status, 404 | 403 | 401 | 503) {
            let text =
                format!("editing somebody else's ticket {id} was answered {}", answer.status);
            broken(&self.world, "AUTH-1", &[id.0], text);
        }
    }

    fn is_foreign(&self, id: OrderId) -> bool {
        lock(&self.world.checker)
            .orders
            .get(&id)
            .is_some_and(|order| Some(order.user_id) != self.id)
    }

    /// A 5xx other than 503 is a fault of ours; a session that is refused is gone.
    fn noticed(&mut self, answer: &Answer) {
        if answer.status == 500 {
            broken(
                &self.world,
                "EVT-1",
                &[],
                format!("a request was answered 500: {}", answer.body),
            );
        }
        if answer.status == 401 {
            self.token = None;
        }
    }
}

/// AUTH-1: a session that ended is refused by every service within one second.
pub async fn haunt(world: &Arc<World>, token: &str, since: Duration, which: u64) {
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

/// The items of a list.
fn items(answer: &Answer) -> impl Iterator<Item = &Value> {
    answer.body.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn pick<T: Copy>(random: &mut Seeded, items: &[T]) -> Option<T> {
    let bound = u64::try_from(items.len()).unwrap_or(0);
    items.get(usize::try_from(random.below(bound)).unwrap_or(0)).copied()
}
