use stubmart_contract::{
    api::Patch,
    fees::{Fee, FeeRule},
};
use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000);
const LATER: Timestamp = Timestamp::from_millis(9_000);
const SELLER: UserId = UserId(Uuid::from_u128(1));
const BUYER: UserId = UserId(Uuid::from_u128(2));
const HOLDER: OrderId = OrderId(Uuid::from_u128(10));
const OTHER: OrderId = OrderId(Uuid::from_u128(11));
const TICKET: TicketId = TicketId(Uuid::from_u128(100));

fn ticket(status: TicketStatus) -> Ticket {
    let held = matches!(status, TicketStatus::Locked | TicketStatus::Sold);
    Ticket {
        id: TICKET,
        user_id: SELLER,
        title: "Two in the stalls".to_owned(),
        price: Price::try_from(5000).unwrap(),
        fees: SaleFees::NONE,
        currency: Currency::USD,
        status,
        event_id: None,
        category: None,
        section: None,
        row: None,
        seats: vec!["1".to_owned(), "2".to_owned()],
        quantity: 2,
        delivery_kind: Default::default(),
        external_id: None,
        order_id: held.then_some(HOLDER),
        buyer_id: held.then_some(BUYER),
        locked_until: (status == TicketStatus::Locked).then_some(LATER),
        pending_price: None,
        line: Line::default(),
        retired: false,
        event_ends_at: None,
        fence: 0,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    }
}

fn listing() -> CreateTicketRequest {
    CreateTicketRequest {
        title: "Two in the stalls".to_owned(),
        price: Price::try_from(5000).unwrap(),
        currency: None,
        event_id: None,
        section: None,
        row: None,
        seats: None,
        quantity: None,
        delivery_kind: None,
        external_id: None,
    }
}

fn list(listing: CreateTicketRequest) -> Command {
    let (listing, fees) = (Box::new(listing), Arc::default());
    let (id, seller, category) = (TICKET, SELLER, None);
    let event_ends_at = Some(LATER);
    Command::List { id, seller, listing, category, fees, event_ends_at, claimed: None }
}

fn lock(order_id: OrderId, buyer_id: UserId, price: Option<i64>) -> Command {
    let price = price.map(|price| Price::try_from(price).unwrap());
    Command::Lock(LockRequest { ticket_id: TICKET, order_id, buyer_id, price, until: LATER })
}

fn edit(by: UserId, edit: UpdateTicketRequest) -> Command {
    Command::Edit { by, edit: Box::new(edit), fees: Arc::default(), claimed: None }
}

fn dearer() -> UpdateTicketRequest {
    let price = Some(Price::try_from(7000).unwrap());
    UpdateTicketRequest { price, ..UpdateTicketRequest::default() }
}

/// The ticket after a command; `None` where it stays as it is.
fn decided(current: Option<&Ticket>, command: &Command) -> Result<Option<Ticket>, Refusal> {
    Ok(match Ticket::decide(current, command, NOW)? {
        Decision::Unchanged => None,
        Decision::Changed { state, event } => {
            let told = match event.unwrap() {
                DomainEvent::TicketCreated(told) => {
                    assert_eq!(current, None);
                    told
                }
                DomainEvent::TicketUpdated(told) => {
                    assert!(current.is_some() && state.status != TicketStatus::Withdrawn);
                    told
                }
                DomainEvent::TicketDeleted(told) => {
                    assert!(current.is_some() && state.status == TicketStatus::Withdrawn);
                    told
                }
                other => panic!("{other:?}"),
            };
            assert_eq!(told, state.state(), "the event tells of the ticket after the change");
            Some(state)
        }
    })
}

/// What becomes of a ticket: its status after the change, `None` for no change, or the refusal.
type Outcome = Result<Option<TicketStatus>, Refusal>;

