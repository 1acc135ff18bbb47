//! Use case: an order was paid for, and its seller's money is held; and what happens to that money by its charge,
//! its delivery, its event and its claim.

use stubmart_contract::{
    ChargeId, Context, EventId, OrderId, SaleId,
    api::{EventStatus, OrderTicket},
    calls::ShowForListing,
};
use stubmart_kernel::{Applied, ApplyError, RepositoryError, mutant, repository::Row};

use crate::{
    charge::Stage,
    ledger::{Account, Line},
    post::PostError,
    sale::{Command, Part, Refusal, Sale, Show, index, of_event},
    service::Payments,
};

/// How many sales are read at once.
const BATCH: usize = 200;

impl Payments {
    /// The sale that a charge paid for goes by the charge as it is now; it begins if it was not there.
    /// A charge that paid for none leads to nothing.
    ///
    /// # Errors
    /// [`PostError`]. To record it again is fine.
    pub(crate) async fn record_sale(
        &self,
        context: &Context,
        id: ChargeId,
    ) -> Result<(), PostError> {
        let Some(charge) = self.charges().load(id).await? else { return Ok(()) };
        let (version, charge) = (charge.version, charge.state);
        if charge.stage != Stage::Completed || mutant!("a sale is not recorded") {
            return Ok(());
        }
        let lines = self.post(context, id).await?;
        if lines.is_empty() || lines.iter().any(|it| it.account == Account::Unmatched) {
            return Ok(());
        }
        let held = Account::OrderHeld(charge.order_id);
        let booked = |account| left_on(&lines, account);
        let part = Part { version, net: booked(held), fees: booked(Account::FeesDeferred) };
        let sale_id = SaleId::of(charge.order_id);
        if self.sales().load(sale_id).await?.is_none() {
            let order = self.orders().order(context, charge.user_id, charge.order_id).await?;
            let missing = || RepositoryError::Corrupt("an order that was paid for is gone".into());
            let order = order.ok_or_else(missing)?;
            let show = self.show_of(context, order.ticket.as_ref()).await?;
            let begin = Command::Begin {
                order: Box::new(order),
                charge_id: id,
                sold_at: charge.created_at,
                show,
                payout_after: self.config().payout_after,
                part,
            };
            self.apply_to_sale(context, charge.order_id, &begin).await?;
        }
        Ok(self.apply_to_sale(context, charge.order_id, &Command::Share(part)).await?)
    }

    /// The event of a ticket as catalogue knows it.
    async fn show_of(
        &self,
        context: &Context,
        ticket: Option<&OrderTicket>,
    ) -> Result<Option<Show>, PostError> {
        let Some(id) = ticket.and_then(|it| it.event_id) else { return Ok(None) };
        Ok(self.catalogue().show(context, id).await?.map(|it| as_known(&it)))
    }

    /// Something of an order's sale is known. News of a sale may come before the sale is recorded: then it is
    /// recorded first.
    ///
    /// # Errors
    /// [`PostError`].
    pub(crate) async fn tell_sale(
        &self,
        context: &Context,
        order_id: OrderId,
        news: &Command,
    ) -> Result<(), PostError> {
        if self.sales().load(SaleId::of(order_id)).await?.is_none() {
            for charge in self.charges_of(order_id).await? {
                self.record_sale(context, charge.state.id).await?;
            }
        }
        Ok(self.apply_to_sale(context, order_id, news).await?)
    }

    /// The sales of an event go by its time and status as catalogue knows them now.
    ///
    /// # Errors
    /// [`PostError`]: some may go by it. Again is fine.
    pub(crate) async fn reschedule_sales(
        &self,
        context: &Context,
        id: EventId,
    ) -> Result<(), PostError> {
        let Some(show) = self.catalogue().show(context, id).await? else { return Ok(()) };
        let command = Command::Reschedule(as_known(&show));
        let mut scan = self.sales().scan(index::EVENT, &of_event(id)).limit(BATCH);
        loop {
            let rows: Vec<Row<Sale>> = self.sales().find(scan.clone()).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            scan = scan.behind(&last.key);
            for row in rows {
                self.apply_to_sale(context, row.found.state.order_id, &command).await?;
            }
        }
    }

    /// Applies a command that is as good as done when the sale refuses it: nobody waits for an answer.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn apply_to_sale(
        &self,
        context: &Context,
        order_id: OrderId,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        match self.change_sale(context, order_id, command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// Applies a command to the sale of an order. It may become due at another time then.
    ///
    /// # Errors
    /// [`ApplyError`], which says what happened.
    pub(crate) async fn change_sale(
        &self,
        context: &Context,
        order_id: OrderId,
        command: &Command,
    ) -> Result<Applied<Sale>, ApplyError<Refusal>> {
        let applied = self.sales().apply(context, SaleId::of(order_id), command).await?;
        if applied.changed {
            self.sales_due().wake();
        }
        Ok(applied)
    }
}

fn as_known(show: &ShowForListing) -> Show {
    let is_off = matches!(show.status, EventStatus::Cancelled | EventStatus::Postponed);
    Show { ends_at: show.ends_at, is_off }
}

/// What the lines leave on an account that is a liability.
fn left_on(lines: &[Line], account: Account) -> i64 {
    -lines.iter().filter(|it| it.account == account).map(|it| it.amount).sum::<i64>()
}
