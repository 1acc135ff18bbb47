//! The table of an order's rules: every command on every order, one outcome each.

use stubmart_kernel::aggregate::Decision;
use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(5_000);
const LATER: Timestamp = Timestamp::from_millis(9_000);
const CHARGE: ChargeId = ChargeId(Uuid::from_u128(7));
const OTHER: ChargeId = ChargeId(Uuid::from_u128(8));
const ORDER: OrderId = OrderId(Uuid::from_u128(1));
const BUYER: UserId = UserId(Uuid::from_u128(2));
const TICKET: TicketId = TicketId(Uuid::from_u128(4));

fn locked() -> Locked {
    Locked {
        seller_id: UserId(Uuid::from_u128(3)),
        price: Price::try_from(5000).unwrap(),
        fees: SaleFees { buyer: 500, seller: 250, tax: 120 },
        currency: Currency::USD,
        ticket: OrderTicket {
            title: "Two in the stalls".to_owned(),
            event_id: None,
            section: None,
            row: None,
            seats: Vec::new(),
            quantity: 2,
        },
        until: LATER,
    }
}

fn place() -> Command {
    Command::Place(Placement { id: ORDER, buyer_id: BUYER, ticket_id: TICKET, locked: locked() })
}

fn expire() -> Command {
    Command::Expire(ExpiredLock {
        order_id: ORDER,
        buyer_id: BUYER,
        ticket_id: TICKET,
        until: LATER,
        locked: locked(),
    })
}

fn order(status: OrderStatus, reason: Option<CancelReason>) -> Order {
    let secured = matches!(status, OrderStatus::AwaitingPayment | OrderStatus::Completed);
    Order {
        id: ORDER,
        user_id: BUYER,
        seller_id: locked().seller_id,
        status,
        ticket_id: TICKET,
        price: locked().price,
        fees: locked().fees,
        currency: locked().currency,
        expires_at: LATER,
        cancel_reason: reason,
        charge_id: secured.then_some(CHARGE),
        leaving_at: None,
        ticket: locked().ticket,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    }
}

/// The order after a command that changes it, and the event that tells of that.
fn changed(
    before: Option<&Order>,
    command: &Command,
    now: Timestamp,
) -> (Order, Option<DomainEvent>) {
    match Order::decide(before, command, now) {
        Ok(Decision::Changed { state, event }) => (state, event),
        other => panic!("{command:?} changed nothing: {other:?}"),
    }
}

fn after(before: &Order, command: &Command, now: Timestamp) -> Order {
    changed(Some(before), command, now).0
}

fn is_unchanged(before: &Order, command: &Command, now: Timestamp) -> bool {
    Order::decide(Some(before), command, now) == Ok(Decision::Unchanged)
}

/// What becomes of an order: status and reason after the change, `None` for no change, or the refusal.
type Outcome = Result<Option<(OrderStatus, Option<CancelReason>)>, Refusal>;

fn outcome(before: Option<&Order>, command: &Command, now: Timestamp) -> Outcome {
    match Order::decide(before, command, now)? {
        Decision::Unchanged => Ok(None),
        Decision::Changed { state, .. } => Ok(Some((state.status, state.cancel_reason))),
    }
}

