//! Waiting for a condition.

use std::{future::Future, time::Duration};

/// How long anything may take to show in the browser. Far more than it needs: a busy machine is no fault.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `check` gives something.
///
/// # Panics
/// If it has not within [`PATIENCE`]; the message names `what`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    check: impl FnMut() -> F,
) -> T {
    within_patience(check).await.unwrap_or_else(|| panic!("{what}: not within {PATIENCE:?}"))
}

/// What `check` gives, if it gives something within [`PATIENCE`].
pub(crate) async fn within_patience<T, F: Future<Output = Option<T>>>(
    mut check: impl FnMut() -> F,
) -> Option<T> {
    let give_up = tokio::time::Instant::now() + PATIENCE;
    while tokio::time::Instant::now() < give_up {
        if let Some(found) = check().await {
            return Some(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}
