//! Which listing carries a code, as a pure state machine.
//!
//! One document has the claim of one code. A listing claims its codes before its file is stored, so a claim may belong
//! to a file that was never stored or has been replaced since. The next listing that wants the code checks that first
//! (see `claim_codes`) and takes the claim over, so nothing has to clean up.

use std::fmt;

use serde::{Deserialize, Serialize};
use stubmart_contract::{TicketId, Timestamp, UserId};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Key},
};
use uuid::Uuid;

/// Where the claims are kept.
pub static CODE_CLAIMS: Collection = Collection { name: "delivery.code_claims", indexes: &[] };

/// The fingerprint of a code or of a whole file, as a UUIDv8 (RFC 9562, B.2). It says nothing of the code to anybody
/// without the market's keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Code(Uuid);

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({})", self.0)
    }
}

impl Code {
    /// The first 122 bits of a fingerprint.
    #[must_use]
    pub fn of(fingerprint: [u8; 32]) -> Self {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(fingerprint).for_each(|(to, from)| *to = from);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl From<Code> for Uuid {
    fn from(code: Code) -> Self {
        code.0
    }
}

/// The claim of a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeClaim {
    /// The code.
    pub code: Code,
    /// The listing.
    pub ticket_id: TicketId,
    /// Which of its claims this is: see [`Files::fence`](crate::files::Files).
    pub fence: u32,
    /// Who bought the ticket with the code last; nobody else may list it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bought_by: Option<UserId>,
}

/// A claim that is no longer good: its listing can never again store a file with the code by virtue of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void {
    /// The listing that claimed it.
    pub ticket_id: TicketId,
    /// Claims with a lower fence are void.
    pub below: u32,
    /// Who bought the code from it.
    pub bought_by: Option<UserId>,
}

/// A listing claims a code.
#[derive(Debug, Clone)]
pub struct ClaimCode {
    /// The code.
    pub code: Code,
    /// The listing.
    pub ticket_id: TicketId,
    /// Its seller.
    pub seller: UserId,
    /// Its fence.
    pub fence: u32,
    /// The claim of another that is void.
    pub void: Option<Void>,
}

/// Why a code was not claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotClaimed {
    /// Another listing has claimed it.
    Held(CodeClaim),
    /// Somebody else has bought it.
    Bought,
}

impl ClaimCode {
    /// Who bought the code last, if it can be claimed over what was `claimed`.
    fn over(&self, claimed: &CodeClaim) -> Option<Option<UserId>> {
        if claimed.ticket_id == self.ticket_id {
            return Some(claimed.bought_by);
        }
        let void = self.void.as_ref();
        let void = void.filter(|it| it.ticket_id == claimed.ticket_id && claimed.fence < it.below);
        void.map(|it| it.bought_by.or(claimed.bought_by))
    }
}

impl Aggregate for CodeClaim {
    type Id = Code;
    type Command = ClaimCode;
    type Refusal = NotClaimed;

    fn id(&self) -> Code {
        self.code
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }

    fn decide(
        current: Option<&Self>,
        command: &ClaimCode,
        _: Timestamp,
    ) -> Result<Decision<Self>, NotClaimed> {
        let bought_by = match current.map(|claimed| (claimed, command.over(claimed))) {
            None => None,
            Some((_, Some(bought_by))) => bought_by,
            Some((claimed, None)) => return Err(NotClaimed::Held(claimed.clone())),
        };
        if bought_by.is_some_and(|it| it != command.seller) {
            return Err(NotClaimed::Bought);
        }
        let ClaimCode { code, ticket_id, fence, .. } = *command;
        let claim = Self { code, ticket_id, fence, bought_by };
        Ok(if current == Some(&claim) { Decision::Unchanged } else { Decision::silent(claim) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: UserId = UserId(Uuid::from_u128(1));
    const BOB: UserId = UserId(Uuid::from_u128(2));

    fn ticket(number: u128) -> TicketId {
        TicketId(Uuid::from_u128(number))
    }

    fn claim(number: u128, seller: UserId, fence: u32) -> ClaimCode {
        let code = Code::of([7; 32]);
        ClaimCode { code, ticket_id: ticket(number), seller, fence, void: None }
    }

    fn over(
        mut command: ClaimCode,
        number: u128,
        below: u32,
        bought_by: Option<UserId>,
    ) -> ClaimCode {
        command.void = Some(Void { ticket_id: ticket(number), below, bought_by });
        command
    }

    fn decide(current: Option<&CodeClaim>, command: &ClaimCode) -> Result<CodeClaim, NotClaimed> {
        match CodeClaim::decide(current, command, Timestamp::EPOCH)? {
            Decision::Changed { state, event: None } => Ok(state),
            Decision::Unchanged => Ok(current.unwrap().clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_code_is_claimed_once_and_again_by_the_same_listing() {
        let first = decide(None, &claim(1, ANN, 0)).unwrap();
        assert_eq!(decide(Some(&first), &claim(1, ANN, 0)), Ok(first.clone()));
        let held = NotClaimed::Held(first.clone());
        assert_eq!(decide(Some(&first), &claim(2, BOB, 0)), Err(held));
    }

    /// A listing that was fenced and claims again has another claim, so that who judged the first one judges again.
    #[test]
    fn a_claim_is_void_only_with_the_fence_it_was_judged_with() {
        let first = decide(None, &claim(1, ANN, 0)).unwrap();
        let taken = over(claim(2, BOB, 0), 1, 1, None);
        assert_eq!(decide(Some(&first), &taken).unwrap().ticket_id, ticket(2));
        let renewed = decide(Some(&first), &claim(1, ANN, 1)).unwrap();
        assert!(matches!(decide(Some(&renewed), &taken), Err(NotClaimed::Held(_))));
        let other = over(claim(2, BOB, 0), 3, u32::MAX, None);
        assert!(matches!(decide(Some(&first), &other), Err(NotClaimed::Held(_))));
    }

    /// FILE-1: who bought a code, and nobody else, may list it again; also after a listing of the buyer's was withdrawn.
    #[test]
    fn a_code_that_was_sold_belongs_to_who_bought_it() {
        let first = decide(None, &claim(1, ANN, 0)).unwrap();
        let sold = |command| over(command, 1, u32::MAX, Some(BOB));
        assert_eq!(decide(Some(&first), &sold(claim(3, ANN, 0))), Err(NotClaimed::Bought));
        let relisted = decide(Some(&first), &sold(claim(2, BOB, 0))).unwrap();
        let withdrawn = |command| over(command, 2, u32::MAX, None);
        assert_eq!(decide(Some(&relisted), &withdrawn(claim(4, ANN, 0))), Err(NotClaimed::Bought));
        let again = decide(Some(&relisted), &withdrawn(claim(4, BOB, 0))).unwrap();
        assert_eq!((again.ticket_id, again.bought_by), (ticket(4), Some(BOB)));
    }
}
