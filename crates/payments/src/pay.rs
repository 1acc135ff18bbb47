//! Pays for an order: opens a charge and brings it forward as far as it goes now.

use std::time::Duration;

use stubmart_contract::{ChargeId, Context, OrderId, UserId, calls::OrderForPayment};
use stubmart_kernel::{
    Aggregate as _, ApplyError, Decision, RepositoryError, Versioned, mark, mutant,
};
use stubmart_ports::calls::CallError;
use uuid::Uuid;

use crate::{
    charge::{Charge, Command, Failure, FailureReason, NewCharge, Stage},
    orders::OrderForCharge,
    service::Payments,
    settle::{Progress, Settled},
};

/// How soon the reconciler works on a payment whose outcome is not known.
const SOON: Duration = Duration::from_secs(1);

/// How often opening a charge is tried while others open and end theirs for the same order.
const ROUNDS_MAX: u32 = 8;

/// What a buyer asks for.
#[derive(Debug, Clone)]
pub(crate) struct PaymentRequest {
    pub(crate) buyer: UserId,
    pub(crate) order_id: OrderId,
    /// The payment method's id at the provider; `None` to pay in the browser.
    pub(crate) payment_method: Option<String>,
}

/// The outcome of a payment.
#[derive(Debug, Clone)]
pub(crate) enum PaymentOutcome {
    /// The money is captured, and the order completed.
    Completed(Charge),
    /// Not decided: the buyer has to act, or the provider has not answered.
    Pending {
        charge: Charge,
        /// Lets the buyer's browser go on, where the provider waits for it.
        client_secret: Option<String>,
    },
    /// Nothing is taken, or it is given back.
    Failed {
        /// Why.
        failure: Failure,
        /// Which attempt for the order it was.
        attempt: u32,
    },
}

/// Why no payment was made. Nothing is charged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayError {
    /// The order cannot be paid for.
    #[error("the order cannot be paid for: {}", .0.code())]
    Order(FailureReason),
    /// The order was tried too often.
    #[error("the order was tried too often")]
    TooManyAttempts {
        /// How long the order is held.
        retry_after: Duration,
    },
    /// Orders did not answer.
    #[error(transparent)]
    Orders(#[from] CallError),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl From<Progress> for PaymentOutcome {
    fn from(Progress { charge, client_secret }: Progress) -> Self {
        match charge.stage {
            Stage::Requested | Stage::RequiresAction | Stage::Authorised => {
                Self::Pending { charge, client_secret }
            }
            Stage::Completed => Self::Completed(charge),
            Stage::Failed(failure) => Self::Failed { failure, attempt: charge.attempt },
        }
    }
}

/// A charge to go on with.
enum Opened {
    /// It is new: the provider is asked next.
    New(Versioned<Charge>),
    /// It was there already.
    Existing(Versioned<Charge>),
}

/// What an order's earlier charges leave for a new one.
#[derive(Debug, PartialEq, Eq)]
enum Slot<'a> {
    /// It can be opened as this attempt.
    Free(u32),
    /// This charge waits for the buyer.
    Waiting(&'a Versioned<Charge>),
    /// A charge is under way.
    InProgress,
    /// A charge took the money.
    Paid,
    /// No further attempt is allowed.
    UsedUp,
}

impl Payments {
    /// Pays with a charge of this id, which may exist already. When this returns, order and ticket have
    /// followed a charge that has ended, as far as orders and tickets answered.
    pub(crate) async fn pay(
        &self,
        context: &Context,
        id: ChargeId,
        request: &PaymentRequest,
    ) -> Result<PaymentOutcome, PayError> {
        // One id, and so one key, for all payments of an order.
        let same = ChargeId(Uuid::from_u128(!request.order_id.0.as_u128()));
        let id = if mutant!("the same key after a decline") { same } else { id };
        let order = self.orders().order(context, request.buyer, request.order_id).await?;
        let reason = match (OrderForCharge::of(order.as_ref(), id), &order) {
            (OrderForCharge::Payable(_), Some(order)) => {
                return Ok(self.pay_for(context, id, order, request).await?.into());
            }
            (OrderForCharge::Closed(reason), _) => reason,
            (OrderForCharge::Paid, _) => FailureReason::OrderCompleted,
            (OrderForCharge::Secured | OrderForCharge::Payable(_), _) => {
                FailureReason::OrderSecured
            }
        };
        match self.charges().load(id).await? {
            // It was this very request that made the order so.
            Some(charge) if !can_be_opened_again(&charge.state) => {
                Ok(self.resume(context, charge).await.into())
            }
            Some(_) | None => Err(PayError::Order(reason)),
        }
    }

    async fn pay_for(
        &self,
        context: &Context,
        id: ChargeId,
        order: &OrderForPayment,
        request: &PaymentRequest,
    ) -> Result<Progress, PayError> {
        Ok(match self.open(context, id, order, request).await? {
            Opened::New(charge) => {
                let settled = self.begin(context, charge.clone()).await;
                self.progress(context, charge, settled).await
            }
            Opened::Existing(charge) => self.resume(context, charge).await,
        })
    }

    /// Goes on with a charge that exists.
    async fn resume(&self, context: &Context, charge: Versioned<Charge>) -> Progress {
        if !charge.state.is_open() {
            self.follow(context, &charge.state).await;
            return charge.into();
        }
        let settled = match self.apply(context, charge.clone(), &Command::Claim).await {
            Ok(claimed) => self.settle(context, claimed.charge).await,
            Err(error) => Err(error.into()),
        };
        self.progress(context, charge, settled).await
    }