#[test]
fn every_command_on_every_order_has_one_outcome() {
    use CancelReason::{AccountDeleted, Expired, Left, PaymentFailed};
    use OrderStatus::{AwaitingPayment, Cancelled, Completed, Created};
    use Refusal as R;
    let ends = |reason| Ok(Some((Cancelled, Some(reason))));
    let becomes = |status| Ok(Some((status, None)));
    let stays: Outcome = Ok(None);
    let none: Outcome = Err(R::NotFound);
    // The outcome on: nothing stored, created, awaiting payment (for CHARGE), completed (by CHARGE),
    // cancelled (left), cancelled (expired).
    #[rustfmt::skip]
    let table: [(Command, [Outcome; 6]); 13] = [
        (place(),                       [becomes(Created), stays, stays, stays, stays, stays]),
        (Command::Leave,                [none, ends(Left), Err(R::PaymentInProgress), Err(R::Completed), stays, stays]),
        (Command::BeginLeaving(LATER),  [none, becomes(Created), stays, stays, stays, stays]),
        (Command::ComeBack,             [none, stays, stays, stays, stays, stays]),
        (Command::LeaveWhenDue,         [none, stays, stays, stays, stays, stays]),
        (expire(),                      [ends(Expired), ends(Expired), stays, stays, stays, stays]),
        (Command::ExpireWhenDue,        [none, stays, stays, stays, stays, stays]),
        (Command::Secure(CHARGE),       [none, becomes(AwaitingPayment), stays, stays, Err(R::Cancelled), Err(R::Expired)]),
        (Command::Secure(OTHER),        [none, becomes(AwaitingPayment), Err(R::PaymentInProgress), Err(R::Completed), Err(R::Cancelled), Err(R::Expired)]),
        (Command::Complete(CHARGE),     [none, stays, becomes(Completed), stays, stays, stays]),
        (Command::Complete(OTHER),      [none, stays, stays, stays, stays, stays]),
        (Command::Fail(CHARGE),         [none, ends(PaymentFailed), ends(PaymentFailed), stays, stays, stays]),
        (Command::BuyerDeleted,         [none, ends(AccountDeleted), stays, stays, stays, stays]),
    ];
    let starts = [
        None,
        Some(order(Created, None)),
        Some(order(AwaitingPayment, None)),
        Some(order(Completed, None)),
        Some(order(Cancelled, Some(Left))),
        Some(order(Cancelled, Some(Expired))),
    ];
    for (command, outcomes) in table {
        for (before, expected) in starts.iter().zip(outcomes) {
            assert_eq!(
                outcome(before.as_ref(), &command, NOW),
                expected,
                "{command:?} on {before:?}"
            );
        }
    }
}

#[test]
fn a_change_of_status_is_told_by_the_event_of_the_new_status_and_nothing_else_is() {
    use DomainEvent as E;
    let created = order(OrderStatus::Created, None);
    let secured = order(OrderStatus::AwaitingPayment, None);
    type Told = fn(&DomainEvent) -> bool;
    let told: [(Option<&Order>, Command, Told); 8] = [
        (None, place(), |it| matches!(it, E::OrderCreated(_))),
        (None, expire(), |it| matches!(it, E::OrderExpired(_))),
        (Some(&created), expire(), |it| matches!(it, E::OrderExpired(_))),
        (Some(&created), Command::Leave, |it| matches!(it, E::OrderCancelled(_))),
        (Some(&created), Command::Secure(CHARGE), |it| matches!(it, E::OrderAwaitingPayment(_))),
        (Some(&created), Command::BuyerDeleted, |it| matches!(it, E::OrderCancelled(_))),
        (Some(&secured), Command::Complete(CHARGE), |it| matches!(it, E::OrderCompleted(_))),
        (Some(&secured), Command::Fail(CHARGE), |it| matches!(it, E::OrderCancelled(_))),
    ];
    for (before, command, is_told) in told {
        let (state, event) = changed(before, &command, NOW);
        assert!(event.as_ref().is_some_and(is_told), "{command:?}: {event:?}");
        let (E::OrderCreated(it)
        | E::OrderExpired(it)
        | E::OrderCancelled(it)
        | E::OrderAwaitingPayment(it)
        | E::OrderCompleted(it)) = event.unwrap()
        else {
            unreachable!()
        };
        assert_eq!(
            (it.id, it.status, it.cancel_reason, it.charge_id, it.expires_at),
            (state.id, state.status, state.cancel_reason, state.charge_id, state.expires_at)
        );
    }
    assert_eq!(changed(Some(&created), &Command::BeginLeaving(LATER), NOW).1, None);
}

#[test]
fn an_order_costs_what_its_ticket_cost_when_it_was_locked() {
    let (placed, _) = changed(None, &place(), NOW);
    assert_eq!(
        placed,
        Order { created_at: NOW, updated_at: NOW, ..order(OrderStatus::Created, None) }
    );
    for command in [Command::Secure(CHARGE), Command::Leave, expire()] {
        let changed = after(&placed, &command, NOW);
        assert_eq!((changed.price, changed.currency), (placed.price, placed.currency));
    }
}

