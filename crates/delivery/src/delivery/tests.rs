//! Every state × command pair of a delivery.

use std::time::Duration;

use stubmart_contract::api::TicketFileKind;
use uuid::Uuid;

use super::{sent_file::OPENINGS_MAX, *};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);
const BUYER: UserId = UserId(Uuid::from_u128(1));
const SELLER: UserId = UserId(Uuid::from_u128(2));
const OTHER: UserId = UserId(Uuid::from_u128(3));
const LINK: &str = "https://issuer.example/t/1";

/// Ten days from now, for three hours.
const SHOW: Showtime = Showtime {
    starts_at: Timestamp::from_millis(1_800_864_000_000),
    ends_at: Timestamp::from_millis(1_800_874_800_000),
};

fn sale() -> Sale {
    Sale {
        order_id: OrderId(Uuid::from_u128(4)),
        ticket_id: TicketId(Uuid::from_u128(5)),
        buyer_id: BUYER,
        seller_id: SELLER,
        ticket: OrderTicket {
            title: "Stalls".to_owned(),
            event_id: Some(EventId(Uuid::from_u128(6))),
            section: None,
            row: None,
            seats: Vec::new(),
            quantity: 1,
        },
        kind: DeliveryKind::Transfer,
        sold_at: NOW,
        show: Some(SHOW),
    }
}

fn begin() -> Command {
    Command::Begin(Box::new(sale()))
}

fn send() -> Command {
    Command::Send { by: SELLER, sent: Sent::default() }
}

fn decide(
    current: Option<&Delivery>,
    command: &Command,
    now: Timestamp,
) -> Result<Decision<Delivery>, Refusal> {
    Delivery::decide(current, command, now)
}

/// What commands lead to, each at its time after the sale, and the last event.
fn after(commands: &[(Duration, Command)]) -> (Delivery, DomainEvent) {
    let (mut delivery, mut last) = (None, None);
    for (time, command) in commands {
        match decide(delivery.as_ref(), command, NOW.after(*time)).unwrap() {
            Decision::Changed { state, event } => (delivery, last) = (Some(state), event),
            Decision::Unchanged => {}
        }
    }
    (delivery.unwrap(), last.unwrap())
}

fn pending() -> Delivery {
    after(&[(Duration::ZERO, begin())]).0
}

fn late() -> Delivery {
    let watch = (10 * DAY, Command::Watch);
    let (late, event) = after(&[(Duration::ZERO, begin()), watch]);
    assert!(matches!(event, DomainEvent::DeliveryLate(_)));
    late
}

fn sent() -> Delivery {
    after(&[(Duration::ZERO, begin()), (DAY, send())]).0
}

fn accepted() -> Delivery {
    after(&[(Duration::ZERO, begin()), (DAY, send()), (DAY, Command::Accept(BUYER))]).0
}

fn cancelled() -> Delivery {
    after(&[(Duration::ZERO, begin()), (DAY, Command::Refunded)]).0
}

/// Where each command leads in each state; `Err` is its refusal, and the state itself that it changes nothing.
#[test]
fn each_command_in_each_state_does_what_the_table_says() {
    use DeliveryStatus::{Accepted, Cancelled, Late, Sent as Gone};
    type Row = (fn() -> Delivery, [Result<DeliveryStatus, Refusal>; 5]);
    let refund = Command::Choose(BUYER, LateChoice::Refund);
    let wait = Command::Choose(BUYER, LateChoice::Wait);
    let commands = [send(), Command::Accept(BUYER), wait, refund, Command::Refunded];
    let (not_sent, not_late, ended) = (Refusal::NotSent, Refusal::NotLate, Refusal::Ended);
    let table: [Row; 5] = [
        (pending, [Ok(Gone), Err(not_sent), Err(not_late), Err(not_late), Ok(Cancelled)]),
        (late, [Ok(Gone), Err(not_sent), Ok(Late), Ok(Cancelled), Ok(Cancelled)]),
        (sent, [Ok(Gone), Ok(Accepted), Err(not_late), Err(not_late), Ok(Cancelled)]),
        (accepted, [Err(ended), Ok(Accepted), Err(ended), Err(ended), Ok(Cancelled)]),
        (cancelled, [Err(ended), Err(ended), Err(ended), Err(ended), Ok(Cancelled)]),
    ];
    for (state, outcomes) in table {
        let state = state();
        for (command, expected) in commands.iter().zip(outcomes) {
            let led_to = decide(Some(&state), command, NOW.after(11 * DAY));
            let status = led_to.map(|decision| match decision {
                Decision::Changed { state, .. } => state.status,
                Decision::Unchanged => state.status,
            });
            assert_eq!(status, expected, "{command:?} in {:?}", state.status);
        }
        let again = decide(Some(&state), &begin(), NOW);
        assert_eq!(again, Ok(Decision::Unchanged), "a sale begins once");
        assert_eq!(decide(None, &Command::Watch, NOW), Err(Refusal::NotFound));
    }
}

