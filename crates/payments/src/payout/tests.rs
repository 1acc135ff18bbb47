use stubmart_contract::{ChargeId, OrderId, Price, TicketId, fees::SaleFees};
use uuid::Uuid;

use super::*;
use crate::sale::{Move, MoveKind, Part};

const SELLER: UserId = UserId(Uuid::from_u128(1));

/// A sale that was released, and of which `paid` was paid.
fn sale(number: u128, net: i64, released: i64, paid: Option<(PayoutId, i64)>) -> Sale {
    let at = Timestamp::from_millis(i64::try_from(number).unwrap());
    let moved = |what| Move { at, what };
    let mut moves = vec![moved(MoveKind::Released { net: released, fees: 0 })];
    moves.extend(paid.map(|(payout, amount)| moved(MoveKind::Paid { payout, amount })));
    if net != released {
        moves.push(moved(MoveKind::Released { net: net - released, fees: 0 }));
    }
    Sale {
        order_id: OrderId(Uuid::from_u128(number)),
        charge_id: ChargeId(Uuid::from_u128(number)),
        ticket_id: TicketId(Uuid::from_u128(number)),
        buyer_id: UserId(Uuid::from_u128(2)),
        seller_id: SELLER,
        ticket: None,
        total: Price::try_from(released).unwrap(),
        fees: SaleFees::NONE,
        currency: Currency::USD,
        payout_after: 0,
        show: None,
        delivery: Some(crate::sale::DeliveryNews {
            version: 1,
            status: stubmart_contract::api::DeliveryStatus::Sent,
            deliver_by: at,
            at,
        }),
        claim: None,
        hold: None,
        part: Part { version: 1, net, fees: 0 },
        moves,
        sold_at: at,
        updated_at: at,
    }
}

fn pay(to_pay: ToPay, reference: &str) -> Pay {
    Pay { to_pay, paid_before: 100, reference: reference.to_owned() }
}

fn paid(to_pay: ToPay) -> Payout {
    let decided = Payout::decide(None, &pay(to_pay, "wire 1"), Timestamp::EPOCH);
    let Ok(Decision::Changed { state, event: Some(DomainEvent::PayoutPaid(_)) }) = decided else {
        panic!("not paid")
    };
    state
}

fn amounts(to_pay: &[ToPay]) -> Vec<(i64, usize)> {
    to_pay.iter().map(|it| (it.amount, it.items.len())).collect()
}

/// A seller is paid for everything that is due at once, in each currency, and what they owe is taken off; who
/// owes more than is due to them is not paid.
#[test]
fn a_payout_is_of_all_that_is_due_less_what_is_owed() {
    let none = HashMap::new();
    let before = PayoutId(Uuid::from_u128(77));
    let owed = sale(1, 0, 9_500, Some((before, 9_500)));
    assert_eq!(owed.status(), SaleStatus::Owed);
    let euros = Sale { currency: "eur".parse().unwrap(), ..sale(4, 300, 300, None) };
    let sales = [owed.clone(), sale(2, 5_000, 5_000, None), sale(3, 7_000, 7_000, None), euros];
    assert_eq!(amounts(&to_pay(&sales, &none)), [(300, 1), (2_500, 3)]);
    assert_eq!(amounts(&to_pay([&owed, &sale(2, 5_000, 5_000, None)], &none)), [(-4_500, 2)]);
    let other = Sale { seller_id: UserId(Uuid::from_u128(9)), ..sale(5, 1, 1, None) };
    assert_eq!(to_pay([&sale(2, 5, 5, None), &other], &none).len(), 2);
}

/// The id says what is paid: it is the same for as long as nothing changes, and another one then.
#[test]
fn an_id_stands_for_exactly_what_was_listed() {
    let none = HashMap::new();
    let of = |sales: &[Sale]| to_pay(sales, &none).pop().unwrap().id;
    let sales = [sale(2, 5_000, 5_000, None), sale(3, 7_000, 7_000, None)];
    let mut shuffled = sales.clone();
    shuffled.reverse();
    assert_eq!(of(&sales), of(&shuffled));
    for other in [
        vec![sale(2, 5_000, 5_000, None)],
        vec![sale(2, 5_000, 5_000, None), sale(3, 6_999, 7_000, None)],
        vec![sale(2, 5_000, 5_000, None), sale(4, 7_000, 7_000, None)],
    ] {
        assert_ne!(of(&sales), of(&other));
    }
}

/// A payout that a sale has not heard of yet counts as paid: nothing is listed twice, whatever became of the
/// process that noted it.
#[test]
fn what_was_paid_is_not_listed_again() {
    let sales = [sale(2, 5_000, 5_000, None), sale(3, 7_000, 7_000, None)];
    let first = paid(to_pay(&sales[..1], &HashMap::new()).pop().unwrap());
    assert_eq!((first.to_pay.number, first.paid_in_all), (0, 5_100));
    let last = last_of_each([&first]);
    let [second] = &to_pay(&sales, &last)[..] else { panic!("one payout") };
    assert_eq!((second.number, second.amount, second.items.len()), (1, 7_000, 1));
    let heard = sale(2, 5_000, 5_000, Some((first.to_pay.id, 5_000)));
    assert_eq!(to_pay([&heard, &sales[1]], &last), std::slice::from_ref(second));
    assert_eq!(to_pay([&heard], &last), []);
}

/// A payout is noted once, with one reference.
#[test]
fn a_payout_is_paid_once() {
    let listed = to_pay(&[sale(2, 5_000, 5_000, None)], &HashMap::new()).pop().unwrap();
    let first = paid(listed.clone());
    let again = Payout::decide(Some(&first), &pay(listed.clone(), "wire 1"), Timestamp::MAX);
    assert_eq!(again, Ok(Decision::Unchanged));
    let other = Payout::decide(Some(&first), &pay(listed, "wire 2"), Timestamp::MAX);
    assert_eq!(other, Err(PaidBefore("wire 1".to_owned())));
}
