//! Money that must not be kept. The hold of a failed charge is voided, and money that was captured for an
//! order that is cancelled, or that an operator gives back, is refunded in full.

use std::time::Duration;

use stubmart_contract::Context;
use stubmart_kernel::{Versioned, mark, mutant};
use stubmart_ports::gateway::{GatewayError, Payment, PaymentState};

use crate::{
    charge::{Charge, Command, FailureReason},
    orders::OrderForCharge,
    service::Payments,
    settle::{SettleError, Settled},
};

/// How long after it was sent a request may still reach the provider. Until then, that the provider has
/// no payment for a charge is not final.
const STRAY_MAX: Duration = Duration::from_secs(600);

impl Payments {
    /// Works on a charge that failed, until the provider holds nothing of it and its order can no longer
    /// be secured for it.
    pub(crate) async fn clear(&self, context: &Context, charge: Versioned<Charge>) -> Settled {
        let (charge, payment_id) = self.give_back(context, charge).await?;
        let failure = charge.state.failure();
        // The order's state for good was why it failed.
        if failure.is_none_or(|failure| failure.reason.is_of_the_order()) {
            return self.rest(context, charge, payment_id).await;
        }
        let ends_order = failure.is_some_and(|failure| failure.ends_order);
        let Charge { id, order_id, .. } = charge.state;
        match self.order_for(context, &charge.state).await? {
            OrderForCharge::Closed(_) => {}
            // A request that was asleep may secure it as long as it has time.
            OrderForCharge::Payable(until) if !ends_order => {
                let command = Command::Postpone { until };
                return Ok(self.apply(context, charge, &command).await?.charge.into());
            }
            OrderForCharge::Payable(_) | OrderForCharge::Secured => {
                self.end_order(context, &charge.state).await?;
            }
            OrderForCharge::Paid => {
                tracing::error!(charge.id = %id, order.id = %order_id, "an order is completed by a charge that failed");
                return Err(SettleError::Undecided);
            }
        }
        self.rest(context, charge, payment_id).await
    }

    /// Has the provider hold and keep no money of a failed charge. Answers the charge's payment, if there
    /// is one.
    async fn give_back(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
    ) -> Result<(Versioned<Charge>, Option<String>), SettleError> {
        let charge_id = charge.state.id;
        let Some(payment) = self.known_payment(&charge.state).await? else {
            let sent_for = self.host().now().since(charge.state.updated_at);
            let may_arrive = sent_for < STRAY_MAX && !mutant!("a payment on its way is forgotten");
            return if may_arrive { Err(SettleError::Undecided) } else { Ok((charge, None)) };
        };
        if mutant!("a hold is not given up") {
            return Ok((charge, Some(payment.id)));
        }
        let state = match payment.state {
            PaymentState::Declined { .. }
            | PaymentState::RequiresAction { .. }
            | PaymentState::Processing
            | PaymentState::Authorised => self.provider().void(charge_id, &payment.id).await?,
            state => state,
        };
        match state {
            PaymentState::Captured { refund_id } if !mutant!("late money is kept") => {
                let charge = self.refund(context, charge, &payment.id, refund_id).await?;
                Ok((charge, Some(payment.id)))
            }
            PaymentState::Voided | PaymentState::Captured { .. } => Ok((charge, Some(payment.id))),
            _ => Err(SettleError::Undecided),
        }
    }

    /// A charge whose money was captured: its order is completed, or else the money is given back.
    pub(crate) async fn keep_or_refund(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
    ) -> Settled {
        let Charge { id, order_id, .. } = charge.state;
        let Some(payment) = self.known_payment(&charge.state).await? else {
            tracing::error!(charge.id = %id, "the provider does not know a captured payment");
            return Err(SettleError::Undecided);
        };
        let PaymentState::Captured { refund_id } = payment.state else {
            tracing::error!(charge.id = %id, "the provider says that a captured payment was not captured");
            return Err(SettleError::Undecided);
        };
        if refund_id.is_none() && charge.state.refund_request.is_none() {
            match self.order_for(context, &charge.state).await? {
                OrderForCharge::Paid => return self.rest(context, charge, None).await,
                OrderForCharge::Payable(_) | OrderForCharge::Secured => {
                    self.orders().complete(context, order_id, id).await?;
                    return Err(SettleError::Undecided);
                }
                OrderForCharge::Closed(FailureReason::OrderMissing) => {
                    tracing::error!(charge.id = %id, "a captured payment has no order");
                    return Err(SettleError::Undecided);
                }
                OrderForCharge::Closed(_) => {}
            }
        }
        let charge = self.refund(context, charge, &payment.id, refund_id).await?;
        self.rest(context, charge, Some(payment.id)).await
    }

    /// Refunds captured money, unless that was done already, and notes it in the charge.
    async fn refund(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment_id: &str,
        refund_id: Option<String>,
    ) -> Result<Versioned<Charge>, SettleError> {
        mark!("money that came late was given back");
        let refund_id = match refund_id {
            Some(_) if mutant!("refund twice") => {
                self.provider().refund(charge.state.id, payment_id).await?;
                return Ok(charge);
            }
            Some(refund_id) => refund_id,
            None => match self.provider().refund(charge.state.id, payment_id).await? {
                PaymentState::Captured { refund_id: Some(refund_id) } => refund_id,
                _ => return Err(SettleError::Undecided),
            },
        };
        let command = Command::Refund { payment_id: payment_id.to_owned(), refund_id };
        Ok(self.apply(context, charge, &command).await?.charge)
    }

    /// Nothing is left to do for the charge.
    async fn rest(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment_id: Option<String>,
    ) -> Settled {
        if charge.state.due_at.is_none() {
            return Ok(charge.into());
        }
        Ok(self.apply(context, charge, &Command::Rest { payment_id }).await?.charge.into())
    }

    /// The charge's payment at the provider, by its id or else by the charge's.
    async fn known_payment(&self, charge: &Charge) -> Result<Option<Payment>, SettleError> {
        let Some(payment_id) = &charge.payment_id else {
            return Ok(self.provider().payment_of(charge.id).await?);
        };
        match self.provider().payment(payment_id).await {
            Ok(payment) => Ok(Some(payment)),
            Err(GatewayError::Refused { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
