//! Who is served, in which order, and for how long.

use stubmart_contract::{
    Currency, DomainEvent, OrderId, Price, TicketId,
    api::{CreateTicketRequest, UpdateTicketRequest},
    calls::LockRequest,
};
use stubmart_kernel::{Aggregate as _, Decision};
use uuid::Uuid;

use std::time::Duration;

use super::*;
use crate::ticket::Command;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const SECOND: Duration = Duration::from_secs(1);
const TICKET: TicketId = TicketId(Uuid::from_u128(100));
const SELLER: u128 = 1;
const HOLDER: u128 = 2;

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

/// A ticket and the time.
struct World {
    ticket: Ticket,
    now: Timestamp,
}

impl World {
    /// Locked by [`HOLDER`] for the order 1, with these people in line.
    fn new(people: impl IntoIterator<Item = u128>) -> Self {
        let listing = CreateTicketRequest {
            title: "Stalls".to_owned(),
            price: Price::try_from(100).unwrap(),
            currency: Some(Currency::USD),
            event_id: None,
            section: None,
            row: None,
            seats: None,
            quantity: None,
            delivery_kind: None,
            external_id: None,
        };
        let list = Command::List {
            id: TICKET,
            seller: user(SELLER),
            listing: Box::new(listing),
            category: None,
            fees: Default::default(),
            event_ends_at: Some(NOW.after(SECOND * 3600)),
            claimed: None,
        };
        let Ok(Decision::Changed { state, .. }) = Ticket::decide(None, &list, NOW) else {
            panic!("not listed")
        };
        let mut world = Self { ticket: state, now: NOW };
        world.buy(HOLDER, 1).unwrap();
        for number in people {
            world.does(&Command::Join(user(number))).unwrap();
        }
        world
    }

    fn pass(&mut self, seconds: u32) {
        self.now = self.now.after(SECOND * seconds);
    }

    fn does(&mut self, command: &Command) -> Result<(), Refusal> {
        if let Decision::Changed { state, event } =
            Ticket::decide(Some(&self.ticket), command, self.now)?
        {
            match event {
                Some(DomainEvent::TicketUpdated(told) | DomainEvent::TicketDeleted(told)) => {
                    assert_eq!(told, state.state());
                }
                None => assert_eq!(state.state(), self.ticket.state(), "nothing that others see"),
                other => panic!("{other:?}"),
            }
            self.ticket = state;
        }
        let line = &self.ticket.line;
        let is_free = self.ticket.status == TicketStatus::Available;
        assert!(line.turn.is_none() || is_free, "a turn beside a checkout");
        assert!(!is_free || line.turn.is_some() || line.waiting.is_empty(), "nobody's turn");
        assert!(line.people().count() <= PLACES);
        Ok(())
    }

    fn buy(&mut self, buyer: u128, number: u128) -> Result<(), Refusal> {
        let until = self.now.after(SECOND * 900);
        let (order_id, buyer_id) = (order(number), user(buyer));
        self.does(&Command::Lock(LockRequest {
            ticket_id: TICKET,
            order_id,
            buyer_id,
            price: None,
            until,
        }))
    }

    /// Whose turn it is.
    fn turn(&self) -> Option<u128> {
        self.ticket.line.turn().map(|turn| turn.user_id.0.as_u128())
    }

    fn place(&self, number: u128) -> Option<u32> {
        self.ticket.line.place(user(number)).map(|place| place.position)
    }
}

