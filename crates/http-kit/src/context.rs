//! The context of an HTTP request: its actor, its id and its deadline.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use stubmart_contract::{Actor, Context};

/// The layer's knowledge of a request, as a request extension.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// The context as the request arrived: no user is identified yet.
    pub(crate) context: Context,
    actor: Arc<OnceLock<Actor>>,
}

impl Incoming {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, actor: Arc::default() }
    }

    /// The layer's knowledge of this request. Without the layer, the actor is the market and there is no
    /// request id.
    pub(crate) fn of(parts: &Parts) -> Self {
        let incoming = parts.extensions.get::<Self>().cloned();
        incoming.unwrap_or_else(|| Self::new(Context::of(Actor::System)))
    }

    /// The request's context with the actor that the session gate has identified. The layer logs it.
    pub(crate) fn identified(self, actor: Actor) -> Context {
        let actor = self.actor.get_or_init(|| actor).clone();
        Context { actor, ..self.context }
    }

    /// The actor, as far as a route has asked for it.
    pub(crate) fn actor(&self) -> &Actor {
        self.actor.get().unwrap_or(&self.context.actor)
    }
}

/// The context of a request that needs no session. Its actor is the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext(pub Context);

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(Incoming::of(parts).context))
    }
}
