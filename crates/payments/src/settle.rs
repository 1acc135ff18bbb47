//! Brings a charge forward: asks the provider where its intent stands, asks the order, and does what
//! follows, as far as it goes now.
//!
//! Every step may be cut off and done again, by several at once: what the provider is asked carries
//! the charge's idempotency key, the order is secured by one conditional write, and the charge changes
//! by the rules of [`crate::charge::decide`]. Nothing is assumed: where no answer came, the charge
//! stays open and is looked at again.

use std::fmt;

use stubmart_contract::{ChargeId, Timestamp};
use stubmart_kernel::{
    mark, mutant,
    repo::{ChangeError, Decision, RepoError, Trace, Versioned},
};
use stubmart_ports::{
    calls::CallError,
    gateway::{GatewayError, Payment, PaymentState},
};

use crate::{
    Payments,
    charge::{Change, Charge, Command, Failure, Reason, Refusal, Stage, decide},
    orders::{Footing, refused},
};

/// A charge as it stands after it was brought forward.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    pub(crate) charge: Charge,
    /// Lets the buyer's browser go on, where the provider waits for it.
    pub(crate) client_secret: Option<String>,
}

impl From<Charge> for Standing {
    fn from(charge: Charge) -> Self {
        Self { charge, client_secret: None }
    }
}

impl From<Versioned<Charge>> for Standing {
    fn from(charge: Versioned<Charge>) -> Self {
        charge.doc.into()
    }
}

