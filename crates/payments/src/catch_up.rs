//! Catching up with the provider's notices after an outage: what was sent while nobody could take it is asked
//! for.

use std::time::Duration;

use async_trait::async_trait;
use stubmart_contract::Context;
use stubmart_kernel::worker::{Next, Worker};
use stubmart_ports::{Cause, gateway::GatewayError};

use crate::service::{Payments, SERVICE};

/// How often it is asked. The provider sends its notices again by itself; this is for those that it gave up.
const EVERY: Duration = Duration::from_secs(600);

/// How soon it is asked again when the provider did not answer.
const AGAIN: Duration = Duration::from_secs(60);

/// How far back. The provider gives up a notice after three days.
const BACK: Duration = Duration::from_secs(4 * 24 * 3600);

/// Asks, at the start and every ten minutes, for the notices that could not be delivered.
pub(crate) struct CatchUp(pub(crate) Payments);

#[async_trait]
impl Worker for CatchUp {
    fn name(&self) -> &'static str {
        "payments-catch-up"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let (context, now) = (Context::work(SERVICE), self.0.host().now());
        let notices = match self.0.provider().undelivered_notices(now.before(BACK)).await {
            Ok(notices) => notices,
            Err(GatewayError::Refused { code, message }) => {
                tracing::warn!(code, message, "the payment provider lists no notices");
                return Ok(Next::At(now.after(EVERY)));
            }
            Err(error) => {
                tracing::info!(%error, "notices are asked for later");
                return Ok(Next::At(now.after(AGAIN)));
            }
        };
        let mut kept = 0_u32;
        for notice in notices {
            if let Some(notice) = self.0.keep_notice(&context, notice).await? {
                self.0.follow_notice(&context, &notice).await?;
                kept += 1;
            }
        }
        if kept > 0 {
            tracing::info!(notices = kept, "caught up with the payment provider");
        }
        Ok(Next::At(now.after(EVERY)))
    }
}
