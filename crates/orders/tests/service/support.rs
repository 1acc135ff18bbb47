//! Orders alone: the real service on a store in memory, and a model of tickets whose calls a test can
//! lose, hold up and count.

use std::{
    collections::{BTreeMap, VecDeque},
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{
    Actor, ChargeId, Context, Currency, DomainEvent, Envelope, OrderId, Price, Role, TicketId,
    UserId,
    api::{CancelReason, OrderStatus, OrderTicket},
    calls::{
        ExpiredLock, Listings, ListingsRequest, LockRefusal, LockRequest, Locked, OverdueLocks,
        OverdueLocksRequest,
    },
    fees::SaleFees,
};
use stubmart_kernel::{Repository, Versioned};
use stubmart_memory::MemoryStore;
use stubmart_orders::{
    Config, Deps, Orders, SERVICE,
    order::{ORDERS, Order},
    place::{PlaceError, PlaceRequest},
};
use stubmart_ports::{
    calls::{CallError, Tickets},
    host::Host,
    store::Store,
};
use stubmart_suite::{
    fault::{Fault as StoreFault, FaultyStore, Injector, Op},
    host::{self, ManualClock},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// What the sale of the one ticket costs its buyer and its seller.
pub(crate) const FEES: SaleFees = SaleFees { buyer: 500, seller: 250, tax: 0 };

pub(crate) const HOLD: Duration = Duration::from_secs(900);
pub(crate) const GRACE: Duration = Duration::from_secs(20);

/// What becomes of a call to tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done.
    Lost,
    /// It is done, and its answer is lost.
    AnswerLost,
    /// It never answers.
    Hangs,
}

/// A call that tickets took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Lock(OrderId),
    Release(OrderId),
    Sell(OrderId),
}

/// Where a ticket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    Free,
    Locked(OrderId),
    Sold(OrderId),
}

struct Ticket {
    seller_id: UserId,
    hold: Hold,
    lock: Option<(LockRequest, Locked)>,
}

#[derive(Default)]
struct State {
    tickets: BTreeMap<TicketId, Ticket>,
    faults: VecDeque<Fault>,
    calls: Vec<Call>,
}

/// The tickets service, by its promises.
pub(crate) struct FakeTickets {
    state: Mutex<State>,
    /// Locks answer as long as there are permits.
    gate: Semaphore,
}

impl FakeTickets {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn hold_of(&self, id: TicketId) -> Hold {
        self.state().tickets[&id].hold
    }

    /// The lock of a ticket, as expiration knows it.
    pub(crate) fn expired_lock(&self, id: TicketId) -> ExpiredLock {
        let state = self.state();
        let (request, locked) = state.tickets[&id].lock.clone().unwrap();
        ExpiredLock {
            order_id: request.order_id,
            buyer_id: request.buyer_id,
            ticket_id: id,
            until: locked.until,
            locked,
        }
    }

    /// What becomes of the next calls.
    pub(crate) fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// The calls since the last time.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// Locks are taken from now on, and their answers held up until [`Self::open_gate`].
    pub(crate) async fn close_gate(&self) {
        self.gate.acquire_many(u32::try_from(OPEN).unwrap()).await.unwrap().forget();
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(OPEN);
    }

    /// Does a call as its fault, if it has one, says.
    async fn call<T>(
        &self,
        call: Call,
        work: impl FnOnce(&mut State) -> T + Send,
    ) -> Result<T, CallError> {
        let (answer, fault) = {
            let mut state = self.state();
            state.calls.push(call);
            let fault = state.faults.pop_front();
            let is_done = !matches!(fault, Some(Fault::Lost | Fault::Hangs));
            (is_done.then(|| work(&mut state)), fault)
        };
        if fault == Some(Fault::Hangs) {
            pending::<()>().await;
        }
        answer.filter(|_| fault.is_none()).ok_or_else(|| CallError("lost".into()))
    }

    /// Does what an event of orders asks for, as tickets does.
    pub(crate) fn hear(&self, event: &DomainEvent) {
        let mut state = self.state();
        match event {
            DomainEvent::OrderCancelled(order) | DomainEvent::OrderExpired(order) => {
                state.end(order.ticket_id, order.id, Hold::Free);
            }
            DomainEvent::OrderCompleted(order) => {
                state.end(order.ticket_id, order.id, Hold::Sold(order.id));
            }
            _ => {}
        }
    }
}