#[test]
#[expect(clippy::too_many_lines, reason = "one table, row by row")]
fn every_command_on_every_status_has_one_outcome() {
    use Refusal as R;
    use TicketStatus::{Available, Locked, Sold, Withdrawn};
    let commands: [(&str, Command, [Outcome; 5]); 15] = [
        // command, then what comes of it on nothing, available, locked (for HOLDER), sold (to HOLDER), withdrawn
        ("list", list(listing()), [Ok(Some(Available)), Ok(None), Ok(None), Ok(None), Ok(None)]),
        (
            "edit",
            edit(SELLER, dearer()),
            [
                Err(R::NotFound),
                Ok(Some(Available)),
                Err(R::Locked),
                Err(R::Sold),
                Err(R::Withdrawn),
            ],
        ),
        (
            "edit by another",
            edit(BUYER, dearer()),
            [
                Err(R::NotFound),
                Err(R::NotOwner),
                Err(R::NotOwner),
                Err(R::NotOwner),
                Err(R::NotFound),
            ],
        ),
        (
            "withdraw",
            Command::Withdraw { by: SELLER },
            [Err(R::NotFound), Ok(Some(Withdrawn)), Err(R::Locked), Err(R::Sold), Ok(None)],
        ),
        (
            "withdraw by another",
            Command::Withdraw { by: BUYER },
            [
                Err(R::NotFound),
                Err(R::NotOwner),
                Err(R::NotOwner),
                Err(R::NotOwner),
                Err(R::NotFound),
            ],
        ),
        (
            "lock",
            lock(OTHER, BUYER, None),
            [Err(R::NotFound), Ok(Some(Locked)), Err(R::Locked), Err(R::Sold), Err(R::Withdrawn)],
        ),
        (
            "lock again",
            lock(HOLDER, BUYER, None),
            [Err(R::NotFound), Ok(Some(Locked)), Ok(None), Err(R::Sold), Err(R::Withdrawn)],
        ),
        (
            "lock at its price",
            lock(OTHER, BUYER, Some(5000)),
            [Err(R::NotFound), Ok(Some(Locked)), Err(R::Locked), Err(R::Sold), Err(R::Withdrawn)],
        ),
        (
            "lock at another price",
            lock(OTHER, BUYER, Some(1)),
            [
                Err(R::NotFound),
                Err(R::PriceChanged),
                Err(R::Locked),
                Err(R::Sold),
                Err(R::Withdrawn),
            ],
        ),
        (
            "lock one's own",
            lock(OTHER, SELLER, None),
            [
                Err(R::NotFound),
                Err(R::OwnTicket),
                Err(R::OwnTicket),
                Err(R::OwnTicket),
                Err(R::Withdrawn),
            ],
        ),
        (
            "release",
            Command::Release(HOLDER),
            [Err(R::NotFound), Ok(None), Ok(Some(Available)), Ok(None), Ok(None)],
        ),
        (
            "release for another order",
            Command::Release(OTHER),
            [Err(R::NotFound), Ok(None), Ok(None), Ok(None), Ok(None)],
        ),
        (
            "sell",
            Command::Sell(HOLDER),
            [Err(R::NotFound), Ok(None), Ok(Some(Sold)), Ok(None), Ok(None)],
        ),
        (
            "sell to another order",
            Command::Sell(OTHER),
            [Err(R::NotFound), Ok(None), Ok(None), Ok(None), Ok(None)],
        ),
        (
            "retire",
            Command::Retire,
            [Err(R::NotFound), Ok(Some(Withdrawn)), Ok(Some(Locked)), Ok(None), Ok(None)],
        ),
    ];
    for (name, command, outcomes) in commands {
        let stored = [Available, Locked, Sold, Withdrawn].map(|status| Some(ticket(status)));
        for (before, expected) in [None].into_iter().chain(stored).zip(outcomes) {
            let after = decided(before.as_ref(), &command);
            let what = format!("{name} on {:?}", before.as_ref().map(|it| it.status));
            let outcome =
                after.as_ref().map(|it| it.as_ref().map(|it| it.status)).map_err(Clone::clone);
            assert_eq!(outcome, expected, "{what}");
            let Ok(Some(after)) = after else { continue };
            assert_eq!(after.updated_at, NOW, "{what}");
            assert_eq!(after.locked_until.is_some(), after.status == Locked, "{what}");
            assert_eq!(after.order_id.is_some(), matches!(after.status, Locked | Sold), "{what}");
            let may_change_price = matches!(command, Command::Edit { .. } | Command::List { .. });
            let same_price = before.is_none_or(|before| before.price == after.price);
            assert!(may_change_price || same_price, "{what} changed the price");
        }
    }
}

#[test]
fn a_locked_ticket_of_a_deleted_seller_is_withdrawn_when_its_checkout_ends() {
    let locked = ticket(TicketStatus::Locked);
    let locked = decided(Some(&locked), &Command::Retire).unwrap().unwrap();
    let after = decided(Some(&locked), &Command::Release(HOLDER)).unwrap().unwrap();
    assert_eq!(after.status, TicketStatus::Withdrawn);
    let sold = decided(Some(&locked), &Command::Sell(HOLDER)).unwrap().unwrap();
    assert_eq!(sold.status, TicketStatus::Sold);
}

