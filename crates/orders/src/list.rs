//! A buyer's orders, newest first.

use stubmart_contract::{
    UserId,
    api::{self, OrderStatus, Page},
};
use stubmart_http_kit::{PageRequest, Problem};
use stubmart_ports::{key::Key, store::Scan};

use crate::{
    Orders,
    order::{ORDERS, index},
};

/// How many orders are read at once where the first read was not enough for the page.
const ROWS: usize = 500;

/// How many orders are looked at for one page of those in one state. Where that is not enough, the page
/// is short, and the next one goes on behind it.
const LOOKED_AT_MAX: usize = 2000;

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
        let index = match status {
            Some(OrderStatus::Created | OrderStatus::AwaitingPayment) => index::BUYER_OPEN,
            Some(OrderStatus::Completed | OrderStatus::Cancelled) | None => index::BUYER,
        };
        let scan = Scan::prefix(&ORDERS, index, &Key::new().id(buyer.0));
        let mut scan = scan.descending().limit(page.fetch());
        if let Some(behind) = &page.behind {
            scan = scan.behind(behind);
        }
        let now = self.0.host.now();
        let (mut rows, mut looked_at) = (Vec::new(), 0_usize);
        loop {
            let found = self.0.orders.find(scan.clone()).await?;
            let has_more = found.len() == scan.at_most();
            looked_at = looked_at.saturating_add(found.len());
            let last = found.last().map(|row| row.key.clone());
            rows.extend(
                found.into_iter().filter(|row| status.is_none_or(|it| row.doc.status == it)),
            );
            match last.filter(|_| has_more && rows.len() < page.fetch()) {
                Some(last) if looked_at < LOOKED_AT_MAX => {
                    scan = scan.behind(&last).limit(ROWS);
                    // Reading so many documents keeps a thread busy; others come first.
                    tokio::task::yield_now().await;
                }
                Some(last) => {
                    let items = rows.into_iter().map(|row| row.doc.public(now)).collect();
                    return Ok(Page { items, next_cursor: Some(PageRequest::cursor(&last)) });
                }
                None => return Ok(page.page(rows, |row| &row.key, |row| row.doc.public(now))),
            }
        }
    }
}
