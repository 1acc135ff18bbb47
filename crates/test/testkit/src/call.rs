//! A request that is being put together.

use std::future::IntoFuture;

use axum::{
    body::Body,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, Response,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use serde_json::Value;
use stubmart_client::Client;
use tokio::time::timeout;

use crate::{
    answer::Answer,
    stream::{ANSWER_WITHIN, Stream},
};

/// Somebody who is signed in.
pub trait Session {
    /// The token of their session.
    fn token(&self) -> &str;
}

/// A request. Awaiting it sends it and reads the whole answer.
#[must_use = "nothing is sent before it is awaited"]
#[derive(Debug, Clone)]
pub struct Call {
    client: Client,
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    pub(crate) fn new(client: Client, method: &str, path: &str) -> Self {
        Self {
            client,
            method: method.parse().unwrap(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// As this user, with their token as a bearer token, as scripts do.
    pub fn by(self, user: &impl Session) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {}", user.token()))
    }

    /// With one more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    /// With this idempotency key.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// With a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json").body(body.to_string())
    }

    /// With the fields of a form.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = serde_urlencoded::to_string(fields).unwrap();
        self.header(CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded").body(body)
    }

    /// With a body of any kind.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Answer {
        let (head, body) = self.begin().await.into_parts();
        let body = timeout(ANSWER_WITHIN, body.collect()).await.expect("the answer never ended");
        Answer::new(head.status.as_u16(), head.headers, body.unwrap().to_bytes())
    }

    /// Sends it and reads the answer event by event.
    pub async fn stream(self) -> Stream {
        let (head, body) = self.begin().await.into_parts();
        assert_eq!(head.status, 200);
        Stream::new(head.headers, body)
    }

    /// Sends it; the answer has begun, and its body is read as it comes.
    pub async fn begin(self) -> Response<Body> {
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().unwrap();
        *request.headers_mut() = self.headers;
        let answered = timeout(ANSWER_WITHIN, self.client.exchange(request));
        answered.await.expect("no answer came").unwrap()
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = BoxFuture<'static, Answer>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