#[test]
fn a_lot_has_a_name_for_each_seat_or_for_none() {
    let seats = |names: &[&str]| Some(names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
    let before = ticket(TicketStatus::Available);
    let renamed = |seats| {
        let change = UpdateTicketRequest { seats, ..UpdateTicketRequest::default() };
        decided(Some(&before), &edit(SELLER, change)).map(|it| it.map(|it| it.seats))
    };
    assert_eq!(
        renamed(Patch::from(seats(&["1"]))),
        Err(Refusal::SeatCount { named: 1, quantity: 2 })
    );
    assert_eq!(renamed(Patch::from(seats(&["8", "9"]))), Ok(seats(&["8", "9"])));
    assert_eq!(renamed(Patch::Clear), Ok(Some(Vec::new())));
    let listed = |seats, quantity| {
        let listing = CreateTicketRequest { seats, quantity, ..listing() };
        decided(None, &list(listing)).map(|it| it.unwrap().quantity)
    };
    assert_eq!(listed(None, None), Ok(1));
    assert_eq!(listed(None, Some(4)), Ok(4));
    assert_eq!(listed(seats(&["1", "2"]), None), Ok(2));
    assert_eq!(
        listed(seats(&["1", "2"]), Some(3)),
        Err(Refusal::SeatCount { named: 2, quantity: 3 })
    );
}

#[test]
fn an_empty_text_is_as_good_as_none() {
    let empty = || Some(String::new());
    let listing = CreateTicketRequest { section: empty(), row: empty(), ..listing() };
    let listed = decided(None, &list(listing)).unwrap().unwrap();
    assert_eq!((&listed.section, &listed.row), (&None, &None));
    let before = Ticket { section: Some("A".to_owned()), ..listed };
    let change =
        UpdateTicketRequest { section: Patch::from(empty()), ..UpdateTicketRequest::default() };
    let edited = decided(Some(&before), &edit(SELLER, change)).unwrap().unwrap();
    assert_eq!(edited.section, None);
}

#[test]
fn a_lock_and_its_release_move_no_entry_but_that_of_the_lock() {
    let entries = |ticket: &Ticket| {
        let mut entries = ticket.index_entries();
        entries.retain(|(index, _)| *index != index::LOCKED);
        entries
    };
    let free = ticket(TicketStatus::Available);
    let locked = decided(Some(&free), &lock(HOLDER, BUYER, None)).unwrap().unwrap();
    assert_eq!(entries(&free), entries(&locked));
    assert_eq!(locked.index_entries().len(), free.index_entries().len() + 1);
    let released = decided(Some(&locked), &Command::Release(HOLDER)).unwrap().unwrap();
    assert_eq!(released.index_entries(), free.index_entries());
}

#[test]
fn the_order_is_shown_to_the_seller_and_to_its_buyer_only() {
    let state = ticket(TicketStatus::Locked).state();
    let shown = |viewer| state.clone().seen_by(viewer, 1).order_id;
    assert_eq!(shown(Some(SELLER)), Some(HOLDER));
    assert_eq!(shown(Some(BUYER)), Some(HOLDER));
    assert_eq!(shown(Some(UserId(Uuid::from_u128(3)))), None);
    assert_eq!(shown(None), None);
}

/// What an earlier version indexed otherwise is found in a retired index, and nothing else is.
#[test]
fn no_ticket_is_in_a_retired_index() {
    for status in [TicketStatus::Available, TicketStatus::Locked, TicketStatus::Sold] {
        let entries = ticket(status).index_entries();
        let retired = [
            index::EVENT_PRICE,
            index::EVENT_QUANTITY,
            index::QUANTITY_PRICE,
            index::SELLER_PRICE,
            index::PRICE,
            index::NEWEST,
            index::SELLER_NEWEST,
        ];
        assert!(entries.iter().all(|(index, _)| !retired.contains(index)));
    }
}

/// The operator's fees: a tenth from the buyer, a twentieth from the seller, and none at the opera.
fn fees() -> Arc<FeeSchedule> {
    let opera = FeeRule {
        category: Some("Opera".to_owned()),
        buyer: Some(Fee::default()),
        ..FeeRule::default()
    };
    let (buyer, seller) = (Fee::share(1_000), Fee::share(500));
    Arc::new(FeeSchedule { buyer, seller, tax_bps: 0, rules: vec![opera] })
}

/// A ticket has the fees of its price and its category, which follow the price when it is edited.
#[test]
fn a_ticket_has_the_fees_of_its_price() {
    let listed = |category: Option<&str>| {
        let (listing, category) = (Box::new(listing()), category.map(ToOwned::to_owned));
        let list = Command::List {
            id: TICKET,
            seller: SELLER,
            listing,
            category,
            fees: fees(),
            event_ends_at: None,
            claimed: None,
        };
        decided(None, &list).unwrap().unwrap()
    };
    let concert = listed(Some("Concerts"));
    assert_eq!(concert.fees, SaleFees { buyer: 500, seller: 250, tax: 0 });
    assert_eq!(listed(Some("opera")).fees, SaleFees { buyer: 0, seller: 250, tax: 0 });
    let edit = Command::Edit { by: SELLER, edit: Box::new(dearer()), fees: fees(), claimed: None };
    let dearer = decided(Some(&concert), &edit).unwrap().unwrap();
    assert_eq!(dearer.fees, SaleFees { buyer: 700, seller: 350, tax: 0 });
}

/// Fees that the operator changes apply to what is on offer, and not to what is sold or withdrawn.
#[test]
fn changed_fees_apply_to_what_is_on_offer() {
    let set = |status| decided(Some(&ticket(status)), &Command::SetFees(fees())).unwrap();
    for status in [TicketStatus::Available, TicketStatus::Locked] {
        let after = set(status).unwrap();
        assert_eq!(after.fees, SaleFees { buyer: 500, seller: 250, tax: 0 });
        assert_eq!(decided(Some(&after), &Command::SetFees(fees())), Ok(None), "again is nothing");
    }
    for status in [TicketStatus::Sold, TicketStatus::Withdrawn] {
        assert_eq!(set(status), None, "{status:?}");
    }
}

/// A lock hands over the fees that the ticket showed.
#[test]
fn a_lock_has_the_fees_of_the_ticket() {
    let fees = SaleFees { buyer: 500, seller: 250, tax: 0 };
    assert_eq!(Ticket { fees, ..ticket(TicketStatus::Locked) }.locked(LATER).fees, fees);
}

/// FOUND D: tickets of an event of 2001 were listed, bought and charged.
#[test]
fn nothing_of_an_event_that_is_over_is_listed_or_bought() {
    let ends_at = |at: i64| Some(Timestamp::from_millis(at));
    let now = NOW.millis();
    for (at, is_over) in [(now - 1, true), (now, true), (now + 1, false)] {
        let Command::List { id, seller, listing, category, fees, claimed, .. } = list(listing())
        else {
            panic!("it lists");
        };
        let event_ends_at = ends_at(at);
        let list = Command::List { id, seller, listing, category, fees, event_ends_at, claimed };
        let listed = decided(None, &list);
        assert_eq!(listed == Err(Refusal::EventOver), is_over, "{listed:?}");
        let offered = Ticket { event_ends_at, ..ticket(TicketStatus::Available) };
        let locked = decided(Some(&offered), &lock(HOLDER, BUYER, None));
        assert_eq!(locked == Err(Refusal::EventOver), is_over, "{locked:?}");
    }
    let held = Ticket { event_ends_at: ends_at(now), ..ticket(TicketStatus::Locked) };
    let sold = decided(Some(&held), &Command::Sell(HOLDER)).unwrap().unwrap();
    assert_eq!(sold.status, TicketStatus::Sold, "a checkout that began in time goes on");
    let retired = decided(Some(&held), &Command::Retire).unwrap().unwrap();
    let left = decided(Some(&retired), &Command::Release(HOLDER)).unwrap().unwrap();
    assert_eq!(left.status, TicketStatus::Withdrawn);
}

/// FOUND C: 1 cent, 49 cents and 9 digits were sold.
#[test]
fn a_price_is_within_the_limits_of_the_provider() {
    let at = |price: i64, currency: &str| {
        let price = Price::try_from(price).unwrap();
        let currency = Some(currency.parse().unwrap());
        decided(None, &list(CreateTicketRequest { price, currency, ..listing() })).map(drop)
    };
    for (price, currency) in [(50, "usd"), (99_999_999, "usd"), (250_000_000, "idr")] {
        assert_eq!(at(price, currency), Ok(()), "{price} {currency}");
    }
    for (price, currency) in [(49, "usd"), (100_000_000, "usd"), (5_124, "kwd")] {
        assert!(matches!(at(price, currency), Err(Refusal::Price(_))), "{price} {currency}");
    }
    let cheap = Ticket { price: Price::LOWEST, ..ticket(TicketStatus::Available) };
    let title = Some("Stalls".to_owned());
    let renamed = edit(SELLER, UpdateTicketRequest { title, ..UpdateTicketRequest::default() });
    assert!(decided(Some(&cheap), &renamed).is_ok(), "a price from before there were limits stays");
}
