//! Ten thousand alerts on one event, and a ticket that appears: who is told, when, and how often.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use stubmart_contract::{
    Actor, Currency, Language, MessageId, OrderId, Price, Timestamp, UserId,
    api::{CreateAlertRequest, EventStatus},
    calls::{
        Identity, Listing, Listings, LockRefusal, LockRequest, Locked, NotFoundByName,
        OverdueLocks, OverdueLocksRequest, Profile, Recipient, ShowByName,
    },
};
use stubmart_memory::{MemoryMailer, MemoryOutbound, MemoryStore};
use stubmart_ports::{
    calls::{Auth, Catalogue, Tickets},
    host::Host,
    mailer::Mail,
    store::Store,
};
use stubmart_suite::{
    fault::{Fault, FaultyStore, Injector},
    host::{ManualClock, START, manual},
};
use uuid::Uuid;

use super::*;
use crate::{
    announcement::PAUSE,
    manage_alerts::AlertError,
    service::{Config, Deps},
};

const SHOW: EventId = EventId(Uuid::from_u128(5));
const TICKET: TicketId = TicketId(Uuid::from_u128(6));
const SELLER: UserId = UserId(Uuid::from_u128(7));
const TWO_HOURS: Duration = Duration::from_secs(2 * 3600);

/// The other services: users have addresses of their numbers, and there is one show and one ticket.
struct Others {
    ticket: Mutex<TicketState>,
    ends_at: Mutex<Timestamp>,
}

#[async_trait]
impl Auth for Others {
    async fn introspect(&self, _: &Context, _: &str) -> Result<Option<Identity>, CallError> {
        panic!("nobody is signed in here");
    }

    async fn recipient(&self, _: &Context, id: UserId) -> Result<Option<Recipient>, CallError> {
        let email = format!("{}@example.com", id.0.as_u128()).parse().unwrap();
        Ok(Some(Recipient { email, name: String::new(), language: Language::English }))
    }

    async fn profile(&self, _: &Context, _: UserId) -> Result<Option<Profile>, CallError> {
        Ok(None)
    }
}

#[async_trait]
impl Catalogue for Others {
    async fn show(&self, _: &Context, id: EventId) -> Result<Option<ShowForListing>, CallError> {
        let show = ShowForListing {
            id,
            name: "Hamlet".to_owned(),
            category: "Plays".to_owned(),
            starts_at: START,
            ends_at: *self.ends_at.lock().unwrap(),
            status: EventStatus::Scheduled,
            currency: Currency::USD,
            performers: vec!["The Players".to_owned()],
        };
        Ok(Some(show).filter(|_| id == SHOW))
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
        let ticket = self.ticket.lock().unwrap().clone();
        Ok(Listings { listings: vec![Listing { version: 1, ticket }], next: None })
    }

    async fn overdue_locks(
        &self,
        _: &Context,
        _: OverdueLocksRequest,
    ) -> Result<OverdueLocks, CallError> {
        panic!("nothing is bought here");
    }
}

/// Processes of notify and what outlives them.
struct Market {
    host: Host,
    clock: ManualClock,
    store: Arc<dyn Store>,
    sent: MemoryMailer,
    others: Arc<Others>,
    seen: AtomicU64,
}

impl Market {
    fn new() -> Self {
        let (host, clock) = manual(1);
        let ticket = TicketState {
            id: TICKET,
            user_id: SELLER,
            title: "Stalls".to_owned(),
            price: Price::try_from(10_000).unwrap(),
            fees: Default::default(),
            currency: Currency::USD,
            status: TicketStatus::Available,
            event_id: Some(SHOW),
            section: Some("A".to_owned()),
            row: None,
            seats: Vec::new(),
            quantity: 2,
            delivery_kind: Default::default(),
            external_id: None,
            order_id: None,
            buyer_id: None,
            locked_until: None,
            turn: None,
            created_at: START,
            updated_at: START,
        };
        let ends_at = Mutex::new(START.after(Duration::from_secs(30 * 24 * 3600)));
        Self {
            host,
            clock,
            store: Arc::new(MemoryStore::new()),
            sent: MemoryMailer::new(),
            others: Arc::new(Others { ticket: Mutex::new(ticket), ends_at }),
            seen: AtomicU64::new(0),
        }
    }

    /// The service as it starts.
    fn start(&self) -> Notify {
        let deps = Deps {
            store: Arc::clone(&self.store),
            host: self.host.clone(),
            auth: self.others.clone(),
            catalogue: self.others.clone(),
            tickets: self.others.clone(),
            mailer: Arc::new(self.sent.clone()),
            outbound: Arc::new(MemoryOutbound::new()),
        };
        Notify::new(deps, Config::default())
    }

    /// Alerts of the users from `first` on, for any ticket of the show.
    async fn alerts(&self, first: u128, count: u128) {
        let notify = self.start();
        for number in first..first + count {
            let request = CreateAlertRequest { event_id: Some(SHOW), ..Default::default() };
            self.alert(&notify, number, request).await.unwrap();
        }
    }

