//! Use cases: what happened to an order is noted, and its buyer or its seller looks at it.

use stubmart_contract::{
    Context, Envelope, OrderId, UserId,
    api::{DeliverySide, OrderStatus, TimelineEntry, TimelineStep},
};
use stubmart_kernel::{ApplyError, RepositoryError};

use crate::{
    order::Order,
    service::Orders,
    timeline::{Happened, told},
};

impl Orders {
    /// Notes what an event says of orders. Again changes nothing.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn note(
        &self,
        context: &Context,
        envelope: &Envelope,
    ) -> Result<(), RepositoryError> {
        for happened in told(&envelope.event, envelope.id, envelope.at) {
            let Happened { order_id, .. } = happened;
            match self.timelines().apply(context, order_id, &happened).await {
                Ok(_) => {}
                Err(ApplyError::Repository(error)) => return Err(error),
                Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                    return Err(RepositoryError::Contended);
                }
            }
        }
        Ok(())
    }

    /// What happened to an order, oldest first, for its buyer and, once it is sold, for its seller; `None` for
    /// everybody else.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn timeline_of(
        &self,
        order_id: OrderId,
        user: UserId,
    ) -> Result<Option<Vec<TimelineEntry>>, RepositoryError> {
        let Some(order) = self.orders().load(order_id).await?.map(|it| it.state) else {
            return Ok(None);
        };
        let is_sold = order.status == OrderStatus::Completed;
        let side = match user {
            _ if user == order.user_id => DeliverySide::Buyer,
            _ if user == order.seller_id && is_sold => DeliverySide::Seller,
            _ => return Ok(None),
        };
        let noted = self.timelines().load(order_id).await?;
        let noted = noted.map(|it| it.state.seen_by(side)).unwrap_or_default();
        let mut all: Vec<_> = own_steps(&order, side).into_iter().chain(noted).collect();
        all.sort_by_key(|it| it.at);
        Ok(Some(all))
    }
}

/// What an order's own document says of what happened to it.
fn own_steps(order: &Order, side: DeliverySide) -> Vec<TimelineEntry> {
    let step = |at, what| TimelineEntry { at, what, amount: None, currency: None };
    let ordered = step(order.created_at, TimelineStep::Ordered);
    let ended = |what| step(order.updated_at, what);
    let steps = match order.status {
        OrderStatus::Created | OrderStatus::AwaitingPayment => vec![ordered],
        OrderStatus::Cancelled if order.has_expired() => {
            vec![ordered, ended(TimelineStep::Expired)]
        }
        OrderStatus::Cancelled => vec![ordered, ended(TimelineStep::Cancelled)],
        OrderStatus::Completed => {
            let amount = Some(i64::from(order.breakdown().total.minor()));
            let currency = Some(order.currency);
            let paid = TimelineEntry { amount, currency, ..ended(TimelineStep::Paid) };
            vec![ordered, paid, ended(TimelineStep::Sold)]
        }
    };
    let is_shared = |it: &TimelineEntry| it.what == TimelineStep::Sold;
    steps.into_iter().filter(|it| side == DeliverySide::Buyer || is_shared(it)).collect()
}
