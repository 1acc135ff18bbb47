//! The whole market on one address, where its parts run elsewhere: every request is passed on to the service
//! whose it is.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
    routing::any,
};
use futures_util::{StreamExt as _, future::BoxFuture};
use stubmart_calls::{Passed, Upstream};
use stubmart_http_kit::{ClientAddr, Ingress, OverHttps, Problem, body, layer};
use stubmart_kernel::worker::Shutdown;
use stubmart_node::Service;
use stubmart_ports::host::Host;
use utoipa::openapi::OpenApi;

use crate::{config::Config, docs, stripe_settings::StripeSettings};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What is elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    services: Vec<(Service, Arc<Upstream>)>,
    web: Option<Arc<Upstream>>,
    shutdown: Shutdown,
}

impl Gateway {
    /// To the services and the pages at the configured addresses. Streams end with the shutdown.
    pub(crate) fn new(config: &Config, host: &Host, shutdown: &Shutdown) -> Self {
        let to =
            |name, addresses: &Vec<String>| Upstream::new(name, addresses.clone(), host.clone());
        let services = config.split.public.iter();
        Self {
            services: services.map(|(it, at)| (*it, to(it.name(), at))).collect(),
            web: config.split.web.as_ref().map(|at| to("web", at)),
            shutdown: shutdown.clone(),
        }
    }

    /// Everything it passes requests on to: each watches its instances as a worker.
    pub(crate) fn upstreams(&self) -> impl Iterator<Item = Arc<Upstream>> {
        self.services.iter().map(|(_, it)| it).chain(&self.web).cloned()
    }

    /// Every route of the market: those of the API lead to their service, what is none to the pages. `ops` and the
    /// documentation are answered here.
    pub(crate) fn router(
        &self,
        ops: Router,
        config: &Config,
        ingress: Ingress,
        host: &Host,
    ) -> Router {
        let with_bank = config.stripe == StripeSettings::default();
        let mut document = OpenApi::default();
        let mut all = ops;
        for (service, upstream) in &self.services {
            let Some(api) = service.api(with_bank) else { continue };
            for path in api.paths.paths.keys().filter(|path| is_route(path)) {
                all = all.route(path, any(self.to(upstream)));
            }
            document.merge(api);
        }
        let document = docs::complete(document);
        all = all.merge(docs::router(&document, config.public_url.as_deref()));
        if let Some(web) = &self.web {
            let unknown = async || Problem::not_found();
            all = all.route("/api", any(unknown)).route("/api/{*path}", any(unknown));
            all = all.fallback(self.to(web));
        }
        layer::apply(all, host.clone(), ingress)
    }

    /// What passes requests on there.
    fn to(
        &self,
        upstream: &Arc<Upstream>,
    ) -> impl Fn(Request) -> BoxFuture<'static, Response> + Clone + Send + Sync + 'static {
        let (this, upstream) = (self.clone(), Arc::clone(upstream));
        move |request| {
            let (this, upstream) = (this.clone(), Arc::clone(&upstream));
            Box::pin(async move { this.pass(&upstream, request).await })
        }
    }

    async fn pass(self, upstream: &Upstream, request: Request) -> Response {
        let (mut parts, body) = request.into_parts();
        let body = match body::bytes(Request::new(body)).await {
            Ok(body) => body,
            Err(problem) => return problem.into_response(),
        };
        let client = parts.extensions.get().map(|ClientAddr(address)| address.to_string());
        let over_https = matches!(parts.extensions.get(), Some(OverHttps(true)));
        let proto = if over_https { "https" } else { "http" };
        parts.headers.insert(FORWARDED_PROTO, HeaderValue::from_static(proto));
        parts.headers.remove(FORWARDED_FOR);
        if let Some(client) = client.and_then(|it| HeaderValue::try_from(it).ok()) {
            parts.headers.insert(FORWARDED_FOR, client);
        }
        let passed = Passed { method: parts.method, uri: parts.uri, headers: parts.headers, body };
        match upstream.pass(passed).await {
            Ok(response) => self.until_the_end(response),
            Err(cause) => Problem::unavailable(cause).into_response(),
        }
    }

    /// A stream ends when this process does: its client goes on at another one.
    fn until_the_end(self, response: Response) -> Response {
        let kind = response.headers().get(header::CONTENT_TYPE);
        if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream")) {
            return response;
        }
        let ended = async move { self.shutdown.signalled().await };
        response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(ended))))
    }
}

/// Whether a documented path is a route. One that ends within a segment, such as `/api/events/{id}.ics`, is answered
/// by the route of the whole segment.
fn is_route(path: &str) -> bool {
    let is_whole = |it: &str| !it.contains('{') || (it.starts_with('{') && it.ends_with('}'));
    path.split('/').all(is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_ends_within_a_segment_is_no_route() {
        assert!(is_route("/api/events/{id}") && is_route("/api/events"));
        assert!(!is_route("/api/events/{id}.ics"));
    }
}
