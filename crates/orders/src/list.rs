//! A buyer's orders, newest first.

use stubmart_contract::{
    UserId,
    api::{self, OrderStatus, Page},
};
use stubmart_http_kit::{PageRequest, Problem};
use stubmart_ports::{key::Key, store::Scan};

use crate::{
    Orders,
    order::{ORDERS, index, status_number},
};

impl Orders {
    /// One page of a buyer's orders.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn orders(
        &self,
        buyer: UserId,
        status: Option<OrderStatus>,
        page: &PageRequest,
    ) -> Result<Page<api::Order>, Problem> {
        let buyer = Key::new().id(buyer.0);
        let scan = match status {
            None => Scan::prefix(&ORDERS, index::BUYER, &buyer),
            Some(status) => {
                let prefix = buyer.number(status_number(status));
                Scan::prefix(&ORDERS, index::BUYER_STATUS, &prefix)
            }
        };
        let mut scan = scan.descending().limit(page.fetch());
        if let Some(behind) = &page.behind {
            scan = scan.behind(behind);
        }
        let now = self.0.host.now();
        let rows = self.0.orders.find(scan).await?;
        Ok(page.page(rows, |row| &row.key, |row| row.doc.public(now)))
    }
}
