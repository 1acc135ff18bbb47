//! How events end an order: its lock's time is up, its charge ended, its buyer is gone.

use stubmart_contract::{OrderId, UserId, event::LockExpired};
use stubmart_kernel::{
    mark, mutant,
    repo::{ChangeError, Decision, RepoError, Trace, Versioned},
};
use stubmart_ports::{Cause, key::Key, store::Scan};

use crate::{
    Orders,
    order::{Command, ORDERS, Order, index},
};

impl Orders {
    /// Applies a command that nobody waits for an answer to. One that was applied already, or that does
    /// not fit the order as it is, changes nothing.
    pub(crate) async fn apply(
        &self,
        id: OrderId,
        command: Command,
        trace: Trace,
    ) -> Result<(), RepoError> {
        let now = self.0.host.now();
        let changed = self.0.orders.change(id.0, trace, |current: Option<&Versioned<Order>>| {
            let Some(current) = current.map(|it| &it.doc) else { return Ok(Decision::Keep(())) };
            Ok::<_, crate::order::Refusal>(match current.decide(command, now)? {
                None => Decision::Keep(()),
                Some(doc) => Decision::Save {
                    events: doc.event(Some(current.status)).into_iter().collect(),
                    doc,
                    answer: (),
                },
            })
        });
        match changed.await {
            Ok(()) | Err(ChangeError::Refused(_)) => Ok(()),
            Err(ChangeError::Repo(error)) => Err(error),
        }
    }

    /// A lock's time is up. An order that is still Created is cancelled; one that was never saved gets
    /// a tombstone; one that ended before tells tickets again, since the lock should not be there.
    pub(crate) async fn lock_expired(
        &self,
        expired: &LockExpired,
        trace: Trace,
    ) -> Result<(), Cause> {
        let now = self.0.host.now();
        let changed = self.0.orders.change(
            expired.order_id.0,
            trace,
            |current: Option<&Versioned<Order>>| {
                let (before, after) = match current {
                    None if mutant!("no tombstone") => (None, None),
                    None => (None, Some(Order::tombstone(expired, now))),
                    Some(it) => (Some(it.doc.status), it.doc.decide(Command::Expire, now)?),
                };
                Ok::<_, crate::order::Refusal>(match after {
                    None => Decision::Keep(current.is_some_and(|it| it.doc.has_ended())),
                    Some(doc) => Decision::Save {
                        events: doc.event(before).into_iter().collect(),
                        doc,
                        answer: false,
                    },
                })
            },
        );
        match changed.await {
            Ok(true) if mutant!("an ended order is not told again") => Ok(()),
            Ok(true) => self.tell_again(expired.order_id, trace).await,
            Ok(false) | Err(ChangeError::Refused(_)) => Ok(()),
            Err(ChangeError::Repo(error)) => Err(error.into()),
        }
    }

    /// Publishes how an order ended once more: a bus that was wiped may have lost it.
    async fn tell_again(&self, id: OrderId, trace: Trace) -> Result<(), Cause> {
        mark!("an ended order was told again");
        let event = self.0.orders.tell_again(id.0, trace, Order::status_event).await?;
        self.0.bus.publish(event.as_slice()).await?;
        Ok(())
    }

    /// Cancels the open checkouts of a buyer whose account is gone. What awaits its money goes on.
    pub(crate) async fn buyer_gone(&self, user_id: UserId, trace: Trace) -> Result<(), RepoError> {
        self.0.departed.mark(user_id, trace).await?;
        let prefix = Key::new().id(user_id.0);
        let mut scan = Scan::prefix(&ORDERS, index::BUYER_OPEN, &prefix).limit(100);
        loop {
            let keys = self.0.orders.keys(scan.clone()).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            scan = scan.behind(&last.key);
            for found in &keys {
                self.apply(OrderId(found.id), Command::BuyerGone, trace).await?;
            }
        }
    }
}
