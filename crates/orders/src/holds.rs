//! Nobody shuts the market: in how many checkouts one buyer may be, and how often one network begins one.

use std::{net::IpAddr, time::Duration};

use stubmart_contract::{OrderId, UserId, api::OrderStatus};
use stubmart_kernel::{
    RepositoryError,
    limited::{self, Limited},
    network::network,
    turns::Turn,
};
use stubmart_ports::limits::{LimitsUnavailable, Quota};

use crate::{
    order::{Order, index, of_user_in},
    service::Orders,
};

/// How often a buyer may begin a checkout, however soon each is left.
const BEGUN: Quota = Quota { burst: 60, every: Duration::from_secs(20) };

/// How often one network may: an office or a dormitory shares an address.
const BEGUN_IN_NETWORK: Quota = Quota { burst: 300, every: Duration::from_secs(2) };

/// How many checkouts a buyer may let run out: each kept a ticket from others for its whole hold.
const RAN_OUT: Quota = Quota { burst: 5, every: Duration::from_secs(20 * 60) };

/// How long somebody waits that begins more checkouts at once than can queue.
const QUEUE_WAIT: Duration = Duration::from_secs(1);

/// How many orders beyond the limit are looked at: some may have run out a moment ago.
const BEYOND: usize = 50;

/// Why no checkout may begin. Nothing happened.
#[derive(Debug)]
pub(crate) enum HoldError {
    /// The buyer is in too many checkouts, begins them too often, or let too many run out.
    TooMany {
        /// When to come back.
        wait: Duration,
    },
    /// The limits could not be asked.
    Limits(LimitsUnavailable),
    /// The repository failed.
    Repository(RepositoryError),
}

impl From<Limited> for HoldError {
    fn from(limited: Limited) -> Self {
        match limited {
            Limited::TooMany { wait } => Self::TooMany { wait },
            Limited::Unavailable(error) => Self::Limits(error),
        }
    }
}

impl From<RepositoryError> for HoldError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Orders {
    /// The buyer's turn to begin the checkout `id`, to be held until its order is saved. `None` where nothing
    /// is limited.
    ///
    /// # Errors
    /// [`HoldError`].
    pub(crate) async fn turn_to_hold(
        &self,
        id: OrderId,
        buyer: UserId,
        from: Option<IpAddr>,
    ) -> Result<Option<Turn<'_>>, HoldError> {
        let Some(most) = self.config().max_holds else { return Ok(None) };
        let turn = self.turns().take(buyer.to_string()).await;
        let turn = turn.ok_or(HoldError::TooMany { wait: QUEUE_WAIT })?;
        limited::check(self.limits(), &ran_out(buyer), RAN_OUT).await?;
        let now = self.host().now();
        let mut live: Vec<Order> = Vec::new();
        for status in [OrderStatus::Created, OrderStatus::AwaitingPayment] {
            let scan = self.orders().scan(index::USER_STATUS, &of_user_in(buyer, status));
            let found = self.orders().find(scan.limit(most.saturating_add(BEYOND))).await?;
            live.extend(found.into_iter().map(|row| row.found.state));
        }
        let has_run_out = |it: &Order| it.status == OrderStatus::Created && it.expires_at <= now;
        live.retain(|it| it.id != id && !has_run_out(it));
        if live.len() >= most {
            let first = live.iter().map(|it| it.expires_at).min().unwrap_or(now);
            return Err(HoldError::TooMany { wait: first.since(now) });
        }
        limited::take(self.limits(), &format!("orders.begun.{buyer}"), BEGUN, 1).await?;
        if let Some(from) = from {
            let key = format!("orders.begun.{}", network(from));
            limited::take(self.limits(), &key, BEGUN_IN_NETWORK, 1).await?;
        }
        Ok(Some(turn))
    }

    /// Counts a checkout that its buyer let run out.
    pub(crate) async fn count_run_out(&self, buyer: UserId) {
        if self.config().max_holds.is_none() {
            return;
        }
        if let Err(error) = self.limits().take(&ran_out(buyer), RAN_OUT).await {
            tracing::warn!(%error, "a checkout that ran out was not counted");
        }
    }
}

fn ran_out(buyer: UserId) -> String {
    format!("orders.ran_out.{buyer}")
}
