//! Sessions without auth, for tests of one service alone.

use async_trait::async_trait;
use axum::Router;
use stubmart_contract::{
    Context, Role, SessionId, UserId,
    calls::{Identity, Profile, Recipient},
};
use stubmart_http_kit::SessionGate;
use stubmart_ports::{
    calls::{Auth, CallError},
    host::Host,
};
use utoipa_axum::router::OpenApiRouter;

use crate::api::Api;

/// Takes a user's id for their session token.
#[derive(Debug, Clone, Copy)]
struct IdTokens;

#[async_trait]
impl Auth for IdTokens {
    async fn introspect(&self, _: &Context, token: &str) -> Result<Option<Identity>, CallError> {
        let user_id: Option<UserId> = token.parse().ok();
        let identity = |user_id: UserId| Identity {
            user_id,
            session_id: SessionId(user_id.0),
            role: Role::User,
            may_sell: true,
            is_established: true,
            read_only: false,
        };
        Ok(user_id.map(identity))
    }

    async fn recipient(&self, _: &Context, _: UserId) -> Result<Option<Recipient>, CallError> {
        Ok(None)
    }

    async fn profile(&self, _: &Context, _: UserId) -> Result<Option<Profile>, CallError> {
        Ok(None)
    }
}

impl Api {
    /// The API of one service, in which a user's id is their token: [`Api::with_token`] signs anybody in.
    #[must_use]
    pub fn of_service(host: &Host, router: impl FnOnce(SessionGate) -> OpenApiRouter) -> Self {
        let gate = SessionGate::new(std::sync::Arc::new(IdTokens), host.clone());
        let (routes, _): (Router, _) = router(gate).split_for_parts();
        Self::in_process(routes)
    }
}
