//! Orders, decided as the orders service decides them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{
    Actor, ChargeId, Context, DomainEvent, Envelope, MessageId, OrderId, Price, TicketId,
    Timestamp, UserId,
    api::{CancelReason, OrderStatus},
    calls::{ExpiredLock, OrderForPayment, SecureRefusal},
    event::OrderState,
    fees::SaleFees,
};
use stubmart_memory::MemoryStore;
use stubmart_payments::SERVICE;
use stubmart_ports::{
    calls::{CallError, Orders},
    host::Host,
};

/// How long a checkout holds its ticket.
pub(crate) const HOLD: Duration = Duration::from_secs(900);

/// Each order is in another currency than the one before.
const CURRENCIES: [&str; 4] = ["usd", "jpy", "eur", "kwd"];

/// Orders in memory. Payments calls them; what a call did not say they hear by the events that payments
/// saved.
pub(crate) struct FakeOrders {
    store: MemoryStore,
    host: Host,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    orders: BTreeMap<OrderId, OrderForPayment>,
    events: Vec<Envelope>,
}

impl FakeOrders {
    pub(crate) fn new(store: MemoryStore, host: Host) -> Self {
        Self { store, host, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A new order of a new buyer, of a new seller's ticket.
    pub(crate) fn place(&self, price: i64) -> (UserId, OrderId) {
        self.place_of(UserId(self.host.uuid()), price)
    }

    /// A new order of a new buyer, of a seller's ticket.
    pub(crate) fn place_of(&self, seller_id: UserId, price: i64) -> (UserId, OrderId) {
        let now = self.host.now();
        let mut state = self.lock();
        let order = OrderForPayment {
            id: OrderId(self.host.uuid()),
            user_id: UserId(self.host.uuid()),
            seller_id,
            ticket_id: TicketId(self.host.uuid()),
            status: OrderStatus::Created,
            has_expired: false,
            charge_id: None,
            amount: Price::try_from(price).unwrap(),
            fees: SaleFees { buyer: price / 10, seller: price / 20, tax: price / 100 },
            currency: CURRENCIES[state.orders.len() % CURRENCIES.len()].parse().unwrap(),
            expires_at: now.after(HOLD),
            ticket: None,
        };
        let key = (order.user_id, order.id);
        state.orders.insert(order.id, order);
        key
    }

    pub(crate) fn status(&self, id: OrderId) -> OrderStatus {
        self.lock().orders[&id].status
    }

    pub(crate) fn all(&self) -> Vec<OrderForPayment> {
        self.lock().orders.values().cloned().collect()
    }

    pub(crate) fn is_secured_for(&self, charge_id: ChargeId) -> bool {
        self.lock().orders.values().any(|order| {
            order.charge_id == Some(charge_id)
                && matches!(order.status, OrderStatus::AwaitingPayment | OrderStatus::Completed)
        })
    }

    /// The buyer leaves, or the time runs out. Does nothing once the order is secured.
    pub(crate) fn cancel(&self, id: OrderId, reason: CancelReason) {
        let mut state = self.lock();
        if state.orders[&id].status == OrderStatus::Created {
            self.cancel_now(&mut state, id, reason);
        }
    }

    /// Cancels an order in any state, as no service of ours would: a human in the database.
    pub(crate) fn cancel_by_hand(&self, id: OrderId) {
        self.cancel_now(&mut self.lock(), id, CancelReason::Left);
    }

    fn cancel_now(&self, state: &mut State, id: OrderId, reason: CancelReason) {
        let order = state.orders.get_mut(&id).unwrap();
        order.status = OrderStatus::Cancelled;
        order.has_expired = reason == CancelReason::Expired;
        let told = OrderState {
            id,
            user_id: order.user_id,
            seller_id: order.user_id,
            ticket_id: TicketId(id.0),
            status: order.status,
            price: order.amount,
            fees: SaleFees::NONE,
            currency: order.currency,
            expires_at: order.expires_at,
            cancel_reason: Some(reason),
            charge_id: order.charge_id,
        };
        let message_id = self.host.message_id();
        state.events.push(Envelope {
            id: message_id,
            aggregate_id: id.0,
            version: 2,
            at: self.host.now(),
            causation_id: message_id,
            correlation_id: message_id,
            actor: Actor::System,
            request_id: None,
            event: match reason {
                CancelReason::Expired => DomainEvent::OrderExpired(told),
                _ => DomainEvent::OrderCancelled(told),
            },
        });
    }

    /// Ends what has run out.
    pub(crate) fn expire(&self) {
        let now = self.host.now();
        let mut state = self.lock();
        let open = state.orders.values().filter(|it| it.status == OrderStatus::Created);
        let due: Vec<_> = open.filter(|it| it.expires_at <= now).map(|it| it.id).collect();
        for id in due {
            self.cancel_now(&mut state, id, CancelReason::Expired);
        }
    }

    /// When the next order runs out.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        let state = self.lock();
        let open = state.orders.values().filter(|it| it.status == OrderStatus::Created);
        open.map(|it| it.expires_at).min()
    }

    /// The oldest event that is not settled.
    pub(crate) fn next_event(&self) -> Option<Envelope> {
        self.lock().events.first().cloned()
    }

    /// An event was handled.
    pub(crate) fn settle_event(&self, id: MessageId) {
        self.lock().events.retain(|envelope| envelope.id != id);
    }

    /// Loses every event.
    pub(crate) fn lose_events(&self) {
        self.lock().events.clear();
    }

    /// Hears what payments published since the last time.
    pub(crate) async fn hear(&self) {
        let outbox = self.store.outbox(SERVICE);
        let told = outbox.pending(usize::MAX).await.unwrap();
        outbox.published(&told).await.unwrap();
        for envelope in told {
            match &envelope.event {
                DomainEvent::ChargeCompleted(charge) => self.completed(charge.order_id, charge.id),
                DomainEvent::ChargeFailed(charge) if charge.ends_order => {
                    self.failed(charge.order_id, charge.id);
                }
                _ => {}
            }
        }
    }

    fn completed(&self, id: OrderId, charge_id: ChargeId) {
        let mut state = self.lock();
        let order = state.orders.get_mut(&id).unwrap();
        if order.status == OrderStatus::AwaitingPayment && order.charge_id == Some(charge_id) {
            order.status = OrderStatus::Completed;
        }
    }

    fn failed(&self, id: OrderId, charge_id: ChargeId) {
        let mut state = self.lock();
        let order = &state.orders[&id];
        let ends = match order.status {
            OrderStatus::Created => true,
            OrderStatus::AwaitingPayment => order.charge_id == Some(charge_id),
            OrderStatus::Completed | OrderStatus::Cancelled => false,
        };
        if ends {
            self.cancel_now(&mut state, id, CancelReason::PaymentFailed);
        }
    }
}

#[async_trait]
impl Orders for FakeOrders {
    async fn order(
        &self,
        _: &Context,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<Option<OrderForPayment>, CallError> {
        self.expire();
        let found = self.lock().orders.get(&order_id).cloned();
        Ok(found.filter(|order| order.user_id == buyer))
    }

    async fn secure(
        &self,
        _: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        self.expire();
        let mut state = self.lock();
        let Some(order) = state.orders.get_mut(&order_id) else {
            return Ok(Err(SecureRefusal::NotFound));
        };
        Ok(match order.status {
            OrderStatus::Created => {
                order.status = OrderStatus::AwaitingPayment;
                order.charge_id = Some(charge_id);
                Ok(())
            }
            OrderStatus::AwaitingPayment | OrderStatus::Completed
                if order.charge_id == Some(charge_id) =>
            {
                Ok(())
            }
            OrderStatus::AwaitingPayment => Err(SecureRefusal::PaymentInProgress),
            OrderStatus::Completed => Err(SecureRefusal::Completed),
            OrderStatus::Cancelled if order.has_expired => Err(SecureRefusal::Expired),
            OrderStatus::Cancelled => Err(SecureRefusal::Cancelled),
        })
    }

    async fn complete(
        &self,
        _: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        self.completed(order_id, charge_id);
        Ok(())
    }

    async fn fail(
        &self,
        _: &Context,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), CallError> {
        self.failed(order_id, charge_id);
        Ok(())
    }

    async fn expire(&self, _: &Context, _: ExpiredLock) -> Result<(), CallError> {
        Err(CallError("payments expires no lock".into()))
    }
}
