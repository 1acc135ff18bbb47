//! The notify service on adapters in memory: events in, mails out, with everything that can go wrong in
//! between.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{
    Actor, ChargeId, Context, Currency, DomainEvent, Envelope, EventId, Language, MessageId,
    OrderId, Price, RefundId, TicketId, Timestamp, UserId,
    api::{ChargeStatus, DeliveryKind, DeliveryStatus, OrderTicket, RefundStatus, TicketStatus},
    calls::{
        Identity, Listing, Listings, ListingsRequest, LockRefusal, LockRequest, Locked,
        NotFoundByName, OverdueLocks, OverdueLocksRequest, Profile, Recipient, ShowByName,
        ShowForListing,
    },
    event::{ChargeState, DeliveryState, RefundState, TicketState},
};
use stubmart_memory::{MemoryMailer, MemoryOutbound, MemoryStore};
use stubmart_notify::{Config, Deps, Notify};
use stubmart_ports::{
    calls::{Auth, CallError, Catalogue, Tickets},
    host::Host,
    mailer::{Mail, MailError, Mailer},
    store::Store,
};
use stubmart_suite::{
    fault::{Fault, FaultyMailer, FaultyStore, Injector},
    host::{ManualClock, START, manual},
};
use uuid::Uuid;

const BUYER: UserId = UserId(Uuid::from_u128(1));
const SELLER: UserId = UserId(Uuid::from_u128(2));
const ORDER: OrderId = OrderId(Uuid::from_u128(3));
const CHARGE: ChargeId = ChargeId(Uuid::from_u128(4));
const SHOW: EventId = EventId(Uuid::from_u128(5));

/// Auth and catalogue, which answer unless they are down.
#[derive(Default)]
struct Others {
    are_down: AtomicBool,
    buyer_is_gone: AtomicBool,
}

