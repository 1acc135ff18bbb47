//! Users: they sign up, sell, buy, pay, leave, come back, and check that what they were answered is true.

pub(crate) mod account;
mod buyer;
mod seller;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use stubmart_contract::{EventId, OrderId, TicketId, UserId};
use stubmart_node::Service;
use stubmart_suite::host::Seeded;
use uuid::Uuid;

use crate::{
    check::Violation,
    exec::{lock, mix},
    http::{Answer, Request},
    world::World,
};

/// How often a request that was not answered is sent again.
const TRIES: u32 = 4;

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
    /// Tickets whose lines this user may be in.
    lines: Vec<TicketId>,
    keys: BTreeMap<String, String>,
    requests: u64,
    /// What the password may be: the newest that was sent, and any before it that may not have been
    /// replaced.
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
            lines: Vec::new(),
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
            25..46 => self.buy().await,
            46..52 => self.wait_in_line().await,
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

/// The items of a list.
fn items(answer: &Answer) -> impl Iterator<Item = &Value> {
    answer.body.get("items").and_then(Value::as_array).into_iter().flatten()
}

fn pick<T: Copy>(random: &mut Seeded, items: &[T]) -> Option<T> {
    let bound = u64::try_from(items.len()).unwrap_or(0);
    items.get(usize::try_from(random.below(bound)).unwrap_or(0)).copied()
}
