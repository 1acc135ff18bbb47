//! Recovery: what an earlier process was cut off from is taken up at once.

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

/// Has the reconciler work on every charge that waits for an answer of the provider, once after the
/// start: the request that asked may have ended with an earlier process, and its buyer need not wait
/// until a request of any process would be given up. Where another process is still at it, both go on,
/// and the charge's rules see to it that the outcome is one.
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
                    Ok(Some(charge)) if charge.state.stage == Stage::Requested => {
                        let now = self.payments.host().now();
                        self.payments.schedule_by(&context, charge, now).await?;
                    }
                    // One that cannot be read is the reconciler's to tell of.
                    Ok(_) | Err(RepositoryError::Corrupt(_)) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.is_done.store(true, Ordering::Relaxed);
        Ok(Next::Idle)
    }
}
