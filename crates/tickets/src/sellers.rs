//! What is shown of sellers is learned, and looked up for lists.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use futures_util::future::try_join_all;
use quick_cache::sync::Cache;
use stubmart_contract::{Context, Timestamp, UserId, api};
use stubmart_kernel::{ApplyError, Repository, RepositoryError};
use stubmart_ports::{
    calls::{Auth, CallError},
    host::Host,
    store::Store,
};

use crate::seller::{Command, News, SELLERS, Seller};

/// How long what was read is shown: another instance may have learned more.
const KEPT: Duration = Duration::from_secs(1);

/// How many sellers are kept.
const KEPT_MAX: usize = 10_000;

/// How long a first listing waits at the most until its seller is known.
const MEET_MAX: Duration = Duration::from_millis(100);

/// Why no more was learned of a seller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LearnError {
    /// Auth did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What is known of sellers.
pub(crate) struct Sellers {
    known: Repository<Seller>,
    shown: Cache<UserId, (Timestamp, Option<api::Seller>)>,
    auth: Arc<dyn Auth>,
    host: Host,
}

impl fmt::Debug for Sellers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sellers").finish_non_exhaustive()
    }
}

impl Sellers {
    pub(crate) fn new(store: Arc<dyn Store>, auth: Arc<dyn Auth>, host: Host) -> Self {
        let known = Repository::new(&SELLERS, store, host.clone());
        Self { known, shown: Cache::new(KEPT_MAX), auth, host }
    }

    /// What buyers see of these users, as far as it is known; it may be a second old.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`].
    pub(crate) async fn of(
        &self,
        ids: BTreeSet<UserId>,
    ) -> Result<BTreeMap<UserId, api::Seller>, RepositoryError> {
        let found = try_join_all(ids.into_iter().map(|id| self.one(id))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn one(&self, id: UserId) -> Result<Option<(UserId, api::Seller)>, RepositoryError> {
        let now = self.host.now();
        if let Some((read, shown)) = self.shown.get(&id)
            && now >= read
            && now.since(read) < KEPT
        {
            return Ok(shown.map(|shown| (id, shown)));
        }
        let shown = self.known.load(id).await?.and_then(|seller| seller.state.shown());
        self.shown.insert(id, (now, shown.clone()));
        Ok(shown.map(|shown| (id, shown)))
    }

    /// Whether auth was asked for the user before.
    pub(crate) async fn is_known(&self, id: UserId) -> Result<bool, RepositoryError> {
        let known = self.known.load(id).await?;
        Ok(known.is_some_and(|seller| seller.state.shown().is_some()))
    }

    /// Learns of a seller who lists for the first time, so that the listing shows the seller at once. Where
    /// that takes too long, the event of the listing does it.
    pub(crate) async fn meet(&self, context: &Context, id: UserId) {
        let meeting = async {
            if self.one(id).await?.is_none() {
                self.learn(context, id).await?;
            }
            Ok::<_, LearnError>(())
        };
        if !matches!(self.host.timeout(MEET_MAX, meeting).await, Ok(Ok(()))) {
            tracing::debug!(user.id = %id, "seller not known yet");
        }
    }

    /// Asks auth what may be shown of a user, and keeps it.
    ///
    /// # Errors
    /// [`LearnError`]: it may be kept.
    pub(crate) async fn learn(&self, context: &Context, id: UserId) -> Result<(), LearnError> {
        let news = self.auth.profile(context, id).await?.map_or(News::Closed, News::Profile);
        Ok(self.tell(context, id, news).await?)
    }

    /// The account is deleted.
    pub(crate) async fn close(&self, context: &Context, id: UserId) -> Result<(), RepositoryError> {
        self.tell(context, id, News::Closed).await
    }

    /// So many listings were sold.
    pub(crate) async fn sold(
        &self,
        context: &Context,
        id: UserId,
        sold: u32,
    ) -> Result<(), RepositoryError> {
        self.tell(context, id, News::Sold(sold)).await
    }

    async fn tell(
        &self,
        context: &Context,
        seller: UserId,
        news: News,
    ) -> Result<(), RepositoryError> {
        let applied = self.known.apply(context, seller, &Command { seller, news }).await;
        self.shown.remove(&seller);
        match applied {
            Ok(_) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended),
            Err(ApplyError::Refused { refusal, .. }) => match refusal {},
        }
    }
}
