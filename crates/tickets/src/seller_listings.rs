//! Use cases: what the listings of a user say about the seller.

use stubmart_contract::UserId;
use stubmart_kernel::{RepositoryError, aggregate::Key};

use crate::{
    service::Tickets,
    ticket::{Phase, index},
};

/// How many sold listings are counted with one read.
const COUNTED: usize = 1_000;

impl Tickets {
    /// Whether the user has a listing, in whatever state.
    pub(crate) async fn has_listed(&self, user: UserId) -> Result<bool, RepositoryError> {
        let scan = self.tickets().scan(index::SELLER, &Key::new().id(user.0)).limit(1);
        Ok(!self.tickets().keys(scan).await?.is_empty())
    }

    /// How many of the user's listings are sold.
    pub(crate) async fn count_sold(&self, user: UserId) -> Result<u32, RepositoryError> {
        let sold = Key::new().id(user.0).number(Phase::Sold.number());
        let mut scan = self.tickets().scan(index::SELLER, &sold).limit(COUNTED);
        let mut count: usize = 0;
        loop {
            let keys = self.tickets().keys(scan.clone()).await?;
            count = count.saturating_add(keys.len());
            let Some((last, _)) = keys.last() else { break };
            scan = scan.behind(last);
        }
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}
