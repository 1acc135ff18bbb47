//! Requests that meet within milliseconds.
#![expect(clippy::print_stderr, reason = "a test prints its figures")]

use std::time::Duration;

use stubmart_chaos::{
    process::{OneProcess, Settings},
    scenario::races::{self, Race},
};

/// However price edits meet locks and payments meet expiry, leaving and themselves, the answers can all be
/// true, and the audit passes. Both sides win some, or it was no race.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_wins_a_race_nothing_is_sold_or_charged_twice() {
    let plan = races::Plan {
        rounds: 2500,
        lanes: 96,
        accounts: 16,
        patience: Duration::from_secs(30),
        seed: 1,
    };
    let market = OneProcess::started(Settings::load(Duration::from_secs(1))).await.unwrap();
    let report = races::run(&market, &plan).await.unwrap_or_else(|it| panic!("{it}"));
    eprintln!("{report}");
    for (race, endings) in [
        (Race::PayAndExpire, ["paid", "refused"]),
        (Race::PayAndLeave, ["paid", "left"]),
        (Race::EditAndLock, ["edited", "locked"]),
        (Race::WithdrawAndLock, ["withdrawn", "locked"]),
    ] {
        for ending in endings {
            assert!(
                report.count(race, ending) > 0,
                "{race:?} never ended with {ending}:\n{report}"
            );
        }
    }
}