    async fn alert(
        &self,
        notify: &Notify,
        user: u128,
        request: CreateAlertRequest,
    ) -> Result<Alert, AlertError> {
        let (id, user) = (AlertId(self.host.uuid()), UserId(Uuid::from_u128(user)));
        notify.create_alert(&Context::work(SERVICE), id, user, request).await
    }

    /// The ticket becomes this, and its event comes.
    async fn becomes(&self, change: impl FnOnce(&mut TicketState)) {
        let mut ticket = self.others.ticket.lock().unwrap().clone();
        change(&mut ticket);
        *self.others.ticket.lock().unwrap() = ticket.clone();
        let id = MessageId(Uuid::from_u128(9));
        let envelope = Envelope {
            id,
            aggregate_id: TICKET.0,
            version: 1,
            at: self.host.now(),
            causation_id: id,
            correlation_id: id,
            actor: Actor::System,
            request_id: None,
            event: DomainEvent::TicketUpdated(ticket),
        };
        let handler = Offers(self.start());
        for _ in 0..5 {
            if handler.handle(&Context::work(SERVICE), &envelope).await.is_ok() {
                return;
            }
        }
        panic!("not handled");
    }

    /// What two processes have to do now, at the same moment.
    async fn work(&self) {
        for _ in 0..3 {
            tokio::join!(work(self.start()), work(self.start()));
        }
    }

    /// Who was mailed since this was asked last, in this order.
    fn news(&self) -> Vec<u128> {
        let mails = self.sent.mails();
        let seen = usize::try_from(self.seen.load(Ordering::SeqCst)).unwrap();
        self.seen.store(mails.len().try_into().unwrap(), Ordering::SeqCst);
        let number = |mail: &Mail| mail.to.split('@').next().unwrap().parse().unwrap();
        let mut users: Vec<u128> = mails.iter().skip(seen).map(number).collect();
        users.sort_unstable();
        users
    }
}

async fn work(notify: Notify) {
    for worker in notify.workers() {
        // What fails is tried again at its time.
        drop(worker.step().await);
    }
}

fn numbers(first: u128, count: u128) -> Vec<u128> {
    (first..first + count).collect()
}

/// Of ten thousand, ten are told at once and ten more each half minute, in the order in which they asked. While
/// a checkout holds the ticket nobody is told; when it is free again those who were not told are; and once it is
/// sold nobody is.
#[tokio::test]
async fn ten_thousand_are_told_in_batches_until_the_ticket_is_sold() {
    let market = Market::new();
    market.alerts(1000, 10_000).await;
    market.becomes(|_| {}).await;
    market.work().await;
    assert_eq!(market.news(), numbers(1000, 10));
    market.clock.advance(PAUSE - Duration::from_millis(1));
    market.work().await;
    assert_eq!(market.news(), []);
    market.clock.advance(Duration::from_millis(1));
    market.work().await;
    assert_eq!(market.news(), numbers(1010, 10));

    market.becomes(|ticket| ticket.status = TicketStatus::Locked).await;
    for _ in 0..3 {
        market.clock.advance(PAUSE);
        market.work().await;
    }
    assert_eq!(market.news(), []);
    market.becomes(|ticket| ticket.status = TicketStatus::Available).await;
    market.work().await;
    assert_eq!(market.news(), numbers(1020, 10));

    market.becomes(|ticket| ticket.status = TicketStatus::Sold).await;
    market.clock.advance(TWO_HOURS);
    market.work().await;
    assert_eq!(market.news(), []);
    for mail in market.sent.mails() {
        assert_eq!(mail.subject, "Tickets for Hamlet");
        assert!(mail.text.contains("50.00 USD for each ticket, fees included"), "{}", mail.text);
        assert!(mail.text.contains("It is not held for you"), "{}", mail.text);
        assert!(mail.unsubscribe.unwrap().contains("/alerts/stop?token="));
    }
}

/// When nobody buys it, everybody is told in the end, each once, however often the ticket's event comes.
#[tokio::test]
async fn everybody_is_told_once() {
    let market = Market::new();
    market.alerts(1000, 500).await;
    for round in 0..60 {
        if round % 7 == 0 {
            market.becomes(|_| {}).await;
        }
        market.work().await;
        let expected = if round < 50 { numbers(1000 + round * 10, 10) } else { Vec::new() };
        assert_eq!(market.news(), expected, "in round {round}");
        market.clock.advance(PAUSE);
    }
    // A lower price is no other ticket; who asks for one later is told.
    market.becomes(|ticket| ticket.price = Price::try_from(8000).unwrap()).await;
    market.alerts(9000, 1).await;
    for _ in 0..3 {
        market.work().await;
        market.clock.advance(PAUSE);
    }
    assert_eq!(market.news(), [9000]);
}

