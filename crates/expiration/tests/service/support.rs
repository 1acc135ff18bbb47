//! Expiration alone: the real service on timers in memory, and models of orders and tickets.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{
    Actor, ChargeId, Context, Currency, DomainEvent, Envelope, MessageId, OrderId, Price, TicketId,
    Timestamp, UserId,
    api::{OrderStatus, OrderTicket, TicketStatus},
    calls::{
        ExpiredLock, Listings, ListingsRequest, LockRefusal, LockRequest, Locked, OrderForPayment,
        OverdueLocks, OverdueLocksRequest, SecureRefusal,
    },
    event::{OrderState, TicketState},
};
use stubmart_expiration::{Deps, Expiration};
use stubmart_kernel::{
    consumer::{HandleError, Handler},
    worker::{Next, Worker},
};
use stubmart_memory::MemoryTimers;
use stubmart_ports::{
    Cause,
    calls::{CallError, Orders, Tickets},
    host::Host,
    timers::Timers,
};
use stubmart_suite::host::{self, ManualClock};

pub(crate) const HOLD: Duration = Duration::from_secs(900);

/// The locks that are held, as tickets knows them, and what orders was asked to expire.
#[derive(Default)]
pub(crate) struct Peers {
    locks: Mutex<BTreeMap<(Timestamp, OrderId), ExpiredLock>>,
    expired: Mutex<Vec<(Context, ExpiredLock)>>,
    /// Orders that await their money: expiring them ends nothing.
    paying: Mutex<Vec<OrderId>>,
    /// Orders whose calls fail.
    failing: Mutex<Vec<OrderId>>,
    is_down: Mutex<bool>,
    pages: Mutex<usize>,
}

impl Peers {
    /// The orders that were to expire since the last time.
    pub(crate) fn take_expired(&self) -> Vec<OrderId> {
        self.take_calls().into_iter().map(|(_, lock)| lock.order_id).collect()
    }

    pub(crate) fn take_calls(&self) -> Vec<(Context, ExpiredLock)> {
        std::mem::take(&mut *self.expired.lock().unwrap())
    }

    pub(crate) fn take_pages(&self) -> usize {
        std::mem::take(&mut *self.pages.lock().unwrap())
    }

    pub(crate) fn set_down(&self, is_down: bool) {
        *self.is_down.lock().unwrap() = is_down;
    }

    pub(crate) fn set_failing(&self, orders: Vec<OrderId>) {
        *self.failing.lock().unwrap() = orders;
    }

    pub(crate) fn pay(&self, order: OrderId) {
        self.paying.lock().unwrap().push(order);
    }

    pub(crate) fn held(&self) -> Vec<OrderId> {
        self.locks.lock().unwrap().values().map(|it| it.order_id).collect()
    }
}

fn lost() -> CallError {
    CallError("lost".into())
}

#[async_trait]
impl Orders for Peers {
    async fn order(
        &self,
        _: &Context,
        _: UserId,
        _: OrderId,
    ) -> Result<Option<OrderForPayment>, CallError> {
        panic!("expiration only expires")
    }

    async fn secure(
        &self,
        _: &Context,
        _: OrderId,
        _: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        panic!("expiration only expires")
    }

    async fn complete(&self, _: &Context, _: OrderId, _: ChargeId) -> Result<(), CallError> {
        panic!("expiration only expires")
    }

    async fn fail(&self, _: &Context, _: OrderId, _: ChargeId) -> Result<(), CallError> {
        panic!("expiration only expires")
    }

    async fn expire(&self, context: &Context, lock: ExpiredLock) -> Result<(), CallError> {
        let id = lock.order_id;
        if *self.is_down.lock().unwrap() || self.failing.lock().unwrap().contains(&id) {
            return Err(lost());
        }
        if !self.paying.lock().unwrap().contains(&id) {
            self.locks.lock().unwrap().remove(&(lock.until, id));
        }
        self.expired.lock().unwrap().push((context.clone(), lock));
        Ok(())
    }
}

