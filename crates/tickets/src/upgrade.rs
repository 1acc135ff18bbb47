//! Brings over what earlier versions saved: tickets that are in retired indexes, and listings whose seats
//! were never claimed.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use stubmart_contract::{Context, EventId, TicketId, UserId, api::TicketStatus};
use stubmart_kernel::{ApplyError, RepositoryError, aggregate::Key};
use uuid::Uuid;

use crate::{
    claim_seats::ClaimError,
    event_over::ShowChangedError,
    row_claims::{ClaimSeats, SeatRow},
    service::{SERVICE, Tickets},
    ticket::{Command, Ticket, WantedSeats, index},
};

/// How many tickets are read at once.
const BATCH: usize = 500;

/// Of how many rows seats are claimed at the same time; the store commits them as a group.
const AT_ONCE: usize = 64;

/// Listings by row, in the order in which they claim: those that are sold first, since a sale cannot be
/// undone, then the others as they were listed.
type Rows = BTreeMap<SeatRow, BTreeMap<(Turn, TicketId), (UserId, WantedSeats)>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Sold,
    Offered,
}

impl Tickets {
    /// Has tickets that an earlier version saved found by the indexes of today, and claims the seats of
    /// listings that were saved before seats were claimed. Of listings of the same seat the first keeps
    /// it; the others are retired. To be called before the routes serve; it costs four reads where there
    /// is nothing to do.
    ///
    /// # Errors
    /// [`RepositoryError`]: some tickets may be missing in lists, and some seats be unclaimed, until it is
    /// called again.
    pub async fn upgrade(&self) -> Result<(), RepositoryError> {
        let context = Context::work(SERVICE);
        for retired in [index::NEWEST, index::QUANTITY_PRICE, index::SELLER_PHASE] {
            self.tickets().reindex(&context, retired).await?;
        }
        // The row of no event: that it is there says that all the others were built.
        let built = SeatRow::of(EventId(Uuid::nil()), None, None);
        if self.row_claims().load(built.id()).await?.is_some() {
            return Ok(());
        }
        self.claim_listed(&context).await?;
        let mark = ClaimSeats {
            row: built.clone(),
            ticket_id: TicketId(Uuid::nil()),
            seller: UserId(Uuid::nil()),
            fence: 0,
            seats: Vec::new(),
            void: Vec::new(),
        };
        match self.row_claims().apply(&context, built.id(), &mark).await {
            Err(ApplyError::Repository(error)) => Err(error),
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
        }
    }

    async fn claim_listed(&self, context: &Context) -> Result<(), RepositoryError> {
        let mut scan = self.tickets().scan(index::EVENT_NEWEST, &Key::new()).limit(BATCH);
        let mut rows = Rows::new();
        let mut endless = BTreeSet::new();
        loop {
            let found = self.tickets().find(scan.clone()).await?;
            let Some(last) = found.last() else { break };
            scan = scan.behind(&last.key);
            for row in found {
                let ticket = &row.found.state;
                note(&mut rows, ticket);
                let is_offered =
                    matches!(ticket.status, TicketStatus::Available | TicketStatus::Locked);
                endless.extend(
                    ticket.event_id.filter(|_| is_offered && ticket.event_ends_at.is_none()),
                );
            }
        }
        for event_id in endless {
            match self.show_changed(context, event_id).await {
                Ok(()) => {}
                Err(ShowChangedError::Repository(error)) => return Err(error),
                Err(ShowChangedError::Call(error)) => {
                    tracing::warn!(%event_id, %error, "its listings do not know when it ends");
                }
            }
        }
        let claims = rows.into_values().map(|listings| async move {
            for ((turn, id), (seller, wanted)) in listings {
                match self.claim_seats(context, id, seller, &wanted).await {
                    Ok(()) => {}
                    Err(ClaimError::Listed(seats)) => {
                        tracing::warn!(ticket.id = %id, ?turn, ?seats, "seats listed twice");
                        self.apply_if_possible(context, id, &Command::Retire).await?;
                    }
                    Err(ClaimError::Repository(error)) => return Err(error),
                }
            }
            Ok(())
        });
        stream::iter(claims).buffer_unordered(AT_ONCE).try_collect().await
    }
}

fn note(rows: &mut Rows, ticket: &Ticket) {
    let turn = match ticket.status {
        TicketStatus::Sold => Turn::Sold,
        TicketStatus::Available | TicketStatus::Locked => Turn::Offered,
        TicketStatus::Withdrawn => return,
    };
    if let Some(wanted) = ticket.wanted_seats() {
        let listings = rows.entry(wanted.row.clone()).or_default();
        listings.insert((turn, ticket.id), (ticket.user_id, wanted));
    }
}
