use stubmart_contract::{Currency, Price, UserId, api::OrderTicket, fees::SaleFees};
use stubmart_payments::{
    charge::{Cause, Failure, FailureReason, Refund, RefundStage, Stage},
    ledger::{self, Account, Fact, Line},
};
use uuid::Uuid;

use super::*;

/// What buyer and seller pay beside and out of the price.
const FEES: SaleFees = SaleFees { buyer: 1_255, seller: 600, tax: 0 };

const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

/// Ten minutes later, in a market where nothing has happened since.
const LATER: Timestamp = Timestamp::from_millis(1_000_600_000);

fn price() -> Price {
    Price::try_from(12_550).unwrap()
}

/// The price and the buyer's fee.
fn total() -> Price {
    Price::try_from(13_805).unwrap()
}

/// A ticket locked for an order that awaits its money, held by an open charge.
fn market() -> Market {
    let (ticket, order, charge) = (locked(), awaiting(), held());
    Market {
        tickets: HashMap::from([(ticket.id, ticket)]),
        orders: HashMap::from([(order.id, order)]),
        charges: HashMap::from([(charge.id, charge)]),
        deliveries: HashMap::new(),
        claims: Vec::new(),
        files: Vec::new(),
        payments: Vec::new(),
        ledger: Vec::new(),
        sales: HashMap::new(),
        payouts: Vec::new(),
    }
}

fn id() -> Uuid {
    Uuid::from_u128(7)
}

