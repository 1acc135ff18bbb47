//! Requests to the services' public routes.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Request as HttpRequest, header},
    response::Response,
};
use http_body_util::BodyExt as _;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stubmart_contract::Timestamp;
use stubmart_node::Service;
use tokio::sync::oneshot;
use tower::ServiceExt as _;

use crate::{
    check::Violation,
    exec::lock,
    scenario::Kind,
    world::{World, within},
};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(35);

/// More requests than the users of any run make: the market keeps itself busy.
const OPERATIONS_MAX: u64 = 20_000;

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    method: &'static str,
    path: String,
    token: Option<String>,
    key: Option<String>,
    etag: Option<String>,
    signature: Option<String>,
    body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its JSON body; null when there is none.
    pub body: Value,
    /// The session's token, where it sets one.
    pub token: Option<String>,
}

impl Answer {
    /// A text of its body.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.body.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The error's code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.text("code")
    }

    /// An id of its body.
    #[must_use]
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).parse().ok()
    }
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        let path = path.into();
        Self { method, path, token: None, key: None, etag: None, signature: None, body: None }
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = Some(body.to_string().into_bytes());
        self
    }

    /// In this session.
    #[must_use]
    pub fn by(mut self, token: Option<&str>) -> Self {
        self.token = token.map(ToOwned::to_owned);
        self
    }

    /// With this idempotency key.
    #[must_use]
    pub fn key(mut self, key: Option<&str>) -> Self {
        self.key = key.map(ToOwned::to_owned);
        self
    }

    /// Only if the document is at this version.
    #[must_use]
    pub fn if_match(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(ToOwned::to_owned);
        self
    }

    /// Signed as the provider signs its notices.
    #[must_use]
    pub fn signed(mut self, body: Value, at: Timestamp, secret: &str) -> Self {
        let bytes = body.to_string().into_bytes();
        self.signature = Some(signature(&bytes, at, secret));
        self.body = Some(bytes);
        self
    }

    fn build(self) -> Option<HttpRequest<Body>> {
        let mut request = HttpRequest::builder().method(self.method).uri(self.path);
        if let Some(token) = self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = self.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(etag) = self.etag {
            request = request.header(header::IF_MATCH, etag);
        }
        if let Some(signature) = self.signature {
            request = request.header("stripe-signature", signature);
        }
        if self.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(self.body.map_or_else(Body::empty, Body::from)).ok()
    }
}

/// The signature header of a provider's notice.
pub(crate) fn signature(body: &[u8], at: Timestamp, secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{secret}.{}.", at.millis()));
    hash.update(body);
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{digest}", at.millis())
}

async fn read(response: Response) -> Answer {
    let status = response.status().as_u16();
    let cookie = response.headers().get(header::SET_COOKIE).and_then(|value| value.to_str().ok());
    let token = cookie
        .and_then(|cookie| cookie.strip_prefix("stubmart_session="))
        .and_then(|rest| rest.split(';').next())
        .filter(|token| !token.is_empty())
        .map(ToOwned::to_owned);
    let bytes =
        response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Answer { status, body, token }
}

impl World {
    /// Sends a request to some instance of `service`. `None` when no answer comes: no instance is
    /// there, it crashed, it took too long, or the client went away.
    pub async fn request(self: &Arc<Self>, service: Service, request: Request) -> Option<Answer> {
        let operations = {
            let mut stats = lock(&self.stats);
            stats.operations += 1;
            stats.operations
        };
        if operations > OPERATIONS_MAX {
            let text = format!("{operations} requests and notices lead to more and more");
            self.violate(Violation { invariant: "PAY-2", text, documents: Vec::new() });
        }
        let _under_way = self.under_way();
        let (owner, router) = self.router(service)?;
        let request = request.build()?;
        let (sender, answer) = oneshot::channel();
        let task = self.exec.spawn(owner, async move {
            let Ok(response) = router.oneshot(request).await;
            // A client that has gone needs no answer.
            drop(sender.send(read(response).await));
        });
        let patience = if self.happens(Kind::Hangup, "request") {
            self.time_below(Duration::from_millis(1 << self.below(12)))
        } else {
            PATIENCE
        };
        match within(&self.exec, patience, answer).await {
            Some(answer) => answer.ok(),
            None => {
                // A server drops the work for a client that went away, unless it has gone on to others.
                if self.below(2) == 0 {
                    self.exec.abort(task);
                }
                None
            }
        }
    }
}
