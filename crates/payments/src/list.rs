//! A buyer's charges.

use stubmart_contract::{
    ChargeId, OrderId, UserId,
    api::{Charge as ApiCharge, NextAction, Page},
};
use stubmart_http_kit::PageRequest;
use stubmart_kernel::repo::{RepoError, Row, Versioned};
use stubmart_ports::{gateway::PaymentState, key::Key, store::Scan};

use crate::{
    Payments,
    charge::{BUYER, CHARGES, Charge, ORDER, Reason},
};

/// How many charges one order may have, also of those that do not count as attempts: a payment method
/// that the provider does not know, a change of mind.
const CHARGES_MAX: usize = 20;

impl Payments {
    /// The buyer's charges, all or those of one order, newest first. Of one order, a charge that waits
    /// for the bank tells what the buyer has to do, if the provider answers.
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
        // At most one charge of an order waits.
        let waits = rows.iter().map(|row| &row.doc).find(|it| it.waits_for_bank());
        let waits = match waits.filter(|_| order_id.is_some()) {
            Some(charge) => self.next_action(charge).await.map(|action| (charge.id, action)),
            None => None,
        };
        let to_api = |charge: &Charge| {
            let action = waits.as_ref().filter(|(id, _)| *id == charge.id);
            ApiCharge { next_action: action.map(|(_, it)| it.clone()), ..charge.to_api() }
        };
        Ok(page.page(rows, |row| &row.key, |row| to_api(&row.doc)))
    }

    /// What the provider waits for; nothing when it does not answer, or no longer waits.
    async fn next_action(&self, charge: &Charge) -> Option<NextAction> {
        match self.0.provider.payment(charge.stripe_id.as_deref()?).await.map(|it| it.state) {
            Ok(PaymentState::RequiresAction { client_secret }) => {
                Some(NextAction { client_secret })
            }
            Ok(_) => None,
            Err(error) => {
                tracing::info!(charge.id = %charge.id, %error, "what the bank waits for not known");
                None
            }
        }
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

    /// The latest charges of an order, if there are so many that no further one is opened but this one,
    /// should it be there already.
    pub(crate) async fn used_up(
        &self,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Option<Vec<Versioned<Charge>>>, RepoError> {
        let prefix = Key::new().id(order_id.0);
        let latest = Scan::prefix(&CHARGES, ORDER, &prefix).descending().limit(CHARGES_MAX);
        let found = self.0.charges.keys(latest.clone()).await?;
        if found.len() < CHARGES_MAX || found.iter().any(|it| it.id == charge_id.0) {
            return Ok(None);
        }
        let latest = self.0.charges.find(latest).await?;
        // A provider that was down is nothing that the buyer has done.
        let counts = |row: &Row<Charge>| {
            row.doc.failure().is_none_or(|failure| failure.reason != Reason::Unavailable)
        };
        Ok(latest.iter().all(counts).then(|| latest.into_iter().map(Versioned::from).collect()))
    }
}
