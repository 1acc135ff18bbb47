//! Histories that a good market gives, and bad ones that must not pass.
#![expect(clippy::needless_pass_by_value, reason = "tests read better with plain values")]

use stubmart_contract::{
    ChargeId, Code, OrderId, TicketId, UserId,
    api::{CancelReason, ChargeStatus, OrderStatus, TicketStatus},
};
use uuid::Uuid;

use super::violations;
use crate::history::{Call, ChargeSeen, History, Moment, OrderSeen, Outcome, Request, TicketSeen};

const T: TicketId = TicketId(Uuid::from_u128(1));
const A: OrderId = OrderId(Uuid::from_u128(10));
const B: OrderId = OrderId(Uuid::from_u128(11));
const C: ChargeId = ChargeId(Uuid::from_u128(20));
const D: ChargeId = ChargeId(Uuid::from_u128(21));
const USER: UserId = UserId(Uuid::from_u128(30));
/// When the orders of these histories expire.
const EXPIRES: u64 = 1_000_000;

fn call(start: u64, end: u64, request: Request, outcome: Outcome) -> Call {
    let (start, end) = (Moment(start), Moment(end));
    Call { user: USER, start, end, key: None, request, outcome, replayed: false }
}

fn keyed(key: &str, call: Call) -> Call {
    Call { key: Some(key.to_owned()), ..call }
}

fn ticket(version: u64, price: u32, status: TicketStatus) -> TicketSeen {
    TicketSeen { id: T, version, title: "seat".to_owned(), price, status, order: None }
}

fn order(id: OrderId, status: OrderStatus) -> OrderSeen {
    let reason = (status == OrderStatus::Cancelled).then_some(CancelReason::Left);
    OrderSeen { id, ticket: T, price: 100, status, reason, expires: Moment(EXPIRES) }
}

fn charge(id: ChargeId, status: ChargeStatus) -> ChargeSeen {
    ChargeSeen { id, order: A, status, amount: 100, refunded: false }
}

/// A listing, answered by 10.
fn listed() -> Call {
    let request = Request::ListTicket { title: "seat".to_owned(), price: 100 };
    call(1, 10, request, Outcome::Tickets(vec![ticket(1, 100, TicketStatus::Available)]))
}

fn locks(start: u64, end: u64, id: OrderId) -> Call {
    let created = Outcome::Orders(vec![order(id, OrderStatus::Created)]);
    call(start, end, Request::Order { ticket: T }, created)
}

fn refused(start: u64, end: u64, request: Request, code: Code) -> Call {
    call(start, end, request, Outcome::Refused(code))
}

fn leaves(start: u64, end: u64, id: OrderId) -> Call {
    let left = Outcome::Orders(vec![order(id, OrderStatus::Cancelled)]);
    call(start, end, Request::Leave { order: id }, left)
}

fn pay() -> Request {
    Request::Pay { order: A, method: "pm_card_visa".to_owned() }
}

fn paid(start: u64, end: u64) -> Call {
    call(start, end, pay(), Outcome::Charges(vec![charge(C, ChargeStatus::Completed)]))
}

fn sees_order(start: u64, id: OrderId, status: OrderStatus) -> Call {
    let outcome = Outcome::Orders(vec![order(id, status)]);
    call(start, start + 5, Request::ReadOrder { order: id }, outcome)
}

fn sees_ticket(start: u64, seen: TicketSeen) -> Call {
    call(start, start + 5, Request::ReadTicket { ticket: T }, Outcome::Tickets(vec![seen]))
}

fn edits(start: u64, end: u64, version: u64, price: u32) -> Call {
    let edited = Outcome::Tickets(vec![ticket(version, price, TicketStatus::Available)]);
    call(start, end, Request::EditPrice { ticket: T, price }, edited)
}

fn history(calls: Vec<Call>) -> History {
    History { calls, rest: None, faults: false }
}

fn accept(calls: Vec<Call>) {
    assert_eq!(violations(&history(calls)), []);
}

fn reject(rule: &str, calls: Vec<Call>) {
    reject_history(rule, history(calls));
}

