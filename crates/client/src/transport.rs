//! How a request reaches the API.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, Response, Uri, uri},
};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use tower::ServiceExt as _;

use crate::error::TransportError;

/// An API in this process, or one over HTTP.
#[derive(Clone)]
pub(crate) enum Transport {
    /// A router, called without a socket.
    InProcess(Router),
    /// HTTP/1.1; connections are kept alive and shared by all clones.
    Http(Arc<Remote>),
}

/// An API over HTTP.
pub(crate) struct Remote {
    client: HttpClient<HttpConnector, Body>,
    base: Base,
}

/// The address that paths are put behind.
struct Base {
    scheme: uri::Scheme,
    authority: uri::Authority,
    /// Empty, or a path without a slash at its end.
    path: String,
}

impl Transport {
    /// Connections begin at the address `from` of this machine; at one that the system chooses for `None`.
    pub(crate) fn http(base: &str, from: Option<IpAddr>) -> Result<Self, TransportError> {
        let base: Uri = base.parse().map_err(|error| TransportError::Request(Box::new(error)))?;
        let parts = base.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(TransportError::Request("the base address is no absolute URL".into()));
        };
        if scheme != uri::Scheme::HTTP {
            return Err(TransportError::Request("only plain http is spoken".into()));
        }
        let path = parts.path_and_query.map(|it| it.path().trim_end_matches('/').to_owned());
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_local_address(from);
        Ok(Self::Http(Arc::new(Remote {
            client: HttpClient::builder(TokioExecutor::new()).build(connector),
            base: Base { scheme, authority, path: path.unwrap_or_default() },
        })))
    }

    /// Sends `request`, whose URI is a path with an optional query.
    pub(crate) async fn send(
        &self,
        mut request: Request<Body>,
        client_ip: Option<IpAddr>,
    ) -> Result<Response<Body>, TransportError> {
        match self {
            Self::InProcess(router) => {
                let peer = client_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
                request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer, 0)));
                match router.clone().oneshot(request).await {
                    Ok(response) => Ok(response),
                    Err(never) => match never {},
                }
            }
            Self::Http(remote) => {
                *request.uri_mut() = remote.base.join(request.uri())?;
                let response = remote
                    .client
                    .request(request)
                    .await
                    .map_err(|error| TransportError::Connection(Box::new(error)))?;
                Ok(response.map(Body::new))
            }
        }
    }
}

impl Base {
    fn join(&self, path: &Uri) -> Result<Uri, TransportError> {
        let path = path.path_and_query().map_or("/", uri::PathAndQuery::as_str);
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.path))
            .build()
            .map_err(|error| TransportError::Request(Box::new(error)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_address_keeps_its_path_and_takes_no_other_scheme() {
        let Ok(Transport::Http(remote)) = Transport::http("http://example.com/market/", None)
        else {
            panic!("a plain http address is taken");
        };
        let joined = remote.base.join(&"/api/events?q=a%20b".parse().unwrap()).unwrap();
        assert_eq!(joined.to_string(), "http://example.com/market/api/events?q=a%20b");
        for wrong in ["", "/api", "example.com", "https://example.com"] {
            assert!(Transport::http(wrong, None).is_err(), "{wrong:?}");
        }
    }
}
