//! Crash enumeration: each flow is run with a crash after every single call to a port, and the short and
//! dangerous ones with a crash after every pair of calls. Then everything must come to rest as always.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use clap::ValueEnum;
use serde_json::{Value, json};
use stubmart_contract::{
    OrderId, TicketId, UserId,
    api::{CancelReason, OrderStatus, TicketStatus},
};
use stubmart_node::Service;

use crate::{
    check::Violation,
    exec::{WORLD, lock},
    http::{Answer, Request},
    provider::{AUTHENTICATES, DECLINED, GOOD},
    run::{Outcome, conclude, guard, settle},
    scenario::Scenario,
    sweep::{THREADS, Totals},
    user::Board,
    world::World,
};

/// How long after its last request a flow may still be at work.
const ECHO: Duration = Duration::from_secs(3);

/// How long a flow takes at the most, with its crashes.
const ENDS_WITHIN: Duration = Duration::from_secs(3600);

/// A flow in which fewer calls can be followed by a crash does nothing.
const PLACES_MIN: usize = 10;

/// What is done while an instance crashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[expect(missing_docs, reason = "each is named as what is done")]
pub enum Flow {
    List,
    Edit,
    Withdraw,
    Lock,
    Leave,
    Close,
    Expire,
    Pay,
    Decline,
    Authenticate,
    PayLate,
    PayExpired,
    Notice,
    Void,
    Refund,
    DeleteSeller,
    DeleteBuyer,
    ListDeparted,
}

impl Flow {
    /// Those that are run with two crashes.
    pub const PAIRS: [Self; 3] = [Self::Lock, Self::Pay, Self::Refund];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |it| it.get_name().to_owned())
    }

    /// How it may end when nothing crashes, all having come to rest.
    fn ends(self) -> &'static [End] {
        use CancelReason::{AccountDeleted, Expired, Left, PaymentFailed};
        const OFFERED: End = End { ticket: Some((TicketStatus::Available, 5000)), ..End::NOTHING };
        const WITHDRAWN: End =
            End { ticket: Some((TicketStatus::Withdrawn, 5000)), ..End::NOTHING };
        const SOLD: End = End {
            ticket: Some((TicketStatus::Sold, 5000)),
            order: Some((OrderStatus::Completed, None)),
            kept: 5000,
        };
        const fn cancelled(reason: CancelReason) -> End {
            End { order: Some((OrderStatus::Cancelled, Some(reason))), ..OFFERED }
        }
        match self {
            Self::List => const { &[OFFERED] },
            Self::Edit => {
                const { &[End { ticket: Some((TicketStatus::Available, 7000)), ..End::NOTHING }] }
            }
            Self::Withdraw => const { &[WITHDRAWN] },
            Self::Leave | Self::Close | Self::Void | Self::Refund => const { &[cancelled(Left)] },
            Self::Lock | Self::Expire | Self::PayExpired => const { &[cancelled(Expired)] },
            Self::Pay | Self::Authenticate | Self::Notice => const { &[SOLD] },
            Self::PayLate => const { &[SOLD, cancelled(Expired)] },
            Self::Decline => const { &[cancelled(PaymentFailed)] },
            Self::DeleteSeller => {
                const { &[End { order: Some((OrderStatus::Cancelled, Some(Expired))), ..WITHDRAWN }] }
            }
            Self::DeleteBuyer => const { &[cancelled(AccountDeleted)] },
            Self::ListDeparted => const { &[End::NOTHING, WITHDRAWN] },
        }
    }
}

/// How the one ticket, the one order and the money ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    ticket: Option<(TicketStatus, u32)>,
    order: Option<(OrderStatus, Option<CancelReason>)>,
    /// What the provider took and did not give back.
    kept: u64,
}

impl End {
    const NOTHING: Self = Self { ticket: None, order: None, kept: 0 };

    fn of(world: &World) -> Self {
        let checker = lock(&world.checker);
        Self {
            ticket: checker.tickets.values().next().map(|it| (it.status, it.price.minor())),
            order: checker.orders.values().next().map(|it| (it.status, it.cancel_reason)),
            kept: world.provider.records(world.now()).iter().map(|payment| payment.kept).sum(),
        }
    }
}

/// One seller and one buyer, and what they have.
#[derive(Clone)]
struct Stage {
    world: Arc<World>,
    board: Arc<Mutex<Board>>,
    seller: Option<String>,
    seller_id: Option<UserId>,
    buyer: Option<String>,
    buyer_id: Option<UserId>,
    ticket: Option<TicketId>,
    order: Option<OrderId>,
    secret: Option<String>,
}

impl Stage {
    fn new(world: &Arc<World>, board: &Arc<Mutex<Board>>) -> Self {
        Self {
            world: Arc::clone(world),
            board: Arc::clone(board),
            seller: None,
            seller_id: None,
            buyer: None,
            buyer_id: None,
            ticket: None,
            order: None,
            secret: None,
        }
    }

