//! Money that must not be kept: what the provider holds for a charge that failed is voided, what it
//! captured for an order that is cancelled is given back in full.

use std::time::Duration;

use stubmart_kernel::{mark, mutant, repo::Versioned};
use stubmart_ports::gateway::{GatewayError, Payment, PaymentState};

use crate::{
    Payments,
    charge::{Charge, Command, Reason},
    orders::Footing,
    settle::{Standing, Unsettled},
};

/// How long a request to the provider may still arrive there after it was sent: until then, that there
/// is no intent for a charge is not the last word.
const STRAY_MAX: Duration = Duration::from_secs(600);

impl Payments {
    /// A charge that failed: nothing of it may be held or kept.
    pub(crate) async fn give_back(&self, charge: Versioned<Charge>) -> Result<Standing, Unsettled> {
        let charge_id = charge.doc.id;
        let Some(intent) = self.known_intent(&charge.doc).await? else {
            let sent_for = self.0.host.now().since(charge.doc.updated_at);
            return if sent_for < STRAY_MAX && !mutant!("a payment on its way is forgotten") {
                Err(Unsettled::Undecided)
            } else {
                self.rest(charge, None).await
            };
        };
        if mutant!("a hold is not given up") {
            return self.rest(charge, Some(intent.id)).await;
        }
        let state = match intent.state {
            PaymentState::Declined { .. }
            | PaymentState::RequiresAction { .. }
            | PaymentState::Processing
            | PaymentState::Authorised => self.0.provider.void(charge_id, &intent.id).await?,
            state => state,
        };
        match state {
            PaymentState::Captured { .. } if mutant!("late money is kept") => {
                self.rest(charge, Some(intent.id)).await
            }
            PaymentState::Voided => self.rest(charge, Some(intent.id)).await,
            PaymentState::Captured { refund_id } => self.refund(charge, intent.id, refund_id).await,
            _ => Err(Unsettled::Undecided),
        }
    }

    /// A charge whose money was captured: its order is completed, or else it is given back.
    pub(crate) async fn keep_or_refund(
        &self,
        charge: Versioned<Charge>,
    ) -> Result<Standing, Unsettled> {
        let charge_id = charge.doc.id;
        let Some(intent) = self.known_intent(&charge.doc).await? else {
            tracing::error!(charge.id = %charge_id, "the provider does not know a captured payment");
            return Err(Unsettled::Undecided);
        };
        match intent.state {
            PaymentState::Captured { refund_id: Some(refund_id) } => {
                self.refund(charge, intent.id, Some(refund_id)).await
            }
            PaymentState::Captured { refund_id: None } => {
                match self.footing_of(&charge.doc).await? {
                    Footing::Completed => self.rest(charge, None).await,
                    Footing::Ended(Reason::OrderMissing) => {
                        tracing::error!(charge.id = %charge_id, "a captured payment has no order");
                        Err(Unsettled::Undecided)
                    }
                    Footing::Ended(_) => self.refund(charge, intent.id, None).await,
                    // The charge's event is on its way to the order.
                    Footing::Payable | Footing::Secured => Err(Unsettled::Undecided),
                }
            }
            _ => {
                tracing::error!(charge.id = %charge_id, "the provider says that a captured payment was not captured");
                Err(Unsettled::Undecided)
            }
        }
    }

    /// Gives captured money back, unless that was done already, and tells the world.
    async fn refund(
        &self,
        charge: Versioned<Charge>,
        payment_id: String,
        refund_id: Option<String>,
    ) -> Result<Standing, Unsettled> {
        mark!("money that came late was given back");
        let refund_id = match refund_id {
            Some(_) if mutant!("refund twice") => {
                self.0.provider.refund(charge.doc.id, &payment_id).await?;
                return self.rest(charge, Some(payment_id)).await;
            }
            Some(refund_id) => refund_id,
            None => match self.0.provider.refund(charge.doc.id, &payment_id).await? {
                PaymentState::Captured { refund_id: Some(refund_id) } => refund_id,
                _ => return Err(Unsettled::Undecided),
            },
        };
        let refund = Command::Refund { payment_id, refund_id };
        Ok(self.apply_to(charge, &refund).await?.charge.into())
    }

    async fn rest(
        &self,
        charge: Versioned<Charge>,
        payment_id: Option<String>,
    ) -> Result<Standing, Unsettled> {
        Ok(self.apply_to(charge, &Command::Rest { payment_id }).await?.charge.into())
    }

    /// The charge's intent at the provider, by its id or else by the charge's.
    async fn known_intent(&self, charge: &Charge) -> Result<Option<Payment>, Unsettled> {
        let Some(payment_id) = &charge.stripe_id else {
            return Ok(self.0.provider.payment_of(charge.id).await?);
        };
        match self.0.provider.payment(payment_id).await {
            Ok(intent) => Ok(Some(intent)),
            Err(GatewayError::Refused { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
