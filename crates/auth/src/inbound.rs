//! Domain events that auth handles: its own.

use async_trait::async_trait;
use stubmart_contract::{Context, DomainEvent, Envelope, EventType};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::bus::Consumer;

use crate::service::Auth;

static CONSUMER: Consumer = Consumer {
    name: "auth.ended-sessions",
    types: &[EventType::UserUpdated, EventType::UserDeleted],
};

/// Ends the sessions that died with a password or an account, which erases the
/// personal data in them.
#[derive(Debug)]
pub(crate) struct EndedSessions(pub(crate) Auth);

#[async_trait]
impl Handler for EndedSessions {
    fn consumer(&self) -> &'static Consumer {
        &CONSUMER
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        match &envelope.event {
            DomainEvent::UserUpdated(user) | DomainEvent::UserDeleted(user) => {
                Ok(self.0.end_dead_sessions(context, user.id).await?)
            }
            _ => Ok(()),
        }
    }
}
