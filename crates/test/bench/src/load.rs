//! Runs a load for a while and counts.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use crate::Failure;

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    latencies: Vec<Duration>,
    taken: Duration,
    /// Answers that were not what the load expects.
    pub(crate) errors: u64,
}

impl Rate {
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.taken.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The latency that this part of all stays below.
    pub(crate) fn quantile(&self, part: f64) -> Duration {
        let position = (self.latencies.len() as f64 * part) as usize;
        self.latencies
            .get(position.min(self.latencies.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

/// What one client did in one round.
pub(crate) enum Round {
    /// It was answered as expected.
    Expected,
    /// It was answered otherwise.
    Unexpected,
    /// There is nothing left to do.
    Exhausted,
}

/// Runs `clients` one after the other each, all at the same time, for `span`.
pub(crate) async fn run<C, F, R>(span: Duration, clients: Vec<C>, round: F) -> Result<Rate, Failure>
where
    C: Send + 'static,
    F: Fn(C) -> R + Clone + Send + 'static,
    R: Future<Output = Result<(C, Round), Failure>> + Send + 'static,
{
    let started = Instant::now();
    let tasks = clients.into_iter().map(|client| {
        let round = round.clone();
        tokio::spawn(async move {
            let (mut client, mut latencies, mut errors) = (client, Vec::new(), 0);
            while started.elapsed() < span {
                let asked = Instant::now();
                let (back, outcome) = round(client).await?;
                client = back;
                match outcome {
                    Round::Expected => latencies.push(asked.elapsed()),
                    Round::Unexpected => errors += 1,
                    Round::Exhausted => break,
                }
            }
            Ok::<_, Failure>((latencies, errors))
        })
    });
    let mut rate = Rate::default();
    for task in join_all(tasks).await {
        let (latencies, errors) = task??;
        rate.latencies.extend(latencies);
        rate.errors += errors;
    }
    rate.taken = started.elapsed();
    rate.latencies.sort_unstable();
    Ok(rate)
}
