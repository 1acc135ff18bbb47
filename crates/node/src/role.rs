//! A service that was started.

use std::{fmt, sync::Arc};

use stubmart_kernel::{consumer::Handler, worker::Worker};
use utoipa_axum::router::OpenApiRouter;

/// A service, or all of a process, on its engines: what it serves, and what runs in the background for it. Nothing runs before
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

impl Default for Role<()> {
    /// A process that plays no role yet.
    fn default() -> Self {
        Self { service: (), router: Box::default(), handlers: Vec::new(), workers: Vec::new() }
    }
}

impl Role<()> {
    /// Adds what another role serves and runs; the answer is its service.
    pub fn take<S>(&mut self, other: Role<S>) -> S {
        let router = std::mem::take(&mut *self.router);
        *self.router = router.merge(*other.router);
        self.handlers.extend(other.handlers);
        self.workers.extend(other.workers);
        other.service
    }
}

impl<S> Role<S> {
    /// The same, with another service.
    #[must_use]
    pub fn with<T>(self, service: T) -> Role<T> {
        let Self { router, handlers, workers, .. } = self;
        Role { service, router, handlers, workers }
    }
}

impl<S> fmt::Debug for Role<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Role").finish_non_exhaustive()
    }
}
