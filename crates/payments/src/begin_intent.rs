//! Lets the buyer pay in the browser, at the provider's own form.

use stubmart_contract::{ChargeId, Context, OrderId, UserId};

use crate::{
    charge::{Failure, Stage},
    pay::{PayError, PaymentOutcome, PaymentRequest},
    service::Payments,
};

/// A payment that the browser goes on with.
#[derive(Debug)]
pub(crate) struct NewIntent {
    pub(crate) charge_id: ChargeId,
    pub(crate) client_secret: String,
    pub(crate) publishable_key: String,
}

/// Why there is no payment that the browser could go on with.
#[derive(Debug)]
pub(crate) enum IntentError {
    /// No payment can be made in the browser.
    NoBrowser,
    /// None was made.
    NotPaid(PayError),
    /// It was asked for, and no answer came: nothing can be paid with it yet.
    NoAnswer,
    /// The buyer has paid with it, and its outcome is open.
    InProgress,
    /// The buyer has paid with it.
    Completed,
    /// It has failed.
    Failed(Failure),
}

impl Payments {
    /// Makes the payment that the browser confirms; the provider's notice, or the reconciler, goes on
    /// from there. While it waits for the buyer, asking again gives the same one.
    pub(crate) async fn begin_intent(
        &self,
        context: &Context,
        id: ChargeId,
        buyer: UserId,
        order_id: OrderId,
    ) -> Result<NewIntent, IntentError> {
        let publishable_key = self.publishable_key().ok_or(IntentError::NoBrowser)?.to_owned();
        let request = PaymentRequest { buyer, order_id, payment_method: None };
        match self.pay(context, id, &request).await.map_err(IntentError::NotPaid)? {
            PaymentOutcome::Pending { charge, client_secret } => {
                match (charge.stage, client_secret) {
                    (Stage::RequiresAction, Some(client_secret)) => {
                        Ok(NewIntent { charge_id: charge.id, client_secret, publishable_key })
                    }
                    (Stage::Authorised, _) => Err(IntentError::InProgress),
                    _ => Err(IntentError::NoAnswer),
                }
            }
            PaymentOutcome::Completed(_) => Err(IntentError::Completed),
            PaymentOutcome::Failed { failure, .. } => Err(IntentError::Failed(failure)),
        }
    }
}