/// Why a charge could not be brought forward. It is looked at again.
#[derive(Debug)]
pub(crate) enum Unsettled {
    /// The provider does not answer, or not so that it could be understood.
    Provider(GatewayError),
    /// Orders does not answer.
    Orders(CallError),
    /// The provider, or the order, has not decided yet.
    Undecided,
    /// The store failed.
    Repo(RepoError),
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(error) => error.fmt(f),
            Self::Orders(error) => error.fmt(f),
            Self::Undecided => f.write_str("the outcome is not decided yet"),
            Self::Repo(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unsettled {}

impl From<GatewayError> for Unsettled {
    fn from(error: GatewayError) -> Self {
        Self::Provider(error)
    }
}

impl From<CallError> for Unsettled {
    fn from(error: CallError) -> Self {
        Self::Orders(error)
    }
}

impl From<RepoError> for Unsettled {
    fn from(error: RepoError) -> Self {
        Self::Repo(error)
    }
}

type Settled = Result<Standing, Unsettled>;

/// A charge after a command, and whether the command was taken.
pub(crate) struct Applied {
    pub(crate) charge: Versioned<Charge>,
    pub(crate) refused: Option<Refusal>,
}

impl Payments {
    /// Applies `command`, and gives the charge as it is stored then.
    pub(crate) async fn apply(
        &self,
        id: ChargeId,
        command: &Command,
    ) -> Result<Applied, RepoError> {
        let now = self.0.host.now();
        let decide = |current: Option<&Versioned<Charge>>| applied(current, command, now);
        let changed = self.0.charges.change(id.0, Trace::REQUEST, decide).await;
        changed.map_err(|error| change_failed(id, error))
    }

    /// Applies `command` to a charge that was seen a moment ago. It is decided on what is stored, as
    /// [`Self::apply`] does, and loaded for that only if it has changed since.
    pub(crate) async fn apply_to(
        &self,
        charge: Versioned<Charge>,
        command: &Command,
    ) -> Result<Applied, RepoError> {
        let (id, now) = (charge.doc.id, self.0.host.now());
        let decide = |current: Option<&Versioned<Charge>>| applied(current, command, now);
        let changed = self.0.charges.change_from(id.0, Some(charge), Trace::REQUEST, decide).await;
        changed.map_err(|error| change_failed(id, error))
    }

    /// Asks the provider for the first time. Only here "nothing happened" can be believed, and only
    /// while nobody else has looked at the charge.
    pub(crate) async fn begin(&self, charge: Versioned<Charge>) -> Settled {
        match self.0.provider.authorise(&charge.doc.request()).await {
            Ok(intent) => self.follow(charge, intent).await,
            Err(GatewayError::Unavailable(cause)) => {
                tracing::warn!(charge.id = %charge.doc.id, error = %cause, "payment provider unavailable");
                self.fail(charge, Failure::of(Reason::Unavailable), None).await
            }
            Err(error) => self.not_authorised(charge, error).await,
        }
    }

    /// Brings a charge forward from wherever it stands. Whoever calls it has said so in the charge
    /// ([`Command::Look`]), so that somebody else goes on if they are killed.
    pub(crate) async fn settle(&self, charge: Versioned<Charge>) -> Settled {
        match charge.doc.stage {
            Stage::Asked => self.find_out(charge).await,
            Stage::Waiting => self.look_at_buyer(charge).await,
            Stage::Held => self.take(charge).await,
            Stage::Failed(_) => self.give_back(charge).await,
            Stage::Completed => self.keep_or_refund(charge).await,
        }
    }

    /// The provider was asked and its answer is not known, or it was never asked.
    async fn find_out(&self, charge: Versioned<Charge>) -> Settled {
        if let Some(intent) = self.0.provider.payment_of(charge.doc.id).await?
            && !mutant!("a new key for each try")
        {
            mark!("a payment whose answer was lost was found");
            return self.follow(charge, intent).await;
        }
        match self.footing_of(&charge.doc).await? {
            // The same question with the same key: if the first one is still on its way, it is one.
            Footing::Payable => match self.0.provider.authorise(&charge.doc.request()).await {
                Ok(intent) => self.follow(charge, intent).await,
                Err(error) => self.not_authorised(charge, error).await,
            },
            footing => self.order_ended(charge, footing, None).await,
        }
    }

    async fn not_authorised(&self, charge: Versioned<Charge>, error: GatewayError) -> Settled {
        let GatewayError::Refused { code, message } = error else { return Err(error.into()) };
        let failure = Failure { message: Some(message), ..Failure::of(Reason::Refused).code(code) };
        self.fail(charge, failure, None).await
    }

    /// The intent waits for the buyer, or did so when it was last looked at.
    async fn look_at_buyer(&self, charge: Versioned<Charge>) -> Settled {
        let payment_id = charge.doc.stripe_id.clone().unwrap_or_default();
        let intent = match self.0.provider.payment(&payment_id).await {
            Ok(intent) => intent,
            Err(GatewayError::Refused { code, .. }) => {
                let failure = Failure { code, ..self.counted(&charge.doc, Reason::Lost) };
                return self.fail(charge, failure, None).await;
            }
            Err(error) => return Err(error.into()),
        };
        if matches!(intent.state, PaymentState::RequiresAction { .. }) {
            let footing = self.footing_of(&charge.doc).await?;
            if footing != Footing::Payable {
                return self.order_ended(charge, footing, Some(intent.id)).await;
            }
        }
        self.follow(charge, intent).await
    }

    /// Does what follows from where the intent of an open charge stands.
    async fn follow(&self, charge: Versioned<Charge>, intent: Payment) -> Settled {
        match intent.state {
            PaymentState::RequiresAction { client_secret } => {
                let wait = Command::Wait { payment_id: intent.id };
                let applied = self.apply_to(charge, &wait).await?;
                if applied.refused.is_some() {
                    return self.give_back(applied.charge).await;
                }
                let waits = applied.charge.doc.stage == Stage::Waiting;
                let client_secret = waits.then_some(client_secret);
                Ok(Standing { charge: applied.charge.doc, client_secret })
            }
            PaymentState::Processing => Err(Unsettled::Undecided),
            PaymentState::Declined { code, decline_code } => {
                let counted = self.counted(&charge.doc, Reason::Declined);
                self.fail(charge, Failure { code, decline_code, ..counted }, Some(intent.id)).await
            }
            PaymentState::Voided => {
                let failure = self.counted(&charge.doc, Reason::Lost);
                self.fail(charge, failure, Some(intent.id)).await
            }
            PaymentState::Authorised | PaymentState::Captured { .. } => {
                let hold = Command::Hold { payment_id: intent.id };
                let applied = self.apply_to(charge, &hold).await?;
                match applied.charge.doc.stage {
                    Stage::Held => self.take(applied.charge).await,
                    Stage::Failed(_) => self.give_back(applied.charge).await,
                    _ => Ok(applied.charge.into()),
                }
            }
        }
    }

    /// The money is held: secures the order, and when it agrees, captures.
    async fn take(&self, charge: Versioned<Charge>) -> Settled {
        let Charge { id, order_id, .. } = charge.doc;
        let payment_id = charge.doc.stripe_id.clone().unwrap_or_default();
        if mutant!("capture before the order is secured") {
            self.0.provider.capture(id, &payment_id).await?;
        }
        if let Err(refusal) = self.0.orders.secure(order_id, id).await? {
            let failure = Failure::of(refused(refusal));
            mark!("an order refused a payment that was authorised");
            return self.fail_and_let_go(charge, failure, None).await;
        }
        let failure = match self.0.provider.capture(id, &payment_id).await {
            Ok(PaymentState::Captured { refund_id: None }) => {
                let applied = self.apply_to(charge, &Command::Complete).await?;
                return match applied.refused {
                    None => Ok(applied.charge.into()),
                    Some(_) => self.give_back(applied.charge).await,
                };
            }
            Ok(PaymentState::Captured { refund_id: Some(_) }) => {
                Failure::of(Reason::Lost).code("refunded")
            }
            Ok(PaymentState::Declined { code, decline_code }) => {
                Failure { decline_code, ..Failure::of(Reason::Lost).code(code) }
            }
            Ok(PaymentState::Voided) => Failure::of(Reason::Lost),
            Ok(
                PaymentState::Authorised
                | PaymentState::Processing
                | PaymentState::RequiresAction { .. },
            ) => return Err(Unsettled::Undecided),
            Err(GatewayError::Refused { code, .. }) => Failure::of(Reason::Lost).code(code),
            Err(error) => return Err(error.into()),
        };
        self.fail(charge, failure, None).await
    }

    /// A failure that counts as an attempt: the order ends with the last one that is allowed.
    fn counted(&self, charge: &Charge, reason: Reason) -> Failure {
        let ends_order = charge.attempt >= self.0.config.max_payment_attempts;
        Failure { ends_order, ..Failure::of(reason) }
    }

    /// An open charge whose money is not held finds that its order is not payable any more.
    async fn order_ended(
        &self,
        charge: Versioned<Charge>,
        footing: Footing,
        payment_id: Option<String>,
    ) -> Settled {
        let reason = match footing {
            Footing::Payable | Footing::Secured => return Err(Unsettled::Undecided),
            Footing::Completed => Reason::OrderCompleted,
            Footing::Ended(reason) => reason,
        };
        self.fail_and_let_go(charge, Failure::of(reason), payment_id).await
    }

    /// Marks a charge as failed, and wakes who clears up behind it.
    async fn fail(
        &self,
        charge: Versioned<Charge>,
        failure: Failure,
        payment_id: Option<String>,
    ) -> Settled {
        let applied = self.apply_to(charge, &Command::Fail { failure, payment_id }).await?;
        self.0.reconcile.wake();
        Ok(applied.charge.into())
    }

    /// Marks a charge as failed and clears up behind it at once, so that its buyer is told the truth.
    /// Where that fails, the reconciler does it: the charge says that it is due.
    async fn fail_and_let_go(
        &self,
        charge: Versioned<Charge>,
        failure: Failure,
        payment_id: Option<String>,
    ) -> Settled {
        let failed = self.apply_to(charge, &Command::Fail { failure, payment_id }).await?.charge;
        if failed.doc.failure().is_none() {
            return Ok(failed.into());
        }
        match self.give_back(failed.clone()).await {
            Ok(standing) => Ok(standing),
            Err(error) => {
                tracing::debug!(charge.id = %failed.doc.id, %error, "hold not let go yet");
                self.0.reconcile.wake();
                Ok(failed.into())
            }
        }
    }

    /// Asks for another look at a charge by then.
    pub(crate) async fn look_by(
        &self,
        charge: Versioned<Charge>,
        at: Timestamp,
    ) -> Result<Charge, RepoError> {
        let applied = self.apply_to(charge, &Command::LookBy { at }).await?;
        self.0.reconcile.wake();
        Ok(applied.charge.doc)
    }
}

/// Decides a command on a charge that there is.
fn applied(
    current: Option<&Versioned<Charge>>,
    command: &Command,
    now: Timestamp,
) -> Result<Decision<Charge, Applied>, Refusal> {
    let stored = current.ok_or(Refusal::Missing)?;
    let kept = |refused| Decision::Keep(Applied { charge: stored.clone(), refused });
    Ok(match decide(Some(&stored.doc), command, now) {
        Ok(None) => kept(None),
        Ok(Some(Change { charge, event })) => {
            let events: Vec<_> = event.into_iter().collect();
            let after = Versioned::over(current, charge.clone(), &events);
            Decision::Save { doc: charge, events, answer: Applied { charge: after, refused: None } }
        }
        Err(refusal) => kept(Some(refusal)),
    })
}

fn change_failed(id: ChargeId, error: ChangeError<Refusal>) -> RepoError {
    match error {
        ChangeError::Repo(error) => error,
        ChangeError::Refused(refusal) => {
            RepoError::Corrupt(format!("charge {id}: {refusal}").into())
        }
    }
}