impl State {
    fn lock(&mut self, request: LockRequest) -> Result<Locked, LockRefusal> {
        let ticket = self.tickets.get_mut(&request.ticket_id).ok_or(LockRefusal::NotFound)?;
        match ticket.hold {
            _ if ticket.seller_id == request.buyer_id => return Err(LockRefusal::OwnTicket),
            Hold::Sold(_) => return Err(LockRefusal::Sold),
            Hold::Locked(holder) if holder != request.order_id => {
                return Err(LockRefusal::Locked);
            }
            Hold::Locked(_) => return Ok(ticket.lock.clone().unwrap().1),
            Hold::Free => {}
        }
        if request.price.is_some_and(|price| price != price_of_ticket()) {
            return Err(LockRefusal::PriceChanged);
        }
        let locked = Locked {
            seller_id: ticket.seller_id,
            price: price_of_ticket(),
            fees: FEES,
            currency: Currency::USD,
            ticket: OrderTicket {
                title: "Two in the stalls".to_owned(),
                event_id: None,
                section: None,
                row: None,
                seats: Vec::new(),
                quantity: 2,
            },
            until: request.until,
        };
        ticket.hold = Hold::Locked(request.order_id);
        ticket.lock = Some((request, locked.clone()));
        Ok(locked)
    }

    fn end(&mut self, id: TicketId, order_id: OrderId, hold: Hold) {
        let ticket = self.tickets.get_mut(&id).unwrap();
        if ticket.hold == Hold::Locked(order_id) {
            ticket.hold = hold;
        }
    }
}

/// How many locks may be under way.
const OPEN: usize = 1 << 16;

#[async_trait]
impl Tickets for FakeTickets {
    async fn lock(
        &self,
        _: &Context,
        request: LockRequest,
    ) -> Result<Result<Locked, LockRefusal>, CallError> {
        let locked = self.call(Call::Lock(request.order_id), |state| state.lock(request)).await;
        drop(self.gate.acquire().await.unwrap());
        locked
    }

    async fn release(
        &self,
        _: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        let release = |state: &mut State| state.end(ticket_id, order_id, Hold::Free);
        self.call(Call::Release(order_id), release).await
    }

    async fn sell(
        &self,
        _: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        let sell = |state: &mut State| state.end(ticket_id, order_id, Hold::Sold(order_id));
        self.call(Call::Sell(order_id), sell).await
    }

    async fn listings(&self, _: &Context, _: ListingsRequest) -> Result<Listings, CallError> {
        panic!("orders lists nothing")
    }

    async fn overdue_locks(
        &self,
        _: &Context,
        _: OverdueLocksRequest,
    ) -> Result<OverdueLocks, CallError> {
        panic!("orders asks for no overdue locks")
    }
}

/// The service and what it stands on.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) host: Host,
    pub(crate) clock: ManualClock,
    pub(crate) tickets: Arc<FakeTickets>,
    pub(crate) orders: Orders,
}

/// The calls that a store took.
#[derive(Clone, Default)]
pub(crate) struct Ops(Arc<Mutex<Vec<Op>>>);

impl Ops {
    /// The calls since the last time.
    pub(crate) fn take(&self) -> Vec<Op> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

pub(crate) fn price_of_ticket() -> Price {
    Price::try_from(5000).unwrap()
}

pub(crate) fn by(user: UserId) -> Context {
    Context::of(Actor::User { id: user, role: Role::User })
}

impl World {
    pub(crate) fn new() -> Self {
        let store = MemoryStore::new();
        Self::on(store.clone(), Arc::new(store))
    }

    /// On `port`, a way to `store`.
    pub(crate) fn on(store: MemoryStore, port: Arc<dyn Store>) -> Self {
        let (host, clock) = host::manual(1);
        let gate = Semaphore::new(OPEN);
        let tickets = Arc::new(FakeTickets { state: Mutex::default(), gate });
        let limits = Arc::new(stubmart_memory::Unlimited);
        let deps = Deps { store: port, host: host.clone(), tickets: tickets.clone(), limits };
        let orders = Orders::new(deps, Config { max_holds: None, hold: HOLD, leave_grace: GRACE });
        Self { store, host, clock, tickets, orders }
    }

