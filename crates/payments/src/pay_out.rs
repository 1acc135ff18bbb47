//! Use cases of an operator: a seller was paid, and the money of a sale is held by hand.

use std::collections::HashMap;

use stubmart_contract::{Context, OrderId, PayoutId, event::PayoutItem};
use stubmart_kernel::{ApplyError, RepositoryError, Versioned, aggregate::Key};

use crate::{
    payout::{self, PaidBefore, Pay, Payout, ToPay, of_seller_in, to_pay},
    sale::{Command, Refusal, Sale, index},
    service::Payments,
};

/// How many sales are read at once.
const BATCH: usize = 500;

/// Why a payout is not noted as paid. Nothing happened, unless the repository failed.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// Nothing like it is to be paid: there never was, or what is due to the seller has changed since.
    #[error(
        "nothing is due under this id: what is due to the seller may have changed since it was listed"
    )]
    NotDue,
    /// It was noted with another reference.
    #[error("this payout was noted as paid before, with reference {0}")]
    PaidBefore(String),
    /// The repository failed. It may be noted; to note it again is fine.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Why the money of a sale is not held or freed. Nothing happened, unless the repository failed.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The sale does not take it.
    #[error(transparent)]
    Refused(Refusal),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Payments {
    /// A seller was paid what was listed under this id. To note it again with the same reference is fine.
    ///
    /// # Errors
    /// [`PayError`].
    pub async fn paid(
        &self,
        context: &Context,
        id: PayoutId,
        reference: &str,
    ) -> Result<Payout, PayError> {
        if let Some(paid) = self.payouts().load(id).await? {
            if paid.state.reference != reference {
                return Err(PayError::PaidBefore(paid.state.reference));
            }
            self.settle_payout(context, id, &paid.state.to_pay.items).await?;
            return Ok(paid.state);
        }
        let sales = self.payable_sales().await?;
        let found = self.find_to_pay(&sales, id).await?.ok_or(PayError::NotDue)?;
        let (to_pay, last) = found;
        // Whatever was paid before has reached its sales, before it is followed by another payout.
        if let Some(last) = &last {
            self.settle_payout(context, last.to_pay.id, &last.to_pay.items).await?;
        }
        let paid_before = last.map_or(0, |it| it.paid_in_all);
        let pay = Pay { to_pay, paid_before, reference: reference.to_owned() };
        let paid = match self.payouts().apply(context, id, &pay).await {
            Ok(applied) => applied.after.state,
            Err(ApplyError::Refused { refusal: PaidBefore(other), .. }) => {
                return Err(PayError::PaidBefore(other));
            }
            // Another payout was noted for the seller at this moment.
            Err(ApplyError::Repository(RepositoryError::Taken { .. })) => {
                return Err(PayError::NotDue);
            }
            Err(ApplyError::Repository(error)) => return Err(error.into()),
            Err(ApplyError::Stale { .. }) => return Err(RepositoryError::Contended.into()),
        };
        tracing::info!(payout.id = %id, amount = paid.to_pay.amount, "seller paid");
        self.settle_payout(context, id, &paid.to_pay.items).await?;
        Ok(paid)
    }

    /// What was listed under this id, if it is still due, with the seller's last payout.
    async fn find_to_pay(
        &self,
        sales: &[Sale],
        id: PayoutId,
    ) -> Result<Option<(ToPay, Option<Payout>)>, RepositoryError> {
        let mut of_seller: HashMap<_, Vec<&Sale>> = HashMap::new();
        for sale in sales {
            of_seller.entry((sale.seller_id, sale.currency)).or_default().push(sale);
        }
        for (of, sales) in of_seller {
            let scan = self.payouts().scan(payout::index::NUMBER, &of_seller_in(of.0, of.1));
            let last = self.payouts().find(scan.descending().limit(1)).await?.pop();
            let last = last.map(|row| row.found.state);
            let known = last.iter().map(|it| (of, it)).collect();
            let listed = to_pay(sales, &known).pop().filter(|it| it.id == id && it.amount > 0);
            if let Some(listed) = listed {
                return Ok(Some((listed, last)));
            }
        }
        Ok(None)
    }

    /// Every sale of which something is to be paid or is owed.
    async fn payable_sales(&self) -> Result<Vec<Sale>, RepositoryError> {
        let mut scan = self.sales().scan(index::PAYABLE, &Key::new()).limit(BATCH);
        let mut sales = Vec::new();
        loop {
            let rows = self.sales().find(scan.clone()).await?;
            let Some(last) = rows.last() else { return Ok(sales) };
            scan = scan.behind(&last.key);
            sales.extend(rows.into_iter().map(|row| row.found.state));
        }
    }

    /// The sales that a payout paid for know it.
    ///
    /// # Errors
    /// [`RepositoryError`]. Again is fine.
    pub(crate) async fn settle_payout(
        &self,
        context: &Context,
        payout: PayoutId,
        items: &[PayoutItem],
    ) -> Result<(), RepositoryError> {
        for PayoutItem { order_id, amount } in items {
            let settle = Command::Settle { payout, amount: *amount };
            self.apply_to_sale(context, *order_id, &settle).await?;
        }
        Ok(())
    }

    /// An operator holds the money of a sale, or changes the reason.
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn hold_sale(
        &self,
        context: &Context,
        order_id: OrderId,
        reason: &str,
    ) -> Result<Versioned<Sale>, HoldError> {
        self.by_hand(context, order_id, &Command::Hold(reason.to_owned())).await
    }

    /// The operator holds the money of a sale no longer.
    ///
    /// # Errors
    /// [`HoldError`].
    pub async fn free_sale(
        &self,
        context: &Context,
        order_id: OrderId,
    ) -> Result<Versioned<Sale>, HoldError> {
        self.by_hand(context, order_id, &Command::Free).await
    }

    async fn by_hand(
        &self,
        context: &Context,
        order_id: OrderId,
        command: &Command,
    ) -> Result<Versioned<Sale>, HoldError> {
        match self.change_sale(context, order_id, command).await {
            Ok(applied) => Ok(applied.after),
            Err(ApplyError::Refused { refusal, .. }) => Err(HoldError::Refused(refusal)),
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended.into()),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }
}
