//! What goes over the wire.

use serde::{Deserialize, Serialize};
use stubmart_contract::Context;

/// A call. `arguments` are in their order: a call that needs another one becomes another call, so that two
/// versions can run side by side.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message<C, A> {
    /// Who asks. Without the deadline: clocks of machines differ.
    pub(crate) context: C,
    /// For how many milliseconds somebody waits.
    pub(crate) within_ms: u64,
    pub(crate) arguments: A,
}

/// A call as it arrives.
pub(crate) type Arrived<A> = Message<Context, A>;

/// Why there is no answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Failure {
    pub(crate) error: String,
}

/// Where a call is sent to.
pub(crate) fn path(service: &str, call: &str) -> String {
    format!("/calls/{service}/{call}")
}
