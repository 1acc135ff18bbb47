//! Every state × command pair of an outbox entry.

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn user() -> UserId {
    UserId(Uuid::from_u128(1))
}

fn reason() -> Reason {
    Reason::OrderCompleted(OrderId(Uuid::from_u128(2)))
}

fn ticket(title: &str) -> Sold {
    Sold {
        title: title.to_owned(),
        section: None,
        row: None,
        seats: Vec::new(),
        event_id: None,
        price: Price::try_from(100).unwrap(),
        currency: Currency::USD,
        seller_fee: 0,
    }
}

fn money(amount: i64) -> Money {
    Money { amount: Price::try_from(amount).unwrap(), currency: Currency::USD }
}

fn learn(ticket: Option<Sold>, money: Option<Money>) -> Command {
    Command::Learn(Box::new(News { ticket, money, ..News::plain(user(), reason()) }))
}

/// What commands lead to, each at its time in seconds after the first.
fn after(commands: &[(u64, Command)]) -> Outgoing {
    let mut entry = None;
    for (seconds, command) in commands {
        let now = NOW.after(Duration::from_secs(*seconds));
        if let Decision::Changed { state, event } =
            Outgoing::decide(entry.as_ref(), command, now).unwrap()
        {
            assert!(event.is_none());
            entry = Some(state);
        }
    }
    entry.unwrap()
}

fn failed() -> Command {
    Command::Settle(Tried::Failed("down".to_owned()))
}

/// An entry can be sent once all that stands in it is known, whichever is known first; what is told twice
/// changes nothing.
#[test]
fn a_mail_waits_for_what_stands_in_it() {
    let (of_ticket, of_money) = (learn(Some(ticket("A")), None), learn(None, Some(money(120))));
    for (first, second) in [(&of_ticket, &of_money), (&of_money, &of_ticket)] {
        let half = after(&[(0, first.clone())]);
        assert_eq!(half.due(), None);
        let whole = after(&[(0, first.clone()), (5, second.clone())]);
        assert_eq!(whole.due(), Some(NOW));
        assert_eq!((whole.ticket.clone(), whole.money), (Some(ticket("A")), Some(money(120))));
        for again in [first, second, &learn(Some(ticket("B")), Some(money(1)))] {
            let decided = Outgoing::decide(Some(&whole), again, NOW).unwrap();
            assert_eq!(decided, Decision::Unchanged);
        }
    }
}

/// A try that failed is followed by another, later each time and an hour later at the most, for a week.
#[test]
fn a_mail_is_tried_again_for_a_week() {
    let whole = learn(Some(ticket("A")), Some(money(120)));
    let mut commands = vec![(0, whole)];
    for wait in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
        commands.push((0, failed()));
        let due = after(&commands).due().unwrap();
        assert_eq!(due, NOW.after(Duration::from_secs(wait)));
    }
    commands.push((7 * 24 * 3600, failed()));
    assert!(after(&commands).due().is_some());
    commands.push((7 * 24 * 3600 + 1, failed()));
    let entry = after(&commands);
    assert!(matches!(entry.status, Status::GivenUp { .. }) && entry.due().is_none());
}

/// What was sent, or is given up, stays so, whatever comes later.
#[test]
fn an_end_is_an_end() {
    let whole = learn(Some(ticket("A")), Some(money(120)));
    let refused = Command::Settle(Tried::Refused("no such mailbox".to_owned()));
    for end in [Command::Settle(Tried::Sent), refused.clone()] {
        let ended = after(&[(0, whole.clone()), (9, end)]);
        assert_eq!(ended.due(), None);
        for later in [whole.clone(), failed(), Command::Settle(Tried::Sent), refused.clone()] {
            let decided = Outgoing::decide(Some(&ended), &later, NOW.after(LOGGED)).unwrap();
            assert_eq!(decided, Decision::Unchanged);
        }
        let indexes: Vec<_> = ended.index_entries().into_iter().map(|(name, _)| name).collect();
        assert_eq!(indexes, ["recipient", "purge"]);
    }
    assert_eq!(Outgoing::decide(None, &failed(), NOW), Err(Gone));
    assert_eq!(Outgoing::decide(None, &Command::Claim, NOW), Err(Gone));
}

/// A mail has one id for its reason and its recipient, for ever; no two share one.
#[test]
fn the_reason_and_the_recipient_name_the_mail() {
    let (order, charge) = (OrderId(Uuid::from_u128(2)), ChargeId(Uuid::from_u128(2)));
    let other = UserId(Uuid::from_u128(3));
    let ids = [
        Reason::OrderCompleted(order).mail_id(user()),
        Reason::TicketSold(order).mail_id(user()),
        Reason::PaymentFailed(charge).mail_id(user()),
        Reason::PaymentRefunded(RefundId(charge.0)).mail_id(user()),
        Reason::WebhookDisabled(order.0).mail_id(user()),
        Reason::OrderCompleted(order).mail_id(other),
        Reason::OrderCompleted(OrderId(Uuid::from_u128(4))).mail_id(user()),
    ];
    let different: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
    assert_eq!(ids[0], Reason::OrderCompleted(order).mail_id(user()));
}

/// Entries that are stored today can be read for ever.
#[test]
fn what_was_stored_can_be_read() {
    let stored = serde_json::json!({
        "id": Uuid::from_u128(9), "recipient": user(), "created_at": NOW,
        "reason": {"type": "order_completed", "id": OrderId(Uuid::from_u128(2))},
        "ticket": {
            "title": "A", "section": null, "row": null, "seats": [], "event_id": null,
            "price": 100, "currency": "usd",
        },
        "money": {"amount": 120, "currency": "usd"},
        "status": {"type": "waiting", "due": NOW, "failures": 0},
    });
    let entry: Outgoing = serde_json::from_value(stored).unwrap();
    let whole = after(&[(0, learn(Some(ticket("A")), Some(money(120))))]);
    assert_eq!(entry, Outgoing { id: Uuid::from_u128(9), ..whole });
}

/// One that is claimed is not due until its sending must have ended; then it is again, so that a crash loses
/// none. What is not complete, or sent, cannot be claimed.
#[test]
fn a_claim_keeps_others_away_for_a_while() {
    let learned = (0, learn(Some(ticket("A")), Some(money(120))));
    let claimed = after(&[learned.clone(), (1, Command::Claim)]);
    let until = NOW.after(Duration::from_secs(1)).after(SENDING_MAX);
    assert_eq!(claimed.due(), Some(until));
    let again = |entry: &Outgoing, at| Outgoing::decide(Some(entry), &Command::Claim, at);
    assert_eq!(again(&claimed, NOW.after(Duration::from_secs(300))), Ok(Decision::Unchanged));
    assert!(matches!(again(&claimed, until), Ok(Decision::Changed { .. })));
    let sent = after(&[learned, (1, Command::Claim), (2, Command::Settle(Tried::Sent))]);
    assert_eq!(again(&sent, until), Ok(Decision::Unchanged));
    let incomplete = after(&[(0, learn(Some(ticket("A")), None))]);
    assert_eq!(again(&incomplete, until), Ok(Decision::Unchanged));
}
