//! A buyer's orders, newest first.

use stubmart_contract::{Context, UserId, api::OrderStatus};
use stubmart_kernel::{
    Versioned,
    page::{Page, PageError, PageRequest},
};

use crate::{
    order::{self, Order, index},
    service::Orders,
};

impl Orders {
    /// One page of a buyer's orders, all or those with one status.
    ///
    /// # Errors
    /// [`PageError`].
    pub async fn list(
        &self,
        _context: &Context,
        buyer: UserId,
        status: Option<OrderStatus>,
        page: &PageRequest,
    ) -> Result<Page<Versioned<Order>>, PageError> {
        let orders = self.orders();
        let scan = match status {
            None => orders.scan(index::USER, &order::of_user(buyer)),
            Some(status) => orders.scan(index::USER_STATUS, &order::of_user_in(buyer, status)),
        };
        // An order's id begins with the time at which it was made (UUIDv7).
        let is_asked_for =
            |it: &Order| it.user_id == buyer && status.is_none_or(|s| it.status == s);
        orders.page(scan.descending(), page, is_asked_for).await
    }
}