/// Neither a stranger nor the wrong side of the sale does anything, in any state.
#[test]
fn each_side_does_what_is_its_own() {
    for state in [pending(), late(), sent(), accepted(), cancelled()] {
        let of = |user| {
            [
                Command::Accept(user),
                Command::Choose(user, LateChoice::Refund),
                Command::Send { by: user, sent: Sent::default() },
            ]
        };
        for command in of(OTHER) {
            assert_eq!(decide(Some(&state), &command, NOW), Err(Refusal::NotFound), "{command:?}");
        }
        let [accept, choose, _] = of(SELLER);
        let [.., send] = of(BUYER);
        for command in [accept, choose, send] {
            assert_eq!(decide(Some(&state), &command, NOW), Err(Refusal::OtherSide), "{command:?}");
        }
    }
}

/// With nobody doing anything: reminded a day before, late 36 hours before the event, given up when it is
/// over. Each happens at its time and once.
#[test]
fn a_seller_who_does_nothing_is_reminded_late_and_given_up() {
    let mut delivery = pending();
    let hours = |hours: u32| hours * Duration::from_secs(3600);
    type Event = fn(&DomainEvent) -> bool;
    let steps: [(Duration, Event); 3] = [
        (hours(240 - 36 - 24), |it| matches!(it, DomainEvent::DeliveryDueSoon(_))),
        (hours(240 - 36), |it| matches!(it, DomainEvent::DeliveryLate(_))),
        (hours(243), |it| matches!(it, DomainEvent::DeliveryCancelled(_))),
    ];
    for (time, is_expected) in steps {
        let due = NOW.after(time);
        assert_eq!(delivery.due(), Some(due), "{:?}", delivery.status);
        let early = decide(Some(&delivery), &Command::Watch, due.before(Duration::from_millis(1)));
        assert_eq!(early, Ok(Decision::Unchanged));
        let Ok(Decision::Changed { state, event }) = decide(Some(&delivery), &Command::Watch, due)
        else {
            panic!("nothing happens at {time:?}");
        };
        assert!(is_expected(&event.unwrap()), "{time:?}");
        delivery = state;
    }
    assert_eq!(delivery.cancel_reason, Some(DeliveryCancelReason::NeverCame));
    assert_eq!(delivery.due(), None);
}

/// A buyer who says nothing has the ticket five days after the event.
#[test]
fn what_was_sent_counts_as_received_after_the_time_for_claims() {
    let delivery = sent();
    assert_eq!(delivery.due(), Some(SHOW.ends_at.after(5 * DAY)));
    let watched = decide(Some(&delivery), &Command::Watch, SHOW.ends_at.after(5 * DAY));
    assert!(matches!(
        watched,
        Ok(Decision::Changed { event: Some(DomainEvent::DeliveryAccepted(_)), .. })
    ));
}

/// The deadline moves with the event: later, earlier, and out of a lateness that is none any more. Nobody
/// becomes late by the news.
#[test]
fn deadlines_move_with_the_event() {
    let moved = |by: &dyn Fn(Timestamp) -> Timestamp| Showtime {
        starts_at: by(SHOW.starts_at),
        ends_at: by(SHOW.ends_at),
    };
    let apply = |delivery: &Delivery, show: Showtime, at: Timestamp| match decide(
        Some(delivery),
        &Command::Reschedule(show),
        at,
    ) {
        Ok(Decision::Changed { state, .. }) => Some(state),
        _ => None,
    };
    assert_eq!(apply(&pending(), SHOW, NOW), None, "the news is old");
    let later = apply(&pending(), moved(&|at| at.after(DAY)), NOW).unwrap();
    assert_eq!(later.deliver_by, pending().deliver_by.after(DAY));
    let again = apply(&late(), moved(&|at| at.after(30 * DAY)), NOW.after(10 * DAY)).unwrap();
    assert_eq!(again.status, DeliveryStatus::Pending);
    let at = NOW.after(5 * DAY);
    let tonight = apply(&pending(), moved(&|it| it.before(5 * DAY)), at).unwrap();
    assert_eq!(tonight.status, DeliveryStatus::Pending);
    assert!(tonight.deliver_by > at, "there is some time left");
    let still = apply(&late(), moved(&|at| at.before(DAY)), NOW.after(10 * DAY)).unwrap();
    assert_eq!(still.status, DeliveryStatus::Late);
    assert_eq!(apply(&accepted(), moved(&|at| at.after(DAY)), NOW), None);
}

