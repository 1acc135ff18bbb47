//! The internal routes of the services that run here.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use stubmart_ports::{
    calls::{Auth, Catalogue, Orders, Payments, Tickets},
    host::Host,
};

use crate::{
    routes::{Routes, failure},
    secret::Secret,
    table,
};

/// The services of this process that others call.
#[derive(Clone, Default)]
pub struct Served {
    /// Auth, where it runs here.
    pub auth: Option<Arc<dyn Auth>>,
    /// Tickets, where it runs here.
    pub tickets: Option<Arc<dyn Tickets>>,
    /// Catalogue, where it runs here.
    pub catalogue: Option<Arc<dyn Catalogue>>,
    /// Orders, where it runs here.
    pub orders: Option<Arc<dyn Orders>>,
    /// Payments, where it runs here.
    pub payments: Option<Arc<dyn Payments>>,
}

impl std::fmt::Debug for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

impl Served {
    /// The routes. Every request without the secret is answered 401, before anything of it is read.
    pub fn router(self, secret: Secret, host: &Host) -> Router {
        let mut routes = Routes { router: Router::new(), host: host.clone() };
        let Self { auth, tickets, catalogue, orders, payments } = self;
        if let Some(auth) = auth {
            table::auth(&mut routes, &auth);
        }
        if let Some(tickets) = tickets {
            table::tickets(&mut routes, &tickets);
        }
        if let Some(catalogue) = catalogue {
            table::catalogue(&mut routes, &catalogue);
        }
        if let Some(orders) = orders {
            table::orders(&mut routes, &orders);
        }
        if let Some(payments) = payments {
            table::payments(&mut routes, &payments);
        }
        // A fallback of its own: what is unknown is no less guarded.
        let router =
            routes.router.fallback(async || failure(StatusCode::NOT_FOUND, "no such call"));
        router.layer(from_fn_with_state(Arc::new(secret), guard))
    }
}

async fn guard(State(secret): State<Arc<Secret>>, request: Request, next: Next) -> Response {
    if secret.is_in(request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!("a call without the secret of the services was refused");
    failure(StatusCode::UNAUTHORIZED, "the secret of the services is missing or another one")
}
