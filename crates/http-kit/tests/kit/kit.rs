//! A router with the layer around it, and requests to it.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::Value;
use stubmart_http_kit::{Ingress, layer};
use stubmart_ports::host::Host;
use tower::ServiceExt as _;

/// What a route answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The status, and the code of a problem.
    pub(crate) fn code(&self) -> (u16, String) {
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }

    /// The bad fields with what is wrong with each, in order.
    pub(crate) fn faults(&self) -> Vec<(String, String)> {
        assert_eq!(self.code(), (400, "validation_failed".to_owned()), "{}", self.text);
        let body = self.json();
        let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
        let errors = body["errors"].as_array().unwrap().iter();
        let mut faults: Vec<_> =
            errors.map(|error| (text(error, "field"), text(error, "message"))).collect();
        faults.sort();
        faults
    }

    /// The bad fields, in order.
    pub(crate) fn bad_fields(&self) -> Vec<String> {
        self.faults().into_iter().map(|(field, _)| field).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The router as it is served.
pub(crate) fn served(router: Router, host: &Host) -> Router {
    layer::apply(router, host.clone(), Ingress::default())
}

/// Sends a request with these headers.
pub(crate) async fn send(
    app: &Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}

pub(crate) async fn get(app: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(app, Method::GET, path, headers, "").await
}

/// Sends a JSON body.
pub(crate) async fn post(
    app: &Router,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let json = [("content-type", "application/json")];
    let headers: Vec<_> = json.iter().chain(headers).copied().collect();
    send(app, Method::POST, path, &headers, &body.to_string()).await
}
