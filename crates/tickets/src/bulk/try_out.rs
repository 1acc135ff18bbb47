//! A batch is tried: nothing is saved.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use stubmart_contract::{
    TicketId, UserId,
    api::{BulkOutcome, TicketStatus},
};
use stubmart_kernel::{Aggregate as _, RepositoryError, limited::Limited};

use super::{Account, BulkError, Done, Refused, Wanted, Work, plan::Step};
use crate::{
    edit_ticket::EditTicketError,
    list_ticket::ListTicketError,
    row_claims::{Claim, SeatRow},
    service::Tickets,
    ticket::{Command, Refusal, Ticket, WantedSeats},
};

/// Whose seats are free, and whose are taken, once the batch is done.
struct Seats {
    seller: UserId,
    /// What listings of the batch have then; one that is withdrawn has none.
    after: BTreeMap<TicketId, Option<WantedSeats>>,
    /// What items were given so far.
    given: BTreeSet<(SeatRow, String)>,
}

impl Tickets {
    /// What would be done.
    pub(super) async fn try_out(
        &self,
        (seller, is_established): Account,
        batch: Vec<Work>,
        others: Vec<Ticket>,
        noted: &(dyn Fn() + Send + Sync),
    ) -> Result<Vec<Done>, BulkError> {
        let mut seats = Seats { seller, after: BTreeMap::new(), given: BTreeSet::new() };
        let mut withdrawn = Vec::new();
        for other in others {
            let now = self.host().now();
            let decided = Ticket::decide(Some(&other), &Command::Withdraw { by: seller }, now);
            if decided.is_ok() {
                seats.after.insert(other.id, None);
            }
            let outcome = decided.map_err(|refusal| EditTicketError::Refused(refusal).into());
            let outcome = outcome.map(|_| BulkOutcome::Withdrawn);
            withdrawn.push(Done { external_id: other.external_id, id: Some(other.id), outcome });
        }
        let mut tried = Vec::with_capacity(batch.len());
        for Work { external_id, state } in batch {
            let state = match state {
                Ok(wanted) => self.decided(seller, &wanted).map(|()| wanted),
                Err(refused) => Err(refused),
            };
            if let Ok(wanted) = &state
                && let Some(on_sale) = wanted.on_sale()
            {
                seats.after.insert(on_sale.id, wanted.seating().wants);
            }
            tried.push((external_id, state));
        }
        let is_new = |(_, state): &&(_, Result<Wanted, Refused>)| {
            state.as_ref().is_ok_and(|it| matches!(it.step, Step::List(_)))
        };
        let wanted = u32::try_from(tried.iter().filter(is_new).count()).unwrap_or(u32::MAX);
        let left = self.listings_left(seller, is_established, wanted).await;
        let (mut left, wait) = left.map_err(BulkError::Limits)?;
        let mut done = Vec::with_capacity(tried.len());
        for (external_id, state) in tried {
            let id = state.as_ref().ok().and_then(|it| it.on_sale().map(|it| it.id));
            let outcome = match state {
                // Each that would be tried is counted, as when it is done.
                Ok(Wanted { step: Step::List(_), .. }) if left == 0 => {
                    Err(Refused::Limited(Limited::TooMany { wait: wait.unwrap_or_default() }))
                }
                Ok(wanted) => {
                    left -= u32::from(matches!(wanted.step, Step::List(_)));
                    self.seated(&mut seats, &wanted).await?.map(|()| wanted.outcome())
                }
                Err(refused) => Err(refused),
            };
            done.push(Done { external_id, id, outcome });
            noted();
        }
        done.extend(withdrawn);
        Ok(done)
    }

    /// Whether the listing's own rules allow the step, as if it had its seats.
    fn decided(&self, seller: UserId, wanted: &Wanted) -> Result<(), Refused> {
        let (now, fees) = (self.host().now(), Arc::clone(self.fees()));
        let claimed = |ticket: Option<&Ticket>| {
            let seats = wanted.seating().wants;
            seats.map(|seats| WantedSeats { fence: ticket.map_or(0, |it| it.fence), ..seats })
        };
        match &wanted.step {
            Step::Nothing => Ok(()),
            Step::List(listing) => {
                let command = Command::List {
                    id: TicketId(self.host().uuid()),
                    seller,
                    listing: listing.clone(),
                    category: wanted.show.as_ref().map(|it| it.category.clone()),
                    fees,
                    event_ends_at: wanted.show.as_ref().map(|it| it.ends_at),
                    claimed: claimed(None),
                };
                let decided = Ticket::decide(None, &command, now);
                decided.map(drop).map_err(|refusal| ListTicketError::Refused(refusal).into())
            }
            Step::Edit(edit) => {
                let ticket = wanted.on_sale();
                let claimed = claimed(ticket);
                let command = Command::Edit { by: seller, edit: edit.clone(), fees, claimed };
                let decided = Ticket::decide(ticket, &command, now);
                decided.map(drop).map_err(|refusal| EditTicketError::Refused(refusal).into())
            }
        }
    }

    /// Gives an item its seats, or refuses it because others have them.
    async fn seated(
        &self,
        seats: &mut Seats,
        wanted: &Wanted,
    ) -> Result<Result<(), Refused>, RepositoryError> {
        let Some(wants) = wanted.seating().wants else { return Ok(Ok(())) };
        let own = wanted.on_sale().map(|it| it.id);
        let claims = self.row_claims().load(wants.row.id()).await?;
        let mut taken = Vec::new();
        for seat in wants.seats.keys() {
            let claim = claims.as_ref().and_then(|it| it.state.seats.get(seat));
            let is_claimed = match claim {
                Some(claim) => self.is_taken(seats, own, &wants.row, seat, claim).await?,
                None => false,
            };
            if is_claimed || !seats.given.insert((wants.row.clone(), seat.clone())) {
                taken.push(seat.clone());
            }
        }
        if taken.is_empty() {
            return Ok(Ok(()));
        }
        Ok(Err(ListTicketError::Refused(Refusal::SeatsListed(wants.names(&taken))).into()))
    }

    /// Whether a claim keeps the seller from listing the seat once the batch is done.
    async fn is_taken(
        &self,
        seats: &Seats,
        own: Option<TicketId>,
        row: &SeatRow,
        seat: &str,
        claim: &Claim,
    ) -> Result<bool, RepositoryError> {
        if claim.bought_by.is_some_and(|it| it != seats.seller) {
            return Ok(true);
        }
        if Some(claim.ticket_id) == own {
            return Ok(false);
        }
        if let Some(after) = seats.after.get(&claim.ticket_id) {
            let has = |it: &WantedSeats| it.row == *row && it.seats.contains_key(seat);
            return Ok(after.as_ref().is_some_and(has));
        }
        let Some(holder) = self.tickets().load(claim.ticket_id).await? else { return Ok(false) };
        let holder = holder.state;
        let has = !holder.seats_among(row, &[seat.to_owned()]).is_empty();
        Ok(has
            && match holder.status {
                TicketStatus::Withdrawn => false,
                TicketStatus::Sold => holder.buyer_id != Some(seats.seller),
                TicketStatus::Available | TicketStatus::Locked => true,
            })
    }
}

impl Wanted {
    fn outcome(&self) -> BulkOutcome {
        match self.step {
            Step::List(_) => BulkOutcome::Created,
            Step::Edit(_) => BulkOutcome::Changed,
            Step::Nothing => BulkOutcome::Unchanged,
        }
    }
}
