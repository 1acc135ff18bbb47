//! Requests to addresses that users name, over HTTP.
//!
//! A user who may choose where the market sends a request must not reach what only the market's machine can
//! (OWASP, Server-Side Request Forgery). So a name is looked up once, each of its addresses has to be a
//! public one, and the connection goes to these addresses and no others: a name that answers differently a
//! moment later gains nothing. No proxy of the environment is used and no redirect followed.

mod resolver;

use std::{error::Error, fmt, net::IpAddr, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Uri,
    body::Incoming,
    header::{HeaderName, HeaderValue, USER_AGENT},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use stubmart_ports::{
    Cause,
    host::Host,
    outbound::{Answered, BODY_READ, Outbound, Post, PostError},
};

use crate::resolver::{NotPublic, Resolver};

/// How long a whole request may take, its answer included.
const REQUEST_MAX: Duration = Duration::from_secs(15);

/// How long it may take to reach the receiver.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// How long a connection is kept for the next request.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// Sends requests over HTTP. Clones share their connections.
#[derive(Clone)]
pub struct HttpOutbound {
    http: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
    /// Whether any address is taken, this machine's too.
    takes_any: bool,
    host: Host,
}

impl fmt::Debug for HttpOutbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOutbound").finish_non_exhaustive()
    }
}

impl HttpOutbound {
    /// Sends to public addresses over TLS; where `takes_any`, to any address and in the clear too.
    #[must_use]
    pub fn new(host: Host, takes_any: bool) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver::new(takes_any));
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_MAX));
        tcp.set_nodelay(true);
        let tls = HttpsConnectorBuilder::new().with_webpki_roots();
        let tls = if takes_any { tls.https_or_http() } else { tls.https_only() };
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .build(tls.enable_http1().wrap_connector(tcp));
        Self { http, takes_any, host }
    }

    /// Refuses an address that stands in the URI itself: no name is looked up for it.
    fn check(&self, uri: &Uri) -> Result<(), PostError> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let literal: Option<IpAddr> = host.parse().ok();
        let is_public = literal.is_none_or(stubmart_kernel::network::is_public);
        if is_public || self.takes_any { Ok(()) } else { Err(PostError::NotPublic) }
    }

    async fn exchange(&self, post: Post) -> Result<Answered, PostError> {
        let uri: Uri = post.url.parse().map_err(failed)?;
        self.check(&uri)?;
        let mut request = Request::post(uri).body(Full::new(post.body.into())).map_err(failed)?;
        let agent = concat!("Stubmart/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in post.headers {
            let value = HeaderValue::try_from(value).map_err(failed)?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let answer = self.http.request(request).await.map_err(|error| {
            if is_not_public(&error) { PostError::NotPublic } else { failed(told(&error)) }
        })?;
        let status = answer.status().as_u16();
        Ok(Answered { status, body: beginning(answer.into_body()).await })
    }
}

#[async_trait]
impl Outbound for HttpOutbound {
    async fn post(&self, post: Post) -> Result<Answered, PostError> {
        let answered = self.host.timeout(REQUEST_MAX, self.exchange(post)).await;
        answered.unwrap_or_else(|_| {
            Err(failed(format!("no answer within {} seconds", REQUEST_MAX.as_secs())))
        })
    }
}

fn failed(cause: impl Into<Cause>) -> PostError {
    PostError::Failed(cause.into())
}

fn is_not_public(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|it| {
        let inner = it.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        it.is::<NotPublic>() || inner.is_some_and(|inner| inner.is::<NotPublic>())
    })
}

/// What its owner is told of a failure: the first cause, which says most.
fn told(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

/// An error, and what it says that caused it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The beginning of a body, as far as it comes. The status is the answer, whatever becomes of the rest.
async fn beginning(mut body: Incoming) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < BODY_READ
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes.extend(frame.into_data().unwrap_or_default());
    }
    bytes.truncate(BODY_READ);
    String::from_utf8_lossy(&bytes).into_owned()
}
