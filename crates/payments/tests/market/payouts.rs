//! What becomes of the money of a sale on its way to the seller.

use std::time::Duration;

use stubmart_contract::{
    Actor, ClaimId, Context, DomainEvent, Envelope, OrderId, TicketId, Timestamp, UserId,
    api::{
        ClaimKind, ClaimOutcome, ClaimStatus, DeliveryKind, DeliveryStatus, OrderTicket, SaleStatus,
    },
    event::{ClaimState, DeliveryState},
};
use stubmart_payments::{
    SERVICE,
    ledger::Account,
    pay_out::{HoldError, PayError},
    payout::{ToPay, last_of_each, to_pay},
    refund_order::RefundOrder,
    sale::{Refusal, SALES, Sale},
};
use stubmart_ports::{
    calls::Payments as _,
    key::Key,
    store::{Scan, Store as _},
};
use uuid::Uuid;

use crate::support::{CARD, Service, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A market in which orders were paid for.
struct Sold {
    world: World,
    service: Service,
}

impl Sold {
    fn new() -> Self {
        let world = World::new(1);
        let service = world.start();
        Self { world, service }
    }

    /// Somebody buys from this seller.
    async fn sell(&self, seller: UserId, price: i64) -> OrderId {
        let order = self.world.orders.place_of(seller, price);
        assert_eq!(self.service.pay(&order, CARD).await.status, 201);
        self.hear().await;
        order.1
    }

    /// Delivers what the service says of itself until nothing is new: everything twice, the last first.
    async fn hear(&self) {
        let mut known = 0;
        loop {
            self.world.deliver_charges(&self.service).await;
            let now = self.world.store.history(SERVICE, None, usize::MAX).await.unwrap().len();
            if now == known {
                return;
            }
            known = now;
        }
    }

    async fn tell(&self, version: u64, event: DomainEvent) {
        let id = self.world.host.message_id();
        let envelope = Envelope {
            id,
            aggregate_id: Uuid::from_u128(1),
            version,
            at: self.world.host.now(),
            causation_id: id,
            correlation_id: id,
            actor: Actor::System,
            request_id: None,
            event,
        };
        for handler in self.service.payments.handlers() {
            if handler.consumer().types.contains(&envelope.event.event_type()) {
                let context = Context::handling("test", &envelope);
                handler.handle(&context, &envelope).await.unwrap();
            }
        }
        self.hear().await;
    }

    async fn send(&self, order_id: OrderId) {
        self.tell(2, DomainEvent::DeliverySent(delivery(order_id))).await;
    }

    async fn claim(&self, order_id: OrderId, outcome: Option<ClaimOutcome>) {
        let sale = self.sale(order_id).await;
        let state = ClaimState {
            id: ClaimId(order_id.0),
            order_id,
            buyer_id: sale.buyer_id,
            seller_id: sale.seller_id,
            kind: ClaimKind::Invalid,
            status: outcome.map_or(ClaimStatus::Open, |_| ClaimStatus::Decided),
            answer_by: Timestamp::EPOCH,
            outcome,
        };
        match outcome {
            None => self.tell(1, DomainEvent::ClaimOpened(state)).await,
            Some(_) => self.tell(2, DomainEvent::ClaimDecided(state)).await,
        }
    }

    /// Time passes, and what is due is found.
    async fn pass(&self, time: Duration) {
        self.world.clock.advance(time);
        for worker in self.service.payments.workers() {
            if worker.name() == "payments-due-sales" {
                worker.step().await.unwrap();
            }
        }
        self.hear().await;
    }

    async fn sale(&self, order_id: OrderId) -> Sale {
        let sales = self.sales().await;
        sales.into_iter().find(|it| it.order_id == order_id).unwrap()
    }

    async fn sales(&self) -> Vec<Sale> {
        let found = self.world.store.find(Scan::prefix(&SALES, "seller", &Key::new())).await;
        let found = found.unwrap();
        found.iter().map(|it| serde_json::from_slice(&it.doc.body).unwrap()).collect()
    }

    /// What is to be paid, as an operator lists it who knows the payouts so far.
    async fn listed(&self) -> Vec<ToPay> {
        let scan = Scan::prefix(&stubmart_payments::payout::PAYOUTS, "seller", &Key::new());
        let found = self.world.store.find(scan).await.unwrap();
        let payouts: Vec<_> =
            found.iter().map(|it| serde_json::from_slice(&it.doc.body).unwrap()).collect();
        to_pay(&self.sales().await, &last_of_each(&payouts))
    }

    async fn pay(&self, it: &ToPay, reference: &str) -> Result<(), PayError> {
        let paid = self.service.payments.paid(&Context::work("test"), it.id, reference).await;
        self.hear().await;
        paid.map(|_| ())
    }

    async fn balance(&self, account: Account) -> i64 {
        let ledger = self.world.ledger().await;
        let lines = ledger.iter().flat_map(|it| &it.lines);
        lines.filter(|it| it.account == account).map(|it| it.amount).sum()
    }

    async fn give_back(&self, order_id: OrderId) {
        let request = RefundOrder { order_id, amount: None, reason: "a test", key: Some("key") };
        self.service.payments.refund_order(&Context::work("test"), &request).await.unwrap();
        self.hear().await;
    }
}

fn delivery(order_id: OrderId) -> DeliveryState {
    DeliveryState {
        order_id,
        ticket_id: TicketId(order_id.0),
        buyer_id: UserId(order_id.0),
        seller_id: UserId(order_id.0),
        ticket: OrderTicket {
            title: String::new(),
            event_id: None,
            section: None,
            row: None,
            seats: Vec::new(),
            quantity: 1,
        },
        kind: DeliveryKind::Transfer,
        status: DeliveryStatus::Sent,
        deliver_by: Timestamp::EPOCH,
        cancel_reason: None,
    }
}

fn seller(world: &World) -> UserId {
    UserId(world.host.uuid())
}

/// A sale is held from the moment at which it is paid for, due some days after the ticket was sent, and paid once:
/// the list, the payout and the books say the same, however often and in whatever order events come.
#[tokio::test]
async fn a_seller_is_paid_once_for_what_is_due() {
    let it = Sold::new();
    let seller = seller(&it.world);
    let order = it.sell(seller, 10_000).await;
    assert_eq!(it.sale(order).await.status(), SaleStatus::Held);
    it.pass(30 * DAY).await;
    assert_eq!(it.listed().await, [], "it was never sent");
    it.send(order).await;
    it.pass(3 * DAY - Duration::from_millis(1)).await;
    assert_eq!(it.listed().await, []);
    it.pass(Duration::from_millis(1)).await;
    let [listed] = &it.listed().await[..] else { panic!("one payout") };
    let net = it.sale(order).await.part.net;
    assert_eq!((listed.amount, net), (net, 8_500));
    assert_eq!(it.balance(Account::OrderHeld(order)).await, 0);
    assert_eq!(it.balance(Account::SellerAvailable(seller)).await, -net);
    it.pay(listed, "wire 1").await.unwrap();
    it.pay(listed, "wire 1").await.unwrap();
    assert!(
        matches!(it.pay(listed, "wire 2").await, Err(PayError::PaidBefore(by)) if by == "wire 1")
    );
    assert_eq!(it.listed().await, []);
    assert_eq!(it.sale(order).await.status(), SaleStatus::Paid);
    let books = [Account::Bank, Account::SellerAvailable(seller), Account::FeesDeferred];
    let mut balances = Vec::new();
    for account in books {
        balances.push(it.balance(account).await);
    }
    assert_eq!(balances, [-net, 0, 0]);
}

/// A sale is open until it is settled, and its ticket is to be delivered until it was sent; what is given back is
/// open no longer, unless the seller had it: that is owed. Nobody's sales are another's.
#[tokio::test]
async fn sales_are_open_until_they_are_settled() {
    let it = Sold::new();
    let seller = seller(&it.world);
    let open = async || {
        let open = it.service.payments.open_sales(&Context::work("test"), seller).await.unwrap();
        (open.unsettled, open.undelivered)
    };
    let other = UserId(it.world.host.uuid());
    it.sell(other, 10_000).await;
    assert_eq!(open().await, (0, 0));
    let (first, second) = (it.sell(seller, 10_000).await, it.sell(seller, 10_000).await);
    assert_eq!(open().await, (2, 2));
    it.send(first).await;
    assert_eq!(open().await, (2, 1));
    it.give_back(second).await;
    assert_eq!(open().await, (1, 0), "held until it is due");
    it.pass(3 * DAY).await;
    assert_eq!(open().await, (1, 0), "due");
    let listed = it.listed().await.remove(0);
    it.pay(&listed, "wire 1").await.unwrap();
    assert_eq!(open().await, (0, 0), "paid");
    it.claim(first, None).await;
    it.claim(first, Some(ClaimOutcome::Refund)).await;
    assert_eq!(open().await, (1, 0), "owed");
}

/// A claim takes what is due out of the list, also under the id that was listed before; it is due again when the
/// claim is rejected.
#[tokio::test]
async fn a_claim_freezes_what_is_due() {
    let it = Sold::new();
    let seller = seller(&it.world);
    let order = it.sell(seller, 10_000).await;
    it.send(order).await;
    it.pass(3 * DAY).await;
    let listed = it.listed().await.remove(0);
    it.claim(order, None).await;
    assert!(matches!(it.pay(&listed, "wire 1").await, Err(PayError::NotDue)));
    assert_eq!(it.listed().await, []);
    assert_eq!(it.balance(Account::SellerReserved(seller)).await, -8_500);
    it.claim(order, Some(ClaimOutcome::Rejected)).await;
    let again = it.listed().await.remove(0);
    assert_eq!((again.id, again.amount), (listed.id, 8_500));
    it.pay(&again, "wire 1").await.unwrap();
    assert_eq!(it.balance(Account::SellerReserved(seller)).await, 0);
}

/// A claim after the seller was paid is the seller's debt: it is taken off of the next payout, once.
#[tokio::test]
async fn what_is_given_back_after_it_was_paid_is_netted() {
    let it = Sold::new();
    let seller = seller(&it.world);
    let first = it.sell(seller, 10_000).await;
    it.send(first).await;
    it.pass(3 * DAY).await;
    it.pay(&it.listed().await[0], "wire 1").await.unwrap();
    it.claim(first, None).await;
    it.claim(first, Some(ClaimOutcome::Refund)).await;
    assert_eq!(it.sale(first).await.status(), SaleStatus::Owed);
    assert_eq!(it.balance(Account::SellerReceivable(seller)).await, 8_500);
    let [owed] = &it.listed().await[..] else { panic!("it is listed") };
    assert_eq!(owed.amount, -8_500);
    assert!(matches!(it.pay(owed, "wire 2").await, Err(PayError::NotDue)), "nothing to pay");

    // The fake orders give each order another currency: the fifth has that of the first.
    let others = [it.sell(seller, 20_000).await, it.sell(seller, 20_000).await];
    let third = it.sell(seller, 20_000).await;
    let fifth = it.sell(seller, 20_000).await;
    for order in others.into_iter().chain([third, fifth]) {
        it.send(order).await;
    }
    it.pass(3 * DAY).await;
    let currency = it.sale(first).await.currency;
    let listed = it.listed().await;
    assert_eq!(listed.len(), 4, "one for each currency");
    let netted = listed.iter().find(|it| it.currency == currency).unwrap();
    assert_eq!((netted.amount, netted.number), (17_000 - 8_500, 1));
    it.pay(netted, "wire 3").await.unwrap();
    assert_eq!(it.balance(Account::SellerReceivable(seller)).await, 0);
    assert_eq!(it.sale(first).await.status(), SaleStatus::Reversed);
    assert_eq!(it.sale(fifth).await.status(), SaleStatus::Paid);
}

/// Money that is given back before it is due never is; what an operator holds waits until it is freed.
#[tokio::test]
async fn refunds_and_operators_keep_money_from_being_due() {
    let it = Sold::new();
    let seller = seller(&it.world);
    let (back, held) = (it.sell(seller, 10_000).await, it.sell(seller, 10_000).await);
    let payments = &it.service.payments;
    let context = Context::work("test");
    payments.hold_sale(&context, held, "asked").await.unwrap();
    for order in [back, held] {
        it.send(order).await;
    }
    it.give_back(back).await;
    it.pass(5 * DAY).await;
    assert_eq!(it.listed().await, []);
    assert_eq!(it.sale(back).await.status(), SaleStatus::Reversed);
    assert_eq!(it.balance(Account::OrderHeld(back)).await, 0);
    payments.free_sale(&context, held).await.unwrap();
    it.hear().await;
    assert_eq!(it.listed().await.len(), 1);
    let refused = payments.hold_sale(&context, back, "too late").await;
    assert!(matches!(refused, Err(HoldError::Refused(Refusal::Reversed))));
    let unknown = OrderId(Uuid::from_u128(1));
    let refused = payments.free_sale(&context, unknown).await;
    assert!(matches!(refused, Err(HoldError::Refused(Refusal::NotFound))));
    it.world.check().await;
}

/// A sale is recorded whatever is heard of first, also where orders are from before there were sales.
#[tokio::test]
async fn orders_from_before_are_sales_too() {
    let it = Sold::new();
    let order = it.world.orders.place(10_000);
    assert_eq!(it.service.pay(&order, CARD).await.status, 201);
    assert_eq!(it.sales().await, []);
    it.send(order.1).await;
    let sale = it.sale(order.1).await;
    assert_eq!((sale.status(), sale.part.net), (SaleStatus::Held, 8_500));
    assert!(sale.delivery.is_some());
}
