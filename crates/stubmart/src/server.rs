//! The HTTP server: so many connections and no more, none that stands still, and an end without cut-off
//! answers.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use stubmart_contract::Code;
use stubmart_http_kit::{ClientAddr, Ingress, Problem, ingress::check_host};
use stubmart_kernel::{
    limited::{self, Limited},
    network::network,
    worker::Shutdown,
};
use stubmart_memory::MemoryRateLimits;
use stubmart_ports::{host::Host, limits::Quota};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

use crate::{
    held::Held,
    patience::Patient,
    slots::{Most, Slot, Slots},
};

/// How long a client may take to send a request's headers, and to begin its next request.
const HEADERS_MAX: Duration = Duration::from_secs(15);

/// The same for a trusted proxy, which keeps connections open and must be the one to close them: Google's load
/// balancer does after 600 seconds
/// (<https://cloud.google.com/load-balancing/docs/https#timeouts_and_retries>).
const PROXY_HEADERS_MAX: Duration = Duration::from_secs(620);

/// How large the headers of a request may be, in bytes.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// How long a client may take nothing of an answer.
const STALL_MAX: Duration = Duration::from_secs(30);

/// How long answers under way may take to end.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How long to wait when no connection can be accepted: out of file descriptors, usually.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a client waits that has as many streams open as it may have.
const STREAM_WAIT: Duration = Duration::from_secs(10);

/// File descriptors that no connection gets: the database, mails, and what looks at the process need some.
const DESCRIPTORS_KEPT: usize = 256;

/// How many seconds' requests a client may make at once: a page has pictures.
const AT_ONCE: u32 = 10;

/// How many connections, streams and requests there may be.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    connections: Slots,
    streams: Slots,
    /// Each process counts for itself what it is asked: to ask another would cost more than most answers.
    asked: MemoryRateLimits,
    requests: Option<Quota>,
}

/// What one network may have open, and how many requests it may make in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Each {
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    /// Any number when `None`.
    pub(crate) requests: Option<u32>,
}

impl Each {
    /// As much as it likes.
    pub(crate) const fn unlimited() -> Self {
        Self { connections: usize::MAX, streams: usize::MAX, requests: None }
    }
}

impl Admission {
    /// With so many file descriptors, and so much for each network. Of streams there are half as many as of
    /// connections: they never take the last one.
    pub(crate) fn new(descriptors: usize, each: Each, host: &Host) -> Self {
        let total = descriptors.saturating_sub(DESCRIPTORS_KEPT).max(descriptors / 2);
        Self {
            connections: Slots::new(Most { each: each.connections, total }),
            streams: Slots::new(Most { each: each.streams, total: total / 2 }),
            asked: MemoryRateLimits::new(host.clone()),
            requests: each.requests.map(|most| Quota {
                burst: most.saturating_mul(AT_ONCE),
                every: Duration::from_secs(1).checked_div(most).unwrap_or(Duration::from_secs(1)),
            }),
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// [`Limited`]: it is not to be answered.
    async fn ask(&self, client: IpAddr) -> Result<(), Limited> {
        let Some(quota) = self.requests else { return Ok(()) };
        limited::take(&self.asked, &network(client).to_string(), quota, 1).await
    }
}

/// What is served, and until when.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) app: Router,
    pub(crate) ingress: Arc<Ingress>,
    pub(crate) host: Host,
    pub(crate) admission: Admission,
    /// The market's file, where it is in one.
    pub(crate) held: Option<Held>,
    /// The end is near: every answer closes its connection.
    pub(crate) draining: Shutdown,
    /// The end.
    pub(crate) shutdown: Shutdown,
}

impl Server {
    /// Serves until the shutdown, then lets the answers under way end.
    pub(crate) async fn serve(self, listener: TcpListener) {
        let graceful = GracefulShutdown::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.shutdown.signalled() => break,
            };
            match accepted {
                // One that may not be is closed: no more can be said without reading what it sends.
                Ok((stream, address)) => {
                    if let Some(slot) = self.admission.connections.take(address.ip()) {
                        self.connection(stream, address.ip(), slot, &graceful);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    self.host.clock.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
        drop(listener);
        if self.host.timeout(DRAIN_MAX, graceful.shutdown()).await.is_err() {
            tracing::warn!("some connections did not end in time");
        }
    }

    fn connection(&self, stream: TcpStream, peer: IpAddr, slot: Slot, graceful: &GracefulShutdown) {
        // Answers are small and complete: waiting to fill a packet would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let this = self.clone();
        let service = service_fn(move |request| {
            let this = this.clone();
            async move { Ok::<_, Infallible>(this.answer(request, peer).await) }
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        let headers_max = if self.ingress.trust_proxy { PROXY_HEADERS_MAX } else { HEADERS_MAX };
        server.timer(TokioTimer::new()).header_read_timeout(headers_max);
        server.max_buf_size(HEADER_BYTES_MAX);
        let stream = TokioIo::new(Patient::new(stream, STALL_MAX));
        let watched = graceful.watch(server.serve_connection(stream, service));
        self.host.spawner.spawn(
            "connection",
            Box::pin(async move {
                if let Err(error) = watched.await {
                    tracing::debug!(%error, "connection ended");
                }
                drop(slot);
            }),
        );
    }

    async fn answer(self, mut request: Request<Incoming>, peer: IpAddr) -> Response {
        // A client that sends many requests at once lets others have their turn between them.
        tokio::task::yield_now().await;
        let client = self.ingress.client_address(request.headers(), peer);
        request.extensions_mut().insert(ClientAddr(client));
        if let Err(problem) = check_host(request.version(), request.headers()) {
            request.extensions_mut().insert(problem);
        }
        if !request.method().is_safe() && self.held.as_ref().is_some_and(Held::is_lost) {
            request.extensions_mut().insert(Problem::unavailable("the market's file is gone"));
        }
        if !is_for_operators(request.uri().path())
            && let Err(Limited::TooMany { wait }) = self.admission.ask(client).await
        {
            let detail = "Too many requests from this address";
            let problem = Problem::with_detail(Code::TooManyRequests, detail).retry_after(wait);
            request.extensions_mut().insert(problem);
        }
        let mut slot = None;
        if is_stream(&request) {
            slot = self.admission.streams.take(client);
            if slot.is_none() {
                let problem = Problem::with_detail(
                    Code::TooManyRequests,
                    "Too many streams are open from this address",
                );
                request.extensions_mut().insert(problem.retry_after(STREAM_WAIT));
            }
        }
        let mut response = self.app.oneshot(request).await.into_response();
        if self.draining.is_signalled() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        match slot {
            Some(slot) => response.map(|body| held_by(body, slot)),
            None => response,
        }
    }
}

/// Whether a path is of those by which an operator looks after the process, which have to be answered always.
fn is_for_operators(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/metrics")
}

/// Whether a request opens a stream, which stays open for as long as its client likes.
fn is_stream(request: &Request<Incoming>) -> bool {
    let path = request.uri().path();
    request.method() == Method::GET && path.starts_with("/api/") && path.ends_with("/stream")
}

/// A body that gives the slot back when it ends.
fn held_by(body: Body, slot: Slot) -> Body {
    Body::new(body.map_frame(move |frame| {
        let _held = &slot;
        frame
    }))
}
