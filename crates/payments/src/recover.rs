//! Recovery: after a start, the service works at once on charges that an earlier process left open.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use stubmart_contract::Context;
use stubmart_kernel::{
    RepositoryError,
    aggregate::Key,
    worker::{Next, Worker},
};
use stubmart_ports::Cause;

use crate::{
    charge::{DUE, Stage},
    service::{Payments, SERVICE},
};

/// How many charges are read at once.
const ROWS: usize = 200;

/// Has the reconciler work on every charge that waits for the provider or for its order, and not for its
/// buyer, once after the start. The request that asked may have ended with an earlier process, and its buyer should not wait
/// until the reconciler takes over by itself. Where another process still works on the charge, both go
/// on, and the charge's rules make the outcome one.
pub(crate) struct Recovery {
    payments: Payments,
    is_done: AtomicBool,
}

impl Recovery {
    pub(crate) const fn new(payments: Payments) -> Self {
        Self { payments, is_done: AtomicBool::new(false) }
    }
}

#[async_trait]
impl Worker for Recovery {
    fn name(&self) -> &'static str {
        "payments-recover"
    }

    async fn step(&self) -> Result<Next, Cause> {
        if self.is_done.load(Ordering::Relaxed) {
            return Ok(Next::Idle);
        }
        let (context, charges) = (Context::work(SERVICE), self.payments.charges());
        let mut scan = charges.scan(DUE, &Key::new()).limit(ROWS);
        loop {
            let keys = charges.keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { break };
            scan = scan.behind(last);
            for (_, id) in keys {
                match charges.load(id).await {
                    Ok(Some(charge))
                        if matches!(charge.state.stage, Stage::Requested | Stage::Authorised) =>
                    {
                        let now = self.payments.host().now();
                        self.payments.schedule_by(&context, charge, now).await?;
                    }
                    // The reconciler logs a charge that cannot be read.
                    Ok(_) | Err(RepositoryError::Corrupt(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.is_done.store(true, Ordering::Relaxed);
        Ok(Next::Idle)
    }
}
