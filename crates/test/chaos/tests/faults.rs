//! A disk that is full or fails.
#![expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and prints its figures"
)]

use std::time::Duration;

use fastrand::Rng;
use stubmart_chaos::{
    left_out,
    process::{OneProcess, Settings, can_inject},
    scenario::{faults, kills},
};

/// How long everything may take to end.
const PATIENCE: Duration = Duration::from_secs(60);

fn leave_out(what: &str) {
    left_out::leave_out(what).unwrap_or_else(|it| panic!("{it}"));
}

/// On a full disk writes are refused with 503 and reads go on; with room again, writes succeed without a
/// restart; nothing is half-written.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_refused_and_forgotten() {
    match faults::full_disk(PATIENCE).await.unwrap_or_else(|it| panic!("{it}")) {
        Some(report) => eprintln!("{report}"),
        None => leave_out("the full disk: a small one cannot be mounted (that takes root)"),
    }
}

/// A disk that fails now and then costs the writes that it fails for, and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_costs_what_it_fails_for() {
    if !can_inject().await {
        return leave_out("the failing disk: strace cannot be used");
    }
    for (fault, call, error, when) in faults::CALLS {
        let run = faults::failing_call(fault, call, error, when, PATIENCE);
        eprintln!("{}", run.await.unwrap_or_else(|it| panic!("{fault}: {it}")));
    }
}

/// Killed at random system calls, in the middle of a write or between a write and its sync, the market
/// keeps every answer that it gave; and some of the kills are such.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_taken_back_by_a_kill_at_a_system_call() {
    if !can_inject().await {
        return leave_out("kills at system calls: strace cannot be used");
    }
    let plan = kills::Plan {
        kills: 10,
        clients: 8,
        accounts: 8,
        alive_ms: (200, 800),
        acknowledged_min: 100,
        patience: PATIENCE,
        seed: 2,
    };
    let settings = Settings::load(Duration::from_secs(2));
    let settings = Settings { doomed: Some(Rng::with_seed(2)), ..settings };
    let mut market = OneProcess::started(settings).await.unwrap_or_else(|it| panic!("{it}"));
    let report = kills::run(&mut market, &plan, &|_| {}).await.unwrap_or_else(|it| panic!("{it}"));
    eprintln!("{report}; {} processes met their doom", market.doomed());
    assert!(market.doomed() > 0, "no system call ever killed the server");
}