fn reject_history(rule: &str, history: History) {
    let found = violations(&history);
    assert!(found.iter().any(|it| it.rule == rule), "{rule} is not among {found:?}");
}

#[test]
fn orders_one_after_the_other_are_explained() {
    accept(vec![listed(), locks(20, 30, A), leaves(40, 50, A), locks(45, 60, B)]);
    // The second came after the first had expired.
    accept(vec![listed(), locks(20, 30, A), locks(EXPIRES - 10, EXPIRES + 10, B)]);
    // Both were asked for at once; the first was left before the second was answered.
    accept(vec![listed(), locks(20, 30, A), leaves(31, 35, A), locks(20, 40, B)]);
}

#[test]
fn two_orders_at_once_are_rejected() {
    reject("LOCK-1", vec![listed(), locks(20, 30, A), locks(40, 50, B)]);
    reject("LOCK-1", vec![listed(), locks(20, 30, A), locks(20, 30, B)]);
    // Leaving was asked for only after the second order had been answered.
    reject("LOCK-1", vec![listed(), locks(20, 30, A), locks(40, 50, B), leaves(60, 70, A)]);
    // A read tells that the first still lived, in spite of a leave whose answer never came.
    let left = Request::Leave { order: A };
    let broken = call(35, 36, left, Outcome::Unknown("broken".to_owned()));
    let lives = sees_order(60, A, OrderStatus::Created);
    reject("LOCK-1", vec![listed(), locks(20, 30, A), broken.clone(), locks(40, 50, B), lives]);
    accept(vec![listed(), locks(20, 30, A), broken, locks(40, 50, B)]);
}

#[test]
fn an_answer_that_is_none_is_rejected_and_excused_by_no_fault() {
    let garbled = Outcome::Unreadable("not JSON".to_owned());
    let call = call(20, 30, Request::Order { ticket: T }, garbled);
    reject("ANSWER", vec![listed(), call.clone()]);
    let history = History { calls: vec![listed(), call], faults: true, ..History::default() };
    assert!(violations(&history).iter().any(|it| it.rule == "ANSWER"));
}

#[test]
fn only_a_first_success_of_a_change_is_an_acknowledged_write() {
    assert!(listed().is_acknowledged_write());
    assert!(!Call { replayed: true, ..listed() }.is_acknowledged_write());
    assert!(
        !refused(1, 2, Request::Order { ticket: T }, Code::TicketLocked).is_acknowledged_write()
    );
    assert!(!sees_ticket(1, ticket(1, 100, TicketStatus::Available)).is_acknowledged_write());
    let broken = Outcome::Unknown("broken".to_owned());
    assert!(!call(1, 2, Request::Order { ticket: T }, broken).is_acknowledged_write());
}

#[test]
fn a_change_under_a_lock_is_rejected() {
    reject("PRICE-1", vec![listed(), locks(20, 30, A), edits(40, 50, 3, 200)]);
    accept(vec![listed(), locks(20, 30, A), leaves(35, 45, A), edits(40, 50, 4, 200)]);
    accept(vec![listed(), locks(20, 30, A), edits(25, 50, 2, 200)]);
    let withdraw = call(40, 50, Request::Withdraw { ticket: T }, Outcome::Done);
    reject("PRICE-1", vec![listed(), locks(20, 30, A), withdraw]);
    let free = sees_ticket(40, ticket(2, 100, TicketStatus::Available));
    reject("LOCK-1", vec![listed(), locks(20, 30, A), free]);
    let dear = TicketSeen { order: Some(A), ..ticket(2, 200, TicketStatus::Locked) };
    reject("PRICE-1", vec![listed(), locks(20, 30, A), sees_ticket(25, dear)]);
}

