//! Nobody shuts the market.
#![expect(clippy::print_stderr, reason = "a test prints its figures")]

use std::time::Duration;

use stubmart_chaos::{
    process::{OneProcess, Settings},
    scenario::attacks,
};

/// Whatever one address or account asks for, others are served, and of 99 in a hundred of them none waits more
/// than five times as long as in an idle market.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_shuts_nobody_out() {
    let market = OneProcess::started(Settings::default()).await.unwrap();
    let report = attacks::run(&market, Duration::from_secs(4)).await;
    eprintln!("{}", report.unwrap_or_else(|failure| panic!("{failure}")));
}