#[test]
fn another_charges_failure_does_not_end_an_order_that_awaits_its_money() {
    let secured = order(OrderStatus::AwaitingPayment, None);
    assert!(is_unchanged(&secured, &Command::Fail(OTHER), NOW));
}

#[test]
fn a_checkout_whose_time_is_up_expires_when_it_is_to_be_secured_even_if_its_timer_is_late() {
    let created = order(OrderStatus::Created, None);
    let before = Timestamp::from_millis(LATER.millis() - 1);
    assert_eq!(
        after(&created, &Command::Secure(CHARGE), before).status,
        OrderStatus::AwaitingPayment
    );
    for command in [Command::Secure(CHARGE), Command::ExpireWhenDue] {
        let expired = after(&created, &command, LATER);
        assert!(expired.has_expired() && expired.status == OrderStatus::Cancelled, "{command:?}");
        assert_eq!(expired.charge_id, None);
    }
    let secured = order(OrderStatus::AwaitingPayment, None);
    assert!(is_unchanged(&secured, &Command::ExpireWhenDue, LATER));
}

#[test]
fn a_tombstone_keeps_a_sleeping_request_from_saving_its_order() {
    let (tombstone, _) = changed(None, &expire(), NOW);
    assert_eq!((tombstone.status, tombstone.expires_at), (OrderStatus::Cancelled, LATER));
    assert!(is_unchanged(&tombstone, &place(), NOW));
    assert_eq!(outcome(Some(&tombstone), &Command::Secure(CHARGE), NOW), Err(Refusal::Expired));
}

#[test]
fn a_closed_page_leaves_the_checkout_at_its_time_unless_the_buyer_comes_back_or_pays() {
    let created = order(OrderStatus::Created, None);
    let closed = after(&created, &Command::BeginLeaving(NOW), Timestamp::EPOCH);
    assert!(is_unchanged(&closed, &Command::LeaveWhenDue, Timestamp::EPOCH), "not before its time");
    let left = after(&closed, &Command::LeaveWhenDue, NOW);
    let ended = (OrderStatus::Cancelled, Some(CancelReason::Left), None);
    assert_eq!((left.status, left.cancel_reason, left.leaving_at), ended);
    for command in [Command::ComeBack, Command::Secure(CHARGE)] {
        let back = after(&closed, &command, NOW);
        assert!(is_unchanged(&back, &Command::LeaveWhenDue, LATER), "{command:?}");
    }
}

#[test]
fn a_second_beacon_does_not_put_the_leaving_off() {
    let created = order(OrderStatus::Created, None);
    let closed = after(&created, &Command::BeginLeaving(NOW), Timestamp::EPOCH);
    assert!(is_unchanged(&closed, &Command::BeginLeaving(LATER), NOW));
}

#[test]
fn an_order_is_in_the_indexes_that_its_status_calls_for() {
    use OrderStatus::{AwaitingPayment, Cancelled, Completed, Created};
    for status in [Created, AwaitingPayment, Completed, Cancelled] {
        let mut order = order(status, None);
        order.leaving_at = (status == Created).then_some(NOW);
        let names: Vec<_> = order.index_entries().into_iter().map(|(name, _)| name).collect();
        let mut expected = vec![index::USER, index::USER_STATUS];
        if status != Cancelled {
            expected.push(index::LIVE_TICKET);
        }
        if status == Created {
            expected.push(index::LEAVING);
        }
        assert_eq!(names, expected, "{status:?}");
    }
}

/// An order from before there were fees has none: its total is its price.
#[test]
fn an_old_order_has_no_fees() {
    let order = order(OrderStatus::Created, None);
    let mut stored = serde_json::to_value(&order).unwrap();
    stored.as_object_mut().unwrap().remove("fees").unwrap();
    let old: Order = serde_json::from_value(stored).unwrap();
    assert_eq!(old.breakdown(), Breakdown::new(order.price, SaleFees::NONE));
    assert_eq!((old.breakdown().total, order.breakdown().total.minor()), (old.price, 5500));
}