#[async_trait]
impl Tickets for Peers {
    async fn lock(
        &self,
        _: &Context,
        _: LockRequest,
    ) -> Result<Result<Locked, LockRefusal>, CallError> {
        panic!("expiration locks nothing")
    }

    async fn release(&self, _: &Context, _: TicketId, _: OrderId) -> Result<(), CallError> {
        panic!("expiration releases nothing")
    }

    async fn sell(&self, _: &Context, _: TicketId, _: OrderId) -> Result<(), CallError> {
        panic!("expiration sells nothing")
    }

    async fn listings(&self, _: &Context, _: ListingsRequest) -> Result<Listings, CallError> {
        panic!("expiration lists nothing")
    }

    async fn overdue_locks(
        &self,
        _: &Context,
        request: OverdueLocksRequest,
    ) -> Result<OverdueLocks, CallError> {
        *self.pages.lock().unwrap() += 1;
        if *self.is_down.lock().unwrap() {
            return Err(lost());
        }
        let place = |it: &ExpiredLock| format!("{:020} {}", it.until.millis(), it.order_id);
        let locks = self.locks.lock().unwrap();
        let mut due = locks.values().filter(|it| {
            it.until < request.due_before
                && request.cursor.as_ref().is_none_or(|at| place(it) > *at)
        });
        let page: Vec<_> = due.by_ref().take(request.limit).cloned().collect();
        let next = due.next().and(page.last()).map(place);
        Ok(OverdueLocks { locks: page, next })
    }
}

/// The service and what it stands on.
pub(crate) struct World {
    pub(crate) timers: MemoryTimers,
    pub(crate) host: Host,
    pub(crate) clock: ManualClock,
    pub(crate) peers: Arc<Peers>,
    handler: Arc<dyn Handler>,
    due: Arc<dyn Worker>,
    sweep: Arc<dyn Worker>,
}

impl World {
    pub(crate) fn new() -> Self {
        let timers = MemoryTimers::new();
        Self::on(timers.clone(), Arc::new(timers))
    }

    /// On `port`, a way to `timers`.
    pub(crate) fn on(timers: MemoryTimers, port: Arc<dyn Timers>) -> Self {
        let (host, clock) = host::manual(1);
        let peers = Arc::new(Peers::default());
        let deps = Deps {
            timers: port,
            orders: peers.clone(),
            tickets: peers.clone(),
            host: host.clone(),
        };
        let expiration = Expiration::new(deps);
        let worker =
            |name: &str| expiration.workers().into_iter().find(|it| it.name() == name).unwrap();
        let (due, sweep) = (worker("expiration-due"), worker("expiration-overdue-locks"));
        let [handler] = &expiration.handlers()[..] else { panic!("one handler") };
        Self { timers, host, clock, peers, handler: Arc::clone(handler), due, sweep }
    }

    /// Another start of the service: what it knew of its sweeps is gone.
    pub(crate) fn restart(&mut self) {
        let deps = Deps {
            timers: Arc::new(self.timers.clone()),
            orders: self.peers.clone(),
            tickets: self.peers.clone(),
            host: self.host.clone(),
        };
        let workers = Expiration::new(deps).workers();
        self.sweep =
            workers.into_iter().find(|it| it.name() == "expiration-overdue-locks").unwrap();
    }

    /// A ticket is locked for a new order. Nobody has heard of it yet.
    pub(crate) fn lock(&self) -> ExpiredLock {
        self.lock_of(TicketId(self.host.uuid()))
    }

    /// This ticket is locked for a new order.
    pub(crate) fn lock_of(&self, ticket_id: TicketId) -> ExpiredLock {
        self.take_lock(ticket_id, self.host.now().after(HOLD))
    }

    /// A ticket is locked for a new order until then.
    pub(crate) fn lock_until(&self, until: Timestamp) -> ExpiredLock {
        self.take_lock(TicketId(self.host.uuid()), until)
    }

