//! What may happen to a delivery.

use super::*;

const NOW: Timestamp = Timestamp::EPOCH;

fn at(seconds: u64) -> Timestamp {
    NOW.after(Duration::from_secs(seconds))
}

fn deliver(replay: Option<u128>) -> Command {
    let new = New {
        webhook_id: WebhookId(Uuid::from_u128(1)),
        user_id: UserId(Uuid::from_u128(2)),
        event_id: WebhookEventId(Uuid::from_u128(3)),
        kind: WebhookEventType::TicketSold,
    };
    Command::Deliver { new, replay: replay.map(Uuid::from_u128) }
}

fn claim(id: u128) -> Command {
    Command::Claim(Uuid::from_u128(id))
}

fn settle(id: u128, status: Option<u16>) -> Command {
    let attempt = WebhookAttempt { at: NOW, taken_ms: 1, status, body: None, error: None };
    Command::Settle { claim: Uuid::from_u128(id), attempt }
}

fn after(delivery: Option<Delivery>, seconds: u64, command: &Command) -> Delivery {
    match Delivery::decide(delivery.as_ref(), command, at(seconds)).unwrap() {
        Decision::Changed { state, .. } => state,
        Decision::Unchanged => delivery.unwrap(),
    }
}

fn new() -> Delivery {
    after(None, 0, &deliver(None))
}

fn public(delivery: &Delivery) -> api::WebhookDelivery {
    delivery.clone().into()
}

/// Of several instances one makes an attempt; when it is not heard of again, another may after a minute.
#[test]
fn an_attempt_is_made_by_one() {
    let claimed = after(Some(new()), 0, &claim(1));
    assert!(claimed.is_claimed_by(Uuid::from_u128(1)));
    let other = after(Some(claimed.clone()), 59, &claim(2));
    assert!(!other.is_claimed_by(Uuid::from_u128(2)));
    let other = after(Some(claimed), 60, &claim(2));
    assert!(other.is_claimed_by(Uuid::from_u128(2)));
    // The first one turns out to have failed: that is no news. If it arrived, it did.
    assert_eq!(after(Some(other.clone()), 61, &settle(1, Some(500))), other);
    let arrived = after(Some(other), 61, &settle(1, Some(204)));
    assert_eq!(public(&arrived).status, WebhookDeliveryStatus::Delivered);
}

/// An attempt that failed is followed by others, later each time, for three days and not longer.
#[test]
fn a_delivery_is_tried_for_three_days() {
    let (mut delivery, mut seconds, mut tries) = (new(), 0, 0);
    let mut waits = Vec::new();
    while let Some(due) = delivery.due() {
        let wait = due.since(at(seconds)).as_secs();
        waits.push(wait);
        seconds += wait;
        tries += 1;
        delivery = after(Some(delivery), seconds, &claim(tries << 8));
        delivery = after(
            Some(delivery),
            seconds,
            &settle(tries << 8, [None, Some(404)][usize::try_from(tries % 2).unwrap()]),
        );
    }
    assert_eq!(waits.get(..9), Some([0, 10, 60, 300, 1200, 3600, 7200, 14_400, 28_800].as_slice()));
    assert_eq!(seconds, 3 * 24 * 3600);
    let shown = public(&delivery);
    assert_eq!(shown.status, WebhookDeliveryStatus::Failed);
    assert_eq!((shown.attempt_count, shown.next_attempt_at), (u32::try_from(tries).unwrap(), None));
}

/// A wait is up to a tenth longer, by chance.
#[test]
fn waits_differ_by_a_tenth() {
    assert_eq!(wait(0, Uuid::from_u128(0)), Duration::from_secs(10));
    assert_eq!(wait(0, Uuid::from_u128(255)), Duration::from_secs(11));
    assert_eq!(wait(99, Uuid::from_u128(0)), Duration::from_secs(28_800));
}

/// What has ended is delivered again by a replay, once for each; an event that comes twice is not.
#[test]
fn a_replay_delivers_again_once() {
    let ended = after(Some(after(Some(new()), 0, &claim(1))), 0, &settle(1, Some(200)));
    assert_eq!(after(Some(ended.clone()), 5, &deliver(None)), ended);
    let again = after(Some(ended), 5, &deliver(Some(1)));
    assert_eq!(again.due(), Some(at(5)));
    let ended = after(Some(after(Some(again), 5, &claim(2))), 5, &settle(2, Some(200)));
    assert_eq!(public(&ended).attempt_count, 2);
    assert_eq!(after(Some(ended.clone()), 9, &deliver(Some(1))), ended);
    assert!(after(Some(ended), 9, &deliver(Some(2))).due().is_some());
}

/// The log keeps the latest attempts.
#[test]
fn the_log_is_short() {
    let mut delivery = new();
    for number in 1..=30 {
        delivery = after(Some(delivery), 0, &Command::Close);
        delivery = after(Some(delivery), 0, &deliver(Some(number)));
        delivery = after(Some(delivery), 0, &claim(number));
        delivery = after(Some(delivery), 0, &settle(number, Some(500)));
    }
    assert_eq!(public(&delivery).attempts.len(), ATTEMPTS_SHOWN);
    assert_eq!(public(&delivery).attempt_count, 30);
}
