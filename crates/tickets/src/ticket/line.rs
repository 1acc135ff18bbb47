//! The line for a ticket that a checkout holds: when it is freed, the first has it alone for three minutes,
//! then the next one. Few may wait, so that it makes sense to wait.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{Timestamp, UserId};
use stubmart_kernel::mutant;

/// How many may be in line, the one whose turn it is among them.
pub(super) const PLACES: usize = 5;

/// How long a turn is.
const TURN: Duration = Duration::from_secs(3 * 60);

/// Somebody's time to buy the ticket alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// Whose turn it is.
    pub user_id: UserId,
    /// When it is over.
    pub until: Timestamp,
}

/// Who waits for a ticket. It is somebody's turn only while nobody's checkout holds the ticket; and while nobody's
/// does and people wait, it is somebody's turn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) turn: Option<Turn>,
    /// Those who came first at the beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) waiting: Vec<UserId>,
}

/// Where somebody is in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// From 1 on, the one whose turn it is counted.
    pub position: u32,
    /// When their turn is over, if it is theirs.
    pub turn_until: Option<Timestamp>,
}

impl Line {
    /// Whether nobody is in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.turn.is_none() && self.waiting.is_empty()
    }

    /// Whose turn it is.
    #[must_use]
    pub const fn turn(&self) -> Option<Turn> {
        self.turn
    }

    /// The turn, if it is this user's.
    #[must_use]
    pub fn turn_of(&self, user_id: UserId) -> Option<Turn> {
        self.turn.filter(|turn| turn.user_id == user_id)
    }

    /// Those whose turn it is not yet, in the order in which they are served.
    #[must_use]
    pub fn waiting(&self) -> &[UserId] {
        &self.waiting
    }

    /// Everybody in it, in the order in which they are served.
    pub fn people(&self) -> impl Iterator<Item = UserId> {
        self.turn.map(|turn| turn.user_id).into_iter().chain(self.waiting.iter().copied())
    }

    /// How many are in it.
    #[must_use]
    pub fn length(&self) -> u32 {
        u32::try_from(self.people().count()).unwrap_or(u32::MAX)
    }

    /// Where this user is in it.
    #[must_use]
    pub fn place(&self, user_id: UserId) -> Option<Place> {
        let at = self.people().position(|it| it == user_id)?;
        let position = u32::try_from(at).ok()?.checked_add(1)?;
        Some(Place { position, turn_until: self.turn_of(user_id).map(|turn| turn.until) })
    }

    /// The line behind the first who waits, whose turn begins.
    pub(super) fn next(&self, now: Timestamp) -> Self {
        let mut waiting = self.waiting.clone();
        if mutant!("serve the line from its end") {
            waiting.reverse();
        }
        let next = (!waiting.is_empty()).then(|| waiting.remove(0));
        let turn = next.map(|user_id| Turn { user_id, until: now.after(TURN) });
        Self { turn, waiting }
    }

    /// The line once `buyer` is served; `None` while it is somebody else's turn. A turn that is over is the
    /// next one's, also where nobody has noted that yet.
    pub(super) fn served(&self, buyer: UserId, now: Timestamp) -> Option<Self> {
        let passed = match self.turn {
            Some(turn) if turn.until <= now => self.next(now),
            Some(_) | None => self.clone(),
        };
        let is_open =
            passed.turn.is_none_or(|turn| turn.user_id == buyer) || mutant!("buy out of turn");
        is_open.then_some(Self { turn: None, waiting: passed.waiting })
    }
}
