//! Use case: which locks outlived their time, for the service that keeps the timers. Timers can be lost;
//! the locks themselves are not.

use stubmart_contract::calls::{ExpiredLock, OverdueLocks, OverdueLocksRequest};
use stubmart_kernel::{RepositoryError, aggregate::Key, page::Cursor};

use crate::{
    service::Tickets,
    ticket::{Ticket, index},
};

/// How many locks a page has at the most.
const LIMIT_MAX: usize = 200;

impl Tickets {
    /// One page of the locks that ran out before a moment, the oldest first.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`].
    pub(crate) async fn find_overdue_locks(
        &self,
        request: &OverdueLocksRequest,
    ) -> Result<OverdueLocks, RepositoryError> {
        let limit = request.limit.clamp(1, LIMIT_MAX);
        let mut scan = self.tickets().scan(index::LOCKED, &Key::new()).limit(limit);
        scan.to = Some(Key::new().time(request.due_before).into_bytes());
        if let Some(cursor) = request.cursor.as_deref().and_then(Cursor::decode) {
            scan = scan.behind(cursor.key());
        }
        let found = self.tickets().keys(scan).await?;
        let last = found.last().filter(|_| found.len() == limit);
        let next = last.map(|(key, _)| Cursor::behind(key.clone()).encode());
        let mut locks = Vec::with_capacity(found.len());
        for (_, id) in found {
            match self.tickets().load(id).await {
                Ok(Some(found)) => locks.extend(expired(&found.state)),
                Ok(None) => {}
                // A ticket that cannot be read keeps no other waiting.
                Err(error @ RepositoryError::Corrupt(_)) => {
                    tracing::error!(ticket.id = %id, %error, "overdue lock passed over");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(OverdueLocks { locks, next })
    }
}

/// The lock of a ticket, if it is still locked.
fn expired(ticket: &Ticket) -> Option<ExpiredLock> {
    let (order_id, buyer_id) = (ticket.order_id?, ticket.buyer_id?);
    let until = ticket.locked_until?;
    let locked = ticket.locked(until);
    Some(ExpiredLock { order_id, buyer_id, ticket_id: ticket.id, until, locked })
}
