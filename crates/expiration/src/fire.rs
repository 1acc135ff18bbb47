//! Publishes that a lock's time is up.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, event::LockExpired};
use stubmart_kernel::worker::{Next, Wake, Worker};
use stubmart_ports::{Cause, timers::Claim};

use crate::Expiration;

/// How many timers fire at once.
const BATCH: usize = 256;

/// How long another instance waits before it fires what this one claimed and did not finish.
const LEASE: Duration = Duration::from_secs(5);

pub(crate) struct Due(pub(crate) Expiration);

#[async_trait]
impl Worker for Due {
    fn name(&self) -> &'static str {
        "expiration-due"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let deps = &self.0.deps;
        let claims = deps.timers.claim(deps.host.now(), BATCH, LEASE).await?;
        if claims.is_empty() {
            return Ok(deps.timers.next_due().await?.map_or(Next::Idle, Next::At));
        }
        let mut events = Vec::with_capacity(claims.len());
        for claim in &claims {
            events.extend(self.expired(claim));
        }
        deps.bus.publish(&events).await?;
        deps.timers.finish(claims).await?;
        Ok(Next::Again)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.armed.clone())
    }
}

impl Due {
    /// The event of a due timer. It gets a new id each time: what makes it harmless to come twice is
    /// the state of the order, and one that was lost must not be taken for a duplicate.
    fn expired(&self, claim: &Claim) -> Option<Arc<Envelope>> {
        let expired: LockExpired = match serde_json::from_slice(&claim.timer.body) {
            Ok(expired) => expired,
            Err(error) => {
                tracing::error!(timer = %claim.timer.key, %error, "timer dropped: it can not be read");
                return None;
            }
        };
        let id = self.0.deps.host.message_id();
        Some(Arc::new(Envelope {
            id,
            aggregate_id: expired.order_id.0,
            version: 1,
            at: self.0.deps.host.now(),
            causation_id: id,
            correlation_id: id,
            actor: stubmart_contract::Actor::System,
            request_id: None,
            event: DomainEvent::OrderExpired(expired),
        }))
    }
}