    /// On `store`, whose calls are noted.
    pub(crate) fn noted(store: MemoryStore) -> (Self, Ops) {
        let ops = Ops::default();
        let noted = ops.clone();
        let injector = Injector::new(move |op, _| {
            noted.0.lock().unwrap().push(op);
            StoreFault::None
        });
        let port = FaultyStore::new(Arc::new(store.clone()), injector);
        (Self::on(store, Arc::new(port)), ops)
    }

    pub(crate) fn user(&self) -> UserId {
        UserId(self.host.uuid())
    }

    pub(crate) fn charge(&self) -> ChargeId {
        ChargeId(self.host.uuid())
    }

    /// Lists a ticket.
    pub(crate) fn list(&self) -> TicketId {
        let (id, seller_id) = (TicketId(self.host.uuid()), self.user());
        let ticket = Ticket { seller_id, hold: Hold::Free, lock: None };
        self.tickets.state().tickets.insert(id, ticket);
        id
    }

    /// What a buyer asks for.
    pub(crate) fn request(&self, buyer_id: UserId, ticket_id: TicketId) -> PlaceRequest {
        let id = OrderId(self.host.uuid());
        PlaceRequest { id, may_exist: false, buyer_id, ticket_id, price: None }
    }

    pub(crate) async fn place(
        &self,
        request: &PlaceRequest,
    ) -> Result<Versioned<Order>, PlaceError> {
        self.orders.place(&by(request.buyer_id), request).await
    }

    /// A new buyer's checkout of a new ticket.
    pub(crate) async fn checkout(&self) -> Order {
        self.checkout_of(self.user()).await
    }

    /// A buyer's checkout of a new ticket.
    pub(crate) async fn checkout_of(&self, buyer: UserId) -> Order {
        let order = self.place(&self.request(buyer, self.list())).await.unwrap();
        self.tickets.take_calls();
        order.state
    }

    /// A checkout that was secured for a charge.
    pub(crate) async fn secured(&self) -> (Order, ChargeId) {
        let (order, charge) = (self.checkout().await, self.charge());
        self.orders.secure(&by(order.user_id), order.id, charge).await.unwrap();
        (order, charge)
    }

    /// The order as it is stored.
    pub(crate) async fn stored(&self, id: OrderId) -> Option<Order> {
        let store = Arc::new(self.store.clone());
        let orders = Repository::<Order>::new(&ORDERS, store, self.host.clone());
        orders.load(id).await.unwrap().map(|it| it.state)
    }

    pub(crate) async fn status(&self, id: OrderId) -> (OrderStatus, Option<CancelReason>) {
        let order = self.stored(id).await.unwrap();
        (order.status, order.cancel_reason)
    }

    /// Everything that orders published, by aggregate and version.
    pub(crate) async fn events(&self) -> Vec<Arc<Envelope>> {
        self.store.history(SERVICE, None, usize::MAX).await.unwrap()
    }

    /// The events of one order; their versions are 1, 2, 3, … without a gap (EVT-1).
    pub(crate) async fn events_of(&self, id: OrderId) -> Vec<Arc<Envelope>> {
        let mut events = self.events().await;
        events.retain(|it| it.aggregate_id == id.0);
        let versions: Vec<_> = events.iter().map(|it| it.version).collect();
        assert_eq!(versions, (1..=u64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
        events
    }

    /// Delivers every event to tickets.
    pub(crate) async fn deliver(&self) {
        for envelope in self.events().await {
            self.tickets.hear(&envelope.event);
        }
    }
}

pub(crate) fn unknown_order() -> OrderId {
    OrderId(Uuid::from_u128(404))
}

impl World {
    /// The buyer's account was deleted.
    pub(crate) async fn delete(&self, buyer: UserId) {
        use stubmart_contract::{MessageId, event::UserState};
        let id = MessageId(self.host.uuid());
        let envelope = Envelope {
            id,
            aggregate_id: buyer.0,
            version: 2,
            at: self.host.now(),
            causation_id: id,
            correlation_id: id,
            actor: by(buyer).actor,
            request_id: None,
            event: DomainEvent::UserDeleted(UserState { id: buyer }),
        };
        let handlers = self.orders.handlers();
        let handler = handlers.iter().find(|it| it.consumer().name == "orders.users").unwrap();
        handler.handle(&Context::handling(SERVICE, &envelope), &envelope).await.unwrap();
    }
}
