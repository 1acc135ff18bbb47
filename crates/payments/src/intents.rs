//! `POST /api/payments/intents`: lets the buyer pay in the browser, at the provider's own form.

use axum::http::StatusCode;
use stubmart_contract::{ChargeId, Code, api::PaymentIntent};
use stubmart_http_kit::{Answer, Problem};

use crate::{
    Payments,
    charge::Stage,
    pay::{Wish, problem},
};

impl Payments {
    /// The key that the buyer's browser pays with.
    ///
    /// # Errors
    /// `sandbox`.
    pub(crate) fn publishable_key(&self) -> Result<&str, Problem> {
        self.0.publishable_key.as_deref().ok_or_else(|| Problem::new(Code::Sandbox))
    }

    /// Makes the intent that the browser pays; the buyer's webhook, or the reconciler, goes on from
    /// there. While it waits for the buyer, asking again gives the same one.
    pub(crate) async fn create_intent(&self, id: ChargeId, wish: &Wish) -> Result<Answer, Problem> {
        let publishable_key = self.publishable_key()?.to_owned();
        let order = self.0.orders.order(wish.buyer, wish.order_id).await?;
        let standing = self.pay(id, wish, order).await?;
        match (&standing.charge.stage, standing.client_secret) {
            (Stage::Waiting, Some(client_secret)) => {
                let charge_id = standing.charge.id;
                let body = PaymentIntent { client_secret, publishable_key, charge_id };
                Answer::json(StatusCode::CREATED, &body)
            }
            // It was asked for, and no answer came: nothing can be paid with it yet.
            (Stage::Asked | Stage::Waiting, _) => {
                Err(Problem::new(Code::PaymentProviderUnavailable))
            }
            (Stage::Held, _) => Err(Problem::new(Code::PaymentInProgress)),
            (Stage::Completed, _) => Err(Problem::new(Code::OrderCompleted)),
            (Stage::Failed(failure), _) => Err(problem(failure, "orderId")),
        }
    }
}