#[test]
fn a_write_that_is_lost_is_rejected() {
    let old = sees_ticket(40, ticket(1, 100, TicketStatus::Available));
    reject("LOST", vec![listed(), edits(20, 30, 2, 200), old.clone()]);
    accept(vec![listed(), edits(20, 50, 2, 200), old]);
    let other = sees_ticket(40, ticket(2, 300, TicketStatus::Available));
    reject("LOST", vec![listed(), edits(20, 30, 2, 200), other]);
    let gone = refused(40, 50, Request::ReadTicket { ticket: T }, Code::NotFound);
    reject("LOST", vec![listed(), gone]);
    let gone = refused(40, 50, Request::ReadOrder { order: A }, Code::NotFound);
    reject("LOST", vec![listed(), locks(20, 30, A), gone]);
    let back = sees_order(50, A, OrderStatus::Created);
    reject("LOST", vec![listed(), locks(20, 30, A), leaves(35, 45, A), back]);
    let withdraw = call(20, 30, Request::Withdraw { ticket: T }, Outcome::Done);
    let offered = sees_ticket(40, ticket(2, 100, TicketStatus::Available));
    reject("LOST", vec![listed(), withdraw, offered]);
    let wrong = call(
        20,
        30,
        Request::EditPrice { ticket: T, price: 300 },
        Outcome::Tickets(vec![ticket(2, 200, TicketStatus::Available)]),
    );
    reject("LOST", vec![listed(), wrong]);
}

#[test]
fn a_document_that_was_shown_and_is_lost_at_rest_is_rejected() {
    let calls = vec![listed()];
    let seen = sees_ticket(2_000_000, ticket(1, 100, TicketStatus::Available));
    let rest = Some(Moment(1_900_000));
    reject_history("LOST", History { rest, ..history(calls.clone()) });
    let whole = History { rest, ..history([calls, vec![seen]].concat()) };
    assert_eq!(violations(&whole), []);
}

#[test]
fn who_paid_keeps_the_ticket() {
    let sold = TicketSeen { order: Some(A), ..ticket(3, 100, TicketStatus::Sold) };
    let completed = sees_order(60, A, OrderStatus::Completed);
    let begin = vec![listed(), locks(20, 30, A), paid(40, 50)];
    let with = |more: Vec<Call>| [begin.clone(), more].concat();
    accept(with(vec![completed, sees_ticket(70, sold)]));
    reject("PAY-1", with(vec![sees_order(60, A, OrderStatus::Cancelled)]));
    let free = sees_ticket(2_000_000, ticket(3, 100, TicketStatus::Available));
    reject("LOCK-2", with(vec![free]));
    reject("LOCK-1", with(vec![locks(EXPIRES + 50, EXPIRES + 60, B)]));
    let refund = ChargeSeen { refunded: true, ..charge(C, ChargeStatus::Completed) };
    let refunded = call(60, 70, Request::ReadCharges { order: A }, Outcome::Charges(vec![refund]));
    reject("PAY-1", with(vec![refunded]));
}

#[test]
fn who_was_refused_paid_nothing() {
    let begin = vec![listed(), locks(20, 30, A)];
    let completed = sees_order(60, A, OrderStatus::Completed);
    for code in [Code::CardDeclined, Code::OrderExpired, Code::OrderCancelled] {
        let no = refused(40, 50, pay(), code);
        accept([begin.clone(), vec![no.clone()]].concat());
        reject("PAY-3", [begin.clone(), vec![no, completed.clone()]].concat());
    }
    let said = refused(40, 50, pay(), Code::OrderCompleted);
    reject("PAY-1", [begin, vec![said, sees_order(60, A, OrderStatus::Cancelled)]].concat());
}

#[test]
fn another_amount_than_the_price_is_rejected() {
    let more = ChargeSeen { amount: 101, ..charge(C, ChargeStatus::Completed) };
    let paid = call(40, 50, pay(), Outcome::Charges(vec![more]));
    reject("PRICE-1", vec![listed(), locks(20, 30, A), paid]);
}

/// A history that is at rest with these last sights.
fn at_rest(order_is: OrderStatus, charges: Vec<ChargeSeen>, ticket_is: TicketSeen) -> History {
    let end = 2_000_000;
    let calls = vec![
        listed(),
        locks(20, 30, A),
        sees_order(end, A, order_is),
        call(end, end + 5, Request::ReadCharges { order: A }, Outcome::Charges(charges)),
        sees_ticket(end, ticket_is),
    ];
    History { rest: Some(Moment(1_900_000)), ..history(calls) }
}

