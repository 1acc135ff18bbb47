//! Auth: accounts, sessions, and whose token a request carries.

use std::sync::Arc;

use stubmart_auth::{Auth, Config, Deps};
use stubmart_http_kit::SessionGate;
use stubmart_ports::calls::Payments;

use crate::{engines::Engines, role::Role};

/// Starts auth. The gate asks this instance whose token a request carries: for auth's own routes, and for
/// those of the other roles in the same process. `payments` says what is open of a user's sales.
#[must_use]
pub fn start(
    engines: &Engines,
    config: Config,
    payments: Arc<dyn Payments>,
) -> (Role<Auth>, SessionGate) {
    let deps = Deps {
        store: Arc::clone(&engines.stores.auth),
        host: engines.host.clone(),
        passwords: Arc::clone(&engines.passwords),
        limits: Arc::clone(&engines.limits),
        mailer: Arc::clone(&engines.mailer),
        payments,
    };
    let service = Auth::new(deps, config);
    let gate = SessionGate::new(Arc::new(service.clone()), engines.host.clone());
    let role = Role {
        router: Box::new(service.router(gate.clone())),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    };
    (role, gate)
}
