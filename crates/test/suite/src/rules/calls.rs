//! The rules of the calls between services: whatever way a call takes, it arrives as it was made, and its answer
//! comes back as it was given.

use std::{
    fmt::{self, Debug},
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use stubmart_contract::{
    Actor, ChargeId, Context, EventId, MessageId, OrderId, RequestId, Role, TicketId, Timestamp,
    UserId,
    calls::{
        ExpiredLock, Identity, Listing, Listings, ListingsOf, ListingsRequest, LockRefusal,
        LockRequest, Locked, NotFoundByName, OpenSales, OrderForPayment, OverdueLocks,
        OverdueLocksRequest, Profile, Recipient, SecureRefusal, ShowByName, ShowForListing,
    },
    context::CausedBy,
};
use stubmart_ports::calls::{Auth, CallError, Catalogue, Orders, Payments, Tickets};
use uuid::Uuid;

use crate::host::{START, lock};

/// The services, as one of them calls the others.
#[derive(Clone)]
pub struct Services {
    /// Auth.
    pub auth: Arc<dyn Auth>,
    /// Tickets.
    pub tickets: Arc<dyn Tickets>,
    /// Catalogue.
    pub catalogue: Arc<dyn Catalogue>,
    /// Orders.
    pub orders: Arc<dyn Orders>,
    /// Payments.
    pub payments: Arc<dyn Payments>,
}

impl Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}

/// How [`Told`] answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mood {
    /// With something.
    #[default]
    Something,
    /// With nothing, and with a refusal.
    Nothing,
    /// Not at all: every call fails.
    Failing,
}

/// What answers the calls of a rule: it notes each call, and answers as it is in the mood to.
#[derive(Debug, Default)]
pub struct Told {
    heard: Mutex<Vec<(Context, String)>>,
    mood: Mutex<Mood>,
}

impl Told {
    /// All services, answered by it.
    #[must_use]
    pub fn services(self: &Arc<Self>) -> Services {
        Services {
            auth: self.clone(),
            tickets: self.clone(),
            catalogue: self.clone(),
            orders: self.clone(),
            payments: self.clone(),
        }
    }

    /// How it answers from now on.
    pub fn is_in(&self, mood: Mood) {
        *lock(&self.mood) = mood;
    }

    /// What it has heard so far: who asks, and which call with which arguments. It is forgotten.
    pub fn heard(&self) -> Vec<(Context, String)> {
        std::mem::take(&mut *lock(&self.heard))
    }

    fn hear(&self, context: &Context, call: &str, arguments: impl Debug) -> Result<(), CallError> {
        lock(&self.heard).push((context.clone(), format!("{call} {arguments:?}")));
        match *lock(&self.mood) {
            Mood::Failing => Err(CallError("the store is down".into())),
            Mood::Something | Mood::Nothing => Ok(()),
        }
    }

    fn maybe<T>(&self, it: T) -> Option<T> {
        self.or(it, ()).ok()
    }

    fn or<T, E>(&self, it: T, refusal: E) -> Result<T, E> {
        if *lock(&self.mood) == Mood::Something { Ok(it) } else { Err(refusal) }
    }
}

#[async_trait]
impl Auth for Told {
    async fn introspect(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Identity>, CallError> {
        self.hear(context, "introspect", token)?;
        Ok(self.maybe(sample(IDENTITY)))
    }

    async fn recipient(
        &self,
        context: &Context,
        user_id: UserId,
    ) -> Result<Option<Recipient>, CallError> {
        self.hear(context, "recipient", user_id)?;
        Ok(self.maybe(sample(RECIPIENT)))
    }

    async fn profile(
        &self,
        context: &Context,
        user_id: UserId,
    ) -> Result<Option<Profile>, CallError> {
        self.hear(context, "profile", user_id)?;
        Ok(self.maybe(sample(PROFILE)))
    }
}

#[async_trait]
impl Tickets for Told {
    async fn lock(
        &self,
        context: &Context,
        request: LockRequest,
    ) -> Result<Result<Locked, LockRefusal>, CallError> {
        self.hear(context, "lock", request)?;
        Ok(self.or(sample(LOCKED), LockRefusal::PriceChanged))
    }

    async fn release(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        self.hear(context, "release", (ticket_id, order_id))
    }

    async fn sell(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        self.hear(context, "sell", (ticket_id, order_id))
    }

    async fn listings(
        &self,
        context: &Context,
        request: ListingsRequest,
    ) -> Result<Listings, CallError> {
        self.hear(context, "listings", request)?;
        let one = || vec![listing()];
        Ok(Listings {
            listings: self.maybe(one()).unwrap_or_default(),
            next: self.maybe("next".to_owned()),
        })
    }

    async fn overdue_locks(
        &self,
        context: &Context,
        request: OverdueLocksRequest,
    ) -> Result<OverdueLocks, CallError> {
        self.hear(context, "overdue_locks", request)?;
        Ok(OverdueLocks {
            locks: self.maybe(vec![expired()]).unwrap_or_default(),
            next: self.maybe("next".to_owned()),
        })
    }
}

#[async_trait]
impl Catalogue for Told {
    async fn show(
        &self,
        context: &Context,
        id: EventId,
    ) -> Result<Option<ShowForListing>, CallError> {
        self.hear(context, "show", id)?;
        Ok(self.maybe(sample(SHOW)))
    }