    /// The charge after it was worked on, or as it was known `last` when its outcome is not known yet:
    /// once there is a charge, no failure of ours is an answer, for the money may be taken all the same.
    async fn progress(
        &self,
        context: &Context,
        last: Versioned<Charge>,
        settled: Settled,
    ) -> Progress {
        let error = match settled {
            Ok(progress) => return progress,
            Err(error) => error,
        };
        let id = last.state.id;
        tracing::info!(charge.id = %id, %error, "payment not settled yet");
        let soon = self.host().now().after(SOON);
        match self.schedule_by(context, last.clone(), soon).await {
            Ok(charge) => Progress { charge, client_secret: None },
            // It is due in any case, if not so soon.
            Err(error) => {
                tracing::warn!(charge.id = %id, %error, "payment worked on later");
                last.into()
            }
        }
    }

    async fn open(
        &self,
        context: &Context,
        id: ChargeId,
        order: &OrderForPayment,
        request: &PaymentRequest,
    ) -> Result<Opened, PayError> {
        if let Some(latest) = self.used_up(order.id, id).await? {
            // To go on with one that waits for the buyer makes no further one.
            let waiting = latest.into_iter().find(|it| {
                it.state.stage == Stage::RequiresAction
                    && it.state.payment_method == request.payment_method
            });
            let retry_after = order.expires_at.since(self.host().now());
            return waiting.map(Opened::Existing).ok_or(PayError::TooManyAttempts { retry_after });
        }
        let mut attempt = 1;
        for _ in 0..ROUNDS_MAX {
            match self.try_open(context, id, order, request, attempt).await {
                Ok(opened) => return Ok(opened),
                Err(RepositoryError::Taken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let others = self.charges_of(order.id).await?;
            match slot(&others, self.config().max_payment_attempts) {
                Slot::Free(number) => attempt = number,
                Slot::Waiting(other) if other.state.payment_method == request.payment_method => {
                    return Ok(Opened::Existing(other.clone()));
                }
                Slot::Waiting(other) => self.replace(context, other).await?,
                Slot::InProgress => return Err(PayError::Order(FailureReason::OrderSecured)),
                Slot::Paid => return Err(PayError::Order(FailureReason::OrderCompleted)),
                Slot::UsedUp => return Err(PayError::Order(FailureReason::OrderCancelled)),
            }
        }
        Err(RepositoryError::Contended.into())
    }

    /// Saves the charge, unless it exists. Only after this is the provider asked (PAY-2).
    async fn try_open(
        &self,
        context: &Context,
        id: ChargeId,
        order: &OrderForPayment,
        request: &PaymentRequest,
        attempt: u32,
    ) -> Result<Opened, RepositoryError> {
        let open = Command::Open(NewCharge {
            id,
            order_id: order.id,
            user_id: request.buyer,
            attempt,
            amount: order.amount,
            currency: order.currency,
            payment_method: request.payment_method.clone(),
        });
        if mutant!("ask the provider before the charge is saved")
            && let Ok(Decision::Changed { state, .. }) =
                Charge::decide(None, &open, self.host().now())
        {
            drop(self.provider().authorise(&state).await);
        }
        match self.charges().create(context, id, &open).await {
            Ok(applied) if applied.changed => Ok(Opened::New(applied.after)),
            Ok(applied) => Ok(Opened::Existing(applied.after)),
            Err(ApplyError::Refused { refusal, .. }) => {
                Err(RepositoryError::Corrupt(refusal.into()))
            }
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// Ends a charge that waits for its buyer, who chose another payment method.
    async fn replace(
        &self,
        context: &Context,
        waiting: &Versioned<Charge>,
    ) -> Result<(), PayError> {
        mark!("a buyer took another payment method");
        let failure = Failure::of(FailureReason::Replaced);
        let fail = Command::Fail { failure, payment_id: None };
        let after = self.apply(context, waiting.clone(), &fail).await?;
        self.reconciler().wake();
        match after.refused {
            None => Ok(()),
            // The buyer authenticated in the meantime.
            Some(_) => Err(PayError::Order(FailureReason::OrderSecured)),
        }
    }
}

/// Whether the same request may open this charge again: the provider could not be reached, and the
/// buyer tries again with the same idempotency key.
fn can_be_opened_again(charge: &Charge) -> bool {
    charge.failure().is_some_and(|failure| match failure.reason {
        FailureReason::Declined => mutant!("the same key after a decline"),
        reason => reason == FailureReason::ProviderUnavailable,
    })
}

/// What an order's earlier charges leave for a new one.
fn slot(others: &[Versioned<Charge>], attempts_max: u32) -> Slot<'_> {
    if let Some(open) = others.iter().find(|charge| charge.state.is_open()) {
        return match open.state.stage {
            Stage::RequiresAction => Slot::Waiting(open),
            _ => Slot::InProgress,
        };
    }
    if others.iter().any(|charge| charge.state.stage == Stage::Completed) {
        return Slot::Paid;
    }
    let failures = others.iter().filter_map(|charge| charge.state.failure());
    if failures.clone().any(|failure| failure.ends_order) {
        return Slot::UsedUp;
    }
    let counted = failures.filter(|failure| failure.is_counted()).count();
    match u32::try_from(counted).unwrap_or(u32::MAX) {
        counted if counted >= attempts_max => Slot::UsedUp,
        counted => Slot::Free(counted.saturating_add(1)),
    }
}
