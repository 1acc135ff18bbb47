//! What the service's handler and workers stand on.

use std::{fmt, sync::Arc, time::Duration};

use stubmart_contract::Context;
use stubmart_kernel::worker::Wake;
use stubmart_ports::{
    calls::{Orders, Tickets},
    host::Host,
    timers::Timers,
};

/// The service's name.
pub const SERVICE: &str = "expiration";

/// How long a call to another service may take.
const CALL_MAX: Duration = Duration::from_secs(5);

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// The timers.
    pub timers: Arc<dyn Timers>,
    /// The orders service, which ends the orders of locks whose time is up.
    pub orders: Arc<dyn Orders>,
    /// The tickets service, which knows every lock.
    pub tickets: Arc<dyn Tickets>,
    /// The machine.
    pub host: Host,
}

/// The expiration service.
#[derive(Clone)]
pub struct Expiration {
    pub(crate) deps: Deps,
    /// Wakes the worker that waits for the next timer.
    pub(crate) armed: Wake,
}

impl fmt::Debug for Expiration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expiration").finish_non_exhaustive()
    }
}

impl Expiration {
    /// The service on `deps`.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        Self { deps, armed: Wake::default() }
    }

    /// The context of a call that this service makes on its own account.
    pub(crate) fn context(&self) -> Context {
        let deadline = self.deps.host.now().after(CALL_MAX);
        Context { deadline: Some(deadline), ..Context::work(SERVICE) }
    }
}
