//! A buyer's charges.

use stubmart_contract::{ChargeId, OrderId, UserId};
use stubmart_kernel::{
    RepositoryError, Versioned,
    aggregate::Key,
    page::{Page, PageError, PageRequest},
};
use stubmart_ports::gateway::PaymentState;

use crate::{
    charge::{BUYER, Charge, FailureReason, ORDER},
    service::Payments,
};

/// How many charges one order may have, also of those that do not count as attempts: a payment method
/// that the provider does not know, a change of mind.
const CHARGES_MAX: usize = 20;

/// A charge in a list.
#[derive(Debug)]
pub(crate) struct ListedCharge {
    pub(crate) charge: Charge,
    /// Lets the buyer's browser go on, where the provider waits for it.
    pub(crate) client_secret: Option<String>,
}

impl Payments {
    /// The buyer's charges, all or those of one order, newest first. Of one order, a charge that waits
    /// for the bank comes with what the buyer needs to go on, if the provider answers.
    pub(crate) async fn list(
        &self,
        buyer: UserId,
        order_id: Option<OrderId>,
        page: &PageRequest,
    ) -> Result<Page<ListedCharge>, PageError> {
        let (index, prefix) = match order_id {
            Some(order_id) => (ORDER, Key::new().id(order_id.0).id(buyer.0)),
            None => (BUYER, Key::new().id(buyer.0)),
        };
        let scan = self.charges().scan(index, &prefix).descending();
        let page = self.charges().page(scan, page, |_| true).await?;
        // At most one charge of an order waits.
        let waits = page.items.iter().map(|it| &it.state).find(|it| it.requires_authentication());
        let mut waits = match waits.filter(|_| order_id.is_some()) {
            Some(charge) => self.client_secret(charge).await.map(|secret| (charge.id, secret)),
            None => None,
        };
        Ok(page.map(|Versioned { state: charge, .. }| {
            let secret = waits.take_if(|(id, _)| *id == charge.id);
            ListedCharge { charge, client_secret: secret.map(|(_, secret)| secret) }
        }))
    }

    /// The client secret for the buyer's browser; `None` when the provider does not answer, or waits no
    /// longer.
    async fn client_secret(&self, charge: &Charge) -> Option<String> {
        match self.provider().payment(charge.payment_id.as_deref()?).await.map(|it| it.state) {
            Ok(PaymentState::RequiresAction { client_secret }) => Some(client_secret),
            Ok(_) => None,
            Err(error) => {
                tracing::info!(charge.id = %charge.id, %error, "what the bank waits for not known");
                None
            }
        }
    }

    /// Every charge of an order, oldest first.
    pub(crate) async fn charges_of(
        &self,
        order_id: OrderId,
    ) -> Result<Vec<Versioned<Charge>>, RepositoryError> {
        let mut scan = self.charges().scan(ORDER, &Key::new().id(order_id.0)).limit(CHARGES_MAX);
        let mut charges = Vec::new();
        loop {
            let rows = self.charges().find(scan.clone()).await?;
            let is_end = rows.len() < CHARGES_MAX;
            if let Some(last) = rows.last() {
                scan = scan.behind(&last.key);
            }
            charges.extend(rows.into_iter().map(|row| row.found));
            if is_end {
                return Ok(charges);
            }
        }
    }

    /// The latest charges of an order, if there are so many that no further one is opened but this one,
    /// should it exist already.
    pub(crate) async fn used_up(
        &self,
        order_id: OrderId,
        charge_id: ChargeId,
    ) -> Result<Option<Vec<Versioned<Charge>>>, RepositoryError> {
        let prefix = Key::new().id(order_id.0);
        let latest = self.charges().scan(ORDER, &prefix).descending().limit(CHARGES_MAX);
        let found = self.charges().keys(latest.clone()).await?;
        if found.len() < CHARGES_MAX || found.iter().any(|(_, id)| *id == charge_id) {
            return Ok(None);
        }
        let latest: Vec<_> =
            self.charges().find(latest).await?.into_iter().map(|row| row.found).collect();
        // A provider that was down is not the buyer's doing.
        let counts = |charge: &Versioned<Charge>| {
            let reason = charge.state.failure().map(|failure| failure.reason);
            reason != Some(FailureReason::ProviderUnavailable)
        };
        Ok(latest.iter().all(counts).then_some(latest))
    }
}