    /// Sends a request until it is answered.
    async fn ask(&self, service: Service, request: Request) -> Option<Answer> {
        for _ in 0..8 {
            let answer = self.world.request(service, request.clone()).await;
            if answer.as_ref().is_some_and(|answer| {
                answer.status != 503 && answer.code() != "idempotency_key_in_use"
            }) {
                return answer;
            }
            self.world.exec.sleep(Duration::from_secs(8)).await;
        }
        None
    }

    async fn sign_up(&self, email: &str) -> Option<(String, UserId)> {
        let body = json!({ "email": email, "password": "correct horse" });
        let request = Request::new("POST", "/api/auth/signup").json(&body);
        self.ask(Service::Auth, request)
            .await
            .and_then(|answer| Some((answer.token.clone()?, answer.id("id")?)))
    }

    async fn list(&mut self) {
        let body = json!({ "title": "A seat", "price": 5000, "currency": "jpy", "quantity": 1 });
        let request = Request::new("POST", "/api/tickets").json(&body).by(self.seller.as_deref());
        let answer = self.ask(Service::Tickets, request.key(Some("list"))).await;
        self.ticket = answer.and_then(|answer| answer.id("id"));
    }

    async fn ticket(&self, method: &'static str, body: Option<Value>) {
        let Some(id) = self.ticket else { return };
        let mut request =
            Request::new(method, format!("/api/tickets/{id}")).by(self.seller.as_deref());
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.ask(Service::Tickets, request).await;
    }

    async fn buy(&mut self) {
        let body = json!({ "ticketId": self.ticket });
        let request = Request::new("POST", "/api/orders").json(&body).by(self.buyer.as_deref());
        let answer = self.ask(Service::Orders, request.key(Some("buy"))).await;
        self.order = answer.and_then(|answer| answer.id("id"));
    }

    async fn order(&self, method: &'static str, rest: &str) {
        let Some(id) = self.order else { return };
        let request =
            Request::new(method, format!("/api/orders/{id}{rest}")).by(self.buyer.as_deref());
        self.ask(Service::Orders, request).await;
    }

    async fn pay(&mut self, method: &str) {
        let body = json!({ "orderId": self.order, "paymentMethod": method });
        let request = Request::new("POST", "/api/payments").json(&body).by(self.buyer.as_deref());
        let answer = self.ask(Service::Payments, request.key(Some("pay"))).await;
        let secret = answer.as_ref().and_then(|it| it.body.pointer("/nextAction/clientSecret"));
        self.secret = secret.and_then(Value::as_str).map(ToOwned::to_owned);
    }

    fn authenticate(&self) {
        if let Some(secret) = &self.secret {
            self.world.confirm(secret, GOOD, true);
        }
    }

    async fn delete(&self, token: Option<String>, user: Option<UserId>) {
        let body = json!({ "currentPassword": "correct horse" });
        let request =
            Request::new("DELETE", "/api/auth/currentuser").json(&body).by(token.as_deref());
        let answer = self.ask(Service::Auth, request).await;
        if answer.is_some_and(|answer| answer.status == 204) {
            let mut board = lock(&self.board);
            board.dead.extend(token.map(|token| (token, self.world.exec.now())));
            board.deleted.extend(user);
        }
    }

    /// What has to be there before the flow.
    async fn prepare(&mut self, flow: Flow) {
        (self.seller, self.seller_id) = self.sign_up("seller@example.org").await.unzip();
        (self.buyer, self.buyer_id) = self.sign_up("buyer@example.org").await.unzip();
        if matches!(flow, Flow::List | Flow::ListDeparted) {
            return;
        }
        self.list().await;
        if matches!(flow, Flow::Edit | Flow::Withdraw | Flow::Lock) {
            return;
        }
        self.buy().await;
        let hold = self.world.scenario.hold;
        match flow {
            Flow::Expire => self.world.exec.sleep(hold - Duration::from_secs(1)).await,
            Flow::PayLate => self.world.exec.sleep(hold - Duration::from_millis(1)).await,
            Flow::PayExpired => self.world.exec.sleep(hold + Duration::from_secs(3)).await,
            Flow::Void | Flow::Refund | Flow::Authenticate | Flow::Notice => {
                self.pay(AUTHENTICATES).await
            }
            _ => {}
        }
        if matches!(flow, Flow::Void | Flow::Refund) {
            self.authenticate();
        }
        if flow == Flow::Refund {
            // Somebody takes the money at the provider's dashboard before the order was asked.
            self.world.capture_all();
        }
    }

