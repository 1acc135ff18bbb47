//! The provider's notices that something happened to a payment.

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Context};
use stubmart_kernel::{
    ApplyError, Repository, RepositoryError,
    due::{Due, DueError},
    mark, mutant,
    worker::Wake,
};
use stubmart_ports::gateway::{BadNotice, GatewayError, Notice};

use crate::{
    charge::{Charge, Command},
    notice::{self, NewNotice, NoticeId, StoredNotice},
    service::{Payments, SERVICE},
    settle::SettleError,
};

/// Why a notice was not taken. The provider may send it again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoticeError {
    /// It is not the provider's, or not understood.
    #[error(transparent)]
    Bad(#[from] BadNotice),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Payments {
    /// Takes a notice: saves it, and does what follows from it. It is only a hint: the service acts on the
    /// present state of the payment, so a notice may come twice, late, and after later ones. Once this has
    /// answered, something is done about it in any case.
    pub(crate) async fn receive_notice(
        &self,
        context: &Context,
        signature: &str,
        body: &[u8],
    ) -> Result<(), NoticeError> {
        let notice = match self.provider().notice(signature, body, self.host().now()) {
            Err(BadNotice::Signature) if mutant!("a forged notice is taken") => return Ok(()),
            read => read?,
        };
        let Some(notice) = self.keep_notice(context, notice).await? else { return Ok(()) };
        if let Err(error) = self.follow_notice(context, &notice).await {
            tracing::info!(notice = notice.event_id, %error, "notice worked on later");
        }
        Ok(())
    }

    /// Saves a notice. `None` for one that is about none of our payments, and for one that something was
    /// done about already.
    pub(crate) async fn keep_notice(
        &self,
        context: &Context,
        notice: Notice,
    ) -> Result<Option<StoredNotice>, RepositoryError> {
        let Notice { id, kind, at, payment_id: Some(payment_id), charge_id } = notice else {
            return Ok(None);
        };
        let notice_id = NoticeId::of(&id);
        let new = NewNotice { event_id: id, kind, payment_id, charge_id, at };
        let arrive = notice::Command::Arrive(new);
        match self.notices().apply(context, notice_id, &arrive).await {
            Ok(applied) => Ok(Some(applied.after.state).filter(|notice| !notice.is_done)),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(None),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// Does what follows from a notice, or puts it off: the provider did not answer, or it knows a charge that
    /// we do not.
    pub(crate) async fn follow_notice(
        &self,
        context: &Context,
        notice: &StoredNotice,
    ) -> Result<(), RepositoryError> {
        let command = match self.try_notice(context, notice).await {
            Ok(true) => notice::Command::Finish,
            Ok(false) => {
                mark!("a notice about an unknown charge was parked");
                notice::Command::PutOff
            }
            Err(error) => {
                tracing::info!(notice = notice.event_id, %error, "notice put off");
                notice::Command::PutOff
            }
        };
        match self.notices().apply(context, notice.id, &command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {}
            Err(ApplyError::Repository(error)) => return Err(error),
        }
        self.notices_due().wake();
        Ok(())
    }

    /// Whether something was done about the notice, or nothing has to be.
    async fn try_notice(
        &self,
        context: &Context,
        notice: &StoredNotice,
    ) -> Result<bool, FollowError> {
        let charge_id = match notice.charge_id {
            Some(charge_id) => charge_id,
            None => match self.charge_of(&notice.payment_id).await? {
                Some(charge_id) => charge_id,
                None => return Ok(true),
            },
        };
        Ok(self.settle_now(context, charge_id).await?.is_some())
    }

    /// The charge that a payment was made for; `None` when there is no such payment.
    ///
    /// # Errors
    /// [`GatewayError`]: it is not known.
    pub(crate) async fn charge_of(
        &self,
        payment_id: &str,
    ) -> Result<Option<ChargeId>, GatewayError> {
        match self.provider().payment(payment_id).await {
            Ok(payment) => Ok(Some(payment.charge_id)),
            Err(GatewayError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Works on a charge at once, under a claim that is saved before: once this has answered, the charge
    /// is settled in any case. `None` when there is no such charge.
    ///
    /// # Errors
    /// [`RepositoryError`]: the charge may have been worked on.
    pub(crate) async fn settle_now(
        &self,
        context: &Context,
        charge_id: ChargeId,
    ) -> Result<Option<Charge>, RepositoryError> {
        let Some(charge) = self.charges().load(charge_id).await? else { return Ok(None) };
        let claimed = self.apply(context, charge, &Command::Claim).await?.charge;
        match self.settle(context, claimed.clone()).await {
            Ok(progress) => Ok(Some(progress.charge)),
            Err(SettleError::Repository(error)) => Err(error),
            Err(error) => {
                tracing::info!(charge.id = %charge_id, %error, "charge not settled, will try again");
                self.reconciler().wake();
                Ok(Some(claimed.state))
            }
        }
    }
}

/// Why nothing was done about a notice.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    /// The provider did not say which charge it is about.
    #[error(transparent)]
    Provider(#[from] GatewayError),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// Works on notices that were put off, or whose request ended too early, and forgets old ones.
pub(crate) struct Notices(pub(crate) Payments);

#[async_trait]
impl Due for Notices {
    type Aggregate = StoredNotice;

    fn name(&self) -> &'static str {
        "payments-notices"
    }

    fn repository(&self) -> &Repository<StoredNotice> {
        self.0.notices()
    }

    fn index(&self) -> &'static str {
        notice::DUE
    }

    async fn run(&self, id: NoticeId) -> Result<(), DueError> {
        let Some(found) = self.0.notices().load(id).await? else { return Ok(()) };
        if found.state.is_done {
            self.0.notices().delete(&found).await?;
            return Ok(());
        }
        self.0.follow_notice(&Context::work(SERVICE), &found.state).await?;
        Ok(())
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.notices_due().clone())
    }
}
