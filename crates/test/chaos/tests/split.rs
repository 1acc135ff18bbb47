//! A market in many processes: what was answered stays true, whatever of it is killed, and nobody notices when it
//! is restarted part by part. `./test split` installs the engines that it needs.
#![expect(clippy::print_stderr, reason = "a test prints its figures")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::join_all;
use stubmart_chaos::{
    process::Settings,
    scenario::{Cast, kills, load},
    split::{Faults, SplitMarket},
    system::System as _,
};

/// How long everything may take to end: an engine that was killed has to be found again by everybody.
const PATIENCE: Duration = Duration::from_secs(180);

fn settings() -> Settings {
    Settings::load(Duration::from_secs(2))
}

/// Services and engines are killed, paused, stopped and emptied under load: every answer that was given is still
/// true, every lock ends, every charge is settled, and the audit passes.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_taken_back_by_a_kill_of_any_part() {
    let plan = kills::Plan {
        kills: 12,
        clients: 6,
        accounts: 8,
        alive_ms: (300, 1_500),
        acknowledged_min: 100,
        patience: PATIENCE,
        seed: 1,
    };
    let mut market = SplitMarket::started(settings(), 2, Faults::All).await.unwrap();
    let report = kills::run(&mut market, &plan, &|_| {}).await;
    eprintln!("{}", market.done().join("\n"));
    let report = report.unwrap_or_else(|failure| panic!("{failure}"));
    eprintln!("{report}");
    assert!(report.unknown > 0, "no kill came between a call and its answer: {report}");
}

/// Each process is restarted in turn under load, as a new version is rolled out: every request is answered, if need
/// be that it should be made again.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_leaves_no_request_without_an_answer() {
    let mut market = SplitMarket::started(settings(), 2, Faults::Services).await.unwrap();
    let cast = Cast::sign_up(&market.base(), 8).await.unwrap();
    let (pool, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
    let actors = cast.actors(&market.base()).unwrap();
    let clients: Vec<_> = actors
        .into_iter()
        .zip(0..)
        .map(|(actor, seed)| {
            let random = Rng::with_seed(seed);
            tokio::spawn(load::client(Arc::clone(&pool), actor, random, Arc::clone(&stop)))
        })
        .collect();
    let services = market.services().await.unwrap();
    assert!(services.len() >= 16, "two of each: {services:?}");
    for name in &services {
        market.restart(name).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    join_all(clients).await;
    cast.all_answered().unwrap_or_else(|failure| panic!("{failure}"));
    let answered = cast.answered();
    eprintln!("{answered:?} while {} processes were restarted", services.len());
    assert!(answered.acknowledged > 100, "clients went on: {answered:?}");
    cast.judge(&market, PATIENCE).await.unwrap_or_else(|failure| panic!("{failure}"));
    market.stop().await.unwrap();
}
