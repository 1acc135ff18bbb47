//! The HTTP server: connections with a time limit for their headers, and an end without cut-off answers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use stubmart_http_kit::{ClientAddr, Ingress, ingress::check_host};
use stubmart_kernel::worker::Shutdown;
use stubmart_ports::host::Host;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt as _;

/// How long a client may take to send a request's headers, and to begin its next request.
const HEADERS_MAX: Duration = Duration::from_secs(15);

/// How large the headers of a request may be, in bytes.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// How long answers under way may take to end.
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// How long to wait when no connection can be accepted: out of file descriptors, usually.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` until the shutdown, then lets the answers under way end.
pub async fn serve(
    listener: TcpListener,
    app: Router,
    ingress: Ingress,
    host: Host,
    shutdown: Shutdown,
) {
    let graceful = GracefulShutdown::new();
    let ingress = Arc::new(ingress);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.signalled() => break,
        };
        match accepted {
            Ok((stream, address)) => {
                connection(stream, address, app.clone(), Arc::clone(&ingress), &host, &graceful);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                host.clock.sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    if host.timeout(DRAIN_MAX, graceful.shutdown()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

fn connection(
    stream: TcpStream,
    address: SocketAddr,
    app: Router,
    ingress: Arc<Ingress>,
    host: &Host,
    graceful: &GracefulShutdown,
) {
    // Answers are small and complete: waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let app = app.map_request(move |mut request: Request<Incoming>| {
        let client = ingress.client_address(request.headers(), address.ip());
        request.extensions_mut().insert(ClientAddr(client));
        if let Err(problem) = check_host(request.version(), request.headers()) {
            request.extensions_mut().insert(problem);
        }
        request
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADERS_MAX).max_buf_size(HEADER_BYTES_MAX);
    let served = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let watched = graceful.watch(served);
    host.spawner.spawn(
        "connection",
        Box::pin(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "connection ended");
            }
        }),
    );
}
