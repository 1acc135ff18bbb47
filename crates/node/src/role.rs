//! A service that was started.

use std::{fmt, sync::Arc};

use stubmart_kernel::{consumer::Handler, worker::Worker};
use utoipa_axum::router::OpenApiRouter;

/// A service on its engines: what it serves, and what runs in the background for it. Nothing runs before
/// [`crate::Background::run`].
pub struct Role<S> {
    /// The service, for calls from others in the same process.
    pub service: S,
    /// Its public routes, with their documentation, which makes them large. Empty for a service without
    /// any.
    pub router: Box<OpenApiRouter>,
    /// Its consumers of domain events.
    pub handlers: Vec<Arc<dyn Handler>>,
    /// Its background work.
    pub workers: Vec<Arc<dyn Worker>>,
}

impl<S> fmt::Debug for Role<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").finish_non_exhaustive()
    }
}
