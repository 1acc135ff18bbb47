//! Use cases of claims: a buyer makes one, the seller answers, an operator decides.

use async_trait::async_trait;
use stubmart_contract::{
    ClaimId, Context, OrderId, UserId,
    api::{ClaimKind, ClaimOutcome, DeliverySide},
};
use stubmart_kernel::{
    ApplyError, Repository, RepositoryError, Versioned,
    due::{Due, DueError},
    worker::Wake,
};

use crate::{
    begin::BeginError,
    claim::{Claim, Command, NewClaim, Refusal, index, of_order},
    service::{Deliveries, SERVICE},
};

/// What a buyer claims.
#[derive(Debug, Clone)]
pub(crate) struct ClaimRequest {
    /// The claim's id.
    pub(crate) id: ClaimId,
    /// The order.
    pub(crate) order_id: OrderId,
    /// The buyer.
    pub(crate) buyer_id: UserId,
    /// What was wrong.
    pub(crate) kind: ClaimKind,
    /// What happened.
    pub(crate) text: String,
}

/// Why a claim was not made.
#[derive(Debug)]
pub(crate) enum OpenClaimError {
    /// There is no delivery of such an order, or the user has no part in it. Nothing happened.
    NotFound,
    /// The seller does not claim. Nothing happened.
    OtherSide,
    /// The money was given back, or it is too late. Nothing happened.
    Closed,
    /// There is a claim about this order. Nothing happened.
    Exists,
    /// Another service or the repository failed. It may be made; to make it again under its id is fine.
    Failed(BeginError),
}

impl From<BeginError> for OpenClaimError {
    fn from(error: BeginError) -> Self {
        Self::Failed(error)
    }
}

impl Deliveries {
    /// A buyer claims. The seller's money waits from then on until it is decided.
    ///
    /// # Errors
    /// [`OpenClaimError`], which says what happened.
    pub(crate) async fn open_claim(
        &self,
        context: &Context,
        request: ClaimRequest,
    ) -> Result<Versioned<Claim>, OpenClaimError> {
        let ClaimRequest { id, order_id, buyer_id, kind, text } = request;
        let found = self.of_buyer(context, order_id, buyer_id).await?;
        let delivery = found.ok_or(OpenClaimError::NotFound)?.state;
        match delivery.side(buyer_id) {
            Some(DeliverySide::Buyer) => {}
            Some(DeliverySide::Seller) => return Err(OpenClaimError::OtherSide),
            None => return Err(OpenClaimError::NotFound),
        }
        if delivery.claims_until().is_none_or(|until| until <= self.host().now()) {
            return Err(OpenClaimError::Closed);
        }
        let seller_id = delivery.seller_id;
        let new = NewClaim { id, order_id, buyer_id, seller_id, kind, text };
        let command = Command::Open(Box::new(new));
        match self.claims().apply(context, id, &command).await {
            Ok(applied) => {
                self.watch_claims().wake();
                Ok(applied.after)
            }
            Err(ApplyError::Repository(RepositoryError::Taken { .. })) => {
                Err(OpenClaimError::Exists)
            }
            Err(ApplyError::Repository(error)) => Err(BeginError::Repository(error).into()),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                Err(BeginError::Repository(RepositoryError::Contended).into())
            }
        }
    }

    /// The claim about an order, for its buyer and its seller.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn claim_of(
        &self,
        order_id: OrderId,
        user: UserId,
    ) -> Result<Option<Claim>, RepositoryError> {
        let found = self.claims().by_unique(index::ORDER, &of_order(order_id)).await?;
        let claim = found.map(|it| it.state);
        Ok(claim.filter(|it| it.buyer_id == user || it.seller_id == user))
    }

    /// The seller answers the claim about an order.
    ///
    /// # Errors
    /// [`ApplyError`], which says what happened.
    pub(crate) async fn answer_claim(
        &self,
        context: &Context,
        order_id: OrderId,
        seller: UserId,
        text: String,
    ) -> Result<Versioned<Claim>, ApplyError<Refusal>> {
        let found = self.claims().by_unique(index::ORDER, &of_order(order_id)).await?;
        let Some(found) = found else {
            return Err(ApplyError::Refused { refusal: Refusal::NotFound, version: None });
        };
        let command = Command::Answer { by: seller, text };
        Ok(self.claims().apply(context, found.state.id, &command).await?.after)
    }

    /// An operator decides a claim. Payments hears of it by the event: it gives the money back, or lets the
    /// seller have it.
    ///
    /// # Errors
    /// [`ApplyError`], which says what happened.
    pub async fn decide_claim(
        &self,
        context: &Context,
        id: ClaimId,
        outcome: ClaimOutcome,
        reason: &str,
    ) -> Result<Versioned<Claim>, ApplyError<Refusal>> {
        let command = Command::Decide { outcome, reason: reason.to_owned() };
        Ok(self.claims().apply(context, id, &command).await?.after)
    }
}

/// Decides claims whose sellers are silent.
pub(crate) struct SilentSellers(pub(crate) Deliveries);

#[async_trait]
impl Due for SilentSellers {
    type Aggregate = Claim;

    fn name(&self) -> &'static str {
        "delivery-silent-sellers"
    }

    fn repository(&self) -> &Repository<Claim> {
        self.0.claims()
    }

    fn index(&self) -> &'static str {
        index::SILENT
    }

    async fn run(&self, id: ClaimId) -> Result<(), DueError> {
        match self.repository().apply(&Context::work(SERVICE), id, &Command::Watch).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.watch_claims().clone())
    }
}