    async fn act(&mut self, flow: Flow) {
        match flow {
            Flow::List => self.list().await,
            Flow::Edit => self.ticket("PATCH", Some(json!({ "price": 7000 }))).await,
            Flow::Withdraw => self.ticket("DELETE", None).await,
            Flow::Lock => self.buy().await,
            Flow::Leave | Flow::Void | Flow::Refund => self.order("DELETE", "").await,
            Flow::Close => {
                self.order("POST", "/leave").await;
                self.world.exec.sleep(Duration::from_secs(21)).await;
            }
            Flow::Expire => self.world.exec.sleep(Duration::from_secs(3)).await,
            Flow::Pay | Flow::PayLate | Flow::PayExpired => self.pay(GOOD).await,
            Flow::Decline => self.pay(DECLINED).await,
            Flow::Authenticate | Flow::Notice => {
                self.authenticate();
                self.world.exec.sleep(Duration::from_secs(15)).await;
            }
            Flow::DeleteSeller => self.delete(self.seller.clone(), self.seller_id).await,
            Flow::DeleteBuyer => self.delete(self.buyer.clone(), self.buyer_id).await,
            Flow::ListDeparted => {
                // Tickets knows the session for most of a second after it ended.
                let mine = Request::new("GET", "/api/tickets?sellerId=me");
                self.ask(Service::Tickets, mine.by(self.seller.as_deref())).await;
                self.delete(self.seller.clone(), self.seller_id).await;
                self.world.exec.sleep(Duration::from_millis(300)).await;
                self.list().await;
            }
        }
        self.world.exec.sleep(ECHO).await;
    }
}

/// A flow that was run, and which calls to ports it made: numbers of the first and the last.
#[derive(Debug, Clone)]
pub struct Played {
    /// How it ended.
    pub outcome: Outcome,
    calls: (u64, u64),
}

/// Runs a flow with crashes after these calls. Without any, it has to come to its own end too.
#[must_use]
pub fn play(flow: Flow, crash_at: &[u64]) -> Played {
    let notices = flow == Flow::Notice;
    let scenario = Scenario { crash_at: crash_at.to_vec(), notices, ..Scenario::calm(1) };
    let world = World::new(scenario);
    let board = Arc::new(Mutex::new(Board::default()));
    let calls = Arc::new(Mutex::new(None));
    guard(&world, || {
        world.boot_all();
        let (mut stage, noted) = (Stage::new(&world, &board), Arc::clone(&calls));
        world.exec.spawn(WORLD, async move {
            stage.world.exec.sleep(Duration::from_secs(1)).await;
            stage.prepare(flow).await;
            let first = stage.world.calls_ended() + 1;
            stage.act(flow).await;
            *lock(&noted) = Some((first, stage.world.calls_ended()));
        });
        let mut until = Duration::from_secs(1);
        while lock(&calls).is_none() && world.violation().is_none() && until < ENDS_WITHIN {
            world.exec.run_until(until);
            until += Duration::from_secs(1);
        }
        if lock(&calls).is_none() {
            wrong(&world, format!("{} does not end", flow.name()));
        }
        settle(&world, &board);
        if crash_at.is_empty() && world.violation().is_none() {
            let end = End::of(&world);
            if !flow.ends().contains(&end) {
                wrong(&world, format!("{} ends as {end:?}", flow.name()));
            }
        }
    });
    let calls = lock(&calls).unwrap_or((1, 0));
    Played { outcome: conclude(&world), calls }
}

fn wrong(world: &World, text: String) {
    world.violate(Violation { invariant: "FLOW", text, documents: Vec::new() });
}

/// A flow that failed when it crashed after these calls.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The flow.
    pub flow: Flow,
    /// After which calls it crashed, counted over all ports from the beginning.
    pub crash_at: Vec<u64>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Every place at which `flow` can crash, and none.
#[must_use]
pub fn places(flow: Flow) -> Vec<Vec<u64>> {
    let (first, last) = play(flow, &[]).calls;
    std::iter::once(Vec::new()).chain((first..=last).map(|place| vec![place])).collect()
}

/// Every pair of places. The second crash may come after any call that the run with the first one makes:
/// what recovers can crash too.
fn pairs(flow: Flow) -> Vec<Vec<u64>> {
    let (first, last) = play(flow, &[]).calls;
    let behind = |one: u64| {
        let (_, last) = play(flow, &[one]).calls;
        (one + 1..=last).map(move |other| vec![one, other])
    };
    (first..=last).flat_map(behind).collect()
}

/// Runs each of `flows` with a crash after every call, or every pair of calls.
pub fn enumerate(
    flows: &[Flow],
    in_pairs: bool,
    progress: impl Fn(Flow, usize) + Sync,
) -> (Totals, Vec<Broken>) {
    let totals = Mutex::new(Totals::default());
    let broken = Mutex::new(Vec::new());
    for flow in flows {
        let places = if in_pairs { pairs(*flow) } else { places(*flow) };
        if places.len() < PLACES_MIN {
            let mut outcome = play(*flow, &[]).outcome;
            outcome.violation.get_or_insert_with(|| Violation {
                invariant: "FLOW",
                text: format!("{} has only {} places to crash at", flow.name(), places.len()),
                documents: Vec::new(),
            });
            lock(&broken).push(Broken { flow: *flow, crash_at: Vec::new(), outcome });
        }
        let next = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    while let Some(crash_at) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let outcome = play(*flow, crash_at).outcome;
                        lock(&totals).add(&outcome);
                        if outcome.violation.is_some() {
                            lock(&broken).push(Broken {
                                flow: *flow,
                                crash_at: crash_at.clone(),
                                outcome,
                            });
                        }
                    }
                });
            }
        });
        progress(*flow, places.len());
    }
    let totals = lock(&totals).clone();
    let broken = lock(&broken).clone();
    (totals, broken)
}
