//! What an operator's tools ask: does it live, can it serve, how is it doing.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use stubmart_contract::{Code, Timestamp};
use stubmart_http_kit::Problem;
use stubmart_kernel::worker::{Next, Shutdown, Worker};
use stubmart_node::Engines;
use stubmart_ports::{Cause, host::Host};

use crate::{held::Held, only::Only};

/// The buckets of request durations, in seconds.
const BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How long the answer that the market is ready holds: looking writes to the disk, and anybody may ask.
const READY_FOR: Duration = Duration::from_secs(1);

/// How often collected measurements are put in order.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Starts to collect metrics. Those of a process that runs a part of the market say which, in the label `only`.
///
/// # Errors
/// The cause: metrics are collected already.
pub fn metrics(only: &Only) -> Result<PrometheusHandle, Cause> {
    let mut builder = PrometheusBuilder::new();
    if *only != Only::all() {
        builder = builder.add_global_label("only", only.text());
    }
    Ok(builder
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), BUCKETS)?
        .install_recorder()?)
}

/// Puts collected measurements in order from time to time.
#[derive(Debug)]
pub struct Upkeep {
    /// The metrics.
    pub metrics: PrometheusHandle,
    /// The machine.
    pub host: Host,
}

#[async_trait::async_trait]
impl Worker for Upkeep {
    fn name(&self) -> &'static str {
        "metrics-upkeep"
    }

    async fn step(&self) -> Result<Next, Cause> {
        self.metrics.run_upkeep();
        Ok(Next::At(self.host.now().after(UPKEEP_EVERY)))
    }
}

#[derive(Clone)]
struct Ops {
    host: Host,
    /// Those of the services; the pages have none.
    engines: Option<Engines>,
    metrics: PrometheusHandle,
    /// Whether the process is about to end.
    draining: Shutdown,
    held: Option<Held>,
    /// When the engines were found ready the last time.
    was_ready: Arc<Mutex<Option<Timestamp>>>,
}

/// `/healthz`, `/readyz` and `/metrics`.
pub(crate) fn router(
    host: &Host,
    engines: Option<Engines>,
    metrics: PrometheusHandle,
    draining: Shutdown,
    held: Option<Held>,
) -> Router {
    let host = host.clone();
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(render))
        .with_state(Ops { host, engines, metrics, draining, held, was_ready: Arc::default() })
}

async fn ready(State(ops): State<Ops>) -> Result<&'static str, Problem> {
    if ops.draining.is_signalled() {
        return Err(Problem::with_detail(Code::Unavailable, "The server is about to stop"));
    }
    if ops.held.as_ref().is_some_and(Held::is_lost) {
        return Err(Problem::unavailable("the market's file is gone"));
    }
    let Some(engines) = &ops.engines else { return Ok("ready\n") };
    let now = ops.host.now();
    let was_ready = *ops.was_ready.lock().unwrap_or_else(PoisonError::into_inner);
    if was_ready.is_none_or(|at| now < at || now.since(at) >= READY_FOR) {
        engines.ready().await.map_err(Problem::unavailable)?;
        *ops.was_ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
    Ok("ready\n")
}

async fn render(State(ops): State<Ops>) -> impl IntoResponse {
    // The Prometheus text format, version 0.0.4.
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], ops.metrics.render())
}
