//! A mixed load: users list, edit, withdraw, lock, leave, pay, pay twice, are declined, and look.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use stubmart_contract::{Code, OrderId, TicketId, UserId};
use tokio::time::sleep;

use crate::{
    actor::Actor,
    history::{Outcome, Request},
};

/// How many of the latest tickets and orders are in play: few enough that clients get in each other's way.
const IN_PLAY: usize = 48;

/// How long a client pauses whose connection broke, or that was asked to come back.
const BROKEN_PAUSE: Duration = Duration::from_millis(20);

/// Card numbers of the sandbox: mostly one that works.
const METHODS: &[&str] = &[
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_visa",
    "pm_card_visa_chargeDeclined",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_threeDSecure2Required",
];

/// A request whose outcome is not known and that may be asked again with its key.
#[derive(Debug, Clone)]
pub struct Again {
    /// Who had asked.
    pub user: UserId,
    /// What.
    pub request: Request,
    /// With which key.
    pub key: String,
}

/// What is for sale and in checkout, as the clients of a run know it.
#[derive(Debug, Default)]
pub struct Pool {
    tickets: Mutex<VecDeque<(TicketId, UserId)>>,
    orders: Mutex<VecDeque<(OrderId, UserId)>>,
    again: Mutex<Vec<Again>>,
    numbers: AtomicU64,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep<T>(queue: &Mutex<VecDeque<T>>, item: T) {
    let mut queue = open(queue);
    queue.push_back(item);
    if queue.len() > IN_PLAY {
        queue.pop_front();
    }
}

fn draw<T: Copy>(
    queue: &Mutex<VecDeque<T>>,
    random: &mut Rng,
    fits: impl Fn(&T) -> bool,
) -> Option<T> {
    let fitting: Vec<T> = open(queue).iter().copied().filter(|it| fits(it)).collect();
    random.choice(&fitting).copied()
}

impl Pool {
    /// The requests that broke off, each once.
    pub fn take_again(&self) -> Vec<Again> {
        std::mem::take(&mut open(&self.again))
    }

    /// Keeps a request for later.
    pub fn put_again(&self, again: Again) {
        open(&self.again).push(again);
    }

    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes note of what an answer brought into play.
    fn note(&self, actor: &Actor, request: Request, key: Option<String>, outcome: &Outcome) {
        match outcome {
            Outcome::Tickets(_) => {
                if let Some(ticket) = outcome.ticket() {
                    keep(&self.tickets, (ticket.id, actor.user));
                }
            }
            Outcome::Orders(_) => {
                if let Some(order) = outcome.order() {
                    keep(&self.orders, (order.id, actor.user));
                }
            }
            outcome if !outcome.is_known() => {
                if let Some(key) = key {
                    self.put_again(Again { user: actor.user, request, key });
                }
            }
            _ => {}
        }
    }

    /// Asks again with the same key what broke off.
    pub async fn ask_again(&self, actor: &Actor, again: &Again) -> Outcome {
        let key = Some(again.key.as_str());
        let outcome = match &again.request {
            Request::ListTicket { title, price } => actor.list_ticket(title, *price, key).await,
            Request::Order { ticket } => actor.order(*ticket, key).await,
            Request::Pay { order, method } => actor.pay(*order, method, key).await,
            other => return Outcome::Unknown(format!("{other:?} takes no key")),
        };
        self.note(actor, again.request.clone(), None, &outcome);
        outcome
    }

    /// One step of a user's: something that is likely to meet what others do.
    pub async fn step(&self, actor: &Actor, random: &mut Rng) -> Outcome {
        let own = |it: &(TicketId, UserId)| it.1 == actor.user;
        let others = |it: &(TicketId, UserId)| it.1 != actor.user;
        let my_order = |it: &(OrderId, UserId)| it.1 == actor.user;
        match random.u64(1..=100) {
            1..=16 => self.list(actor, random).await,
            17..=28 => match draw(&self.tickets, random, own) {
                Some((ticket, _)) => actor.edit_price(ticket, price(random)).await,
                None => self.list(actor, random).await,
            },
            29..=31 => match draw(&self.tickets, random, own) {
                Some((ticket, _)) => actor.withdraw(ticket).await,
                None => self.list(actor, random).await,
            },
            32..=58 => match draw(&self.tickets, random, others) {
                Some((ticket, _)) => self.order(actor, ticket, random).await,
                None => self.list(actor, random).await,
            },
            59..=78 => match draw(&self.orders, random, my_order) {
                Some((order, _)) => self.pay(actor, order, random).await,
                None => self.list(actor, random).await,
            },
            79..=84 => match draw(&self.orders, random, my_order) {
                Some((order, _)) if random.u64(..100) < 70 => actor.leave(order).await,
                Some((order, _)) => actor.close_page(order).await,
                None => self.list(actor, random).await,
            },
            85..=92 => match draw(&self.orders, random, my_order) {
                Some((order, _)) if random.bool() => actor.read_charges(order).await,
                Some((order, _)) => actor.read_order(order).await,
                None => self.list(actor, random).await,
            },
            _ => match draw(&self.tickets, random, own) {
                Some((ticket, _)) => actor.read_ticket(ticket).await,
                None => self.list(actor, random).await,
            },
        }
    }

    async fn list(&self, actor: &Actor, random: &mut Rng) -> Outcome {
        let title = format!("Ticket {}", self.number());
        let (price, key) = (price(random), self.key(random));
        let outcome = actor.list_ticket(&title, price, key.as_deref()).await;
        self.note(actor, Request::ListTicket { title, price }, key, &outcome);
        outcome
    }

    async fn order(&self, actor: &Actor, ticket: TicketId, random: &mut Rng) -> Outcome {
        let key = self.key(random);
        let outcome = actor.order(ticket, key.as_deref()).await;
        self.note(actor, Request::Order { ticket }, key, &outcome);
        outcome
    }

    /// Pays; now and then twice at once, with one key or with none.
    async fn pay(&self, actor: &Actor, order: OrderId, random: &mut Rng) -> Outcome {
        let method = random.choice(METHODS).copied().unwrap_or("pm_card_visa");
        let key = self.key(random);
        let outcome = if random.u64(..100) < 15 {
            let (one, other) = tokio::join!(
                actor.pay(order, method, key.as_deref()),
                actor.pay(order, method, key.as_deref())
            );
            if one.is_known() { other } else { one }
        } else {
            actor.pay(order, method, key.as_deref()).await
        };
        self.note(actor, Request::Pay { order, method: method.to_owned() }, key, &outcome);
        outcome
    }

    /// A fresh idempotency key, for half of what takes one.
    fn key(&self, random: &mut Rng) -> Option<String> {
        random.bool().then(|| format!("key-{}-{:x}", self.number(), random.u64(..)))
    }
}

fn price(random: &mut Rng) -> u32 {
    u32::try_from(random.u64(100..=100_000)).unwrap_or(100)
}

/// Steps until `stop`, or until the connection breaks and stays broken.
pub async fn client(pool: Arc<Pool>, actor: Actor, mut random: Rng, stop: Arc<AtomicBool>) {
    let mut broken = 0_u32;
    while !stop.load(Ordering::Relaxed) {
        match pool.step(&actor, &mut random).await {
            Outcome::Unknown(_) => {
                broken += 1;
                if broken > 5 {
                    return;
                }
                sleep(BROKEN_PAUSE).await;
            }
            Outcome::Refused(Code::Unavailable) => sleep(BROKEN_PAUSE).await,
            _ => broken = 0,
        }
    }
}
