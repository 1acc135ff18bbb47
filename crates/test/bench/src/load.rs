//! Runs a load for a while and counts.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use futures_util::future::join_all;

use crate::{failure::Failure, machine, meter::Meter};

/// A measurement.
#[derive(Debug, Default, Clone)]
pub(crate) struct Rate {
    /// How long each expected answer took, ascending.
    latencies: Vec<Duration>,
    taken: Duration,
    /// The number of answers that the load did not expect.
    pub(crate) errors: u64,
    /// CPU (user and system) of the metered process, its work after the last answer included.
    cpu: Duration,
    /// CPU of the load generator, which shares the cores with the server.
    generator: Duration,
    /// CPU of everything else on the machine meanwhile.
    others: Duration,
    /// How long the metered process went on working after the last answer.
    pub(crate) tail: Duration,
}

impl Rate {
    pub(crate) fn count(&self) -> usize {
        self.latencies.len()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.count() as f64 / self.taken.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// CPU of the metered process for each operation, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.count().max(1) as f64
    }

    /// CPU of the load generator for each operation, in microseconds.
    pub(crate) fn generator_us(&self) -> f64 {
        self.generator.as_secs_f64() * 1e6 / self.count().max(1) as f64
    }

    /// How many cores everything else on the machine kept busy meanwhile.
    pub(crate) fn others_cores(&self) -> f64 {
        self.others.as_secs_f64() / self.taken.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The latency that this part of all stays below, in milliseconds.
    pub(crate) fn quantile_ms(&self, part: f64) -> f64 {
        let position = (self.count() as f64 * part) as usize;
        let latency = self.latencies.get(position.min(self.count().saturating_sub(1)));
        latency.map_or(0.0, |it| it.as_secs_f64() * 1e3)
    }

    /// Several measurements of one load as one.
    pub(crate) fn total(rates: &[Self]) -> Self {
        let mut total = Self::default();
        for rate in rates {
            total.latencies.extend_from_slice(&rate.latencies);
            total.taken += rate.taken;
            total.errors += rate.errors;
            total.cpu += rate.cpu;
            total.generator += rate.generator;
            total.others += rate.others;
            total.tail = total.tail.max(rate.tail);
        }
        total.latencies.sort_unstable();
        total
    }
}

/// The outcome of one round of one client.
pub(crate) enum Round {
    /// It was answered as expected.
    Expected,
    /// It was answered otherwise.
    Unexpected,
    /// There is nothing left to do.
    Exhausted,
}

impl Round {
    pub(crate) const fn expected(is: bool) -> Self {
        if is { Self::Expected } else { Self::Unexpected }
    }
}

/// Runs `clients` at the same time, each one round after the other, for `span` or until nothing is left to
/// do. Then waits until the metered process is idle again: its CPU is that of all the work it was given.
pub(crate) async fn run<C, F, R>(
    meter: Meter,
    span: Duration,
    clients: Vec<C>,
    round: F,
) -> Result<Rate, Failure>
where
    C: Send + 'static,
    F: Fn(C) -> R + Clone + Send + 'static,
    R: Future<Output = Result<(C, Round), Failure>> + Send + 'static,
{
    let (cpu, generator, busy) = (meter.cpu()?, Meter::own().cpu()?, machine::busy()?);
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
    rate.generator = Meter::own().cpu()?.saturating_sub(generator);
    let under_load = if meter.is_own() { Duration::ZERO } else { meter.cpu()?.saturating_sub(cpu) };
    let busy = machine::busy()?.saturating_sub(busy);
    rate.others = busy.saturating_sub(rate.generator).saturating_sub(under_load);
    rate.latencies.sort_unstable();
    rate.tail = meter.idle().await?;
    rate.cpu = meter.cpu()?.saturating_sub(cpu);
    Ok(rate)
}
