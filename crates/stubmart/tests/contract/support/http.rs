//! Calls, and what was answered.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Method, Request, Response,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;

use super::{Server, User};

const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// A request that is being put together.
pub(crate) struct Call {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Server {
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call {
            method: method.parse().unwrap(),
            url: format!("http://{}{path}", self.address),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    pub(crate) fn patch(&self, path: &str) -> Call {
        self.call("PATCH", path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call("DELETE", path)
    }
}

impl Call {
    /// In this user's name.
    pub(crate) fn by(self, user: &User) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {}", user.token))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().unwrap();
        self.headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json").body(body.to_string())
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the whole answer.
    pub(crate) async fn send(self) -> Answer {
        let response = self.begin().await;
        let (head, body) = response.into_parts();
        let body = tokio::time::timeout(ANSWER_WITHIN, body.collect()).await.unwrap();
        let body = body.unwrap().to_bytes();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// Sends it and reads the answer event by event.
    pub(crate) async fn stream(self) -> Stream {
        let response = self.begin().await;
        assert_eq!(response.status(), 200);
        let (head, body) = response.into_parts();
        Stream { headers: head.headers, body, text: String::new() }
    }

    async fn begin(self) -> Response<Incoming> {
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.url.parse().unwrap();
        *request.headers_mut() = self.headers;
        tokio::time::timeout(ANSWER_WITHIN, client.request(request)).await.unwrap().unwrap()
    }
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// The session's token in the cookie that was set.
    pub(crate) fn session_cookie(&self) -> String {
        let cookie = self.headers.get(SET_COOKIE).unwrap().to_str().unwrap();
        let (_, rest) = cookie.split_once("stubmart_session=").unwrap();
        rest.split(';').next().unwrap().to_owned()
    }

    /// The problem it is: its status and code, in the one form that every error has.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = self.json();
        for field in ["type", "title", "detail", "code", "requestId"] {
            assert!(body[field].as_str().is_some_and(|it| !it.is_empty()), "no {field}: {body}");
        }
        assert_eq!(body["status"], self.status, "{body}");
        assert_eq!(body["requestId"], self.header("x-request-id"), "{body}");
        (self.status, body["code"].as_str().unwrap().to_owned())
    }

    /// Fails unless it is the problem with this status and code.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!(self.problem(), (status, code.to_owned()), "{self:?}");
    }

    /// The fields that were found wrong, sorted.
    #[track_caller]
    pub(crate) fn bad_fields(&self) -> Vec<String> {
        self.is(400, "validation_failed");
        let body = self.json();
        let errors = body["errors"].as_array().unwrap();
        let mut fields: Vec<_> = errors.iter().map(|it| super::text(it, "field")).collect();
        fields.sort();
        fields
    }
}

/// A stream of Server-Sent Events.
pub(crate) struct Stream {
    pub(crate) headers: HeaderMap,
    body: Incoming,
    text: String,
}

/// One of its events.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: String,
}

impl Stream {
    /// The next event that has data.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            let event = self.next_frame().await;
            if !event.data.is_empty() {
                return event;
            }
        }
    }

    /// Whatever comes next up to an empty line, comments and greetings too.
    pub(crate) async fn next_frame(&mut self) -> Event {
        loop {
            if let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.text = rest;
                return parse(&frame);
            }
            let frame = tokio::time::timeout(ANSWER_WITHIN, self.body.frame()).await;
            let frame = frame.expect("nothing came").expect("the stream ended").unwrap();
            if let Ok(data) = frame.into_data() {
                self.text += std::str::from_utf8(&data).unwrap();
            }
        }
    }
}

fn parse(frame: &str) -> Event {
    let mut event = Event::default();
    for line in frame.lines() {
        match line.split_once(": ") {
            Some(("id", value)) => value.clone_into(&mut event.id),
            Some(("event", value)) => value.clone_into(&mut event.event),
            Some(("data", value)) => event.data += value,
            _ => {}
        }
    }
    event
}
