//! Orders, decided as the orders service decides them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::{
    ChargeId, DomainEvent, Envelope, MessageId, OrderId, Price, TicketId, Timestamp, UserId,
    api::{CancelReason, Order, OrderStatus, OrderTicket},
    event::OrderState,
};
use stubmart_memory::MemoryStore;
use stubmart_payments::SERVICE;
use stubmart_ports::{
    calls::{CallError, SecureOrders, SecureRefusal},
    host::Host,
};

/// How long a checkout holds its ticket.
pub(crate) const HOLD: Duration = Duration::from_secs(900);

/// Each order is in another currency than the one before.
const CURRENCIES: [&str; 4] = ["usd", "jpy", "eur", "kwd"];

/// Orders in memory. They hear of charges by the events that payments saved.
pub(crate) struct FakeOrders {
    store: MemoryStore,
    host: Host,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    orders: BTreeMap<OrderId, (Order, Option<ChargeId>)>,
    events: Vec<Envelope>,
}

impl FakeOrders {
    pub(crate) fn new(store: MemoryStore, host: Host) -> Self {
        Self { store, host, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// A new order of a new buyer.
    pub(crate) fn place(&self, price: i64) -> (UserId, OrderId) {
        let now = self.host.now();
        let order = Order {
            id: OrderId(self.host.uuid()),
            user_id: UserId(self.host.uuid()),
            status: OrderStatus::Created,
            ticket_id: TicketId(self.host.uuid()),
            price: Price::try_from(price).unwrap(),
            currency: CURRENCIES[self.lock().orders.len() % CURRENCIES.len()].parse().unwrap(),
            expires_at: now.after(HOLD),
            server_time: now,
            cancel_reason: None,
            ticket: OrderTicket {
                title: "Two in the stalls".to_owned(),
                event_id: None,
                section: None,
                row: None,
                seats: Vec::new(),
                quantity: 2,
            },
            created_at: now,
            updated_at: now,
        };
        let key = (order.user_id, order.id);
        self.lock().orders.insert(order.id, (order, None));
        key
    }

    pub(crate) fn status(&self, id: OrderId) -> OrderStatus {
        self.lock().orders[&id].0.status
    }

    pub(crate) fn all(&self) -> Vec<(Order, Option<ChargeId>)> {
        self.lock().orders.values().cloned().collect()
    }

    pub(crate) fn is_secured_for(&self, charge_id: ChargeId) -> bool {
        self.lock().orders.values().any(|(order, secured_for)| {
            *secured_for == Some(charge_id)
                && matches!(order.status, OrderStatus::AwaitingPayment | OrderStatus::Completed)
        })
    }

    /// The buyer leaves, or the time runs out. Does nothing once the order is secured.
    pub(crate) fn cancel(&self, id: OrderId, reason: CancelReason) {
        let mut state = self.lock();
        if state.orders[&id].0.status == OrderStatus::Created {
            self.cancel_now(&mut state, id, reason);
        }
    }

    /// Cancels an order in any state, as no service of ours would: a human in the database.
    pub(crate) fn cancel_by_hand(&self, id: OrderId) {
        self.cancel_now(&mut self.lock(), id, CancelReason::Left);
    }

    fn cancel_now(&self, state: &mut State, id: OrderId, reason: CancelReason) {
        let Some((order, charge_id)) = state.orders.get_mut(&id) else { return };
        order.status = OrderStatus::Cancelled;
        order.cancel_reason = Some(reason);
        let event = DomainEvent::OrderCancelled(OrderState {
            id,
            user_id: order.user_id,
            seller_id: order.user_id,
            ticket_id: order.ticket_id,
            status: order.status,
            price: order.price,
            currency: order.currency,
            expires_at: order.expires_at,
            cancel_reason: order.cancel_reason,
            charge_id: *charge_id,
        });
        let message_id = self.host.message_id();
        state.events.push(Envelope {
            id: message_id,
            aggregate_id: id.0,
            version: 2,
            at: self.host.now(),
            causation_id: message_id,
            correlation_id: message_id,
            actor: stubmart_contract::Actor::System,
            request_id: None,
            event,
        });
    }

    /// Ends what has run out.
    pub(crate) fn expire(&self) {
        let now = self.host.now();
        let mut state = self.lock();
        let due = |order: &Order| order.status == OrderStatus::Created && order.expires_at <= now;
        let due: Vec<_> = state.orders.values().filter(|it| due(&it.0)).map(|it| it.0.id).collect();
        for id in due {
            self.cancel_now(&mut state, id, CancelReason::Expired);
        }
    }

    /// When the next order runs out.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        let state = self.lock();
        let open = state.orders.values().filter(|it| it.0.status == OrderStatus::Created);
        open.map(|it| it.0.expires_at).min()
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

    /// Hears what payments told since the last time.
    pub(crate) async fn hear(&self) {
        let outbox = self.store.outbox(SERVICE);
        let told = outbox.pending(usize::MAX).await.unwrap();
        outbox.published(&told).await.unwrap();
        for envelope in told {
            let mut state = self.lock();
            match &envelope.event {
                DomainEvent::ChargeCompleted(charge) => {
                    let (order, secured_for) = state.orders.get_mut(&charge.order_id).unwrap();
                    if order.status == OrderStatus::AwaitingPayment
                        && *secured_for == Some(charge.id)
                    {
                        order.status = OrderStatus::Completed;
                    }
                }
                DomainEvent::ChargeFailed(charge) if charge.ends_order => {
                    let (order, secured_for) = &state.orders[&charge.order_id];
                    let ends = match order.status {
                        OrderStatus::Created => true,
                        OrderStatus::AwaitingPayment => *secured_for == Some(charge.id),
                        OrderStatus::Completed | OrderStatus::Cancelled => false,
                    };
                    if ends {
                        self.cancel_now(&mut state, charge.order_id, CancelReason::PaymentFailed);
                    }
                }
                _ => {}
            }
        }
    }
}

#[async_trait]
impl SecureOrders for FakeOrders {
    async fn order(&self, buyer: UserId, order_id: OrderId) -> Result<Option<Order>, CallError> {
        self.hear().await;
        self.expire();
        let state = self.lock();
        let found = state.orders.get(&order_id).map(|it| it.0.clone());
        let server_time = self.host.now();
        let found = found.map(|order| Order { server_time, ..order });
        Ok(found.filter(|order| order.user_id == buyer))
    }

    async fn secure(
        &self,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Result<(), SecureRefusal>, CallError> {
        let mut state = self.lock();
        let Some((order, secured_for)) = state.orders.get_mut(&order_id) else {
            return Ok(Err(SecureRefusal::NotFound));
        };
        Ok(match order.status {
            OrderStatus::Created => {
                order.status = OrderStatus::AwaitingPayment;
                *secured_for = Some(charge_id);
                Ok(())
            }
            OrderStatus::AwaitingPayment | OrderStatus::Completed
                if *secured_for == Some(charge_id) =>
            {
                Ok(())
            }
            OrderStatus::AwaitingPayment => Err(SecureRefusal::PaymentInProgress),
            OrderStatus::Completed => Err(SecureRefusal::Completed),
            OrderStatus::Cancelled if order.cancel_reason == Some(CancelReason::Expired) => {
                Err(SecureRefusal::Expired)
            }
            OrderStatus::Cancelled => Err(SecureRefusal::Cancelled),
        })
    }

    fn watch(&self, _: OrderId, _: TicketId) -> BoxFuture<'_, ()> {
        Box::pin(self.hear())
    }
}