fn locked() -> Ticket {
    Ticket {
        id: TicketId(id()),
        user_id: UserId(id()),
        title: "Stalls".to_owned(),
        price: price(),
        fees: FEES,
        currency: Currency::USD,
        status: TicketStatus::Locked,
        event_id: None,
        category: None,
        section: None,
        row: None,
        seats: Vec::new(),
        quantity: 1,
        delivery_kind: Default::default(),
        external_id: None,
        order_id: Some(OrderId(id())),
        buyer_id: Some(UserId(id())),
        locked_until: Some(NOW.before(Duration::from_secs(1))),
        pending_price: None,
        line: Default::default(),
        retired: false,
        event_ends_at: None,
        fence: 0,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn awaiting() -> Order {
    Order {
        id: OrderId(id()),
        user_id: UserId(id()),
        seller_id: UserId(id()),
        status: OrderStatus::AwaitingPayment,
        ticket_id: TicketId(id()),
        price: price(),
        fees: FEES,
        currency: Currency::USD,
        expires_at: NOW,
        cancel_reason: None,
        charge_id: Some(ChargeId(id())),
        leaving_at: None,
        ticket: OrderTicket {
            title: "Stalls".to_owned(),
            event_id: None,
            section: None,
            row: None,
            seats: Vec::new(),
            quantity: 1,
        },
        created_at: NOW,
        updated_at: NOW,
    }
}

fn held() -> Charge {
    Charge {
        id: ChargeId(id()),
        order_id: OrderId(id()),
        user_id: UserId(id()),
        attempt: 1,
        amount: total(),
        currency: Currency::USD,
        payment_method: None,
        stage: Stage::Authorised,
        payment_id: None,
        refunds: Vec::new(),
        due_at: Some(NOW),
        claims: 0,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn by_operator() -> Cause {
    Cause::Operator { reason: "cancelled".to_owned(), key: None }
}

/// A refund that succeeded.
fn refund(amount: Price, cause: Cause) -> Refund {
    Refund {
        id: Refund::id_at(ChargeId(id()), 0),
        amount,
        cause,
        stage: RefundStage::Succeeded,
        provider_id: Some("re_1".to_owned()),
        created_at: NOW,
        updated_at: NOW,
    }
}

/// The invariants that a market breaks after `change`.
fn broken_by(alive: Alive, change: impl FnOnce(&mut Market)) -> Vec<&'static str> {
    let mut market = market();
    change(&mut market);
    let mut found = audit(&market, alive);
    crate::check::books::balance(&market, &mut found);
    found.iter().map(|finding| finding.invariant).collect()
}

fn order(market: &mut Market) -> &mut Order {
    market.orders.get_mut(&OrderId(id())).unwrap()
}

fn charge(market: &mut Market) -> &mut Charge {
    market.charges.get_mut(&ChargeId(id())).unwrap()
}

const RUNS: Alive = Alive::At(NOW);
const RUNS_LONG: Alive = Alive::At(LATER);

#[test]
fn a_payment_under_way_breaks_nothing() {
    assert!(broken_by(RUNS, |_| {}).is_empty());
    assert!(broken_by(Alive::AtLastOrder, |_| {}).is_empty());
}

#[test]
fn a_lock_that_stands_for_long_in_a_quiet_market_is_overdue_while_a_server_runs() {
    let created = |market: &mut Market| {
        order(market).status = OrderStatus::Created;
        market.charges.clear();
    };
    assert_eq!(broken_by(RUNS_LONG, created), ["LOCK-3"]);
    assert!(broken_by(RUNS, created).is_empty(), "it has some time after its time");
    assert!(
        broken_by(Alive::AtLastOrder, created).is_empty(),
        "it ends when the services run again"
    );
    assert_eq!(
        broken_by(RUNS_LONG, |market| {
            created(market);
            market.orders.clear();
        }),
        ["LOCK-3"],
        "also a lock whose order was never saved"
    );
}

#[test]
fn an_order_awaits_money_only_of_a_charge_whose_outcome_is_open() {
    let failed = |market: &mut Market| {
        let failure = Failure::of(FailureReason::AuthorisationLost);
        charge(market).stage = Stage::Failed(failure);
        charge(market).due_at = None;
    };
    assert_eq!(broken_by(RUNS, failed), ["LOCK-3"]);
    assert_eq!(broken_by(RUNS, |market| order(market).charge_id = None), ["LOCK-3"]);
    assert_eq!(broken_by(RUNS, |market| charge(market).due_at = None), ["PAY-2"], "nobody looks");
    assert_eq!(broken_by(RUNS_LONG, |_| {}), ["PAY-2"], "nobody has looked");
}

/// The payment of the market's charge, as the provider's books should have it while it is held.
fn payment() -> PaymentRecord {
    PaymentRecord {
        id: "pi_1".to_owned(),
        charge_id: ChargeId(id()),
        order_id: OrderId(id()),
        amount: total(),
        currency: Currency::USD,
        is_open: true,
        held: 13_805,
        kept: 0,
    }
}

#[test]
fn a_payment_is_of_the_amount_and_the_currency_of_its_charge() {
    let found = |change: fn(&mut PaymentRecord)| {
        let mut payment = payment();
        change(&mut payment);
        broken_by(RUNS, |market| market.payments.push(payment))
    };
    assert!(found(|_| {}).is_empty());
    assert_eq!(found(|it| it.currency = "eur".parse().unwrap()), ["PRICE-1"]);
    assert_eq!(found(|it| it.amount = Price::try_from(12_550).unwrap()), ["PRICE-1"]);
    assert_eq!(found(|it| it.charge_id = ChargeId(Uuid::max())), ["PAY-2"]);
}

#[test]
fn money_of_an_ended_charge_is_neither_held_nor_kept() {
    let ended = |change: fn(&mut PaymentRecord)| {
        let mut payment = payment();
        change(&mut payment);
        broken_by(RUNS, |market| {
            let charge = charge(market);
            (charge.stage, charge.due_at) = (Stage::Completed, None);
            charge.refunds = vec![refund(total(), Cause::OrderEnded)];
            let order = order(market);
            order.status = OrderStatus::Cancelled;
            market.tickets.clear();
            market.payments.push(payment);
        })
    };
    assert_eq!(ended(|_| {}), ["PAY-3"]);
    assert_eq!(ended(|it| (it.held, it.kept) = (0, 13_805)), ["PAY-3", "MONEY-1"]);
    assert!(ended(|it| it.held = 0).is_empty());
}

/// FOUND A: the audit has to see a seat that two people bought.
#[test]
fn a_seat_is_listed_once_unless_its_buyer_lists_it_again() {
    let (ann, bob, cid) = (1, 2, 3);
    let listing = |number: u128, seller: u128, buyer: Option<u128>, row: &str| Ticket {
        id: TicketId(Uuid::from_u128(number)),
        user_id: UserId(Uuid::from_u128(seller)),
        status: if buyer.is_some() { TicketStatus::Sold } else { TicketStatus::Available },
        event_id: Some(stubmart_contract::EventId(id())),
        section: Some("Stalls".to_owned()),
        row: Some(row.to_owned()),
        seats: vec!["7".to_owned()],
        buyer_id: buyer.map(|it| UserId(Uuid::from_u128(it))),
        order_id: None,
        locked_until: None,
        ..locked()
    };
    let broken = |listings: &[Ticket]| {
        let tickets = listings.iter().map(|it| (it.id, it.clone())).collect();
        let mut found = Vec::new();
        seats_are_listed_once(&Market { tickets, ..Market::default() }, &mut found);
        found.len()
    };
    let first = listing(1, ann, Some(bob), "A");
    for (what, other, expected) in [
        ("its buyer lists it again", listing(2, bob, None, "A"), 0),
        ("its buyer sold it again", listing(2, bob, Some(cid), "A"), 0),
        ("it is another row", listing(2, cid, None, "B"), 0),
        ("its seller lists it again", listing(2, ann, None, "A"), 1),
        ("somebody else sold it too, spelled otherwise", listing(2, cid, Some(4), "row a"), 1),
    ] {
        assert_eq!(broken(&[first.clone(), other]), expected, "{what}");
    }
    let twice = [first.clone(), listing(2, bob, None, "A"), listing(3, bob, None, "A")];
    assert_eq!(broken(&twice), 1, "the buyer has it on sale twice");
    let back = [first, listing(2, bob, Some(ann), "A"), listing(3, ann, None, "A")];
    assert_eq!(broken(&back), 0, "it was bought back");
    let withdrawn = Ticket { status: TicketStatus::Withdrawn, ..listing(2, cid, None, "A") };
    assert_eq!(broken(&[listing(1, ann, None, "A"), withdrawn]), 0);
}

/// A market with a completed sale that is booked.
fn sold(change: impl FnOnce(&mut Market)) -> Vec<&'static str> {
    broken_by(RUNS, |market| {
        let charge = charge(market);
        (charge.stage, charge.due_at) = (Stage::Completed, None);
        order(market).status = OrderStatus::Completed;
        let ticket = market.tickets.get_mut(&TicketId(id())).unwrap();
        (ticket.status, ticket.locked_until) = (TicketStatus::Sold, None);
        let line = |account, amount| Line { account, amount };
        market.ledger.push(Transaction {
            fact: Fact::Captured(ChargeId(id())),
            order_id: OrderId(id()),
            seller_id: Some(UserId(id())),
            currency: Currency::USD,
            lines: vec![
                line(Account::Psp, 13_805),
                line(Account::OrderHeld(OrderId(id())), -11_950),
                line(Account::FeesDeferred, -1_855),
            ],
            posted_at: NOW,
        });
        market.payments.push(PaymentRecord { is_open: false, held: 0, kept: 13_805, ..payment() });
        change(market);
    })
}

/// MONEY-1: the ledger balances, and says what the provider's books and the order say.
#[test]
fn a_sale_is_booked_as_it_was_agreed_and_paid() {
    assert!(sold(|_| {}).is_empty());
    assert_eq!(sold(|it| it.ledger.clear()), ["MONEY-1", "MONEY-1"], "neither paid in nor held");
    let skewed = sold(|it| it.ledger[0].lines[2].amount = -1_854);
    assert_eq!(skewed, ["MONEY-1"], "the lines do not sum to zero");
    let shifted = sold(|it| {
        it.ledger[0].lines[1].amount += 5;
        it.ledger[0].lines[2].amount -= 5;
    });
    assert_eq!(shifted, ["MONEY-1"], "the seller's part is another");
    let foreign = sold(|it| it.ledger[0].fact = Fact::Captured(ChargeId(Uuid::max())));
    assert_eq!(
        foreign,
        ["MONEY-1", "MONEY-1"],
        "it is about no charge, and the charge is not booked"
    );
    let other = sold(|it| it.ledger[0].currency = "eur".parse().unwrap());
    assert_eq!(other, ["MONEY-1", "MONEY-1"], "it is in another currency than its charge");
}

/// An operator may give the money of a sale back: then nothing is kept, and nothing held for the seller.
#[test]
fn a_sale_whose_money_was_given_back_keeps_nothing() {
    let given_back = |amount: i64, booked: bool| {
        sold(|market| {
            let amount = Price::try_from(amount).unwrap();
            charge(market).refunds = vec![refund(amount, by_operator())];
            market.payments[0].kept -= u64::from(amount.minor());
            let refund = Transaction {
                fact: Fact::Refunded(ChargeId(id()), 0),
                lines: ledger::given_back(&market.ledger[0].lines, amount).unwrap(),
                ..market.ledger[0].clone()
            };
            if booked {
                market.ledger.push(refund);
            }
        })
    };
    for amount in [13_805, 5_000] {
        assert!(given_back(amount, true).is_empty());
        assert_eq!(given_back(amount, false), ["MONEY-1", "MONEY-1"], "it is not booked");
    }
    let untold = sold(|market| market.payments[0].kept = 0);
    assert_eq!(untold, ["PAY-3", "MONEY-1"], "nobody decided it");
}

/// MONEY-1: a refund takes from the seller their share, and no more.
#[test]
fn a_refund_that_the_seller_pays_alone_is_found() {
    let skewed = sold(|market| {
        let amount = Price::try_from(5_000).unwrap();
        charge(market).refunds = vec![refund(amount, by_operator())];
        market.payments[0].kept = 8_805;
        let line = |account, amount| Line { account, amount };
        market.ledger.push(Transaction {
            fact: Fact::Refunded(ChargeId(id()), 0),
            lines: vec![line(Account::OrderHeld(OrderId(id())), 5_000), line(Account::Psp, -5_000)],
            ..market.ledger[0].clone()
        });
    });
    assert_eq!(skewed, ["MONEY-1"]);
}
