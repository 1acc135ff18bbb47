//! The context of an HTTP request: who asks, the request's id, and until when somebody waits.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
};

use axum::{extract::FromRequestParts, http::request::Parts};
use stubmart_contract::{Actor, Context};

/// What [`crate::layer`] knows of a request, as a request extension.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// The context as the request arrived: nobody is identified yet.
    pub(crate) context: Context,
    actor: Arc<OnceLock<Actor>>,
}

impl Incoming {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, actor: Arc::default() }
    }

    /// What the layer said of this request. A router without the layer has the market as the actor and
    /// no request id.
    pub(crate) fn of(parts: &Parts) -> Self {
        let incoming = parts.extensions.get::<Self>().cloned();
        incoming.unwrap_or_else(|| Self::new(Context::of(Actor::System)))
    }

    /// The request's context with the actor that the session gate has identified. The layer logs it.
    pub(crate) fn identified(self, actor: Actor) -> Context {
        let actor = self.actor.get_or_init(|| actor).clone();
        Context { actor, ..self.context }
    }

    /// Who made the request, as far as it was asked.
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
