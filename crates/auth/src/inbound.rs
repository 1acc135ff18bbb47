//! Domain events that auth handles: its own.

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventType};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::bus::Consumer;

use crate::Auth;

static CONSUMER: Consumer = Consumer {
    name: "auth.ended-sessions",
    types: &[EventType::UserUpdated, EventType::UserDeleted],
};

/// Tidies up the sessions that died with a password or an account, which erases what they hold of a
/// user who is gone.
#[derive(Debug)]
pub(crate) struct EndedSessions(pub(crate) Auth);

#[async_trait]
impl Handler for EndedSessions {
    fn consumer(&self) -> &'static Consumer {
        &CONSUMER
    }

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
        match &envelope.event {
            DomainEvent::UserUpdated(user) | DomainEvent::UserDeleted(user) => {
                Ok(self.0.drop_dead_sessions(user.id).await?)
            }
            _ => Ok(()),
        }
    }
}
