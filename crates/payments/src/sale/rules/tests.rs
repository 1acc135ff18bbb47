use stubmart_contract::{
    ClaimId, Currency, OrderId, Price, TicketId, UserId,
    api::{ClaimOutcome, DeliveryStatus, HoldReason, OrderStatus, OrderTicket},
    fees::SaleFees,
};
use uuid::Uuid;

use super::*;
use crate::sale::Position;

const DAY: Duration = Duration::from_secs(24 * 3600);
const SOLD: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const PAYOUT: PayoutId = PayoutId(Uuid::from_u128(7));
const CLAIM: ClaimId = ClaimId(Uuid::from_u128(8));

fn after(days: u32) -> Timestamp {
    SOLD.after(days * DAY)
}

fn part(version: u64, net: i64, fees: i64) -> Part {
    Part { version, net, fees }
}

/// A sale of which its seller gets 95.00, for a show that is over in ten days.
fn begun() -> Sale {
    begun_for(Some(Show { ends_at: after(10), is_off: false }))
}

fn begun_for(show: Option<Show>) -> Sale {
    let title = "Hamlet".to_owned();
    let ticket = OrderTicket {
        title,
        event_id: None,
        section: None,
        row: None,
        seats: Vec::new(),
        quantity: 1,
    };
    let order = OrderForPayment {
        id: OrderId(Uuid::from_u128(1)),
        user_id: UserId(Uuid::from_u128(2)),
        seller_id: UserId(Uuid::from_u128(3)),
        ticket_id: TicketId(Uuid::from_u128(4)),
        status: OrderStatus::Completed,
        has_expired: false,
        charge_id: None,
        amount: Price::try_from(11_000).unwrap(),
        fees: SaleFees { buyer: 1_000, seller: 500, tax: 240 },
        currency: Currency::USD,
        expires_at: SOLD,
        ticket: Some(ticket),
    };
    let command = Command::Begin {
        order: Box::new(order),
        charge_id: ChargeId(Uuid::from_u128(5)),
        sold_at: SOLD,
        show,
        payout_after: 3 * DAY,
        part: part(2, 9_500, 1_260),
    };
    let Ok(Decision::Changed { state, event }) = Sale::decide(None, &command, SOLD) else {
        panic!("not begun")
    };
    assert!(matches!(event, Some(DomainEvent::PayoutScheduled(_))));
    state
}

impl Sale {
    /// The sale after a command.
    fn run(&self, command: &Command, at: Timestamp) -> Self {
        match Self::decide(Some(self), command, at) {
            Ok(Decision::Changed { state, event }) => {
                let became_due =
                    state.status() == SaleStatus::Due && self.status() != SaleStatus::Due;
                let told = matches!(event, Some(DomainEvent::PayoutDue(_)));
                assert_eq!(told, became_due, "{command:?}");
                state
            }
            Ok(Decision::Unchanged) => self.clone(),
            Err(refusal) => panic!("{command:?}: {refusal}"),
        }
    }
}

fn delivery(version: u64, status: DeliveryStatus, at: Timestamp) -> Command {
    Command::Delivery(DeliveryNews { version, status, deliver_by: after(8), at })
}

fn sent() -> Command {
    delivery(2, DeliveryStatus::Sent, after(1))
}

fn claim(version: u64, outcome: Option<ClaimOutcome>) -> Command {
    Command::Claim(ClaimNews { id: CLAIM, version, outcome, at: SOLD })
}

/// The money is due three days after the event and not a moment before, once the ticket was sent.
#[test]
fn a_sale_is_due_some_days_after_its_event() {
    let sale = begun();
    let reasons = |sale: &Sale, at| sale.holds(at);
    assert_eq!(reasons(&sale, after(1)), [HoldReason::NotDelivered, HoldReason::BeforeEvent]);
    assert_eq!(sale.run(&Command::Watch, after(50)), sale, "it was never sent");
    let sale = sale.run(&sent(), after(1));
    assert_eq!(reasons(&sale, after(1)), [HoldReason::BeforeEvent]);
    assert_eq!(reasons(&sale, after(10)), [HoldReason::ClaimWindow]);
    assert_eq!((sale.payout_on(), sale.due()), (Some(after(13)), Some(after(13))));
    let early = after(13).before(Duration::from_millis(1));
    assert_eq!(sale.run(&Command::Watch, early), sale);
    let due = sale.run(&Command::Watch, after(13));
    assert_eq!((due.status(), due.due(), due.holds(after(13))), (SaleStatus::Due, None, vec![]));
    let position = due.position();
    assert_eq!((position.net, position.fees), (9_500, 1_260));
    assert_eq!(due.run(&Command::Watch, after(20)), due, "it is released once");
}

/// A ticket for no event is paid some days after it was sent; a show that moves takes the date with it, and one
/// that is cancelled or has no date holds the money.
#[test]
fn the_date_follows_the_event_or_the_delivery() {
    let free = begun_for(None);
    assert_eq!((free.payout_on(), free.holds(SOLD)), (None, vec![HoldReason::NotDelivered]));
    let free = free.run(&sent(), after(1));
    assert_eq!(free.payout_on(), Some(after(4)));
    let again = free.run(&delivery(3, DeliveryStatus::Accepted, after(2)), after(2));
    assert_eq!(again.payout_on(), Some(after(4)), "it was sent when it was first sent");

    let sale = begun().run(&sent(), after(1));
    let moved = Show { ends_at: after(30), is_off: false };
    let moved = sale.run(&Command::Reschedule(moved), after(2));
    assert_eq!(moved.due(), Some(after(33)));
    let off = Show { ends_at: after(10), is_off: true };
    let off = sale.run(&Command::Reschedule(off), after(2));
    assert_eq!((off.due(), off.holds(after(12))[0]), (None, HoldReason::EventOff));
    let due = sale.run(&Command::Watch, after(13));
    let late = Show { ends_at: after(99), is_off: false };
    assert_eq!(due.run(&Command::Reschedule(late), after(13)), due, "what is due stays due");
}