/// A delivery by link needs the link. It is in no event.
#[test]
fn a_link_is_needed_corrected_and_never_published() {
    let sale = Sale { kind: DeliveryKind::Link, ..sale() };
    let begin = Command::Begin(Box::new(sale));
    let delivery = after(&[(Duration::ZERO, begin)]).0;
    assert_eq!(decide(Some(&delivery), &send(), NOW), Err(Refusal::LinkMissing));
    let with = |link: &str| Command::Send {
        by: SELLER,
        sent: Sent { link: Some(link.to_owned()), reference: None },
    };
    let Ok(Decision::Changed { state, event: Some(event) }) =
        decide(Some(&delivery), &with(LINK), NOW)
    else {
        panic!("it is not sent");
    };
    assert_eq!(state.link.as_deref(), Some(LINK));
    let DomainEvent::DeliverySent(published) = event else { panic!("{event:?}") };
    assert!(!serde_json::to_string(&published).unwrap().contains("issuer.example"));
    assert_eq!(decide(Some(&state), &with(LINK), NOW), Ok(Decision::Unchanged));
    let corrected = decide(Some(&state), &with("https://issuer.example/t/2"), NOW);
    assert!(matches!(corrected, Ok(Decision::Changed { .. })));
}

/// A sale of a time before there were deliveries is not late: it is over.
#[test]
fn an_old_sale_is_history() {
    let (delivery, _) = after(&[(20 * DAY, begin())]);
    assert_eq!(delivery.status, DeliveryStatus::Accepted);
    assert_eq!(delivery.due(), None);
}

fn send_file() -> Command {
    Command::SendFile(SentFile { pages: 2, kind: TicketFileKind::Png })
}

fn opened(by: UserId, page: u32, address: &str) -> Command {
    let reader =
        Reader { address: Some(address.to_owned()), user_agent: Some("Browser".to_owned()) };
    Command::Opened { by, page, reader }
}

/// A file is delivered while the seller is waited for, and never over what came first.
#[test]
fn a_file_delivers_what_is_awaited() {
    for awaited in [pending(), late()] {
        let Ok(Decision::Changed { state, event: Some(DomainEvent::DeliverySent(sent)) }) =
            decide(Some(&awaited), &send_file(), NOW.after(DAY))
        else {
            panic!("it was awaited");
        };
        assert_eq!(
            (sent.kind, state.file.unwrap().pages, state.has_file()),
            (DeliveryKind::File, 2, true)
        );
        assert_eq!(decide(Some(&state), &send_file(), NOW), Ok(Decision::Unchanged));
    }
    let (sent, _) = after(&[(Duration::ZERO, begin()), (Duration::ZERO, send())]);
    assert_eq!(decide(Some(&sent), &send_file(), NOW), Ok(Decision::Unchanged));
    let (promised, _) = {
        let sale = Sale { kind: DeliveryKind::File, ..sale() };
        after(&[(Duration::ZERO, Command::Begin(Box::new(sale)))])
    };
    assert_eq!(decide(Some(&promised), &send(), NOW), Err(Refusal::FileMissing));
}

/// Its buyer alone opens it, until the money is given back; each opening is kept, and no event tells of it.
#[test]
fn who_opens_a_file_is_noted() {
    assert_eq!(decide(Some(&pending()), &opened(BUYER, 1, "a"), NOW), Err(Refusal::NotSent));
    let (sent, _) = after(&[(Duration::ZERO, begin()), (Duration::ZERO, send_file())]);
    assert_eq!(decide(Some(&sent), &opened(SELLER, 1, "a"), NOW), Err(Refusal::OtherSide));
    assert_eq!(decide(Some(&sent), &opened(OTHER, 1, "a"), NOW), Err(Refusal::NotFound));
    let mut delivery = sent;
    for number in 0..300_u32 {
        let command = opened(BUYER, 1 + number % 2, &format!("10.0.0.{}", number / 4));
        let Ok(Decision::Changed { state, event: None }) =
            decide(Some(&delivery), &command, NOW.after(DAY * number))
        else {
            panic!("opening {number}");
        };
        delivery = state;
    }
    assert_eq!(delivery.opened.len(), OPENINGS_MAX);
    let (first, last) = (&delivery.opened[0], &delivery.opened[OPENINGS_MAX - 1]);
    assert_eq!((first.first_at, first.last_at, first.times), (NOW, NOW.after(DAY * 2), 2));
    assert_eq!(last.last_at, NOW.after(DAY * 299));
    let steps = delivery.steps.iter().filter(|it| it.what == DeliveryStepKind::Opened);
    assert_eq!(steps.count(), 1, "the first time");
    let Ok(Decision::Changed { state, .. }) = decide(Some(&delivery), &Command::Refunded, NOW)
    else {
        panic!("it is refunded");
    };
    assert!(!state.has_file());
    assert_eq!(decide(Some(&state), &opened(BUYER, 1, "a"), NOW), Err(Refusal::Ended));
}
