//! A buyer's charges.

use stubmart_contract::{
    ChargeId, OrderId, UserId,
    api::{Charge as ApiCharge, Page},
};
use stubmart_http_kit::PageRequest;
use stubmart_ports::{
    key::Key,
    repo::{RepoError, Row},
    store::Scan,
};

use crate::{
    Payments,
    charge::{BUYER, CHARGES, Charge, ORDER},
};

impl Payments {
    /// The buyer's charges, all or those of one order, newest first.
    pub(crate) async fn list(
        &self,
        buyer: UserId,
        order_id: Option<OrderId>,
        page: &PageRequest,
    ) -> Result<Page<ApiCharge>, RepoError> {
        let (index, prefix) = match order_id {
            Some(order_id) => (ORDER, Key::new().id(order_id.0).id(buyer.0)),
            None => (BUYER, Key::new().id(buyer.0)),
        };
        let mut scan = Scan::prefix(&CHARGES, index, &prefix).descending().limit(page.fetch());
        if let Some(key) = &page.behind {
            scan = scan.behind(key);
        }
        let rows = self.0.charges.find(scan).await?;
        Ok(page.page(rows, |row| &row.key, |row| row.doc.to_api()))
    }

    /// The charge, if there is one.
    pub(crate) async fn charge(&self, id: ChargeId) -> Result<Option<Charge>, RepoError> {
        Ok(self.0.charges.load(id.0).await?.map(|stored| stored.doc))
    }

    /// Every charge of an order, oldest first.
    pub(crate) async fn charges_of(&self, order_id: OrderId) -> Result<Vec<Charge>, RepoError> {
        let scan = Scan::prefix(&CHARGES, ORDER, &Key::new().id(order_id.0));
        let rows: Vec<Row<Charge>> = self.0.charges.find(scan).await?;
        Ok(rows.into_iter().map(|row| row.doc).collect())
    }
}
