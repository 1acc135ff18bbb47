//! The account at the emulator: its books, the faults that are to come, and what a test does in it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde_json::Value;
use stubmart_ports::host::Host;

use super::{
    books::{Asked, Books},
    fault::Fault,
    form::Form,
    webhook::Endpoint,
};

/// The emulator. Clones are handles on the same one.
#[derive(Clone)]
pub struct Emulator(Arc<Inner>);

struct Inner {
    host: Host,
    base: String,
    books: Mutex<Books>,
    faults: Mutex<Vec<Fault>>,
    endpoint: Mutex<Option<Endpoint>>,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("base", &self.0.base).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Emulator {
    /// An emulator that is reached at `base`.
    pub(super) fn new(host: Host, base: String) -> Self {
        Self(Arc::new(Inner {
            host,
            base,
            books: Mutex::default(),
            faults: Mutex::default(),
            endpoint: Mutex::default(),
        }))
    }

    pub(super) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.0.books)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        lock(&self.0.faults)
    }

    /// Where it is, as `STUBMART_STRIPE_API_BASE` takes it.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.0.base
    }

    /// Sends events there from now on; `None` sends none.
    pub fn send_events_to(&self, endpoint: Option<Endpoint>) {
        *lock(&self.0.endpoint) = endpoint;
    }

    /// Has requests go wrong.
    pub fn fail(&self, fault: Fault) {
        self.faults().push(fault);
    }

    /// Every event there was, oldest first.
    #[must_use]
    pub fn events(&self) -> Vec<Value> {
        self.books().events.clone()
    }

    /// Every request there was: its method, its path with the query, and its form.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, String, String)> {
        let books = self.books();
        let requests = books
            .exchanges
            .iter()
            .map(|([method, path, form], _)| (method.clone(), path.clone(), form.clone()));
        requests.collect()
    }

    /// Every answer there was: the request's method and path with the query, the status and the body.
    #[must_use]
    pub fn answers(&self) -> Vec<(String, String, u16, Value)> {
        let books = self.books();
        let answers = books.exchanges.iter().map(|([method, path, _], answer)| {
            (method.clone(), path.clone(), answer.status, answer.body.clone())
        });
        answers.collect()
    }

    /// The ids of all payments, oldest first.
    #[must_use]
    pub fn payments(&self) -> Vec<String> {
        self.books().intents.keys().cloned().collect()
    }

    /// What the buyer does at the bank's page. False when the payment does not exist.
    #[must_use]
    pub fn authenticate(&self, payment_id: &str, succeed: bool) -> bool {
        self.change(|books, asked| books.authenticate(payment_id, succeed, asked)).is_ok()
    }

    /// What the buyer does at the form in the browser: enters this payment method. False when the payment
    /// or the method does not exist.
    #[must_use]
    pub fn enter(&self, payment_id: &str, payment_method: &str) -> bool {
        self.change(|books, asked| books.enter(payment_id, payment_method, asked)).is_ok()
    }

    /// What somebody does at Stripe's dashboard: `capture`, `cancel`, `refund` or
    /// `refund half`; and `fail refund` where the bank sends the money of the last one back. False when it
    /// cannot be done.
    #[must_use]
    pub fn at_the_dashboard(&self, payment_id: &str, action: &str) -> bool {
        let done = self.change(|books, asked| match action {
            "refund" | "refund half" => {
                let half = books.intent(payment_id)?.amount() / 2;
                let half =
                    if action == "refund" { String::new() } else { format!("&amount={half}") };
                let refund = format!("payment_intent={payment_id}{half}");
                books.refund(&Form::read(&refund, &["payment_intent", "amount"])?, asked).map(drop)
            }
            "fail refund" => books.fail_refund(payment_id, asked),
            _ => books.act(payment_id, action, &Form::default(), asked).map(drop),
        });
        done.is_ok()
    }

    /// Changes the books without a request, and sends the events of it.
    fn change<T>(&self, change: impl FnOnce(&mut Books, &Asked<'_>) -> T) -> T {
        let asked =
            Asked { host: &self.0.host, base: &self.0.base, request_id: "req_none", key: None };
        let mut books = self.books();
        let before = books.events.len();
        let done = change(&mut books, &asked);
        self.send(books.events.get(before..).unwrap_or_default());
        done
    }

    /// Sends events, each by a task of its own: they arrive in no promised order.
    pub(super) fn send(&self, events: &[Value]) {
        let Some(endpoint) = lock(&self.0.endpoint).clone() else { return };
        for event in events {
            let (body, host) = (Bytes::from(event.to_string()), self.host().clone());
            let (emulator, event, endpoint) = (self.clone(), event.clone(), endpoint.clone());
            let sent = Box::pin(async move {
                if endpoint.send(body, host).await {
                    emulator.books().delivered(event.get("id"));
                }
            });
            self.host().spawner.spawn("stripe-emulator-webhook", sent);
        }
    }
}
