//! The promise that outlives a crash: what was answered stays true, whatever is killed in between.
#![expect(clippy::print_stderr, reason = "a test prints its figures")]

use std::time::Duration;

use stubmart_chaos::{
    process::{OneProcess, Settings},
    scenario::kills,
};

/// How often the server is killed.
const KILLS: u32 = 50;

/// After `kill -9` at random moments under load, every answer that was given is still true, every lock
/// ends, every charge is settled, and the audit passes.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_taken_back_by_a_kill() {
    let plan = kills::Plan {
        kills: KILLS,
        clients: 12,
        accounts: 16,
        alive_ms: (100, 500),
        acknowledged_min: 1_000,
        patience: Duration::from_secs(60),
        seed: 1,
    };
    let mut market = OneProcess::started(Settings::load(Duration::from_secs(2))).await.unwrap();
    let report = kills::run(&mut market, &plan, &|_| {}).await.unwrap_or_else(|it| panic!("{it}"));
    eprintln!("{report}; {} torn logs", market.torn());
    assert!(report.unknown > 0, "no kill came between a call and its answer: {report}");
    assert!(market.torn() > 0, "no log was ever torn");
}
