//! Requests of the public that are passed on to a service that runs elsewhere.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, Method, Request, Response, Uri, header, uri},
};
use futures_util::future::join_all;
use http_body_util::BodyExt as _;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use stubmart_kernel::worker::{Next, Worker};
use stubmart_ports::{Cause, host::Host};

use crate::instances::{Instance, Instances};

/// How long it may take to connect to an instance.
const CONNECT_MAX: Duration = Duration::from_secs(2);

/// How long an instance may take to begin its answer to a request that another one can be asked as well.
const READ_MAX: Duration = Duration::from_secs(10);

/// How often instances are asked whether they are ready, and how long they may take to say so.
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// How long a connection is kept that nobody uses: not as long as a server keeps one.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// What is meant for the next hop only (RFC 9110, 7.6.1), and must not be passed on.
const OF_THE_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A service that runs elsewhere, as the public knows it: any number of instances, each of which can answer any
/// request. Its worker keeps an eye on which of them are ready.
///
/// A request goes to the instances in turns, first to those that are ready. One that cannot be connected to is
/// passed over; so is one that does not answer, for a request that only reads.
pub struct Upstream {
    name: &'static str,
    http: Client<HttpConnector, Body>,
    instances: Instances,
    host: Host,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A request as it is passed on, whole: it may be sent several times.
#[derive(Debug, Clone)]
pub struct Passed {
    /// The method.
    pub method: Method,
    /// The path and the query.
    pub uri: Uri,
    /// The headers, `Host` among them.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// Why a request has no answer.
enum Failed {
    /// It has not reached the instance.
    NotSent(Cause),
    /// It may have had its effect.
    Lost(Cause),
}

impl Upstream {
    /// The service `name` whose public listeners are at these addresses (`HOST:PORT`). A name stands for as many
    /// instances as it has addresses. Nothing is connected yet.
    #[must_use]
    pub fn new(name: &'static str, addresses: Vec<String>, host: Host) -> Arc<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_MAX));
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .build(connector);
        Arc::new(Self { name, http, instances: Instances::new(addresses, host.clone()), host })
    }

    /// Passes a request on; the answer is passed back as its body comes.
    ///
    /// # Errors
    /// The cause: no instance has answered. Whether a request that changes something had its effect is not known.
    pub async fn pass(&self, mut request: Passed) -> Result<Response<Body>, Cause> {
        remove_of_the_hop(&mut request.headers);
        let instances = self.instances.all().await;
        let (ready, others): (Vec<_>, Vec<_>) = instances.into_iter().partition(|it| it.is_ready());
        let mut last: Cause = format!("no instance of {} can be reached", self.name).into();
        for instance in ready.into_iter().chain(others) {
            if !instance.breaker.admits(self.host.now()) {
                continue;
            }
            let outcome = self.exchange(&instance, &request).await;
            match outcome {
                Ok(mut response) => {
                    instance.breaker.answered();
                    remove_of_the_hop(response.headers_mut());
                    return Ok(response.map(Body::new));
                }
                Err(failed) => {
                    instance.breaker.failed(self.host.now());
                    match failed {
                        Failed::Lost(cause) if !request.method.is_safe() => return Err(cause),
                        Failed::NotSent(cause) | Failed::Lost(cause) => last = cause,
                    }
                }
            }
        }
        Err(last)
    }

    async fn exchange(
        &self,
        instance: &Instance,
        request: &Passed,
    ) -> Result<Response<hyper::body::Incoming>, Failed> {
        let failed = |what: &str, error: &dyn Error| -> Cause {
            format!("{} at {}: {what}: {error}", self.name, instance.address).into()
        };
        let path = request.uri.path_and_query().map_or("/", uri::PathAndQuery::as_str);
        let target = format!("http://{}{path}", instance.address);
        let target: Uri =
            target.parse().map_err(|error| Failed::NotSent(failed("path", &error)))?;
        let mut sent = Request::new(Body::from(request.body.clone()));
        *sent.method_mut() = request.method.clone();
        *sent.uri_mut() = target;
        *sent.headers_mut() = request.headers.clone();
        let answered = self.http.request(sent);
        let outcome = if request.method.is_safe() {
            let answered = self.host.timeout(READ_MAX, Box::pin(answered)).await;
            answered.map_err(|error| Failed::Lost(failed("no answer", &error)))?
        } else {
            answered.await
        };
        outcome.map_err(|error| {
            let cause = failed("no answer", &error);
            if error.is_connect() { Failed::NotSent(cause) } else { Failed::Lost(cause) }
        })
    }

    /// Asks every instance whether it is ready.
    async fn probe(&self) {
        let instances = self.instances.all().await;
        join_all(instances.iter().map(|instance| async move {
            let target = format!("http://{}/readyz", instance.address);
            let Ok(request) = Request::get(target).body(Body::empty()) else { return };
            let asked = async {
                let response = self.http.request(request).await.ok()?;
                let status = response.status();
                // Read whole, so that the connection is there for the next question.
                response.into_body().collect().await.ok()?;
                Some(status)
            };
            let answer = self.host.timeout(PROBE_EVERY, Box::pin(asked)).await;
            let is_ready = matches!(answer, Ok(Some(status)) if status.is_success());
            if instance.note_ready(is_ready) != is_ready {
                let (service, address) = (self.name, instance.address);
                tracing::info!(service, %address, is_ready, "an instance has changed");
            }
        }))
        .await;
    }
}

#[async_trait]
impl Worker for Upstream {
    fn name(&self) -> &'static str {
        "upstream"
    }

    async fn step(&self) -> Result<Next, Cause> {
        self.probe().await;
        Ok(Next::At(self.host.now().after(PROBE_EVERY)))
    }
}

/// Removes what is meant for this hop, and what `Connection` names.
fn remove_of_the_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in OF_THE_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_this_hop_is_not_passed_on() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("host", "tickets.example"),
            ("cookie", "a=b"),
        ] {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        remove_of_the_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["cookie", "host"]);
    }
}
