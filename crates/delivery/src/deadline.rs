//! By when a ticket is to be delivered, when its seller is reminded, and when nobody waits any longer.
//!
//! Every time follows from that of the event, so that all of them move with it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::Timestamp;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long a seller has at the least, also where the event begins at once.
const DELIVER_MIN: Duration = Duration::from_secs(30 * 60);

/// How long a seller has whose ticket is for no event.
const WITHOUT_EVENT: Duration = Duration::from_secs(3 * 24 * 3600);

/// How long a late ticket that is for no event may still come.
const LATE_WITHOUT_EVENT: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a buyer may say that something was wrong: after the event, or after a ticket for no event came.
const CLAIMS: Duration = Duration::from_secs(5 * 24 * 3600);

/// How long before the time to deliver its seller is reminded, where there is as much.
const REMINDER: Duration = Duration::from_secs(24 * 3600);

/// When an event takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Showtime {
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it is over.
    pub ends_at: Timestamp,
}

/// By when a ticket is to be delivered that is sold at `sold_at`: 36 hours before the event; within a day
/// where it begins within 61 hours, two hours before where it begins within 26. These are the deadlines that
/// sellers know from other markets.
pub(crate) fn deliver_by(sold_at: Timestamp, show: Option<Showtime>) -> Timestamp {
    let Some(Showtime { starts_at, .. }) = show else { return sold_at.after(WITHOUT_EVENT) };
    let left = starts_at.since(sold_at);
    let by = if left >= 61 * HOUR {
        starts_at.before(36 * HOUR)
    } else if left >= 26 * HOUR {
        sold_at.after(DAY)
    } else {
        starts_at.before(2 * HOUR)
    };
    by.max(sold_at.after(DELIVER_MIN))
}

/// By when a ticket is to be delivered whose event takes place at another time, and which was to be delivered
/// by `before`: a seller does not become late by the news alone.
pub(crate) fn moved(
    sold_at: Timestamp,
    before: Timestamp,
    show: Showtime,
    now: Timestamp,
) -> Timestamp {
    deliver_by(sold_at, Some(show)).max(now.after(DELIVER_MIN).min(before))
}

/// When a seller is reminded who has not delivered.
pub(crate) fn reminder(sold_at: Timestamp, deliver_by: Timestamp) -> Timestamp {
    deliver_by.before(REMINDER.min(deliver_by.since(sold_at) / 2))
}

/// When a late ticket can come no longer.
pub(crate) fn given_up(deliver_by: Timestamp, show: Option<Showtime>) -> Timestamp {
    match show {
        Some(show) => show.ends_at.max(deliver_by),
        None => deliver_by.after(LATE_WITHOUT_EVENT),
    }
}

/// When a ticket that was sent counts as received.
pub(crate) fn settled(sent_at: Timestamp, show: Option<Showtime>) -> Timestamp {
    let from = show.map_or(sent_at, |show| show.ends_at.max(sent_at));
    from.after(CLAIMS)
}

/// Until when what was delivered may be disputed: a bank takes back money for up to 120 days after the event, and its
/// customer and ours then ask what was delivered.
pub(crate) fn disputed(sent_at: Timestamp, show: Option<Showtime>) -> Timestamp {
    settled(sent_at, show).after(120 * DAY)
}

/// Whether a sale is heard of too late to be delivered: it is of a time before there were deliveries.
pub(crate) fn is_history(sold_at: Timestamp, show: Option<Showtime>, now: Timestamp) -> bool {
    match show {
        Some(show) => show.ends_at <= now,
        None => now.since(sold_at) > LATE_WITHOUT_EVENT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOLD: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn show(begins_in: Duration) -> Showtime {
        let starts_at = SOLD.after(begins_in);
        Showtime { starts_at, ends_at: starts_at.after(3 * HOUR) }
    }

    /// The boundaries of the deadlines: what is left to the event, and how long the seller has of it.
    #[test]
    fn a_ticket_is_to_be_delivered_long_before_its_event() {
        let minutes = |minutes: u32| minutes * Duration::from_secs(60);
        for (begins_in, seller_has) in [
            (500 * HOUR, 464 * HOUR),
            (61 * HOUR, 25 * HOUR),
            (61 * HOUR - minutes(1), 24 * HOUR),
            (26 * HOUR, 24 * HOUR),
            (26 * HOUR - minutes(1), 24 * HOUR - minutes(1)),
            (3 * HOUR, HOUR),
            (2 * HOUR, minutes(30)),
            (minutes(1), minutes(30)),
        ] {
            let by = deliver_by(SOLD, Some(show(begins_in)));
            assert_eq!(by.since(SOLD), seller_has, "begins in {begins_in:?}");
        }
        assert_eq!(deliver_by(SOLD, None).since(SOLD), 72 * HOUR);
    }

    #[test]
    fn a_seller_is_reminded_a_day_before_or_halfway() {
        for (has, reminded_after) in [(100, 76), (48, 24), (24, 12), (2, 1)] {
            let reminded = reminder(SOLD, SOLD.after(has * HOUR));
            assert_eq!(reminded.since(SOLD), reminded_after * HOUR, "of {has} hours");
        }
    }

    /// What ends a delivery ends it after its event, however late it was sent.
    #[test]
    fn a_delivery_outlives_its_event() {
        let show = show(100 * HOUR);
        assert_eq!(given_up(deliver_by(SOLD, Some(show)), Some(show)), show.ends_at);
        assert_eq!(settled(SOLD, Some(show)), show.ends_at.after(5 * DAY));
        assert_eq!(settled(SOLD, None), SOLD.after(5 * DAY));
        assert!(!is_history(SOLD, Some(show), show.starts_at));
        assert!(is_history(SOLD, Some(show), show.ends_at));
        assert!(!is_history(SOLD, None, SOLD.after(7 * DAY)));
        assert!(is_history(SOLD, None, SOLD.after(8 * DAY)));
    }
}