#[test]
fn at_rest_everything_is_settled() {
    let sold = || TicketSeen { order: Some(A), ..ticket(3, 100, TicketStatus::Sold) };
    let free = || ticket(3, 100, TicketStatus::Available);
    let locked = TicketSeen { order: Some(A), ..ticket(2, 100, TicketStatus::Locked) };
    let done = charge(C, ChargeStatus::Completed);
    let back = ChargeSeen { refunded: true, ..done.clone() };
    let again = ChargeSeen { id: D, ..done.clone() };
    let open = charge(C, ChargeStatus::Created);
    let good = [
        at_rest(OrderStatus::Completed, vec![done.clone()], sold()),
        at_rest(OrderStatus::Cancelled, vec![back.clone()], free()),
        at_rest(OrderStatus::Cancelled, vec![], free()),
    ];
    for history in good {
        assert_eq!(violations(&history), []);
    }
    let bad = [
        ("PAY-1", at_rest(OrderStatus::Completed, vec![], sold())),
        ("PAY-1", at_rest(OrderStatus::Completed, vec![back], sold())),
        ("PAY-1", at_rest(OrderStatus::Completed, vec![done.clone(), again], sold())),
        ("PAY-3", at_rest(OrderStatus::Cancelled, vec![done.clone()], free())),
        ("PAY-2", at_rest(OrderStatus::Cancelled, vec![open], free())),
        ("LOCK-2", at_rest(OrderStatus::Completed, vec![done], free())),
        ("LOCK-2", at_rest(OrderStatus::Cancelled, vec![], sold())),
        ("LOCK-3", at_rest(OrderStatus::Cancelled, vec![], locked.clone())),
        ("LOCK-3", at_rest(OrderStatus::Created, vec![], locked)),
    ];
    for (rule, history) in bad {
        reject_history(rule, history);
    }
}

#[test]
fn one_key_is_one_deed() {
    let again = |start, id| {
        let outcome = Outcome::Orders(vec![order(id, OrderStatus::Created)]);
        keyed("k", call(start, start + 5, Request::Order { ticket: T }, outcome))
    };
    let replay = Call { replayed: true, ..again(40, A) };
    accept(vec![listed(), again(20, A), replay]);
    reject("ONCE", vec![listed(), again(20, A), leaves(30, 35, A), again(40, B)]);
    let twice = ticket(1, 100, TicketStatus::Available);
    let twice = TicketSeen { id: TicketId(Uuid::from_u128(2)), ..twice };
    let request = Request::ListTicket { title: "seat".to_owned(), price: 100 };
    reject("ONCE", vec![listed(), call(20, 30, request, Outcome::Tickets(vec![twice]))]);
}

#[test]
fn an_answer_that_was_given_before_tells_nothing_of_now() {
    let replay = Call { replayed: true, ..keyed("k", locks(60, 70, A)) };
    accept(vec![listed(), keyed("k", locks(20, 30, A)), leaves(40, 50, A), replay]);
}

#[test]
fn a_refusal_without_a_reason_is_rejected() {
    let locked = refused(20, 30, Request::Order { ticket: T }, Code::TicketLocked);
    reject("ANSWER", vec![listed(), locked.clone()]);
    accept(vec![listed(), locked, locks(25, 40, A)]);
    reject(
        "ANSWER",
        vec![listed(), refused(20, 30, Request::Order { ticket: T }, Code::TicketSold)],
    );
    reject("ANSWER", vec![listed(), refused(20, 30, Request::Order { ticket: T }, Code::NotFound)]);
    reject("ANSWER", vec![listed(), refused(20, 30, Request::ReadList, Code::Internal)]);
    let away = refused(20, 30, Request::Order { ticket: T }, Code::Unavailable);
    reject("ANSWER", vec![listed(), away.clone()]);
    let faulty = History { faults: true, ..history(vec![listed(), away]) };
    assert_eq!(violations(&faulty), []);
}