    fn take_lock(&self, ticket_id: TicketId, until: Timestamp) -> ExpiredLock {
        let locked = Locked {
            seller_id: UserId(self.host.uuid()),
            price: Price::try_from(5000).unwrap(),
            fees: stubmart_contract::fees::SaleFees { buyer: 500, seller: 250, tax: 0 },
            currency: Currency::USD,
            ticket: OrderTicket {
                title: "Two in the stalls".to_owned(),
                event_id: None,
                section: Some("Stalls".to_owned()),
                row: None,
                seats: vec!["7".to_owned(), "8".to_owned()],
                quantity: 2,
            },
            until,
        };
        let order_id = OrderId(self.host.uuid());
        let buyer_id = UserId(self.host.uuid());
        let lock = ExpiredLock { order_id, buyer_id, ticket_id, until, locked };
        self.peers.locks.lock().unwrap().insert((until, order_id), lock.clone());
        lock
    }

    pub(crate) async fn hear(&self, events: &[DomainEvent]) -> Vec<Result<(), HandleError>> {
        let events: Vec<_> = events.iter().map(|event| self.envelope(event.clone())).collect();
        self.handler.handle_all(&events).await
    }

    /// Handles events that can be handled.
    pub(crate) async fn heard(&self, events: &[DomainEvent]) {
        for result in self.hear(events).await {
            result.unwrap_or_else(|error| panic!("{error:?}"));
        }
    }

    fn envelope(&self, event: DomainEvent) -> (Context, Arc<Envelope>) {
        let id = MessageId(self.host.uuid());
        let envelope = Envelope {
            id,
            aggregate_id: id.0,
            version: 1,
            at: self.host.now(),
            causation_id: id,
            correlation_id: id,
            actor: Actor::System,
            request_id: None,
            event,
        };
        (Context::handling("expiration", &envelope), Arc::new(envelope))
    }

    pub(crate) async fn fire(&self) -> Result<Next, Cause> {
        self.due.step().await
    }

    pub(crate) async fn sweep(&self) -> Result<Next, Cause> {
        self.sweep.step().await
    }
}

/// `TICKET_UPDATED` of the lock's ticket.
pub(crate) fn ticket(lock: &ExpiredLock) -> TicketState {
    let it = &lock.locked;
    TicketState {
        id: lock.ticket_id,
        user_id: it.seller_id,
        title: it.ticket.title.clone(),
        price: it.price,
        fees: it.fees,
        currency: it.currency,
        status: TicketStatus::Locked,
        event_id: it.ticket.event_id,
        section: it.ticket.section.clone(),
        row: it.ticket.row.clone(),
        seats: it.ticket.seats.clone(),
        quantity: it.ticket.quantity,
        delivery_kind: Default::default(),
        external_id: None,
        order_id: Some(lock.order_id),
        buyer_id: Some(lock.buyer_id),
        locked_until: Some(lock.until),
        turn: None,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    }
}

pub(crate) fn locked(lock: &ExpiredLock) -> DomainEvent {
    DomainEvent::TicketUpdated(ticket(lock))
}

/// The ways in which an order ends.
pub(crate) fn ends(lock: &ExpiredLock) -> [DomainEvent; 3] {
    let state = |status| OrderState {
        id: lock.order_id,
        user_id: lock.buyer_id,
        seller_id: lock.locked.seller_id,
        ticket_id: lock.ticket_id,
        status,
        price: lock.locked.price,
        fees: lock.locked.fees,
        currency: lock.locked.currency,
        expires_at: lock.until,
        cancel_reason: None,
        charge_id: None,
    };
    [
        DomainEvent::OrderCancelled(state(OrderStatus::Cancelled)),
        DomainEvent::OrderExpired(state(OrderStatus::Cancelled)),
        DomainEvent::OrderCompleted(state(OrderStatus::Completed)),
    ]
}
