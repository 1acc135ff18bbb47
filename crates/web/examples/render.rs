//! How much processor time the event page with 50 tickets takes: `cargo run --release -p stubmart-web
//! --example render`. Exits with 1 when it is a millisecond or more.
//!
//! For a signed-in visitor each page is rendered: three calls of an API in this process with their JSON
//! written and read, the view, the template, and in the second line compression. For an anonymous visitor it
//! is rendered once and comes from the cache while two calls of the API answer the same. The time is this
//! thread's own processor time where the system reports it (Linux), so that other programs do not count.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement, not a part of the market"
)]
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(dead_code, unused_imports, reason = "the support module is the tests' own")]

#[path = "../tests/pages/support/mod.rs"]
mod support;

use std::{
    fs,
    process::ExitCode,
    time::{Duration, Instant},
};

use support::Fake;

const PAGES: u32 = 2000;
const LIMIT: Duration = Duration::from_millis(1);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let fake = Fake::new();
    let event = fake.event(10, "The Paper Lanterns");
    for number in 0..50 {
        fake.ticket(100 + number, event, |it| {
            it.price = (4500 + i64::try_from(number).unwrap() * 130).try_into().unwrap();
        });
    }
    let path = format!("/events/{event}");
    println!("event page with 50 tickets, processor time a page, mean of {PAGES}:");
    let mut most = Duration::ZERO;
    for (who, cookie) in [("signed in", support::cookie()), ("anybody", "theme=x".to_owned())] {
        for encoding in ["identity", "gzip"] {
            let (time, bytes) = measure(&fake, &path, encoding, &cookie).await;
            println!("  {who:10} {encoding:9} {:>6.0} µs, {bytes:>6} bytes", micros(time));
            most = most.max(time);
        }
    }
    if most < LIMIT { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(fake: &Fake, path: &str, encoding: &str, cookie: &str) -> (Duration, usize) {
    let mut bytes = 0;
    let request = || fake.get(path).header("accept-encoding", encoding).header("cookie", cookie);
    for _ in 0..PAGES / 10 {
        bytes = request().await.bytes.len();
    }
    let (wall, before) = (Instant::now(), processor_time());
    for _ in 0..PAGES {
        request().await;
        fake.market.lock().unwrap().calls.clear();
    }
    let taken = match (before, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => wall.elapsed(),
    };
    (taken / PAGES, bytes)
}

/// What this thread has run for, as Linux counts it.
fn processor_time() -> Option<Duration> {
    let line = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    line.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[expect(clippy::float_arithmetic, reason = "for display")]
fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
