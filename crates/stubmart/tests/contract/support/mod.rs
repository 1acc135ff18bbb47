//! A server, and what a test leaves out.

mod server;
mod split;

use std::{
    env,
    fmt::Debug,
    fs::OpenOptions,
    io::Write as _,
    time::{Duration, Instant},
};

pub(crate) use server::{Server, binary, run, run_in};
pub(crate) use split::engines;
pub(crate) use stubmart_testkit::{Answer, Call, PASSWORD, User, event_body as event, merge, text};

/// Takes note that `what` is not tested, in the file that `STUBMART_LEFT_OUT` names: the test command shows
/// it at its end.
pub(crate) fn leave_out(what: &str) {
    if let Some(path) = env::var_os("STUBMART_LEFT_OUT") {
        let mut notes = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(notes, "{what}").unwrap();
    }
}

/// Waits for what the catalogue shows of a change: it follows events, and promises to be right within a
/// second.
pub(crate) async fn within_a_second<T: PartialEq + Debug>(expected: T, read: impl AsyncFn() -> T) {
    let begin = Instant::now();
    loop {
        let shown = read().await;
        if shown == expected {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(1), "{shown:?} instead of {expected:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
