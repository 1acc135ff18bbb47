//! What the browser tests and the screenshots stand on: the real `stubmart` binary on a free port with a
//! throw-away market, and headless Chromium driven through ChromeDriver.
//!
//! Chromium, ChromeDriver and axe-core are not part of the project: `scripts/install-browser.sh` puts
//! them in place. Without them everything here fails and says so.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests and the screenshots use this, and they fail by panicking"
)]

mod browser;
mod market;

pub use browser::{Browser, Look};
pub use market::{Market, Member, root};

use std::{future::Future, time::Duration};

/// How long anything may take to show in the browser. Far more than it needs: a busy machine is no fault.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `check` gives something.
///
/// # Panics
/// When it has not within [`PATIENCE`]; `what` tells what was waited for.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    check: impl FnMut() -> F,
) -> T {
    within_patience(check).await.unwrap_or_else(|| panic!("{what}: not within {PATIENCE:?}"))
}

/// What `check` gives, if it gives something within [`PATIENCE`].
async fn within_patience<T, F: Future<Output = Option<T>>>(
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

/// How long a page's own delays last: announcements are gathered and animations end within this.
pub const SETTLED: Duration = Duration::from_millis(300);
