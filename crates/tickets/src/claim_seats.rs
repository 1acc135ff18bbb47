//! Use case: a listing claims its seats, before it is saved with them (SEAT-1).
//!
//! A seat that another listing has claimed is that listing's to give up, and it is asked in its own
//! document, where no save of its can come in between. One that is on sale keeps its seats. One that is
//! sold gives them up to its buyer. One that was withdrawn, or edited away, has none to keep; and one that
//! was never saved is marked, so that a request that was asleep can never save it.

use std::collections::BTreeMap;

use stubmart_contract::{Context, TicketId, UserId, api::TicketStatus};
use stubmart_kernel::{ApplyError, RepositoryError, mark, mutant};

use crate::{
    row_claims::{Claim, ClaimSeats, NotClaimed, Void},
    service::Tickets,
    ticket::{Command, GiveWay, Refusal, WantedSeats},
};

/// How often claims are judged again because others claimed meanwhile.
const ROUNDS_MAX: u32 = 32;

/// Why seats were not claimed. No seat was claimed.
#[derive(Debug)]
pub(crate) enum ClaimError {
    /// These seats, as the seller names them, are in another listing or somebody else's.
    Listed(Vec<String>),
    /// The repository failed. The seats may be claimed, which keeps nobody from listing them.
    Repository(RepositoryError),
}

impl From<RepositoryError> for ClaimError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Tickets {
    /// Claims seats for a listing of `seller`.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub(crate) async fn claim_seats(
        &self,
        context: &Context,
        ticket_id: TicketId,
        seller: UserId,
        wanted: &WantedSeats,
    ) -> Result<(), ClaimError> {
        let mut claim = ClaimSeats {
            row: wanted.row.clone(),
            ticket_id,
            seller,
            fence: wanted.fence,
            seats: wanted.seats.keys().cloned().collect(),
            void: Vec::new(),
        };
        for _ in 0..ROUNDS_MAX {
            let refused = match self.row_claims().apply(context, wanted.row.id(), &claim).await {
                Ok(_) => return Ok(()),
                Err(ApplyError::Refused { refusal, .. }) => refusal,
                Err(ApplyError::Stale { .. }) => break,
                Err(ApplyError::Repository(error)) => return Err(error.into()),
            };
            let NotClaimed { held, bought: mut taken } = refused;
            for (holder, seats) in by_holder(held) {
                match self.ask_to_give_way(context, &claim, holder, seats).await? {
                    Ok(void) => claim.void.extend(void),
                    Err(kept) => taken.extend(kept),
                }
            }
            if !taken.is_empty() {
                return Err(ClaimError::Listed(wanted.names(&taken)));
            }
        }
        Err(RepositoryError::Contended.into())
    }

    /// Asks a listing for seats that it has claimed. The answer is its claims, which are void then, or
    /// the seats that it keeps.
    async fn ask_to_give_way(
        &self,
        context: &Context,
        claim: &ClaimSeats,
        holder: TicketId,
        claimed: BTreeMap<String, u32>,
    ) -> Result<Result<Vec<Void>, Vec<String>>, RepositoryError> {
        let seats: Vec<_> = claimed.keys().cloned().collect();
        if mutant!("take seats over without a fence")
            && self.tickets().load(holder).await?.is_none()
        {
            let void = |seat| Void { seat, ticket_id: holder, below: u32::MAX, bought_by: None };
            return Ok(Ok(seats.into_iter().map(void).collect()));
        }
        let asked = GiveWay {
            id: holder,
            row: claim.row.clone(),
            seats,
            fence: claimed.into_values().max().unwrap_or_default(),
            seller: claim.seller,
        };
        let answer = self.apply(context, holder, &Command::GiveWay(asked.clone())).await;
        let (before, holder) = match answer {
            Ok(applied) => (applied.before, applied.after.state),
            Err(ApplyError::Refused { refusal: Refusal::SeatsListed(kept), .. }) => {
                return Ok(Err(kept));
            }
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                return Err(RepositoryError::Contended);
            }
            Err(ApplyError::Repository(error)) => return Err(error),
        };
        if before.is_none() {
            mark!("seats of a listing that was never saved were taken over");
        }
        let (below, sold) = match holder.status {
            TicketStatus::Available | TicketStatus::Locked => (holder.fence, Vec::new()),
            TicketStatus::Withdrawn => (u32::MAX, Vec::new()),
            TicketStatus::Sold => (u32::MAX, holder.seats_among(&asked.row, &asked.seats)),
        };
        if !sold.is_empty() {
            mark!("a seat was listed again by its buyer");
        }
        let void = asked.seats.into_iter().map(|seat| Void {
            bought_by: holder.buyer_id.filter(|_| sold.contains(&seat)),
            ticket_id: holder.id,
            below,
            seat,
        });
        Ok(Ok(void.collect()))
    }
}

/// The seats that each listing has claimed, and the fence of each claim.
fn by_holder(held: Vec<(String, Claim)>) -> BTreeMap<TicketId, BTreeMap<String, u32>> {
    let mut holders: BTreeMap<TicketId, BTreeMap<String, u32>> = BTreeMap::new();
    for (seat, claim) in held {
        holders.entry(claim.ticket_id).or_default().insert(seat, claim.fence);
    }
    holders
}
