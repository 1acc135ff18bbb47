//! The service's dependencies and state, which all use cases share.

use std::{fmt, sync::Arc, time::Duration};

use stubmart_contract::{Context, TicketId, UserId, calls::Listing, fees::FeeSchedule};
use stubmart_kernel::{
    Applied, ApplyError, Precondition, Repository, RepositoryError, Versioned,
    aggregate::Collection,
    deleted_users::DeletedUsers,
    idempotency::{self, Idempotency},
    limited::{Creations, Limited},
    worker::Wake,
};
use stubmart_ports::{
    calls::{Auth, Catalogue},
    host::Host,
    limits::{LimitsUnavailable, RateLimits},
    store::Store,
};

use crate::{
    applied_fees::{APPLIED_FEES, AppliedFees},
    pages::Pages,
    row_claims::{ROW_CLAIMS, RowClaims},
    seller::SELLERS,
    sellers::Sellers,
    ticket::{Command, Refusal, TICKETS, Ticket},
};

/// The service's name.
pub const SERVICE: &str = "tickets";

static IDEMPOTENCY: Collection =
    Collection { name: "tickets.idempotency", indexes: idempotency::INDEXES };

static DELETED_USERS: Collection = Collection { name: "tickets.departed", indexes: &[] };

/// All that the service keeps.
pub const COLLECTIONS: &[&Collection] =
    &[&TICKETS, &ROW_CLAIMS, &SELLERS, &DELETED_USERS, &APPLIED_FEES, &IDEMPOTENCY];

/// How long a change waits at the most until the catalogue has counted it.
const COUNT_MAX: Duration = Duration::from_millis(100);

/// The service's dependencies.
#[derive(Clone)]
pub struct Deps {
    /// Its documents.
    pub store: Arc<dyn Store>,
    /// The machine.
    pub host: Host,
    /// The catalogue service.
    pub catalogue: Arc<dyn Catalogue>,
    /// The auth service.
    pub auth: Arc<dyn Auth>,
    /// Counts what is listed.
    pub limits: Arc<dyn RateLimits>,
}

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The fees of sales.
    pub fees: FeeSchedule,
    /// How many tickets a new account may list in a day.
    pub max_new_listings: u32,
    /// How long after an event its sellers are paid.
    pub payout_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fees: FeeSchedule::default(),
            max_new_listings: 200,
            payout_after: Duration::from_secs(3 * 24 * 3600),
        }
    }
}

/// The tickets service.
#[derive(Clone)]
pub struct Tickets(Arc<Inner>);

struct Inner {
    tickets: Repository<Ticket>,
    row_claims: Repository<RowClaims>,
    sellers: Sellers,
    deleted_users: DeletedUsers,
    applied_fees: Repository<AppliedFees>,
    fees: Arc<FeeSchedule>,
    payout_after: Duration,
    limits: Arc<dyn RateLimits>,
    max_new_listings: u32,
    idempotency: Idempotency,
    pages: Pages,
    catalogue: Arc<dyn Catalogue>,
    host: Host,
    /// Woken when somebody's turn in a line has begun.
    turns: Wake,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    /// The service on `deps`.
    #[must_use]
    pub fn new(deps: Deps, config: Config) -> Self {
        let Deps { store, host, catalogue, auth, limits } = deps;
        Self(Arc::new(Inner {
            tickets: Repository::new(&TICKETS, Arc::clone(&store), host.clone()),
            row_claims: Repository::new(&ROW_CLAIMS, Arc::clone(&store), host.clone()),
            sellers: Sellers::new(Arc::clone(&store), auth, host.clone()),
            deleted_users: DeletedUsers::new(&DELETED_USERS, Arc::clone(&store), host.clone()),
            applied_fees: Repository::new(&APPLIED_FEES, Arc::clone(&store), host.clone()),
            fees: Arc::new(config.fees),
            limits,
            max_new_listings: config.max_new_listings,
            payout_after: config.payout_after,
            idempotency: Idempotency::new(&IDEMPOTENCY, store, host.clone()),
            pages: Pages::new(host.clone()),
            catalogue,
            host,
            turns: Wake::default(),
        }))
    }

    pub(crate) fn tickets(&self) -> &Repository<Ticket> {
        &self.0.tickets
    }