impl Others {
    fn answer(&self) -> Result<(), CallError> {
        if self.are_down.load(Ordering::SeqCst) { Err(CallError("down".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Auth for Others {
    async fn introspect(&self, _: &Context, _: &str) -> Result<Option<Identity>, CallError> {
        panic!("nobody is signed in here");
    }

    async fn recipient(&self, _: &Context, id: UserId) -> Result<Option<Recipient>, CallError> {
        self.answer()?;
        let (email, name, language) = match id {
            BUYER if self.buyer_is_gone.load(Ordering::SeqCst) => return Ok(None),
            BUYER => ("buyer@example.com", "Ann", Language::English),
            _ => ("seller@example.com", "", Language::German),
        };
        Ok(Some(Recipient { email: email.parse().unwrap(), name: name.to_owned(), language }))
    }

    async fn profile(&self, _: &Context, _: UserId) -> Result<Option<Profile>, CallError> {
        Ok(None)
    }
}

#[async_trait]
impl Tickets for Others {
    async fn lock(
        &self,
        _: &Context,
        _: LockRequest,
    ) -> Result<Result<Locked, LockRefusal>, CallError> {
        panic!("nothing is bought here");
    }

    async fn release(&self, _: &Context, _: TicketId, _: OrderId) -> Result<(), CallError> {
        panic!("nothing is bought here");
    }

    async fn sell(&self, _: &Context, _: TicketId, _: OrderId) -> Result<(), CallError> {
        panic!("nothing is bought here");
    }

    async fn listings(&self, _: &Context, _: ListingsRequest) -> Result<Listings, CallError> {
        panic!("nobody has an alert here");
    }

    async fn overdue_locks(
        &self,
        _: &Context,
        _: OverdueLocksRequest,
    ) -> Result<OverdueLocks, CallError> {
        panic!("nothing is bought here");
    }
}

#[async_trait]
impl Catalogue for Others {
    async fn show(&self, _: &Context, id: EventId) -> Result<Option<ShowForListing>, CallError> {
        self.answer()?;
        let starts_at = "2026-05-01T18:00:00Z".parse().unwrap();
        Ok(Some(show(id, starts_at)))
    }

    async fn show_by_name(
        &self,
        _: &Context,
        _: ShowByName,
    ) -> Result<Result<ShowForListing, NotFoundByName>, CallError> {
        panic!("nothing is listed here");
    }

    async fn listing_changed(&self, _: &Context, _: Listing) -> Result<(), CallError> {
        panic!("nothing is listed here");
    }
}

fn show(id: EventId, starts_at: Timestamp) -> ShowForListing {
    ShowForListing {
        id,
        name: "Hamlet".to_owned(),
        category: String::new(),
        starts_at,
        ends_at: starts_at.after(Duration::from_secs(3 * 3600)),
        status: Default::default(),
        currency: Currency::USD,
        performers: Vec::new(),
    }
}

/// A process of notify and what outlives it.
#[derive(Clone)]
struct Market {
    host: Host,
    clock: ManualClock,
    store: Arc<dyn Store>,
    mailer: Arc<dyn Mailer>,
    sent: MemoryMailer,
    others: Arc<Others>,
}

impl Market {
    fn new() -> Self {
        let (host, clock) = manual(1);
        let (store, sent) = (Arc::new(MemoryStore::new()), MemoryMailer::new());
        Self { host, clock, store, mailer: Arc::new(sent.clone()), sent, others: Arc::default() }
    }

    /// The service as it starts.
    fn start(&self) -> Notify {
        let deps = Deps {
            store: Arc::clone(&self.store),
            host: self.host.clone(),
            auth: self.others.clone(),
            catalogue: self.others.clone(),
            tickets: self.others.clone(),
            mailer: Arc::clone(&self.mailer),
            outbound: Arc::new(MemoryOutbound::new()),
        };
        Notify::new(
            deps,
            Config { public_url: "https://tickets.example".to_owned(), ..Config::default() },
        )
    }

    /// Handles an event as the bus does: again until it is handled.
    async fn handle(&self, event: DomainEvent) {
        let envelope = envelope(event);
        for _ in 0..5 {
            let handler = self.start().handlers().remove(0);
            if handler.handle(&Context::work("notify"), &envelope).await.is_ok() {
                return;
            }
        }
        panic!("not handled");
    }

    /// Everything that workers have to do now.
    async fn work(&self) {
        for worker in self.start().workers() {
            // What fails is tried again at its time.
            drop(worker.step().await);
        }
    }

    fn subjects(&self) -> Vec<(String, String)> {
        let mut mails: Vec<_> =
            self.sent.mails().into_iter().map(|mail| (mail.to, mail.subject)).collect();
        mails.sort();
        mails
    }

    fn mail_to(&self, address: &str) -> Mail {
        self.sent.mails().into_iter().find(|mail| mail.to == address).unwrap()
    }
}

fn envelope(event: DomainEvent) -> Envelope {
    let id = MessageId(Uuid::from_u128(9));
    Envelope {
        id,
        aggregate_id: Uuid::from_u128(8),
        version: 1,
        at: START,
        causation_id: id,
        correlation_id: id,
        actor: Actor::System,
        request_id: None,
        event,
    }
}

fn price(minor: i64) -> Price {
    Price::try_from(minor).unwrap()
}

fn sold() -> DomainEvent {
    DomainEvent::TicketUpdated(ticket(TicketStatus::Sold))
}

fn ticket(status: TicketStatus) -> TicketState {
    TicketState {
        id: TicketId(Uuid::from_u128(6)),
        user_id: SELLER,
        title: "Zoë live".to_owned(),
        price: price(10_000),
        fees: Default::default(),
        currency: Currency::USD,
        status,
        event_id: Some(SHOW),
        section: Some("A".to_owned()),
        row: None,
        seats: vec!["1".to_owned(), "2".to_owned()],
        quantity: 2,
        delivery_kind: Default::default(),
        external_id: None,
        order_id: Some(ORDER),
        buyer_id: Some(BUYER),
        locked_until: None,
        turn: None,
        created_at: START,
        updated_at: START,
    }
}

fn charge(status: ChargeStatus) -> ChargeState {
    ChargeState {
        id: CHARGE,
        order_id: ORDER,
        user_id: BUYER,
        status,
        amount: price(11_050),
        currency: Currency::USD,
        stripe_id: None,
        stripe_refund_id: None,
        refunds: Vec::new(),
        failure_code: None,
        ends_order: true,
    }
}

/// What delivery says of the sale.
fn delivery(status: DeliveryStatus) -> DeliveryState {
    let TicketState { title, event_id, section, row, seats, quantity, .. } =
        ticket(TicketStatus::Sold);
    DeliveryState {
        order_id: ORDER,
        ticket_id: TicketId(Uuid::from_u128(6)),
        buyer_id: BUYER,
        seller_id: SELLER,
        ticket: OrderTicket { title, event_id, section, row, seats, quantity },
        kind: DeliveryKind::Transfer,
        status,
        deliver_by: "2026-04-30T06:00:00Z".parse().unwrap(),
        cancel_reason: None,
    }
}

fn to_deliver() -> DomainEvent {
    DomainEvent::DeliveryCreated(delivery(DeliveryStatus::Pending))
}

fn paid() -> DomainEvent {
    DomainEvent::ChargeCompleted(charge(ChargeStatus::Completed))
}

fn of(address: &str, subject: &str) -> (String, String) {
    (format!("{address}@example.com"), subject.to_owned())
}

fn bought_and_sold() -> [(String, String); 2] {
    [of("buyer", "Your order: Zoë live"), of("seller", "Verkauft: Zoë live")]
}

/// A purchase is told to both sides, in their languages: what it is, what was paid, and when to come.
#[tokio::test]
async fn a_purchase_is_mailed_to_buyer_and_seller() {
    for order in [[sold(), to_deliver(), paid()], [paid(), to_deliver(), sold()]] {
        let market = Market::new();
        for event in order {
            market.handle(event).await;
        }
        market.work().await;
        assert_eq!(market.subjects(), bought_and_sold());
        let receipt = market.mail_to("buyer@example.com");
        assert!(receipt.text.contains("Zoë live, section A, seats 1, 2"), "{}", receipt.text);
        assert!(receipt.text.contains("110.50 USD"), "{}", receipt.text);
        assert!(receipt.text.contains(&format!("https://tickets.example/orders/{ORDER}")));
        assert!(receipt.html.unwrap().contains("110.50 USD"));
        let calendar = String::from_utf8(receipt.attachments[0].content.clone()).unwrap();
        for line in ["DTSTART:20260501T180000Z", "DTEND:20260501T210000Z", "SUMMARY:Zoë live"] {
            assert!(calendar.contains(&format!("\r\n{line}\r\n")), "{calendar}");
        }
        let sale = market.mail_to("seller@example.com");
        assert!(sale.text.contains("100,00 USD") && sale.attachments.is_empty(), "{}", sale.text);
        assert!(sale.text.contains("bis 30. April 2026, 06:00 Uhr"), "{}", sale.text);
        let page = format!("https://tickets.example/orders/{ORDER}/deliver");
        assert!(sale.text.contains(&page), "{}", sale.text);
    }
}

/// Each side of a sale is told what it is to do about the delivery, once: the seller before the time is over, both when
/// it is, the buyer when the ticket was sent, the seller when the sale ended without it.
#[tokio::test]
async fn each_side_hears_of_the_delivery_what_it_is_to_do() {
    type Event = fn(DeliveryState) -> DomainEvent;
    type Row<'a> = (Event, DeliveryStatus, &'a [(String, String)]);
    let table: [Row<'_>; 6] = [
        (
            DomainEvent::DeliveryDueSoon,
            DeliveryStatus::Pending,
            &[of("seller", "Ihr Käufer wartet auf: Zoë live")],
        ),
        (
            DomainEvent::DeliveryLate,
            DeliveryStatus::Late,
            &[
                of("buyer", "Your ticket is late: Zoë live"),
                of("seller", "Sie sind zu spät: Zoë live"),
            ],
        ),
        (
            DomainEvent::DeliverySent,
            DeliveryStatus::Sent,
            &[of("buyer", "Your ticket is here: Zoë live")],
        ),
        (
            DomainEvent::DeliveryCancelled,
            DeliveryStatus::Cancelled,
            &[of("seller", "Ihr Verkauf wurde storniert: Zoë live")],
        ),
        (DomainEvent::DeliveryUpdated, DeliveryStatus::Pending, &[]),
        (DomainEvent::DeliveryAccepted, DeliveryStatus::Accepted, &[]),
    ];
    for (event, status, expected) in table {
        let market = Market::new();
        for _ in 0..2 {
            market.handle(event(delivery(status))).await;
            market.work().await;
        }
        assert_eq!(market.subjects(), expected, "{status:?}");
    }
}

/// A payment that failed for good and one that was given back are told to the buyer; whatever else happens
/// is no mail.
#[tokio::test]
async fn money_that_did_not_move_or_came_back_is_mailed() {
    let market = Market::new();
    let failed = charge(ChargeStatus::Failed);
    market
        .handle(DomainEvent::ChargeFailed(ChargeState { ends_order: false, ..failed.clone() }))
        .await;
    market.handle(DomainEvent::TicketUpdated(ticket(TicketStatus::Locked))).await;
    market.handle(DomainEvent::TicketDeleted(ticket(TicketStatus::Withdrawn))).await;
    market.handle(paid()).await;
    market.work().await;
    assert_eq!(market.subjects(), []);
    market.handle(DomainEvent::ChargeFailed(failed)).await;
    let part = |id: RefundId, amount, status| RefundState {
        id,
        amount: price(amount),
        status,
        stripe_id: Some("re".to_owned()),
    };
    let [one, two, lost] = [1, 2, 3].map(|number| RefundId(Uuid::from_u128(number)));
    for refunds in [
        vec![part(one, 1_000, RefundStatus::Succeeded)],
        vec![
            part(one, 1_000, RefundStatus::Succeeded),
            part(lost, 3_000, RefundStatus::Failed),
            part(two, 2_000, RefundStatus::Pending),
        ],
    ] {
        let state = ChargeState { refunds, ..charge(ChargeStatus::Completed) };
        market.handle(DomainEvent::ChargeRefunded(state)).await;
    }
    market.work().await;
    let back = of("buyer", "Your money was given back");
    assert_eq!(market.subjects(), [back.clone(), back, of("buyer", "Your payment failed")]);
    assert!(market.mail_to("buyer@example.com").text.contains("USD"));
}

/// Events that come again, at once or after the mail was sent, lead to no further mail; nor do those of a
/// bus that is filled again.
#[tokio::test]
async fn nothing_comes_twice() {
    let market = Market::new();
    for _ in 0..3 {
        for event in [sold(), paid(), to_deliver(), sold()] {
            market.handle(event).await;
        }
        market.work().await;
    }
    market.clock.advance(Duration::from_secs(91 * 24 * 3600));
    market.work().await;
    market.handle(sold()).await;
    market.handle(to_deliver()).await;
    market.handle(paid()).await;
    market.work().await;
    assert_eq!(market.subjects(), bought_and_sold());
}

/// With the mail server, or another service, down for an hour nothing is lost.
#[tokio::test]
async fn an_hour_without_a_mail_server_loses_nothing() {
    for of_services in [false, true] {
        let is_down = Arc::new(AtomicBool::new(!of_services));
        let asked = Arc::clone(&is_down);
        let faults =
            Injector::new(
                move |_, _| {
                    if asked.load(Ordering::SeqCst) { Fault::Fail } else { Fault::None }
                },
            );
        let mut market = Market::new();
        market.mailer = Arc::new(FaultyMailer::new(Arc::new(market.sent.clone()), faults));
        market.others.are_down.store(of_services, Ordering::SeqCst);
        market.handle(sold()).await;
        market.handle(to_deliver()).await;
        market.handle(paid()).await;
        for _ in 0..60 {
            market.work().await;
            market.clock.advance(Duration::from_secs(60));
        }
        assert_eq!(market.subjects(), []);
        is_down.store(false, Ordering::SeqCst);
        market.others.are_down.store(false, Ordering::SeqCst);
        market.clock.advance(Duration::from_secs(3600));
        market.work().await;
        assert_eq!(market.subjects(), bought_and_sold());
    }
}

/// Each mail arrives exactly once, whichever call to the store or the mailer fails or loses its answer, and
/// however often the process restarts in between.
#[tokio::test]
async fn a_kill_between_any_two_steps_loses_and_doubles_nothing() {
    for fault in [Fault::Fail, Fault::LoseAnswer] {
        for broken in 0..60 {
            let calls = Arc::new(Mutex::new(0));
            let faults = Injector::new(move |_, _| {
                let mut calls = calls.lock().unwrap();
                *calls += 1;
                // It stays broken for a while, as while a process is down.
                if (broken..broken + 4).contains(&(*calls - 1)) { fault } else { Fault::None }
            });
            let mut market = Market::new();
            market.store = Arc::new(FaultyStore::new(market.store.clone(), faults.clone()));
            market.mailer = Arc::new(FaultyMailer::new(Arc::new(market.sent.clone()), faults));
            market.handle(sold()).await;
            market.work().await;
            market.handle(to_deliver()).await;
            market.handle(paid()).await;
            for _ in 0..4 {
                market.work().await;
                market.clock.advance(Duration::from_secs(3600));
            }
            assert_eq!(market.subjects(), bought_and_sold(), "{fault:?} at {broken}");
        }
    }
}

/// Counts what a mailer is handed, each mail by its id.
#[derive(Default)]
struct Counted(Mutex<HashMap<Uuid, u32>>);

#[async_trait]
impl Mailer for Counted {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        // Others have their turn while a mail is on its way.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        *self.0.lock().unwrap().entry(mail.id).or_default() += 1;
        Ok(())
    }
}

/// Two instances that find the same mails due send each once.
#[tokio::test(flavor = "multi_thread")]
async fn two_instances_send_a_mail_once() {
    for round in 0..200 {
        let (mut market, counted) = (Market::new(), Arc::new(Counted::default()));
        market.mailer = counted.clone();
        for event in [sold(), to_deliver(), paid()] {
            market.handle(event).await;
        }
        let instances = [market.clone(), market.clone()].map(|it| {
            tokio::spawn(async move {
                it.work().await;
            })
        });
        for instance in instances {
            instance.await.unwrap();
        }
        let sent: Vec<_> = counted.0.lock().unwrap().values().copied().collect();
        assert_eq!(sent, [1, 1], "round {round}");
    }
}

/// No address is stored, and a user whose account is gone is written to no more.
#[tokio::test]
async fn addresses_stay_with_auth() {
    use stubmart_ports::{key::Key, store::Scan};
    let market = Market::new();
    market.handle(sold()).await;
    market.handle(to_deliver()).await;
    market.handle(paid()).await;
    market.others.buyer_is_gone.store(true, Ordering::SeqCst);
    market.work().await;
    assert_eq!(market.subjects(), [of("seller", "Verkauft: Zoë live")]);
    market.others.buyer_is_gone.store(false, Ordering::SeqCst);
    market.clock.advance(Duration::from_secs(3600));
    market.work().await;
    assert_eq!(market.subjects().len(), 1, "it is given up");
    let log = Scan::prefix(&stubmart_notify::OUTBOX, "recipient", &Key::new());
    let log = market.store.find(log).await.unwrap();
    assert_eq!(log.len(), 2);
    for entry in log {
        let text = String::from_utf8(entry.doc.body).unwrap();
        assert!(!text.contains("example.com") && !text.contains("Ann"), "{text}");
    }
    market.clock.advance(Duration::from_secs(90 * 24 * 3600));
    market.work().await;
    let log = Scan::prefix(&stubmart_notify::OUTBOX, "recipient", &Key::new());
    assert_eq!(market.store.find(log).await.unwrap(), [], "the log goes back 90 days");
}
