//! Money that must not be kept. The hold of a failed charge is voided, and money that was captured for an
//! order that is cancelled is refunded in full; what an operator gives back is refunded as decided.

use std::time::Duration;

use stubmart_contract::Context;
use stubmart_kernel::{Precondition, Versioned, mark, mutant};
use stubmart_ports::gateway::{self, GatewayError, Payment, PaymentState};

use crate::{
    charge::{Cause, Charge, Command, FailureReason, Refusal, SaidOfRefund},
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
            PaymentState::Captured { .. } if !mutant!("late money is kept") => {
                let charge = self.give_all_back(context, charge, &payment.id, state).await?;
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
        if !matches!(payment.state, PaymentState::Captured { .. }) {
            tracing::error!(charge.id = %id, "the provider says that a captured payment was not captured");
            return Err(SettleError::Undecided);
        }
        let charge = self.note_refunds(context, charge, &payment.id, payment.state.clone()).await?;
        if charge.state.left() > 0 {
            match self.order_for(context, &charge.state).await? {
                OrderForCharge::Paid => {}
                OrderForCharge::Payable(_) | OrderForCharge::Secured => {
                    self.orders().complete(context, order_id, id).await?;
                    return Err(SettleError::Undecided);
                }
                OrderForCharge::Closed(FailureReason::OrderMissing) => {
                    tracing::error!(charge.id = %id, "a captured payment has no order");
                    return Err(SettleError::Undecided);
                }
                OrderForCharge::Closed(_) => {
                    let state = payment.state;
                    let charge = self.give_all_back(context, charge, &payment.id, state).await?;
                    return self.rest(context, charge, Some(payment.id)).await;
                }
            }
        }
        let charge = self.send_refunds(context, charge, &payment.id).await?;
        self.rest(context, charge, Some(payment.id)).await
    }

    /// Gives back what is left of the money of an order that has ended. The decision is saved before the
    /// provider is asked.
    async fn give_all_back(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment_id: &str,
        state: PaymentState,
    ) -> Result<Versioned<Charge>, SettleError> {
        mark!("money that came late was given back");
        let mut charge = self.note_refunds(context, charge, payment_id, state).await?;
        if charge.state.left() > 0 {
            let command = Command::RequestRefund { amount: None, cause: Cause::OrderEnded };
            let asked = self.apply(context, charge, &command).await?;
            if asked.refused == Some(Refusal::TooManyRefunds) {
                let id = asked.charge.state.id;
                tracing::error!(charge.id = %id, "money of an order that has ended cannot be given back");
                return Ok(asked.charge);
            }
            charge = asked.charge;
        }
        let charge = self.send_refunds(context, charge, payment_id).await?;
        if charge.state.left() > 0 { Err(SettleError::Undecided) } else { Ok(charge) }
    }

    /// Asks the provider for each refund that it does not have yet.
    async fn send_refunds(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment_id: &str,
    ) -> Result<Versioned<Charge>, SettleError> {
        let again = mutant!("refund twice");
        let (mut charge, before) = (charge.clone(), charge.state.refunds);
        for refund in before.iter().filter(|it| it.is_requested() || again) {
            let answer = self.provider().refund(&charge.state, payment_id, refund).await;
            let left = match answer {
                Ok(state @ PaymentState::Captured { .. }) => {
                    let left = u64::from(charge.state.amount.minor()) - state.given_back();
                    charge = self.note_refunds(context, charge, payment_id, state).await?;
                    Some(left)
                }
                Ok(_) => return Err(SettleError::Undecided),
                Err(GatewayError::Refused { code, message }) => {
                    let id = charge.state.id;
                    tracing::warn!(charge.id = %id, refund.id = %refund.id, code, message, "a refund was refused");
                    None
                }
                Err(error) => return Err(error.into()),
            };
            let sent =
                charge.state.refunds.iter().any(|it| it.id == refund.id && !it.is_requested());
            if sent {
                continue;
            }
            if left.is_some_and(|left| left >= u64::from(refund.amount.minor())) {
                return Err(SettleError::Undecided);
            }
            let command = Command::FailRefund { refund_id: refund.id };
            charge = self.apply(context, charge, &command).await?.charge;
        }
        Ok(charge)
    }

    /// Notes what the provider says of each refund.
    async fn note_refunds(
        &self,
        context: &Context,
        mut charge: Versioned<Charge>,
        payment_id: &str,
        state: PaymentState,
    ) -> Result<Versioned<Charge>, SettleError> {
        let PaymentState::Captured { refunds } = state else { return Ok(charge) };
        for refund in refunds {
            let gateway::Refund { id, refund_id, amount, status } = refund;
            let said = SaidOfRefund { id, refund_id, amount, status };
            let command = Command::NoteRefund { payment_id: payment_id.to_owned(), said };
            charge = self.apply(context, charge, &command).await?.charge;
        }
        Ok(charge)
    }

    /// Nothing is left to do for the charge as it was looked at. One that changed since stays due by its claim,
    /// and is looked at again.
    async fn rest(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment_id: Option<String>,
    ) -> Settled {
        if charge.state.due_at.is_none() {
            return Ok(charge.into());
        }
        let seen = Precondition::OneOf(vec![charge.version]);
        Ok(self
            .apply_if(context, charge, &seen, &Command::Rest { payment_id })
            .await?
            .charge
            .into())
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