/// Those who wait for the event and those who wait for its performer are in one line; those who want something
/// else are passed over, until it becomes what they want.
#[tokio::test]
async fn an_alert_waits_for_what_it_wants() {
    let market = Market::new();
    let notify = market.start();
    let event = || CreateAlertRequest { event_id: Some(SHOW), ..Default::default() };
    let performer =
        || CreateAlertRequest { performer: Some("the players".to_owned()), ..Default::default() };
    let most = |minor: i64| Some(Price::try_from(minor).unwrap());
    let of_others = CreateAlertRequest { performer: Some("Others".to_owned()), ..performer() };
    for (user, request) in [
        (1, CreateAlertRequest { max_total: most(4999), ..event() }),
        (2, performer()),
        (3, CreateAlertRequest { quantity: Some(1), ..event() }),
        (4, CreateAlertRequest { max_total: most(5000), quantity: Some(2), ..performer() }),
        (5, of_others),
        (6, CreateAlertRequest { sections: vec!["sec a".to_owned()], ..event() }),
        // Two alerts that both fit are no reason for two mails.
        (6, performer()),
        (SELLER.0.as_u128(), event()),
    ] {
        market.alert(&notify, user, request).await.unwrap();
    }
    market.becomes(|_| {}).await;
    market.work().await;
    assert_eq!(market.news(), [2, 4, 6]);
    market.becomes(|ticket| ticket.price = Price::try_from(9998).unwrap()).await;
    market.clock.advance(PAUSE);
    market.work().await;
    assert_eq!(market.news(), [1]);
}

/// Whichever call to the store fails or loses its answer, and however often processes restart in between, each
/// is told once.
#[tokio::test]
async fn a_kill_between_any_two_steps_loses_and_doubles_nothing() {
    for fault in [Fault::Fail, Fault::LoseAnswer] {
        for broken in (0..400).step_by(3) {
            let mut market = Market::new();
            market.alerts(1000, 25).await;
            let calls = Arc::new(AtomicU64::new(0));
            let faults = Injector::new(move |_, _| {
                let call = calls.fetch_add(1, Ordering::SeqCst);
                if (broken..broken + 4).contains(&call) { fault } else { Fault::None }
            });
            market.store = Arc::new(FaultyStore::new(market.store.clone(), faults));
            market.becomes(|_| {}).await;
            let mut told = Vec::new();
            for _ in 0..8 {
                market.work().await;
                told.extend(market.news());
                market.clock.advance(Duration::from_secs(120));
            }
            told.sort_unstable();
            assert_eq!(told, numbers(1000, 25), "{fault:?} at {broken}");
        }
    }
}

/// A stopped alert is stopped at once: what was on its way is not sent.
#[tokio::test]
async fn a_stopped_alert_sends_nothing_more() {
    let market = Market::new();
    let notify = market.start();
    let request = CreateAlertRequest { event_id: Some(SHOW), ..Default::default() };
    let alert = market.alert(&notify, 1, request.clone()).await.unwrap();
    let again = market.alert(&notify, 1, request).await.unwrap();
    assert_eq!(alert.id, again.id);
    market.becomes(|_| {}).await;
    let announced = DueAnnouncements(notify.clone()).run(TICKET).await;
    announced.unwrap();
    let token = alert.token();
    let wrong = format!("{}x", &token[..token.len() - 1]);
    for foreign in ["", ".", "x.y", &wrong, &token[..token.len() - 1], &alert.secret] {
        notify.stop_alert(foreign).await.unwrap();
        assert!(notify.inner.alerts.load(alert.id).await.unwrap().is_some(), "{foreign}");
    }
    notify.stop_alert(&token).await.unwrap();
    notify.stop_alert(&token).await.unwrap();
    market.work().await;
    assert_eq!(market.news(), []);
}

/// An alert ends with its event, later where the event was moved; and an account has fifty at the most.
#[tokio::test]
async fn an_alert_ends_with_its_event() {
    let market = Market::new();
    market.alerts(1000, 1).await;
    let is_there = async || {
        let user = UserId(Uuid::from_u128(1000));
        let scan = market.start().inner.alerts.scan(alert::OWNER, &Alert::owned_by(user));
        !market.start().inner.alerts.keys(scan).await.unwrap().is_empty()
    };
    let first_end = *market.others.ends_at.lock().unwrap();
    *market.others.ends_at.lock().unwrap() = first_end.after(TWO_HOURS);
    market.clock.jump_to(first_end);
    market.work().await;
    assert!(is_there().await);
    market.clock.advance(TWO_HOURS);
    market.work().await;
    assert!(!is_there().await);

    let notify = market.start();
    let performer = |number: u32| CreateAlertRequest {
        performer: Some(format!("Band {number}")),
        ..Default::default()
    };
    for number in 0..50 {
        market.alert(&notify, 1, performer(number)).await.unwrap();
    }
    let refused = market.alert(&notify, 1, performer(50)).await;
    assert!(matches!(refused, Err(AlertError::TooMany)), "{refused:?}");
}
