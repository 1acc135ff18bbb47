//! What has to arrive within a second, and what must not hold the server up.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and prints its figures"
)]

use std::time::Duration;

use stubmart_chaos::{
    process::{OneProcess, Settings},
    scenario::{departures, live, slow},
};
use tokio::sync::{Mutex, MutexGuard};

/// Held by the test that runs: others would take the processor from what has to arrive within a second.
static ALONE: Mutex<()> = Mutex::const_new(());

async fn market() -> (MutexGuard<'static, ()>, OneProcess) {
    let alone = ALONE.lock().await;
    (alone, OneProcess::started(Settings::load(Duration::from_secs(2))).await.unwrap())
}

/// The stream of a ticket shows that a hold has run out within a second of its time.
#[tokio::test(flavor = "multi_thread")]
async fn an_expiry_is_announced_within_a_second() {
    let (_alone, market) = market().await;
    let report = live::expiries(&market, 50).await.unwrap_or_else(|it| panic!("{it}"));
    eprintln!("{report}");
}

/// A client that comes back with a `Last-Event-ID` gets every change exactly once and in order, also when the server
/// was killed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_resumes_without_a_gap() {
    let (_alone, mut market) = market().await;
    live::resumption(&mut market, 9).await.unwrap_or_else(|it| panic!("{it}"));
}

/// Every service refuses a session within a second of its logout.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_logged_out_is_refused_within_a_second() {
    let (_alone, market) = market().await;
    let took = live::logouts(&market, 12).await.unwrap_or_else(|it| panic!("{it}"));
    eprintln!("logout to refusal: {took}");
    assert!(took.percentile(100) <= Duration::from_secs(1));
}

/// Two hundred requests that are sent by half are given up after some time, and the server serves others
/// meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn half_sent_requests_are_given_up_and_stop_nobody() {
    let (_alone, market) = market().await;
    let report = slow::run(&market, 200, 50).await.unwrap_or_else(|it| panic!("{it}"));
    eprintln!("{report}");
    assert!(report.others.count() > 10, "{report}");
}

/// Whether the buyer or the seller deletes their account while a payment is under way, the answer to the
/// payment is the truth, the session dies unless the sale came first, and no lock stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_leaves_nothing_open() {
    let (_alone, market) = market().await;
    let report = departures::run(&market, 24, Duration::from_secs(30), 1).await;
    eprintln!("{}", report.unwrap_or_else(|it| panic!("{it}")));
}
