//! The rules are tested themselves: each of these adapters has one defect that a real one could have,
//! and the rules named with it must fail on it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod blobs;
mod bus;
mod gateway;
mod limits;
mod mailer;
mod outbox;
mod store;
mod timers;

use std::{future::Future, time::Duration};

use tokio::time::timeout;

/// How long a rule is given to end. One that waits for what a broken adapter never does has failed.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether a rule fails: it panics, or it does not end.
async fn fails(rule: impl Future<Output = ()> + Send + 'static) -> bool {
    let task = tokio::spawn(rule);
    let abort = task.abort_handle();
    match timeout(PATIENCE, task).await {
        Ok(ended) => ended.is_err_and(|error| error.is_panic()),
        Err(_) => {
            abort.abort();
            true
        }
    }
}

/// Makes a test for each defect: the rules named with it fail on an adapter that has it.
macro_rules! caught {
    ($port:ident, $subject:ident, $($test:ident: $defect:expr => [$($rule:ident),+ $(,)?];)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
        async fn $test() {
            $({
                let rule = $subject!($port, $rule, $defect);
                assert!($crate::fails(rule).await, "{} does not catch it", stringify!($rule));
            })+
        }
    )+};
}
pub(crate) use caught;
