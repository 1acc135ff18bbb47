//! A consumer as its readers in this process share it: what is out for delivery, what was given back.
//! Pure: no file, no clock.

use std::{collections::BTreeMap, time::Duration};

use stubmart_contract::Timestamp;
use stubmart_ports::bus::Disposition;

/// An event that is out for delivery, or was and came back unsettled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lease {
    /// How often it was delivered, this time included.
    pub(crate) attempt: u32,
    /// Whether it is in the table of retries. If so, the cursor may be past it.
    pub(crate) retried: bool,
}

/// What the readers of a consumer share.
#[derive(Debug, Default)]
pub(crate) struct Group {
    /// Every event up to here is out, came back, is settled, is in the table of retries, or is not
    /// for this consumer.
    read_to: u64,
    /// The cursor on disk, as far as is known: every event up to there is settled or in the table of
    /// retries.
    saved: u64,
    out: BTreeMap<u64, Lease>,
    returned: BTreeMap<u64, Lease>,
    /// When the next retry is due.
    next_due: Option<Timestamp>,
    /// When the consumer's tables were last looked at.
    looked_at: Option<Timestamp>,
}

/// What settling writes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settlement {
    /// The cursor.
    pub(crate) cursor: u64,
    /// To be put into the table of retries: position, deliveries so far, due.
    pub(crate) retry: Vec<(u64, u32, Timestamp)>,
    /// To be taken out of it.
    pub(crate) done: Vec<u64>,
    /// To be put aside for a human.
    pub(crate) dead: Vec<(u64, String)>,
}

impl Settlement {
    /// Whether nothing would be lost but the place to go on from, were it never written.
    pub(crate) fn moves_only_the_cursor(&self) -> bool {
        self.retry.is_empty() && self.done.is_empty() && self.dead.is_empty()
    }
}

impl Group {
    /// Takes up where the cursor on disk is. Another process may have moved it.
    pub(crate) fn cursor_is(&mut self, cursor: u64) {
        self.saved = self.saved.max(cursor);
        self.read_to = self.read_to.max(cursor);
        let saved = self.saved;
        self.returned.retain(|&seq, lease| seq > saved || lease.retried);
    }

    /// Whether the consumer's tables have to be looked at: something came back, a retry is due, or it
    /// is so long ago that another process may have changed them.
    pub(crate) fn must_look(&self, now: Timestamp, poll: Duration) -> bool {
        let recently = |at: Timestamp| at <= now && now.since(at) < poll;
        !self.returned.is_empty()
            || self.next_due.is_some_and(|due| due <= now)
            || !self.looked_at.is_some_and(recently)
    }

    /// Notes that the consumer's tables were looked at, and when the next retry is due that was not
    /// found to be due already.
    pub(crate) fn looked(&mut self, now: Timestamp, next_due: Option<Timestamp>) {
        self.looked_at = Some(now);
        self.next_due = next_due;
    }

