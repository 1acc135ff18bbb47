//! When the next batch of an announcement is due.

use stubmart_contract::{Currency, Price, UserId};
use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn offer(total: i64) -> Offer {
    Offer {
        seller: UserId(Uuid::from_u128(1)),
        quantity: 1,
        total: Price::try_from(total).unwrap(),
        currency: Currency::USD,
        section: String::new(),
    }
}

fn offered() -> Command {
    let (ticket_id, event_id) = (TicketId(Uuid::from_u128(2)), EventId(Uuid::from_u128(3)));
    Command::Offered { ticket_id, event_id, ends_at: NOW.after(SECOND * 3600) }
}

fn alert(number: u128) -> Option<AlertId> {
    Some(AlertId(Uuid::from_u128(number)))
}

fn told(any: bool, all: Option<u32>) -> Command {
    Command::Told { offer: offer(100), behind: alert(1), any, all }
}

/// What commands lead to, each so many seconds after the first.
fn after(commands: &[(u32, Command)]) -> Announcement {
    let mut it = None;
    for (seconds, command) in commands {
        if let Decision::Changed { state, .. } =
            Announcement::decide(it.as_ref(), command, NOW.after(SECOND * *seconds)).unwrap()
        {
            it = Some(state);
        }
    }
    it.unwrap()
}

fn due(commands: &[(u32, Command)]) -> u64 {
    after(commands).due().since(NOW).as_secs()
}

/// Of several processes one begins a batch, and the next one begins half a minute later: also when the first
/// was killed, and whatever the ticket did meanwhile.
#[test]
fn a_batch_begins_half_a_minute_after_the_one_before() {
    assert_eq!(due(&[(5, offered())]), 5);
    let begun = after(&[(0, offered()), (0, Command::Begin)]);
    for (seconds, may_begin) in [(0, false), (29, false), (30, true)] {
        let now = NOW.after(SECOND * seconds);
        assert_eq!(Announcement::decide(Some(&begun), &Command::Begin, now).is_ok(), may_begin);
    }
    assert_eq!(due(&[(0, offered()), (0, Command::Begin), (1, told(true, None))]), 30);
    let again = [(0, offered()), (0, Command::Begin), (1, told(true, Some(0))), (2, offered())];
    assert_eq!(due(&again), 30);
    // Nobody was told: the next ones need not wait.
    assert_eq!(due(&[(0, offered()), (0, Command::Begin), (1, told(false, None))]), 1);
}

/// An announcement rests when nobody is left or the ticket is held; unless it was offered again after that was
/// found out.
#[test]
fn what_was_found_out_before_the_last_offer_does_not_count() {
    for rest in [told(true, Some(0)), Command::Rest(0)] {
        let before = [(0, offered()), (0, Command::Begin), (1, rest.clone())];
        assert_eq!(due(&before), 3600, "{rest:?}");
        let between = [(0, offered()), (0, Command::Begin), (1, offered()), (2, rest.clone())];
        assert_eq!(due(&between), 30, "{rest:?}");
    }
}

#[test]
fn a_changed_offer_begins_with_the_first_alert_again() {
    let it = after(&[(0, offered()), (0, Command::Begin), (1, told(true, None))]);
    assert_eq!(it.place(&offer(100)), alert(1));
    assert_eq!(it.place(&offer(99)), None);
}