    async fn show_by_name(
        &self,
        context: &Context,
        asked: ShowByName,
    ) -> Result<Result<ShowForListing, NotFoundByName>, CallError> {
        self.hear(context, "show_by_name", asked)?;
        Ok(self.or(sample(SHOW), NotFoundByName::Several))
    }

    async fn listing_changed(&self, context: &Context, listing: Listing) -> Result<(), CallError> {
        self.hear(context, "listing_changed", listing)
    }
}

#[async_trait]
impl Orders for Told {
    async fn order(
        &self,
        context: &Context,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<OrderForPayment>, CallError> {
        self.hear(context, "order", (buyer, order_id))?;
        Ok(self.maybe(sample(ORDER)))
    }

    async fn secure(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        self.hear(context, "secure", (order_id, charge_id))?;
        Ok(self.or((), SecureRefusal::PaymentInProgress))
    }

    async fn complete(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        self.hear(context, "complete", (order_id, charge_id))
    }

    async fn fail(
        &self,
        context: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        self.hear(context, "fail", (order_id, charge_id))
    }

    async fn expire(&self, context: &Context, lock: ExpiredLock) -> Result<(), CallError> {
        self.hear(context, "expire", lock)
    }
}

#[async_trait]
impl Payments for Told {
    async fn open_sales(&self, context: &Context, seller: UserId) -> Result<OpenSales, CallError> {
        self.hear(context, "open_sales", seller)?;
        Ok(self.maybe(sample(OPEN_SALES)).unwrap_or_default())
    }
}

// As they were first put on the wire: another version's answers must be understood, too.
const IDENTITY: &str = r#"{"userId":"00000000-0000-0000-0000-000000000001",
    "sessionId":"00000000-0000-0000-0000-000000000002","role":"support","maySell":true,"readOnly":false}"#;
const RECIPIENT: &str = r#"{"email":"ada@example.com","name":"Ada \"the first\"","language":"de"}"#;
const PROFILE: &str =
    r#"{"version":4,"name":"Ada","since":"2026-01-01T00:00:00.000Z","emailVerified":true}"#;
const LOCKED: &str = r#"{"sellerId":"00000000-0000-0000-0000-000000000003","price":12345,
    "fees":{"buyer":100,"seller":50,"tax":7},"currency":"eur","ticket":{"title":"Gr\u00fc\u00dfe\n",
    "eventId":null,"section":"A","row":null,"seats":["1","2"],"quantity":2},"until":"2027-01-01T00:00:00.123Z"}"#;
const LISTING: &str = r#"{"version":7,"ticket":{"id":"00000000-0000-0000-0000-000000000004",
    "userId":"00000000-0000-0000-0000-000000000003","title":"Stalls","price":12345,"currency":"eur",
    "status":"locked","eventId":"00000000-0000-0000-0000-000000000005","section":"A","row":"1","seats":["1"],
    "quantity":1,"orderId":"00000000-0000-0000-0000-000000000006",
    "buyerId":"00000000-0000-0000-0000-000000000001","lockedUntil":"2027-01-01T00:00:00.000Z",
    "createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-02T00:00:00.000Z"}}"#;
const SHOW: &str = r#"{"id":"00000000-0000-0000-0000-000000000005","category":"Opera",
    "startsAt":"2027-01-01T00:00:00.000Z","endsAt":"2027-01-01T03:00:00.000Z"}"#;
const ORDER: &str = r#"{"id":"00000000-0000-0000-0000-000000000006",
    "userId":"00000000-0000-0000-0000-000000000001","sellerId":"00000000-0000-0000-0000-000000000003",
    "ticketId":"00000000-0000-0000-0000-000000000004","status":"awaiting_payment","hasExpired":false,"chargeId":"00000000-0000-0000-0000-000000000007",
    "amount":12345,"currency":"eur","expiresAt":"2027-01-01T00:00:00.000Z"}"#;
const OPEN_SALES: &str = r#"{"unsettled":3,"undelivered":1}"#;

fn sample<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

