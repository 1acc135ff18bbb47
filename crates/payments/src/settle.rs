//! Brings a charge forward: asks the provider for the state of its payment, asks the order, and does what
//! follows, as far as it goes now.
//!
//! Every step may be cut off and done again, by several at once: what the provider is asked carries
//! the charge's idempotency key, the order is secured by one conditional write, and the charge changes
//! by the rules in [`crate::charge`]. Nothing is assumed: where no answer came, the charge stays open and
//! is worked on again.

use stubmart_contract::{Context, Timestamp};
use stubmart_kernel::{RepositoryError, Versioned, mark, mutant};
use stubmart_ports::{
    calls::CallError,
    gateway::{GatewayError, Payment, PaymentState},
};

use crate::{
    charge::{Charge, Command, Failure, FailureReason, Stage},
    orders::OrderForCharge,
    service::Payments,
};

/// A charge after somebody worked on it.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    pub(crate) charge: Charge,
    /// Lets the buyer's browser go on, where the provider waits for it.
    pub(crate) client_secret: Option<String>,
}

impl From<Versioned<Charge>> for Progress {
    fn from(charge: Versioned<Charge>) -> Self {
        Self { charge: charge.state, client_secret: None }
    }
}

/// Why a charge could not be brought forward. It is worked on again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettleError {
    /// The provider did not answer, or its answer was not understood.
    #[error(transparent)]
    Provider(#[from] GatewayError),
    /// Orders did not answer.
    #[error(transparent)]
    Orders(#[from] CallError),
    /// The provider, or the order, has not decided yet.
    #[error("the outcome is not decided yet")]
    Undecided,
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

pub(crate) type Settled = Result<Progress, SettleError>;

impl Payments {
    /// Asks the provider for the first time. Only this answer can prove that nothing happened, and only
    /// while no other request has claimed the charge.
    pub(crate) async fn begin(&self, context: &Context, charge: Versioned<Charge>) -> Settled {
        match self.provider().authorise(&charge.state).await {
            Ok(payment) => self.advance(context, charge, payment).await,
            Err(GatewayError::Unavailable(cause)) => {
                let id = charge.state.id;
                tracing::warn!(charge.id = %id, error = %cause, "payment provider unavailable");
                let failure = Failure::of(FailureReason::ProviderUnavailable);
                self.fail(context, charge, failure, None).await
            }
            Err(error) => self.not_authorised(context, charge, error).await,
        }
    }

    /// Brings a charge forward from any stage. The caller has claimed it, so that the reconciler goes on
    /// if the caller is killed.
    pub(crate) async fn settle(&self, context: &Context, charge: Versioned<Charge>) -> Settled {
        match charge.state.stage {
            Stage::Requested => self.resolve_request(context, charge).await,
            Stage::RequiresAction => self.resolve_action(context, charge).await,
            Stage::Authorised => {
                let payment_id = charge.state.payment_id.clone().unwrap_or_default();
                self.take(context, charge, payment_id).await
            }
            Stage::Failed(_) => self.clear(context, charge).await,
            Stage::Completed => self.keep_or_refund(context, charge).await,
        }
    }

    /// The provider was asked and its answer is not known, or it was never asked.
    async fn resolve_request(&self, context: &Context, charge: Versioned<Charge>) -> Settled {
        if let Some(payment) = self.provider().payment_of(charge.state.id).await?
            && !mutant!("a new key for each try")
        {
            mark!("a payment whose answer was lost was found");
            return self.advance(context, charge, payment).await;
        }
        match self.order_for(context, &charge.state).await? {
            // The same question with the same key: if the first one is still on its way, it is one.
            OrderForCharge::Payable(_) | OrderForCharge::Secured => {
                match self.provider().authorise(&charge.state).await {
                    Ok(payment) => self.advance(context, charge, payment).await,
                    Err(error) => self.not_authorised(context, charge, error).await,
                }
            }
            OrderForCharge::Paid => Err(SettleError::Undecided),
            OrderForCharge::Closed(reason) => {
                self.fail_and_clear(context, charge, reason, None).await
            }
        }
    }

    async fn not_authorised(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        error: GatewayError,
    ) -> Settled {
        let GatewayError::Refused { code, message } = error else { return Err(error.into()) };
        let failure = Failure::of(FailureReason::InvalidRequest).code(code);
        let failure = Failure { message: Some(message), ..failure };
        self.fail(context, charge, failure, None).await
    }

    /// The payment waits for the buyer, or did so when it was last looked at.
    async fn resolve_action(&self, context: &Context, charge: Versioned<Charge>) -> Settled {
        let payment_id = charge.state.payment_id.clone().unwrap_or_default();
        let payment = match self.provider().payment(&payment_id).await {
            Ok(payment) => payment,
            Err(GatewayError::Refused { code, .. }) => {
                let lost = self.counted(&charge.state, FailureReason::AuthorisationLost);
                return self.fail(context, charge, lost.code(code), None).await;
            }
            Err(error) => return Err(error.into()),
        };
        if matches!(payment.state, PaymentState::RequiresAction { .. }) {
            match self.order_for(context, &charge.state).await? {
                OrderForCharge::Payable(_) => {}
                OrderForCharge::Closed(reason) => {
                    return self.fail_and_clear(context, charge, reason, Some(payment.id)).await;
                }
                OrderForCharge::Secured | OrderForCharge::Paid => {
                    return Err(SettleError::Undecided);
                }
            }
        }
        self.advance(context, charge, payment).await
    }

    /// Does what follows from the state of an open charge's payment.
    async fn advance(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment: Payment,
    ) -> Settled {
        let asked_for = (charge.state.order_id, charge.state.amount, charge.state.currency);
        let Payment { id: payment_id, order_id, amount, currency, state, .. } = payment;
        if (order_id, amount, currency) != asked_for {
            let id = charge.state.id;
            tracing::error!(charge.id = %id, payment_id, "the payment is not what the charge asks for");
            let lost = self.counted(&charge.state, FailureReason::AuthorisationLost);
            return self
                .fail(context, charge, lost.code("payment_mismatch"), Some(payment_id))
                .await;
        }
        match state {
            PaymentState::RequiresAction { client_secret } => {
                let command = Command::RequireAction { payment_id };
                let after = self.apply(context, charge, &command).await?;
                if after.refused.is_some() {
                    return self.clear(context, after.charge).await;
                }
                let charge = after.charge.state;
                let waits = charge.stage == Stage::RequiresAction;
                Ok(Progress { charge, client_secret: waits.then_some(client_secret) })
            }
            PaymentState::Processing => Err(SettleError::Undecided),
            PaymentState::Declined { code, decline_code } => {
                let declined = self.counted(&charge.state, FailureReason::Declined).code(code);
                let declined = Failure { decline_code, ..declined };
                self.fail(context, charge, declined, Some(payment_id)).await
            }
            PaymentState::Voided => {
                let lost = self.counted(&charge.state, FailureReason::AuthorisationLost);
                self.fail(context, charge, lost, Some(payment_id)).await
            }
            PaymentState::Authorised | PaymentState::Captured { .. } => {
                self.authorised(context, charge, payment_id).await
            }
        }
    }

    /// The money is held. Where the buyer had to act, that is saved before the order is secured: from
    /// then on the charge is not replaced by one with another card.
    async fn authorised(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment_id: String,
    ) -> Settled {
        if charge.state.stage != Stage::RequiresAction {
            return self.take(context, charge, payment_id).await;
        }
        let command = Command::Authorise { payment_id: payment_id.clone() };
        let charge = self.apply(context, charge, &command).await?.charge;
        match charge.state.stage {
            Stage::Authorised => self.take(context, charge, payment_id).await,
            Stage::Failed(_) => self.clear(context, charge).await,
            Stage::Requested | Stage::RequiresAction | Stage::Completed => Ok(charge.into()),
        }
    }

    /// Secures the order, and when it agrees, captures.
    async fn take(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment_id: String,
    ) -> Settled {
        let Charge { id, order_id, .. } = charge.state;
        if mutant!("capture before the order is secured") {
            self.provider().capture(id, &payment_id).await?;
        }
        if let Err(refusal) = self.orders().secure(context, order_id, id).await? {
            mark!("an order refused a payment that was authorised");
            return self.fail_and_clear(context, charge, refusal.into(), Some(payment_id)).await;
        }
        let lost = Failure::of(FailureReason::AuthorisationLost);
        let lost = match self.provider().capture(id, &payment_id).await {
            Ok(state @ PaymentState::Captured { .. }) => {
                if state.given_back() < u64::from(charge.state.amount.minor()) {
                    return self.complete(context, charge, payment_id).await;
                }
                lost.code("refunded")
            }
            Ok(PaymentState::Declined { code, decline_code }) => {
                Failure { decline_code, ..lost.code(code) }
            }
            Ok(PaymentState::Voided) => lost,
            Ok(
                PaymentState::Authorised
                | PaymentState::Processing
                | PaymentState::RequiresAction { .. },
            ) => return Err(SettleError::Undecided),
            Err(GatewayError::Refused { code, .. }) => lost.code(code),
            Err(error) => return Err(error.into()),
        };
        // The order is secured for this charge, so it ends with it.
        let lost = Failure { ends_order: true, ..lost };
        self.fail(context, charge, lost, Some(payment_id)).await
    }

    /// The money is captured for an order that is secured.
    async fn complete(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        payment_id: String,
    ) -> Settled {
        let after = self.apply(context, charge, &Command::Complete { payment_id }).await?;
        if after.refused.is_some() {
            return self.clear(context, after.charge).await;
        }
        self.follow(context, &after.charge.state).await;
        Ok(after.charge.into())
    }

    /// A failure that counts as an attempt: the order ends with the last one that is allowed.
    fn counted(&self, charge: &Charge, reason: FailureReason) -> Failure {
        let ends_order = charge.attempt >= self.config().max_payment_attempts;
        Failure { ends_order, ..Failure::of(reason) }
    }

    /// How many payments may still be tried for the order after this attempt failed; `None` where the
    /// failure does not count as an attempt.
    pub(crate) fn attempts_left(&self, failure: &Failure, attempt: u32) -> Option<u32> {
        let left = self.config().max_payment_attempts.saturating_sub(attempt);
        failure.is_counted().then_some(if failure.ends_order { 0 } else { left })
    }

    /// Marks a charge as failed, has its order follow, and wakes the reconciler, which clears up.
    async fn fail(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        failure: Failure,
        payment_id: Option<String>,
    ) -> Settled {
        let ends_order = failure.ends_order;
        let command = Command::Fail { failure, payment_id };
        let mut charge = self.apply(context, charge, &command).await?.charge;
        self.reconciler().wake();
        let stored = charge.clone();
        // It may have failed before, and not have known that its order is secured.
        if let Stage::Failed(failure) = &mut charge.state.stage {
            failure.ends_order |= ends_order;
        }
        self.follow(context, &charge.state).await;
        Ok(stored.into())
    }

    /// Marks a charge as failed whose order can never be secured for it, and gives up its hold at once:
    /// its buyer reads that nothing was taken. Where that fails, the reconciler does it: the charge is due.
    async fn fail_and_clear(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        reason: FailureReason,
        payment_id: Option<String>,
    ) -> Settled {
        let command = Command::Fail { failure: Failure::of(reason), payment_id };
        let failed = self.apply(context, charge, &command).await?.charge;
        if failed.state.failure().is_none() {
            return Ok(failed.into());
        }
        match self.clear(context, failed.clone()).await {
            Ok(progress) => Ok(progress),
            Err(error) => {
                tracing::debug!(charge.id = %failed.state.id, %error, "hold not given up yet");
                self.reconciler().wake();
                Ok(failed.into())
            }
        }
    }

    /// Has the reconciler work on a charge at `at` at the latest.
    pub(crate) async fn schedule_by(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        at: Timestamp,
    ) -> Result<Charge, RepositoryError> {
        let after = self.apply(context, charge, &Command::ScheduleBy { at }).await?;
        self.reconciler().wake();
        Ok(after.charge.state)
    }
}
