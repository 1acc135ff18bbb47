//! Placing an order: the ticket is locked first, then the order is saved with the price of the lock.

use stubmart_contract::{
    Code, OrderId, Price, TicketId, UserId,
    api::{CancelReason, OrderStatus},
};
use stubmart_http_kit::Problem;
use stubmart_kernel::{
    mark,
    repo::{ChangeError, Decision, RepoError, Trace, Versioned},
};
use stubmart_ports::calls::{LockRefusal, LockRequest, Locked};

use crate::{
    Orders,
    order::{Command, Order, index},
};

impl Orders {
    /// Starts a checkout of a ticket under `id`. Asked again with the same id, it answers with the
    /// order as it is.
    ///
    /// # Errors
    /// `not_found`, `ticket_locked`, `ticket_sold`, `own_ticket`, `price_changed`: nothing happened.
    /// `unavailable`: the ticket may be locked; it is free again when the hold runs out.
    pub async fn place(
        &self,
        id: OrderId,
        buyer: UserId,
        ticket_id: TicketId,
        price: Option<Price>,
    ) -> Result<Versioned<Order>, Problem> {
        if let Some(existing) = self.0.orders.load(id.0).await? {
            return placed(existing);
        }
        let now = self.0.host.now();
        let until = now.after(self.0.config.hold);
        let request = LockRequest { ticket_id, order_id: id, buyer_id: buyer, price, until };
        let locked = self.0.tickets.lock(request).await?.map_err(refused)?;
        let order = fresh(id, buyer, ticket_id, locked, now);
        let save = |current: Option<&Versioned<Order>>| {
            Ok::<_, Problem>(match current {
                Some(existing) => Decision::Keep(existing.clone()),
                None => {
                    let events: Vec<_> = order.event(None).into_iter().collect();
                    let answer = Versioned::over(None, order.clone(), &events);
                    Decision::Save { doc: order.clone(), events, answer }
                }
            })
        };
        // A moment ago it was not there.
        let saved = match self.0.orders.change_from(id.0, None, Trace::REQUEST, save).await {
            // Only a lock that was taken around this order could do that; its ticket is not free.
            Err(ChangeError::Repo(RepoError::Taken { index: index::LIVE_TICKET })) => {
                return Err(Problem::new(Code::TicketLocked));
            }
            saved => saved?,
        };
        if self.0.departed.contains(buyer).await? {
            mark!("a checkout came after its buyer's account was deleted");
            self.apply(id, Command::BuyerGone, Trace::REQUEST).await?;
            return Err(Problem::new(Code::NotSignedIn));
        }
        if saved.doc.cancel_reason == Some(CancelReason::Expired) {
            mark!("a tombstone stopped a sleeper");
        }
        placed(saved)
    }
}

/// The answer to placing an order that exists. One that expired before it was saved is no success.
fn placed(order: Versioned<Order>) -> Result<Versioned<Order>, Problem> {
    if order.doc.cancel_reason == Some(CancelReason::Expired) {
        return Err(Problem::new(Code::OrderExpired));
    }
    Ok(order)
}

fn fresh(
    id: OrderId,
    buyer: UserId,
    ticket_id: TicketId,
    locked: Locked,
    now: stubmart_contract::Timestamp,
) -> Order {
    Order {
        id,
        user_id: buyer,
        seller_id: locked.seller_id,
        status: OrderStatus::Created,
        ticket_id,
        price: locked.price,
        currency: locked.currency,
        expires_at: locked.until,
        cancel_reason: None,
        charge_id: None,
        leaving_at: None,
        ticket: locked.ticket,
        created_at: now,
        updated_at: now,
    }
}

fn refused(refusal: LockRefusal) -> Problem {
    match refusal {
        LockRefusal::NotFound => Problem::not_found(),
        LockRefusal::Locked => Problem::new(Code::TicketLocked),
        LockRefusal::Sold => Problem::new(Code::TicketSold),
        LockRefusal::OwnTicket => Problem::new(Code::OwnTicket),
        LockRefusal::PriceChanged => Problem::new(Code::PriceChanged),
    }
}