/// A listing after a change.
#[must_use]
pub fn listing() -> Listing {
    sample(LISTING)
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn expired() -> ExpiredLock {
    ExpiredLock {
        order_id: OrderId(id(6)),
        buyer_id: UserId(id(1)),
        ticket_id: TicketId(id(4)),
        until: START,
        locked: sample(LOCKED),
    }
}

/// What came of a call, as text.
async fn outcome<T: Debug>(call: impl Future<Output = Result<T, CallError>>) -> String {
    match call.await {
        Ok(answer) => format!("{answer:?}"),
        Err(CallError(_)) => "failed".to_owned(),
    }
}

impl Services {
    /// Makes every call there is, one after the other; the answer is what came of each.
    pub async fn call_all(&self, context: &Context) -> Vec<String> {
        let Self { auth, tickets, catalogue, orders, payments } = self;
        let (ticket, order, charge) = (TicketId(id(4)), OrderId(id(6)), ChargeId(id(7)));
        let (buyer, event) = (UserId(id(1)), EventId(id(5)));
        let request = LockRequest {
            ticket_id: ticket,
            order_id: order,
            buyer_id: buyer,
            price: Some(sample("12345")),
            until: START,
        };
        let of = |of| ListingsRequest { of, cursor: Some("behind \"this\"".to_owned()), limit: 3 };
        let overdue = OverdueLocksRequest { due_before: START, cursor: None, limit: usize::MAX };
        vec![
            outcome(auth.introspect(context, "t\u{f6}ken\n")).await,
            outcome(auth.recipient(context, buyer)).await,
            outcome(auth.profile(context, buyer)).await,
            outcome(tickets.lock(context, request.clone())).await,
            outcome(tickets.lock(context, LockRequest { price: None, ..request })).await,
            outcome(tickets.release(context, ticket, order)).await,
            outcome(tickets.sell(context, ticket, order)).await,
            outcome(tickets.listings(context, of(ListingsOf::Event(event)))).await,
            outcome(tickets.listings(context, of(ListingsOf::Ticket(ticket)))).await,
            outcome(tickets.overdue_locks(context, overdue)).await,
            outcome(catalogue.show(context, event)).await,
            outcome(catalogue.show_by_name(context, named(Some("K\u{f6}ln\n")))).await,
            outcome(catalogue.show_by_name(context, named(None))).await,
            outcome(catalogue.listing_changed(context, listing())).await,
            outcome(orders.order(context, buyer, order)).await,
            outcome(orders.secure(context, order, charge)).await,
            outcome(orders.complete(context, order, charge)).await,
            outcome(orders.fail(context, order, charge)).await,
            outcome(orders.expire(context, expired())).await,
            outcome(payments.open_sales(context, buyer)).await,
        ]
    }
}

fn named(city: Option<&str>) -> ShowByName {
    ShowByName {
        name: "Die \"R\u{e4}uber\"".to_owned(),
        venue: "Schauspiel".to_owned(),
        city: city.map(ToOwned::to_owned),
        local_start: sample("\"2027-03-01T19:30\""),
    }
}

/// Who may ask.
fn contexts() -> Vec<Context> {
    let user = Actor::User { id: UserId(id(8)), role: Role::Admin };
    let request = RequestId::from(id(9));
    let caused_by = CausedBy { event: MessageId(id(10)), correlation: MessageId(id(11)) };
    vec![
        Context::of(Actor::System),
        Context::of(Actor::Operator("gr\u{fc}n".to_owned())),
        Context { caused_by: Some(caused_by), ..Context::work("expiration") },
        Context::request(user, request, soon()),
    ]
}

fn soon() -> Timestamp {
    START.after(Duration::from_secs(5))
}

/// Without the deadline, which a way may bring forward.
fn timeless(heard: Vec<(Context, String)>) -> Vec<(Context, String)> {
    heard.into_iter().map(|(context, it)| (Context { deadline: None, ..context }, it)).collect()
}

/// A call arrives with all of its arguments and with who asks, and its answer comes back: one that gives
/// something, one that has nothing or refuses, and a failure.
pub async fn a_call_arrives_as_it_was_made(a: Arc<Services>, b: Arc<Services>, told: Arc<Told>) {
    for context in contexts() {
        for mood in [Mood::Something, Mood::Nothing] {
            told.is_in(mood);
            let answers = told.services().call_all(&context).await;
            let heard = timeless(told.heard());
            for way in [&a, &b] {
                assert_eq!(way.call_all(&context).await, answers, "{mood:?}");
                assert_eq!(timeless(told.heard()), heard, "{mood:?}");
            }
        }
    }
}

/// A service that could not do what it was asked fails the call; nobody takes that for an answer.
pub async fn a_failure_is_no_answer(a: Arc<Services>, _b: Arc<Services>, told: Arc<Told>) {
    told.is_in(Mood::Failing);
    let context = Context::of(Actor::System);
    let answers = a.call_all(&context).await;
    assert!(answers.iter().all(|it| it == "failed"), "{answers:?}");
    assert!(told.heard().len() >= answers.len(), "every call arrived");
}

/// The service learns until when somebody waits, and never of a later time.
pub async fn the_deadline_arrives(a: Arc<Services>, _b: Arc<Services>, told: Arc<Told>) {
    let context = Context { deadline: Some(soon()), ..Context::of(Actor::System) };
    a.call_all(&context).await;
    for (arrived, call) in told.heard() {
        let deadline = arrived.deadline;
        assert!(deadline.is_some_and(|it| it <= soon()), "{call}: {deadline:?}");
    }
}

/// Makes a test of each rule of the calls. `$factory` is an
/// `fn() -> impl Future<Output = Subject<Services, Arc<Told>>>`.
#[macro_export]
macro_rules! calls_suite {
    ($factory:expr) => {
        $crate::rule_tests!(calls, $factory, [], with [
            a_call_arrives_as_it_was_made,
            a_failure_is_no_answer,
            the_deadline_arrives,
        ]);
    };
}
