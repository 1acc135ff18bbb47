//! A route for each call.

use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use serde::{Serialize, de::DeserializeOwned};
use stubmart_contract::Context;
use stubmart_ports::{calls::CallError, host::Host};

use crate::wire::{Arrived, Failure, path};

/// Routes while they are put together.
pub(crate) struct Routes {
    pub(crate) router: Router,
    pub(crate) host: Host,
}

impl Routes {
    /// Answers a call with `answer`.
    pub(crate) fn add<A, T, F>(
        &mut self,
        (service, call): (&'static str, &'static str),
        answer: impl Fn(Context, A) -> F + Clone + Send + Sync + 'static,
    ) where
        A: DeserializeOwned + Send + 'static,
        T: Serialize,
        F: Future<Output = Result<T, CallError>> + Send,
    {
        let host = self.host.clone();
        let route = move |body: Bytes| {
            let (host, answer) = (host.clone(), answer.clone());
            async move {
                let Arrived { context, within_ms, arguments } = match serde_json::from_slice(&body)
                {
                    Ok(arrived) => arrived,
                    Err(error) => return failure(StatusCode::BAD_REQUEST, &error.to_string()),
                };
                let deadline = host.now().after(Duration::from_millis(within_ms));
                let context = Context { deadline: Some(deadline), ..context };
                match answer(context, arguments).await {
                    Ok(answer) => json(StatusCode::OK, &answer),
                    Err(CallError(cause)) => {
                        tracing::warn!(service, call, %cause, "a call of another service failed");
                        failure(StatusCode::SERVICE_UNAVAILABLE, &cause.to_string())
                    }
                }
            }
        };
        let router = std::mem::take(&mut self.router);
        self.router = router.route(&path(service, call), post(route));
    }
}

pub(crate) fn failure(status: StatusCode, error: &str) -> Response {
    json(status, &Failure { error: error.to_owned() })
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    match serde_json::to_vec(body) {
        Ok(body) => (status, json, body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, json, error.to_string()).into_response(),
    }
}
