//! Who asks, for which request, because of what, and until when.
//!
//! A [`Context`] is the first argument of every use case and of every call between services, and its
//! first three answers are in the envelope of every event: years later the log says who did what, and why.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    actor::{Actor, RequestId},
    event::Envelope,
    ids::MessageId,
    time::Timestamp,
};

/// The event that led to a change, and the first event of its chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CausedBy {
    /// The event that was handled.
    pub event: MessageId,
    /// The first event of the chain.
    pub correlation: MessageId,
}

/// Who asks, for which request, because of what, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// Who causes the change.
    pub actor: Actor,
    /// The HTTP request it is for, if it began with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<RequestId>,
    /// The event that led to it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caused_by: Option<CausedBy>,
    /// When nobody waits for the answer any more. What has begun is finished all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

impl Context {
    /// Somebody's own doing, outside of any request.
    #[must_use]
    pub const fn of(actor: Actor) -> Self {
        Self { actor, request_id: None, caused_by: None, deadline: None }
    }

    /// A service's background work.
    #[must_use]
    pub const fn work(service: &'static str) -> Self {
        Self::of(Actor::Service(Cow::Borrowed(service)))
    }

    /// A service that handles an event. The request that began the chain stays known.
    #[must_use]
    pub fn handling(service: &'static str, envelope: &Envelope) -> Self {
        Self {
            request_id: envelope.request_id.clone(),
            caused_by: Some(CausedBy { event: envelope.id, correlation: envelope.correlation_id }),
            ..Self::work(service)
        }
    }

    /// A request of `actor`.
    #[must_use]
    pub fn request(actor: Actor, id: RequestId, deadline: Timestamp) -> Self {
        Self { request_id: Some(id), deadline: Some(deadline), ..Self::of(actor) }
    }
}
