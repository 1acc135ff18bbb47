//! Calls to a service that runs elsewhere.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, Request, StatusCode, header},
};
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Serialize, de::DeserializeOwned};
use stubmart_contract::{Context, Timestamp};
use stubmart_ports::{Cause, calls::CallError, host::Host};

use crate::{
    instances::{Instance, Instances},
    secret::Secret,
    wire::{Failure, Message, path},
};

/// How long a call takes at the most, with all its tries, also when nobody waits.
const CALL_MAX: Duration = Duration::from_secs(10);

/// How long one instance may take. Longer than a write that waits for its database as a rule takes; a call
/// that takes longer is made again, at another instance where there is one.
const TRY_MAX: Duration = Duration::from_secs(4);

/// How often every instance is tried.
const ROUNDS: u32 = 3;

/// How long to wait after the first round; twice as long after each further one.
const PAUSE: Duration = Duration::from_millis(50);

/// How large an answer may be.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long a connection is kept that nobody uses: not as long as a server keeps one, so that few are used
/// which the other side is about to close.
const IDLE_MAX: Duration = Duration::from_secs(10);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A service that runs elsewhere. It is called through the ports that [`crate::table`] gives it: ask for the one
/// that the service answers, such as [`Self::tickets`].
///
/// A call goes to the instances of the service in turns. One that does not answer is tried again, at another
/// instance and after a pause, until the context's deadline or for ten seconds; an instance that keeps giving no answer is
/// left alone for a second. The last failure is the answer then.
pub struct Remote {
    http: Client<HttpConnector, Body>,
    instances: Instances,
    secret: Secret,
    host: Host,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

/// Why a try had no answer that counts.
enum Failed {
    /// Nobody answered.
    NoAnswer(Cause),
    /// The instance could not do it now.
    Refused(Cause),
    /// It will not be answered, however often it is tried.
    Never(Cause),
}

impl Remote {
    /// The service whose internal listeners are at these addresses (`HOST:PORT`). A name stands for as many instances
    /// as it has addresses. Nothing is connected yet.
    #[must_use]
    pub fn new(addresses: Vec<String>, secret: Secret, host: Host) -> Arc<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(TRY_MAX));
        let http = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_MAX)
            .build(connector);
        Arc::new(Self { http, instances: Instances::new(addresses, host.clone()), secret, host })
    }

    /// Makes a call at one instance.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        (service, call): (&'static str, &'static str),
        context: &Context,
        arguments: impl Serialize,
    ) -> Result<T, CallError> {
        let until = self.until(context);
        let sent = Sent::new(service, call, context, &arguments)?;
        let mut last: Cause = format!("no instance of {service} can be called").into();
        let mut pause = PAUSE;
        for round in 0..ROUNDS {
            if round > 0 {
                if self.host.now().after(pause) >= until {
                    break;
                }
                self.host.clock.sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
            for instance in self.instances.all().await {
                if self.host.now() >= until {
                    break;
                }
                match self.attempt(&instance, &sent, until).await {
                    Ok(answer) => return sent.read(&answer),
                    Err(None) => {}
                    Err(Some(Failed::NoAnswer(cause) | Failed::Refused(cause))) => last = cause,
                    Err(Some(Failed::Never(cause))) => return Err(CallError(cause)),
                }
            }
        }
        Err(CallError(last))
    }

    /// Makes a call at every instance that can be called, for what each keeps for itself. It is answered when
    /// all have answered, and fails when none did.
    pub(crate) async fn call_everywhere<T: DeserializeOwned>(
        &self,
        (service, call): (&'static str, &'static str),
        context: &Context,
        arguments: impl Serialize,
    ) -> Result<T, CallError> {
        let until = self.until(context);
        let sent = Sent::new(service, call, context, &arguments)?;
        let instances = self.instances.all().await;
        let attempts = instances.iter().map(|instance| self.attempt(instance, &sent, until));
        let mut last: Cause = format!("no instance of {service} can be called").into();
        let mut answer = None;
        for outcome in join_all(attempts).await {
            match outcome {
                Ok(bytes) => answer = Some(bytes),
                Err(None) => {}
                Err(Some(
                    Failed::NoAnswer(cause) | Failed::Refused(cause) | Failed::Never(cause),
                )) => last = cause,
            }
        }
        answer.map_or(Err(CallError(last)), |bytes| sent.read(&bytes))
    }

    fn until(&self, context: &Context) -> Timestamp {
        let latest = self.host.now().after(CALL_MAX);
        context.deadline.map_or(latest, |deadline| deadline.min(latest))
    }

    /// One try at one instance; `Err(None)` where it is left alone for now.
    async fn attempt(
        &self,
        instance: &Instance,
        sent: &Sent<'_>,
        until: Timestamp,
    ) -> Result<Bytes, Option<Failed>> {
        let started = self.host.now();
        if !instance.breaker.admits(started) {
            return Err(None);
        }
        let within = until.since(started).min(TRY_MAX);
        let exchange = Box::pin(self.exchange(instance, sent, until.since(started)));
        let outcome = match self.host.timeout(within, exchange).await {
            Ok(outcome) => outcome,
            Err(timed_out) => Err(Failed::NoAnswer(timed_out.into())),
        };
        let now = self.host.now();
        let word = match &outcome {
            Ok(_) => "answered",
            Err(Failed::NoAnswer(_)) => "no_answer",
            Err(Failed::Refused(_)) => "unavailable",
            Err(Failed::Never(_)) => "refused",
        };
        match &outcome {
            Err(Failed::NoAnswer(cause)) => {
                tracing::debug!(sent.service, sent.call, %cause, "an instance did not answer");
                instance.breaker.failed(now);
            }
            _ => instance.breaker.answered(),
        }
        metrics::histogram!(
            "stubmart_call_duration_seconds",
            "service" => sent.service, "call" => sent.call, "outcome" => word
        )
        .record(now.since(started).as_secs_f64());
        outcome.map_err(Some)
    }

    async fn exchange(
        &self,
        instance: &Instance,
        sent: &Sent<'_>,
        within: Duration,
    ) -> Result<Bytes, Failed> {
        let body = sent.body(within).map_err(|error| Failed::Never(error.into()))?;
        let uri = format!("http://{}{}", instance.address, path(sent.service, sent.call));
        let mut request = Request::post(uri)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, self.secret.header())
            .body(Body::from(body))
            .map_err(|error| Failed::Never(error.into()))?;
        let id = sent.context.request_id.as_ref();
        if let Some(id) = id.and_then(|id| HeaderValue::from_str(id.as_str()).ok()) {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        let no_answer = |what: &str, error: &dyn std::error::Error| {
            let at = instance.address;
            Failed::NoAnswer(format!("{} at {at}: {what}: {error}", sent.service).into())
        };
        let response = self.http.request(request).await;
        let response = response.map_err(|error| no_answer("no answer", &error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| no_answer("half an answer", &*error))?.to_bytes();
        if status == StatusCode::OK {
            return Ok(body);
        }
        let error = serde_json::from_slice(&body).map_or(String::new(), |it: Failure| it.error);
        let cause = format!("{} answers {status} {error}", sent.service).into();
        Err(if status.is_server_error() { Failed::Refused(cause) } else { Failed::Never(cause) })
    }
}

/// A call on its way.
struct Sent<'a> {
    service: &'static str,
    call: &'static str,
    context: &'a Context,
    arguments: Box<serde_json::value::RawValue>,
}

impl<'a> Sent<'a> {
    fn new(
        service: &'static str,
        call: &'static str,
        context: &'a Context,
        arguments: &impl Serialize,
    ) -> Result<Self, CallError> {
        let arguments = serde_json::value::to_raw_value(arguments);
        let arguments = arguments.map_err(|error| CallError(error.into()))?;
        Ok(Self { service, call, context, arguments })
    }

    fn body(&self, within: Duration) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Message {
            context: Context { deadline: None, ..self.context.clone() },
            within_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
            arguments: &self.arguments,
        })
    }

    fn read<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T, CallError> {
        serde_json::from_slice(answer).map_err(|error| {
            let (service, call) = (self.service, self.call);
            CallError(format!("{service} answers {call} with what is no answer: {error}").into())
        })
    }
}
