//! The reconciler: settles what no answer and no notice settled.

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Context};
use stubmart_kernel::{
    ApplyError, Repository,
    due::{Due, DueError},
    worker::Wake,
};

use crate::{
    charge::{Charge, Command, DUE},
    service::{Payments, SERVICE},
    settle::SettleError,
};

/// Works on charges that are due.
pub(crate) struct Reconciler(pub(crate) Payments);

#[async_trait]
impl Due for Reconciler {
    type Aggregate = Charge;

    fn name(&self) -> &'static str {
        "payments-reconcile"
    }

    fn repository(&self) -> &Repository<Charge> {
        self.0.charges()
    }

    fn index(&self) -> &'static str {
        DUE
    }

    /// Works on a charge, unless another instance came first. One that cannot be settled now is due
    /// again later, by its claim.
    async fn run(&self, id: ChargeId) -> Result<(), DueError> {
        let context = Context::work(SERVICE);
        let claimed = match self.0.charges().apply(&context, id, &Command::ClaimIfDue).await {
            Ok(applied) => applied.after,
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => return Ok(()),
            Err(ApplyError::Repository(error)) => return Err(error.into()),
        };
        let claims = claimed.state.claims;
        match self.0.settle(&context, claimed).await {
            Ok(_) => Ok(()),
            Err(SettleError::Repository(error)) => Err(error.into()),
            Err(error) => {
                if claims.is_power_of_two() {
                    tracing::info!(charge.id = %id, claims, %error, "charge not settled, will try again");
                }
                Ok(())
            }
        }
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.reconciler().clone())
    }
}
