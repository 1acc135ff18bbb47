//! Use case: what happened to a charge's money is posted to the ledger.
//!
//! It is posted from the charge as it is stored, not from the news that it changed. So news that come
//! twice, late or in another order post the same, and what was posted before is posted once.

use stubmart_contract::{ChargeId, Context};
use stubmart_kernel::{ApplyError, RepositoryError, mark, mutant};
use stubmart_ports::calls::CallError;

use crate::{
    charge::{Charge, Stage},
    ledger::{Fact, Line, Posting, captured, reversed, unmatched},
    service::Payments,
};

/// Why the money of a charge was not posted, or not all of it. Posting it again posts the rest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PostError {
    /// Orders did not say what the charge was for.
    #[error(transparent)]
    Orders(#[from] CallError),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Payments {
    /// Posts every movement of a charge's money that is not posted yet.
    ///
    /// # Errors
    /// [`PostError`].
    pub(crate) async fn post(&self, context: &Context, id: ChargeId) -> Result<(), PostError> {
        let Some(charge) = self.charges().load(id).await?.map(|it| it.state) else { return Ok(()) };
        let was_captured = charge.stage == Stage::Completed || charge.refund_id.is_some();
        if !was_captured || mutant!("a capture is not booked") {
            return Ok(());
        }
        let captured = self.post_capture(context, &charge).await?;
        if charge.refund_id.is_some() && !mutant!("a refund is not booked") {
            mark!("a refund was booked");
            self.post_fact(
                context,
                Posting { fact: Fact::Refunded(id), lines: reversed(&captured.lines), ..captured },
            )
            .await?;
        }
        Ok(())
    }

    /// Posts that the charge's money was captured. Answers with what is posted.
    async fn post_capture(&self, context: &Context, charge: &Charge) -> Result<Posting, PostError> {
        let fact = Fact::Captured(charge.id);
        if let Some(posted) = self.ledger().load(fact.id()).await? {
            let it = posted.state;
            let (order_id, seller_id, currency) = (it.order_id, it.seller_id, it.currency);
            return Ok(Posting { fact, order_id, seller_id, currency, lines: it.lines });
        }
        let order = self.orders().order(context, charge.user_id, charge.order_id).await?;
        let agreed = (charge.amount, charge.currency);
        let sale = order
            .filter(|it| charge.stage == Stage::Completed && (it.amount, it.currency) == agreed);
        let lines: Vec<Line> = match &sale {
            Some(sale) => captured(sale),
            None => unmatched(charge.amount),
        };
        let posting = Posting {
            fact,
            order_id: charge.order_id,
            seller_id: sale.map(|it| it.seller_id),
            currency: charge.currency,
            lines,
        };
        self.post_fact(context, posting.clone()).await?;
        Ok(posting)
    }

    async fn post_fact(&self, context: &Context, posting: Posting) -> Result<(), RepositoryError> {
        match self.ledger().create(context, posting.fact.id(), &posting).await {
            Ok(_) => Ok(()),
            Err(ApplyError::Refused { refusal, .. }) => {
                Err(RepositoryError::Corrupt(refusal.into()))
            }
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }
}
