//! Use case: what happened to the money of a charge and of a sale is posted to the ledger.
//!
//! It is posted from the charge or the sale as it is stored, not from the news that it changed. So news that come
//! twice, late or in another order post the same, and what was posted before is posted once.

use stubmart_contract::{ChargeId, Context, OrderId, SaleId};
use stubmart_kernel::{ApplyError, RepositoryError, mark, mutant};
use stubmart_ports::calls::CallError;

use crate::{
    charge::{Charge, Stage},
    ledger::{Fact, Line, Posting, captured, given_back, reversed, unmatched},
    sale::{Sale, postings},
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
    /// Posts every movement of a charge's money that is not posted yet. Answers with all lines that are posted
    /// for it.
    ///
    /// # Errors
    /// [`PostError`].
    pub(crate) async fn post(
        &self,
        context: &Context,
        id: ChargeId,
    ) -> Result<Vec<Line>, PostError> {
        let Some(charge) = self.charges().load(id).await?.map(|it| it.state) else {
            return Ok(Vec::new());
        };
        if !charge.was_captured() || mutant!("a capture is not booked") {
            return Ok(Vec::new());
        }
        let captured = self.post_capture(context, &charge).await?;
        let mut posted = captured.lines.clone();
        // In their order, and each from what is posted before it: so all who post, post the same.
        for (place, refund) in (0..).zip(&charge.refunds) {
            if refund.provider_id.is_none() || mutant!("a refund is not booked") {
                continue;
            }
            mark!("a refund was booked");
            let Some(lines) = given_back(&posted, refund.amount) else {
                let text = format!("more is given back for charge {id} than was captured");
                return Err(RepositoryError::Corrupt(text.into()).into());
            };
            let given = Posting { fact: Fact::Refunded(id, place), lines, ..captured.clone() };
            let given = self.post_fact(context, &given).await?;
            posted.extend(&given);
            if refund.has_failed() && !mutant!("a refund that failed is not booked") {
                mark!("a refund that failed was booked");
                let fact = Fact::RefundFailed(id, place);
                let back = Posting { fact, lines: reversed(&given), ..captured.clone() };
                posted.extend(self.post_fact(context, &back).await?);
            }
        }
        Ok(posted)
    }

    /// Posts every move of a sale's money that is not posted yet.
    ///
    /// # Errors
    /// [`RepositoryError`]. To post it again posts the rest.
    pub(crate) async fn post_sale(
        &self,
        context: &Context,
        order_id: OrderId,
    ) -> Result<(), RepositoryError> {
        let Some(sale) = self.sales().load(SaleId::of(order_id)).await? else { return Ok(()) };
        let Sale { seller_id, currency, fees, moves, .. } = sale.state;
        for (fact, lines) in postings(order_id, seller_id, fees, &moves) {
            let seller_id = Some(seller_id);
            let posting = Posting { fact, order_id, seller_id, currency, lines };
            self.post_fact(context, &posting).await?;
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
        let lines = self.post_fact(context, &posting).await?;
        Ok(Posting { lines, ..posting })
    }

    /// Posts a fact, unless it is posted already. Answers with the lines that are posted for it.
    async fn post_fact(
        &self,
        context: &Context,
        posting: &Posting,
    ) -> Result<Vec<Line>, RepositoryError> {
        match self.ledger().create(context, posting.fact.id(), posting).await {
            Ok(applied) => Ok(applied.after.state.lines),
            Err(ApplyError::Refused { refusal, .. }) => {
                Err(RepositoryError::Corrupt(refusal.into()))
            }
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }
}
