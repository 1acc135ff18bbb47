//! What all use cases of the service stand on.

use std::{fmt, sync::Arc, time::Duration};

use stubmart_contract::{Context, OrderId, api::OrderStatus};
use stubmart_kernel::{
    Applied, ApplyError, Repository, RepositoryError,
    aggregate::Collection,
    deleted_users::DeletedUsers,
    idempotency::{self, Idempotency},
    turns::Turns,
    worker::Wake,
};
use stubmart_ports::{
    calls::{CallError, Tickets},
    host::Host,
    limits::RateLimits,
    store::Store,
};

use crate::{
    order::{self, Command, Order, Refusal},
    timeline::{self, Timeline},
};

/// The service's name.
pub const SERVICE: &str = "orders";

static IDEMPOTENCY: Collection =
    Collection { name: "orders.idempotency", indexes: idempotency::INDEXES };

static DELETED_USERS: Collection = Collection { name: "orders.departed", indexes: &[] };

/// All that the service keeps.
pub const COLLECTIONS: &[&Collection] =
    &[&order::ORDERS, &timeline::TIMELINES, &IDEMPOTENCY, &DELETED_USERS];

/// How long an answer waits at the most for tickets to follow.
const FOLLOW_MAX: Duration = Duration::from_secs(2);

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// Its documents.
    pub store: Arc<dyn Store>,
    /// The machine.
    pub host: Host,
    /// The tickets service.
    pub tickets: Arc<dyn Tickets>,
    /// Counts what is done too often.
    pub limits: Arc<dyn RateLimits>,
}

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a checkout holds its ticket.
    pub hold: Duration,
    /// How long after its page was closed a checkout is left.
    pub leave_grace: Duration,
    /// In how many checkouts a buyer may be at once; in any number when `None`.
    pub max_holds: Option<usize>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hold: Duration::from_secs(15 * 60),
            leave_grace: Duration::from_secs(20),
            max_holds: None,
        }
    }
}

/// The orders service.
#[derive(Clone)]
pub struct Orders(Arc<Inner>);

struct Inner {
    orders: Repository<Order>,
    timelines: Repository<Timeline>,
    deleted_users: DeletedUsers,
    idempotency: Idempotency,
    tickets: Arc<dyn Tickets>,
    limits: Arc<dyn RateLimits>,
    /// One checkout at a time begins for each buyer: of many at once none may slip through uncounted.
    turns: Turns,
    leaving: Wake,
    host: Host,
    config: Config,
}

impl fmt::Debug for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Orders").finish_non_exhaustive()
    }
}

impl Orders {
    /// The service on `deps`.
    #[must_use]
    pub fn new(deps: Deps, config: Config) -> Self {
        let Deps { store, host, tickets, limits } = deps;
        Self(Arc::new(Inner {
            orders: Repository::new(&order::ORDERS, Arc::clone(&store), host.clone()),
            timelines: Repository::new(&timeline::TIMELINES, Arc::clone(&store), host.clone()),
            deleted_users: DeletedUsers::new(&DELETED_USERS, Arc::clone(&store), host.clone()),
            idempotency: Idempotency::new(&IDEMPOTENCY, store, host.clone()),
            tickets,
            limits,
            turns: Turns::default(),
            leaving: Wake::default(),
            host,
            config,
        }))
    }

    pub(crate) fn timelines(&self) -> &Repository<Timeline> {
        &self.0.timelines
    }

    pub(crate) fn orders(&self) -> &Repository<Order> {
        &self.0.orders
    }

    pub(crate) fn deleted_users(&self) -> &DeletedUsers {
        &self.0.deleted_users
    }

    pub(crate) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    pub(crate) fn limits(&self) -> &dyn RateLimits {
        &*self.0.limits
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    pub(crate) fn tickets(&self) -> &dyn Tickets {
        &*self.0.tickets
    }

    /// Wakes the sweep of closed checkouts.
    pub(crate) fn leaving(&self) -> &Wake {
        &self.0.leaving
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Applies a command, and has the ticket follow an order that the command has ended.
    ///
    /// # Errors
    /// As [`Repository::apply`].
    pub(crate) async fn apply(
        &self,
        context: &Context,
        id: OrderId,
        command: &Command,
    ) -> Result<Applied<Order>, ApplyError<Refusal>> {
        let applied = self.orders().apply(context, id, command).await?;
        if applied.changed {
            self.follow(context, &applied.after.state).await;
        }
        Ok(applied)
    }

    /// As [`Self::apply`], for a command that is as good as done when the order refuses it: nobody
    /// waits for an answer.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn apply_if_possible(
        &self,
        context: &Context,
        id: OrderId,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        match self.apply(context, id, command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// Has the ticket follow an order that has ended, as far as tickets answers in time. Where it does
    /// not, the ticket follows the order's event a little later.
    pub(crate) async fn follow(&self, context: &Context, order: &Order) {
        if let Err(error) = self.end_lock(context, order).await {
            tracing::debug!(order.id = %order.id, %error, "ticket not released or sold yet");
        }
    }

    /// Ends the lock of an order that has ended: its ticket is released or sold. Does nothing for any
    /// other order. Again is fine.
    ///
    /// # Errors
    /// [`CallError`]: the ticket may be released or sold.
    pub(crate) async fn end_lock(&self, context: &Context, order: &Order) -> Result<(), CallError> {
        let (tickets, ticket_id) = (self.tickets(), order.ticket_id);
        let call = match order.status {
            OrderStatus::Created | OrderStatus::AwaitingPayment => return Ok(()),
            OrderStatus::Cancelled => tickets.release(context, ticket_id, order.id),
            OrderStatus::Completed => tickets.sell(context, ticket_id, order.id),
        };
        let now = self.host().now();
        let left = context.deadline.map_or(FOLLOW_MAX, |deadline| deadline.since(now));
        match self.host().timeout(left.min(FOLLOW_MAX), call).await {
            Ok(answer) => answer,
            Err(timed_out) => Err(CallError(timed_out.into())),
        }
    }
}