    /// When the next retry is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.next_due
    }

    /// Behind which position fresh events are.
    pub(crate) fn read_to(&self) -> u64 {
        self.read_to
    }

    /// The first events that came back, at most `limit`.
    pub(crate) fn returned(&self, limit: usize) -> Vec<(u64, Lease)> {
        self.returned.iter().take(limit).map(|(&seq, &lease)| (seq, lease)).collect()
    }

    /// Whether the event is out, or came back: then it is not taken from the table of retries.
    pub(crate) fn holds(&self, seq: u64) -> bool {
        self.out.contains_key(&seq) || self.returned.contains_key(&seq)
    }

    /// How many events are out or came back.
    pub(crate) fn held(&self) -> usize {
        self.out.len().saturating_add(self.returned.len())
    }

    /// Notes that an event goes out.
    pub(crate) fn deliver(&mut self, seq: u64, lease: Lease) {
        self.returned.remove(&seq);
        self.out.insert(seq, lease);
    }

    /// Notes that the log was looked at up to here, and what was found is out.
    pub(crate) fn looked_to(&mut self, position: u64) {
        self.read_to = self.read_to.max(position);
    }

    /// Takes an event back that was not settled.
    pub(crate) fn give_back(&mut self, seq: u64) {
        if let Some(lease) = self.out.remove(&seq) {
            self.returned.insert(seq, lease);
        }
    }

    /// What to write to settle these; nothing is noted yet.
    pub(crate) fn settlement(
        &self,
        settled: Vec<(u64, Disposition)>,
        now: Timestamp,
    ) -> Settlement {
        let mut settlement = Settlement::default();
        let mut seqs = Vec::with_capacity(settled.len());
        for (seq, disposition) in settled {
            let Some(lease) = self.out.get(&seq) else { continue };
            seqs.push(seq);
            match disposition {
                Disposition::RetryAfter(wait) => {
                    settlement.retry.push((seq, lease.attempt, now.after(wait)));
                    continue;
                }
                Disposition::Reject(reason) => settlement.dead.push((seq, reason)),
                Disposition::Done => {}
            }
            if lease.retried {
                settlement.done.push(seq);
            }
        }
        seqs.sort_unstable();
        settlement.cursor = self.cursor_without(&seqs);
        settlement
    }

    /// Notes that these are settled and that the cursor on disk is at least there. Retries among
    /// them are looked for with the next look.
    pub(crate) fn settled(&mut self, seqs: &[u64], cursor: u64, retries: bool) {
        for seq in seqs {
            self.out.remove(seq);
        }
        self.saved = self.saved.max(cursor);
        if retries {
            self.looked_at = None;
        }
    }

    /// Where the cursor may be, when it is further than on disk.
    pub(crate) fn unsaved_cursor(&self) -> Option<u64> {
        Some(self.cursor_without(&[])).filter(|cursor| *cursor > self.saved)
    }

    /// How many events the cursor on disk is behind, while nothing is out.
    pub(crate) fn idle_lag(&self) -> u64 {
        if self.held() == 0 { self.read_to.saturating_sub(self.saved) } else { 0 }
    }

    /// Where the cursor may be when these (sorted) are settled: before the first event that is not,
    /// those in the table of retries aside.
    fn cursor_without(&self, settled: &[u64]) -> u64 {
        let first = |leases: &BTreeMap<u64, Lease>| {
            let open = leases
                .iter()
                .find(|(seq, lease)| !lease.retried && settled.binary_search(seq).is_err());
            open.map(|(seq, _)| seq.saturating_sub(1))
        };
        let before_out = first(&self.out).unwrap_or(self.read_to);
        before_out.min(first(&self.returned).unwrap_or(self.read_to)).min(self.read_to)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FRESH: Lease = Lease { attempt: 1, retried: false };

    fn group_with_out(seqs: impl IntoIterator<Item = u64>) -> Group {
        let mut group = Group::default();
        for seq in seqs {
            group.deliver(seq, FRESH);
            group.looked_to(seq);
        }
        group
    }

    fn done(seqs: &[u64]) -> Vec<(u64, Disposition)> {
        seqs.iter().map(|&seq| (seq, Disposition::Done)).collect()
    }

    #[test]
    fn the_cursor_stays_before_the_first_event_that_is_not_settled() {
        let mut group = group_with_out([2, 4, 7]);
        group.looked_to(9);
        assert_eq!(group.settlement(done(&[4, 7]), Timestamp::EPOCH).cursor, 1);
        assert_eq!(group.settlement(done(&[2, 7]), Timestamp::EPOCH).cursor, 3);
        assert_eq!(group.settlement(done(&[2, 4, 7]), Timestamp::EPOCH).cursor, 9);
        group.give_back(4);
        assert_eq!(group.settlement(done(&[2, 7]), Timestamp::EPOCH).cursor, 3, "4 came back");
    }

    #[test]
    fn an_event_to_be_retried_lets_the_cursor_pass_and_keeps_its_count() {
        let mut group = group_with_out([1, 2]);
        let later = Duration::from_millis(50);
        let settled = vec![(1, Disposition::RetryAfter(later)), (2, Disposition::Done)];
        let settlement = group.settlement(settled, Timestamp::EPOCH);
        assert_eq!(settlement.cursor, 2);
        assert_eq!(settlement.retry, vec![(1, 1, Timestamp::EPOCH.after(later))]);
        group.settled(&[1, 2], 2, true);

        group.deliver(1, Lease { attempt: 2, retried: true });
        let settlement = group.settlement(done(&[1]), Timestamp::EPOCH);
        assert_eq!((settlement.cursor, settlement.done), (2, vec![1]));
    }

    #[test]
    fn readers_that_settle_at_the_same_time_leave_no_cursor_behind() {
        let mut group = group_with_out([1, 2]);
        let first = group.settlement(done(&[1]), Timestamp::EPOCH).cursor;
        let second = group.settlement(done(&[2]), Timestamp::EPOCH).cursor;
        group.settled(&[2], second, false);
        group.settled(&[1], first, false);
        assert_eq!((first, second), (1, 0));
        assert_eq!(group.unsaved_cursor(), Some(2));
    }

    #[test]
    fn the_tables_are_looked_at_when_there_may_be_something_in_them() {
        let poll = Duration::from_millis(200);
        let at = Timestamp::from_millis;
        let mut group = group_with_out([1]);
        assert!(group.must_look(at(0), poll), "they were never looked at");
        group.looked(at(0), Some(at(150)));
        assert!(!group.must_look(at(149), poll));
        assert!(group.must_look(at(150), poll), "a retry is due");
        group.looked(at(150), None);
        assert!(!group.must_look(at(349), poll));
        assert!(group.must_look(at(350), poll), "another process may have changed them");
        assert!(group.must_look(at(149), poll), "the clock was set back");
        group.settled(&[], 0, true);
        assert!(group.must_look(at(151), poll), "a retry was put into them");
        group.looked(at(151), None);
        group.give_back(1);
        assert!(group.must_look(at(152), poll), "an event came back");
    }

    #[test]
    fn what_another_process_settled_is_not_delivered_again() {
        let mut group = group_with_out([1, 2, 3]);
        group.give_back(1);
        group.give_back(3);
        group.cursor_is(2);
        assert_eq!(group.returned(9), vec![(3, FRESH)]);
        group.cursor_is(8);
        assert_eq!(group.read_to(), 8);
    }
}