/// Who is first in line has the ticket alone when it is freed, and the next one after them, each for three minutes;
/// after the last it is everybody's.
#[test]
fn each_has_three_minutes_in_the_order_in_which_they_came() {
    let mut world = World::new([10, 11, 12]);
    assert_eq!((world.turn(), world.place(12), world.place(9)), (None, Some(3), None));
    world.does(&Command::Release(order(1))).unwrap();
    for number in [10, 11, 12] {
        assert_eq!((world.turn(), world.place(number)), (Some(number), Some(1)));
        for other in [10, 11, 12, 13, HOLDER].into_iter().filter(|it| *it != number) {
            assert_eq!(world.buy(other, 2), Err(Refusal::Reserved), "{other}");
            let viewer = Some(user(other));
            assert_eq!(world.ticket.status_to(viewer), TicketStatus::Locked);
            assert_eq!(world.ticket.state().status_to(viewer), TicketStatus::Locked);
        }
        assert_eq!(world.ticket.status_to(Some(user(number))), TicketStatus::Available);
        world.pass(179);
        world.does(&Command::PassOn).unwrap();
        assert_eq!(world.turn(), Some(number));
        world.pass(1);
        world.does(&Command::PassOn).unwrap();
    }
    assert!(world.ticket.line.is_empty());
    assert_eq!(world.ticket.status_to(None), TicketStatus::Available);
    world.buy(13, 2).unwrap();
}

/// The one whose turn it is buys; if that fails, the others are still in line, in their order; a sale ends the line.
#[test]
fn a_checkout_takes_the_turn_and_a_sale_ends_the_line() {
    let mut world = World::new([10, 11, 12]);
    world.does(&Command::Release(order(1))).unwrap();
    world.buy(10, 2).unwrap();
    assert_eq!((world.turn(), world.place(10), world.place(11)), (None, None, Some(1)));
    world.does(&Command::Join(user(10))).unwrap_err();
    world.does(&Command::Release(order(2))).unwrap();
    assert_eq!(world.turn(), Some(11));
    // Who left may stand at the end of the line.
    world.does(&Command::Join(user(10))).unwrap();
    assert_eq!(world.place(10), Some(3));
    world.buy(11, 3).unwrap();
    world.does(&Command::Sell(order(3))).unwrap();
    assert!(world.ticket.line.is_empty());
    assert_eq!(world.does(&Command::Join(user(13))), Err(Refusal::Sold));
}

/// A turn that is over is the next one's, whether or not it was noted yet: nobody is served before their time, and
/// nobody after.
#[test]
fn a_turn_that_is_over_counts_as_over_before_it_is_noted() {
    let mut world = World::new([10, 11]);
    world.does(&Command::Release(order(1))).unwrap();
    world.pass(180);
    assert_eq!(world.buy(10, 2), Err(Refusal::Reserved));
    assert_eq!(world.buy(12, 2), Err(Refusal::Reserved));
    world.buy(11, 2).unwrap();
    assert!(world.ticket.line.is_empty());

    let mut world = World::new([10]);
    world.does(&Command::Release(order(1))).unwrap();
    world.pass(180);
    world.buy(12, 2).unwrap();
}

/// Who leaves gives up a place, or a turn, which is the next one's at once.
#[test]
fn who_leaves_makes_room() {
    let mut world = World::new([10, 11, 12]);
    world.does(&Command::LeaveLine(user(11))).unwrap();
    assert_eq!((world.place(11), world.place(12)), (None, Some(2)));
    world.does(&Command::Release(order(1))).unwrap();
    world.does(&Command::LeaveLine(user(10))).unwrap();
    assert_eq!(world.turn(), Some(12));
    let before = world.ticket.clone();
    world.does(&Command::LeaveLine(user(10))).unwrap();
    assert_eq!(world.ticket, before);
    world.does(&Command::LeaveLine(user(12))).unwrap();
    assert!(world.ticket.line.is_empty());
}

