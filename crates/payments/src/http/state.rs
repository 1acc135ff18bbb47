//! The state of the routes.

use axum::extract::FromRef;
use stubmart_http_kit::SessionGate;

use crate::service::Payments;

/// What every route stands on.
#[derive(Clone)]
pub(super) struct AppState {
    pub(super) payments: Payments,
    pub(super) gate: SessionGate,
}

impl FromRef<AppState> for SessionGate {
    fn from_ref(state: &AppState) -> Self {
        state.gate.clone()
    }
}

impl FromRef<AppState> for Payments {
    fn from_ref(state: &AppState) -> Self {
        state.payments.clone()
    }
}