    pub(crate) fn row_claims(&self) -> &Repository<RowClaims> {
        &self.0.row_claims
    }

    /// What is known of sellers.
    pub(crate) fn sellers(&self) -> &Sellers {
        &self.0.sellers
    }

    pub(crate) fn deleted_users(&self) -> &DeletedUsers {
        &self.0.deleted_users
    }

    /// The fees that were applied to every listing.
    pub(crate) fn applied_fees(&self) -> &Repository<AppliedFees> {
        &self.0.applied_fees
    }

    /// How long after an event its sellers are paid.
    pub(crate) fn payout_after(&self) -> Duration {
        self.0.payout_after
    }

    /// The operator's fees.
    pub(crate) fn fees(&self) -> &Arc<FeeSchedule> {
        &self.0.fees
    }

    pub(crate) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.0.pages
    }

    pub(crate) fn limits(&self) -> &dyn RateLimits {
        &*self.0.limits
    }

    /// Woken when somebody's turn in a line has begun.
    pub(crate) fn turns(&self) -> &Wake {
        &self.0.turns
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn catalogue(&self) -> &dyn Catalogue {
        &*self.0.catalogue
    }

    /// Counts so many listings that a seller is about to make, all or none.
    ///
    /// # Errors
    /// [`Limited`]: nothing may be listed.
    pub(crate) async fn count_listings(
        &self,
        seller: UserId,
        is_established: bool,
        count: u32,
    ) -> Result<(), Limited> {
        self.listings_a_day().count(&*self.0.limits, seller, is_established, count).await
    }

    /// How many of so many more listings a seller may make now, and when the next one may be where they are not all.
    ///
    /// # Errors
    /// [`LimitsUnavailable`].
    pub(crate) async fn listings_left(
        &self,
        seller: UserId,
        is_established: bool,
        wanted: u32,
    ) -> Result<(u32, Option<Duration>), LimitsUnavailable> {
        self.listings_a_day().left(&*self.0.limits, seller, is_established, wanted).await
    }

    fn listings_a_day(&self) -> Creations<'static> {
        Creations { what: "tickets.listed", most_of_new: self.0.max_new_listings }
    }

    /// Applies a command to a ticket.
    ///
    /// # Errors
    /// As [`Repository::apply`].
    pub(crate) async fn apply(
        &self,
        context: &Context,
        id: TicketId,
        command: &Command,
    ) -> Result<Applied<Ticket>, ApplyError<Refusal>> {
        let applied = self.tickets().apply(context, id, command).await?;
        self.changed(context, &applied).await;
        Ok(applied)
    }

    /// As [`Self::apply`], on a ticket that was loaded a moment ago, and only if the precondition holds.
    ///
    /// # Errors
    /// As [`Repository::apply_to`].
    pub(crate) async fn apply_to(
        &self,
        context: &Context,
        known: Versioned<Ticket>,
        precondition: &Precondition,
        command: &Command,
    ) -> Result<Applied<Ticket>, ApplyError<Refusal>> {
        let applied = self.tickets().apply_to(context, known, precondition, command).await?;
        self.changed(context, &applied).await;
        Ok(applied)
    }

    /// As [`Self::apply`], for a command that is as good as done when the ticket refuses it: nobody
    /// waits for an answer.
    ///
    /// # Errors
    /// [`RepositoryError`]: the command may be applied.
    pub(crate) async fn apply_if_possible(
        &self,
        context: &Context,
        id: TicketId,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        match self.apply(context, id, command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// The change is visible from now on: pages that were kept are outdated, and the catalogue
    /// counts the change at once. Where the call fails, the event of the change says the same.
    async fn changed(&self, context: &Context, applied: &Applied<Ticket>) {
        let after = &applied.after;
        if applied.changed && after.state.line.turn().is_some() {
            self.0.turns.wake();
        }
        let Some(event_id) = after.state.event_id.filter(|_| applied.changed) else { return };
        self.pages().changed(event_id);
        let listing = Listing { version: after.version, ticket: after.state.state() };
        let call = self.catalogue().listing_changed(context, listing);
        if !matches!(self.0.host.timeout(COUNT_MAX, call).await, Ok(Ok(()))) {
            tracing::debug!(ticket.id = %after.state.id, "listing not counted yet");
        }
    }
}
