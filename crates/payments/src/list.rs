//! A buyer's charges.

use stubmart_contract::{
    ChargeId, OrderId, UserId,
    api::{Charge as ApiCharge, Page},
};
use stubmart_http_kit::PageRequest;
use stubmart_ports::{
    key::Key,
    repo::{RepoError, Row, Versioned},
    store::Scan,
};

use crate::{
    Payments,
    charge::{BUYER, CHARGES, Charge, ORDER},
};

/// How many charges one order may have, also of those that do not count as attempts: a payment method
/// that the provider does not know, a provider that is down, a change of mind.
const CHARGES_MAX: usize = 20;

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
    pub(crate) async fn charge(
        &self,
        id: ChargeId,
    ) -> Result<Option<Versioned<Charge>>, RepoError> {
        self.0.charges.load(id.0).await
    }

    /// Every charge of an order, oldest first.
    pub(crate) async fn charges_of(
        &self,
        order_id: OrderId,
    ) -> Result<Vec<Versioned<Charge>>, RepoError> {
        let all = Scan::prefix(&CHARGES, ORDER, &Key::new().id(order_id.0)).limit(CHARGES_MAX);
        let (mut charges, mut next) = (Vec::new(), Some(all.clone()));
        while let Some(scan) = next.take() {
            let rows: Vec<Row<Charge>> = self.0.charges.find(scan).await?;
            next = rows.get(CHARGES_MAX - 1).map(|last| all.clone().behind(&last.key));
            charges.extend(rows.into_iter().map(Versioned::from));
        }
        Ok(charges)
    }

    /// Whether no further charge is opened for an order but this one, if it is there already.
    pub(crate) async fn is_used_up(
        &self,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<bool, RepoError> {
        let scan = Scan::prefix(&CHARGES, ORDER, &Key::new().id(order_id.0)).limit(CHARGES_MAX);
        let charges = self.0.charges.keys(scan).await?;
        Ok(charges.len() >= CHARGES_MAX && charges.iter().all(|it| it.id != charge_id.0))
    }
}