#[test]
fn five_wait_at_the_most_and_only_for_what_is_held() {
    let mut world = World::new([10, 11, 12, 13, 14]);
    let join = |number| Command::Join(user(number));
    assert_eq!(world.does(&join(15)), Err(Refusal::LineFull));
    assert_eq!(world.does(&join(14)), Ok(()), "again is fine");
    assert_eq!(world.does(&join(SELLER)), Err(Refusal::OwnTicket));
    assert_eq!(world.does(&join(HOLDER)), Err(Refusal::OwnCheckout));
    // A turn is a place.
    world.does(&Command::Release(order(1))).unwrap();
    assert_eq!(world.does(&join(15)), Err(Refusal::LineFull));
    let mut free = World::new([]);
    free.does(&Command::Release(order(1))).unwrap();
    assert_eq!(free.does(&join(10)), Err(Refusal::Free));
}

/// During a turn the seller can neither edit nor withdraw the ticket. What is never offered again has no line.
#[test]
fn a_turn_is_as_good_as_a_lock_to_the_seller() {
    let mut world = World::new([10]);
    world.does(&Command::Release(order(1))).unwrap();
    let by = user(SELLER);
    let edit = Command::Edit {
        by,
        edit: Box::new(UpdateTicketRequest { title: Some("A".to_owned()), ..Default::default() }),
        fees: Default::default(),
        claimed: None,
    };
    assert_eq!(world.does(&edit), Err(Refusal::Locked));
    assert_eq!(world.does(&Command::Withdraw { by }), Err(Refusal::Locked));
    world.does(&Command::Retire).unwrap();
    assert_eq!(world.ticket.status, TicketStatus::Withdrawn);
    assert!(world.ticket.line.is_empty());

    let mut held = World::new([10]);
    held.does(&Command::Retire).unwrap();
    assert!(held.ticket.line.is_empty());
    held.does(&Command::Release(order(1))).unwrap();
    assert_eq!(held.ticket.status, TicketStatus::Withdrawn);

    let mut over = World::new([10]);
    over.pass(3600);
    over.does(&Command::Release(order(1))).unwrap();
    assert!(over.ticket.line.is_empty(), "nobody has a turn when the event is over");
}

/// A price that is set while somebody has the ticket counts once it is free, before the next turn begins; the present
/// price takes it back; a sale drops it; and nothing else can wait.
#[test]
fn a_new_price_waits_until_the_ticket_is_free() {
    let price = |minor| Price::try_from(minor).unwrap();
    let edit = |price: Option<i64>, title: Option<&str>| Command::Edit {
        by: user(SELLER),
        edit: Box::new(UpdateTicketRequest {
            price: price.map(|minor| Price::try_from(minor).unwrap()),
            title: title.map(ToOwned::to_owned),
            when_free: true,
            ..Default::default()
        }),
        fees: Default::default(),
        claimed: None,
    };
    let mut world = World::new([10]);
    world.does(&edit(Some(200), None)).unwrap();
    assert_eq!(world.ticket.price, price(100));
    assert_eq!(world.ticket.pending_price.unwrap().price, price(200));
    world.does(&edit(Some(100), None)).unwrap();
    assert_eq!(world.ticket.pending_price, None);
    for refused in [edit(Some(200), Some("A")), edit(None, None)] {
        assert_eq!(world.does(&refused), Err(Refusal::OnlyPriceWaits));
    }
    assert!(matches!(world.does(&edit(Some(1), None)), Err(Refusal::Price(_))));
    world.does(&edit(Some(200), None)).unwrap();
    world.does(&Command::Release(order(1))).unwrap();
    assert_eq!((world.ticket.price, world.ticket.pending_price), (price(200), None));
    // During the turn the price is fixed; the next one waits again.
    world.does(&edit(Some(300), None)).unwrap();
    assert_eq!(world.ticket.price, price(200));
    world.buy(10, 2).unwrap();
    world.does(&Command::Sell(order(2))).unwrap();
    assert_eq!((world.ticket.price, world.ticket.pending_price), (price(200), None));

    let mut free = World::new([]);
    free.does(&Command::Release(order(1))).unwrap();
    free.does(&edit(Some(200), Some("A"))).unwrap();
    assert_eq!((free.ticket.price, free.ticket.pending_price), (price(200), None));
}