/// A claim and an operator each hold the money, before it is due and after; it is due when the last of them is
/// gone, and not before its date.
#[test]
fn the_money_waits_for_as_long_as_anything_holds_it() {
    let hold = Command::Hold("the seller is asked".to_owned());
    let rejected = claim(3, Some(ClaimOutcome::Rejected));
    for held_at in [after(5), after(14)] {
        let mut sale = begun().run(&sent(), after(1)).run(&Command::Watch, held_at);
        sale = sale.run(&claim(1, None), held_at);
        assert!(sale.holds(held_at).contains(&HoldReason::Claim), "{held_at}");
        sale = sale.run(&hold, held_at);
        sale = sale.run(&rejected, held_at);
        assert!(!sale.holds(held_at).contains(&HoldReason::Claim), "{held_at}");
        sale = sale.run(&Command::Watch, after(20));
        assert_eq!((sale.status(), sale.due()), (SaleStatus::Held, None), "{held_at}");
        assert_eq!(sale.holds(after(20)).last(), Some(&HoldReason::Manual));
        sale = sale.run(&Command::Free, after(21));
        assert_eq!(sale.status(), SaleStatus::Due, "{held_at}");
        assert_eq!(Sale::decide(Some(&sale), &Command::Free, SOLD), Err(Refusal::NotHeld));
    }
    let sale = begun().run(&sent(), after(1)).run(&claim(1, None), after(2));
    let sale = sale.run(&rejected, after(3));
    assert_eq!((sale.status(), sale.due()), (SaleStatus::Held, Some(after(13))));
}

/// A claim that is decided for the buyer holds the money until it is given back, and forever where that fails.
#[test]
fn a_claim_that_is_right_never_frees_the_money() {
    let refund = claim(2, Some(ClaimOutcome::Refund));
    for claimed_at in [after(5), after(14)] {
        let sale = begun().run(&sent(), after(1)).run(&Command::Watch, claimed_at);
        let sale = sale.run(&claim(1, None), claimed_at).run(&refund, claimed_at);
        assert_eq!(sale.run(&Command::Watch, after(20)).status(), SaleStatus::Held);
        let back = sale.run(&Command::Share(part(3, 0, 0)), claimed_at);
        assert_eq!((back.status(), back.due()), (SaleStatus::Reversed, None));
        assert_eq!((back.position().net, back.position().fees), (0, 0));
        let failed = back.run(&Command::Share(part(4, 9_500, 1_260)), after(20));
        assert_eq!(failed.status(), SaleStatus::Held, "the refund did not arrive");
    }
}

/// A part that is given back is taken off, whenever it is; after the seller was paid it is owed, and a payout that
/// takes it off settles it.
#[test]
fn what_is_given_back_is_taken_off() {
    let held = begun().run(&sent(), after(1)).run(&Command::Share(part(3, 4_750, 630)), after(2));
    assert_eq!(held.status(), SaleStatus::Held);
    let due = held.run(&Command::Watch, after(13));
    assert_eq!(due.position().balance(), 4_750);
    let less = due.run(&Command::Share(part(4, 1_000, 130)), after(14));
    assert_eq!((less.status(), less.position().balance()), (SaleStatus::Due, 1_000));
    let settle = |amount, payout| Command::Settle { payout, amount };
    let paid = less.run(&settle(1_000, PAYOUT), after(15));
    assert_eq!(paid.status(), SaleStatus::Paid);
    assert_eq!(paid.run(&settle(1_000, PAYOUT), after(15)), paid, "a payout settles once");
    let hold = Command::Hold(String::new());
    assert_eq!(Sale::decide(Some(&paid), &hold, SOLD), Err(Refusal::Paid));
    let owed = paid.run(&Command::Share(part(5, 0, 0)), after(16));
    assert_eq!((owed.status(), owed.position().balance()), (SaleStatus::Owed, -1_000));
    let other = PayoutId(Uuid::from_u128(9));
    let settled = owed.run(&settle(-1_000, other), after(17));
    assert_eq!((settled.status(), settled.position().paid), (SaleStatus::Reversed, 0));
    let all = Position { is_released: true, ..Position::default() };
    assert_eq!(settled.position(), all);
}

/// News of a charge, a delivery or a claim that come late change nothing.
#[test]
fn old_news_change_nothing() {
    let sale = begun().run(&delivery(3, DeliveryStatus::Late, after(8)), after(8));
    assert_eq!(sale.run(&sent(), after(9)), sale);
    assert_eq!(sale.run(&Command::Share(part(2, 1, 1)), after(9)), sale);
    let sale = sale.run(&claim(2, Some(ClaimOutcome::Rejected)), after(9));
    assert_eq!(sale.run(&claim(1, None), after(9)), sale);
    assert_eq!(Sale::decide(None, &Command::Watch, SOLD), Err(Refusal::NotFound));
}
