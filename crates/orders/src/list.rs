//! A buyer's orders, newest first.

use std::{cmp::Reverse, collections::BTreeSet};

use stubmart_contract::{Context, UserId, api::OrderStatus};
use stubmart_kernel::{
    Versioned,
    aggregate::Key,
    page::{Cursor, Page, PageError, PageRequest},
};

use crate::{
    order::{self, Order, index},
    service::Orders,
};

/// The length of an order's id in a key.
const ID: usize = 16;

impl Orders {
    /// One page of a buyer's orders, all or those with one of some statuses: merged from the parts of the
    /// index that have them.
    ///
    /// # Errors
    /// [`PageError`].
    pub async fn list(
        &self,
        _context: &Context,
        buyer: UserId,
        statuses: Option<&[OrderStatus]>,
        page: &PageRequest,
    ) -> Result<Page<Versioned<Order>>, PageError> {
        // In the order in which an order goes through them, so that one that moves on meanwhile is met.
        let (index, parts) = match statuses {
            None => (index::USER, BTreeSet::from([order::of_user(buyer)])),
            Some(statuses) => {
                let parts = statuses.iter().map(|status| order::of_user_in(buyer, *status));
                (index::USER_STATUS, parts.collect())
            }
        };
        let list: Vec<u8> = parts.iter().flat_map(|part| part.bytes().iter().copied()).collect();
        let behind = match page.cursor.as_ref().map(Cursor::key) {
            Some(key) => {
                let id = key.strip_prefix(list.as_slice()).filter(|id| id.len() == ID);
                Some(id.ok_or(PageError::ForeignCursor)?)
            }
            None => None,
        };
        let mut rows = Vec::new();
        for part in parts {
            let mut scan = self.orders().scan(index, &part).descending();
            if let Some(id) = behind {
                scan = scan.behind(&[part.bytes(), id].concat());
            }
            let found = self.orders().find(scan.limit(page.limit.saturating_add(1))).await?;
            rows.extend(found.into_iter().map(|row| row.found));
        }
        // An order's id begins with the time at which it was made (UUIDv7).
        rows.sort_by_key(|it: &Versioned<Order>| Reverse(it.state.id));
        rows.dedup_by_key(|it| it.state.id);
        let rows = rows.into_iter().take(page.limit.saturating_add(1));
        let key = |it: &Versioned<Order>| {
            [list.as_slice(), Key::new().id(it.state.id.0).bytes()].concat()
        };
        let rows = rows.map(|it| (key(&it), it)).collect();
        Ok(Page::of(page.limit, rows, |(key, _)| key, |(_, order)| order))
    }
}
