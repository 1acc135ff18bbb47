//! One ticket, many buyers.
#![expect(clippy::print_stderr, reason = "a test prints its figures")]

use std::time::Duration;

use stubmart_chaos::{
    process::{OneProcess, Settings},
    scenario::rush,
};

/// Of 200 clients that order the same ticket at once exactly one gets it, round after round; all others
/// learn that it is locked.
#[tokio::test(flavor = "multi_thread")]
async fn one_of_200_buyers_gets_the_ticket() {
    let plan =
        rush::Plan { buyers: 200, rounds: 25, accounts: 9, patience: Duration::from_secs(20) };
    let market = OneProcess::started(Settings::load(Duration::from_secs(5))).await.unwrap();
    let report = rush::run(&market, &plan).await.unwrap_or_else(|it| panic!("{it}"));
    eprintln!("{report}");
}
