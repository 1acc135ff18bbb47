//! The pages in a real browser. Each test serves a market of its own and opens browsers of its own.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod checkout;
mod journey;
mod search;
mod seller;

use stubmart_browser::Browser;

/// Nothing is in the console, and nothing was loaded from another site.
async fn clean(browser: &Browser) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "in the console: {complaints:#?}");
    let strangers = browser
        .run("return performance.getEntriesByType('resource').map((it) => it.name).filter((it) => !it.startsWith(location.origin))")
        .await;
    assert_eq!(strangers, serde_json::json!([]), "requests to other sites");
}
