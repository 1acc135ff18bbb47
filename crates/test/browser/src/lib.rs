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
mod patience;

pub use browser::{Browser, Look};
pub use market::{Market, Member, root};
pub use patience::{PATIENCE, eventually};

use std::time::Duration;

/// How long a page's own delays last: announcements are gathered and animations end within this.
pub const SETTLED: Duration = Duration::from_millis(300);
