//! Requests to Stripe: signed in, versioned, limited, timed, and sent again only where the rules allow it
//! (<https://docs.stripe.com/api/errors>, <https://docs.stripe.com/api/idempotent_requests>).

use std::{fmt, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    HeaderMap, Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::de::DeserializeOwned;
use stubmart_ports::{Cause, gateway::GatewayError, host::Host};

use crate::{
    config::{Config, Patience},
    limiter::{Limiter, Priority},
    object::{ErrorBody, ErrorDetail},
};

/// The version of the API that all of this is written for
/// (<https://docs.stripe.com/api/versioning>).
const VERSION: &str = "2026-08-26.dahlia";

/// How long it may take to reach Stripe.
const CONNECT_MAX: Duration = Duration::from_secs(3);

/// How large an answer may be: a list of a hundred payments is far smaller.
const ANSWER_MAX: usize = 8 << 20;

/// The wait before a request is sent a second time; each further one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// The longest such wait.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How many requests a second Stripe allows an account: live, and with test keys.
const PER_SECOND_LIVE: u32 = 100;
const PER_SECOND_TEST: u32 = 25;

/// How many it allows each endpoint.
const PER_SECOND_ENDPOINT: u32 = 25;

/// The endpoints that are used, each with a limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Create,
    Capture,
    Cancel,
    Refund,
    Retrieve,
    List,
}

impl Endpoint {
    const ALL: [Self; 6] =
        [Self::Create, Self::Capture, Self::Cancel, Self::Refund, Self::Retrieve, Self::List];

    /// Who goes first: money that is held or taken before money that is not yet.
    const fn priority(self) -> Priority {
        match self {
            Self::Capture | Self::Cancel | Self::Refund => Priority::End,
            Self::Create => Priority::Begin,
            Self::Retrieve | Self::List => Priority::Look,
        }
    }
}

/// A request.
pub(crate) struct Request {
    pub(crate) endpoint: Endpoint,
    pub(crate) path: String,
    /// The fields of the form, or of the query of a request that changes nothing.
    pub(crate) fields: Vec<(&'static str, String)>,
    /// The idempotency key of a request that changes something; `None` for one that changes nothing.
    pub(crate) key: Option<String>,
}

/// An answer that is no error.
pub(crate) struct Answer<T> {
    pub(crate) object: T,
    /// Whether it is the answer that an earlier request with the same key got.
    pub(crate) replayed: bool,
}

/// Why there is no such answer.
pub(crate) enum Failure {
    /// The request had no effect, and has none later.
    Unavailable(Cause),
    /// It may have had its effect.
    Lost {
        cause: Cause,
        /// Whether it is the answer of an earlier request with the same key.
        replayed: bool,
    },
    /// Stripe refused it.
    Refused(Box<Refused>),
}

/// An answer that refuses the request.
pub(crate) struct Refused {
    pub(crate) detail: ErrorDetail,
    /// Whether it is the answer of an earlier request with the same key.
    pub(crate) replayed: bool,
}

impl Refused {
    pub(crate) fn code(&self) -> &str {
        self.detail.code.as_deref().unwrap_or(&self.detail.kind)
    }
}

impl Failure {
    fn lost(cause: impl Into<Cause>) -> Self {
        Self::Lost { cause: cause.into(), replayed: false }
    }
}

impl From<Failure> for GatewayError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unavailable(cause) => Self::Unavailable(cause),
            Failure::Lost { cause, .. } => Self::Indeterminate(cause),
            Failure::Refused(refused) => Self::Refused {
                code: refused.code().to_owned(),
                message: for_the_buyer(&refused.detail),
            },
        }
    }
}

/// What a buyer may read. Stripe writes the texts of card errors and of payment methods that it does not
/// know for them, and all others for programmers.
fn for_the_buyer(detail: &ErrorDetail) -> String {
    let is_theirs =
        detail.kind == "card_error" || detail.param.as_deref() == Some("payment_method");
    let message = detail.message.clone().filter(|_| is_theirs);
    message.unwrap_or_else(|| "the payment provider does not take this payment".to_owned())
}

/// What one try came to.
enum Tried {
    Answer {
        bytes: Bytes,
        replayed: bool,
    },
    /// Another request with the same key, or about the same object, is under way.
    Conflict(Failure),
    /// It may be sent again.
    Again(Failure),
    /// It may not.
    End(Failure),
}

/// The client.
pub(crate) struct Client {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
    headers: HeaderMap,
    account: Limiter,
    endpoints: Vec<Limiter>,
    patience: Patience,
    host: Host,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the account that the key belongs to.
    ///
    /// # Errors
    /// The cause: the key is no header's value.
    pub(crate) fn new(config: &Config, host: Host) -> Result<Self, Cause> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_connect_timeout(Some(CONNECT_MAX));
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new().with_webpki_roots();
        let connector = if config.api_base.is_plain() {
            connector.https_or_http()
        } else {
            connector.https_only()
        };
        let connector = connector.enable_http1().wrap_connector(tcp);
        let http = Http::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            // What was sent on a connection that had gone is a matter of the rules here.
            .retry_canceled_requests(false)
            .build(connector);
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", config.secret_key.expose());
        let mut bearer = HeaderValue::try_from(bearer)?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        headers.insert("stripe-version", HeaderValue::from_static(VERSION));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("stubmart/", env!("CARGO_PKG_VERSION"))),
        );
        let is_live = config.secret_key.is_live();
        let per_second = if is_live { PER_SECOND_LIVE } else { PER_SECOND_TEST };
        let endpoints = Endpoint::ALL.map(|_| Limiter::new(host.clone(), PER_SECOND_ENDPOINT));
        Ok(Self {
            http,
            base: config.api_base.as_str().to_owned(),
            headers,
            account: Limiter::new(host.clone(), per_second),
            endpoints: endpoints.into(),
            patience: config.patience.clone(),
            host,
        })
    }

    /// Sends a request, again where that is allowed.
    pub(crate) async fn send<T: DeserializeOwned>(
        &self,
        request: &Request,
    ) -> Result<Answer<T>, Failure> {
        let (mut tries, mut conflicts) = (0, 0);
        // Whether an earlier try may have had an effect.
        let mut is_open = false;
        loop {
            let tried = match self.turn(request.endpoint).await {
                Ok(()) => self.once(request).await,
                Err(failure) => Tried::End(failure),
            };
            let (failure, is_last) = match tried {
                Tried::Answer { bytes, replayed } => {
                    return match serde_json::from_slice(&bytes) {
                        Ok(object) => Ok(Answer { object, replayed }),
                        Err(error) => {
                            Err(Failure::lost(format!("an answer not understood: {error}")))
                        }
                    };
                }
                Tried::Conflict(failure) => {
                    conflicts += 1;
                    (failure, conflicts >= self.patience.conflicts)
                }
                Tried::Again(failure) => {
                    tries += 1;
                    (failure, tries >= self.patience.tries)
                }
                Tried::End(failure) => (failure, true),
            };
            is_open |= matches!(failure, Failure::Lost { .. });
            if is_last {
                return Err(match failure {
                    Failure::Unavailable(cause) if is_open => Failure::lost(cause),
                    failure => failure,
                });
            }
            self.pause(tries + conflicts).await;
        }
    }

    async fn turn(&self, endpoint: Endpoint) -> Result<(), Failure> {
        let (priority, wait) = (endpoint.priority(), self.patience.queue);
        let number = Endpoint::ALL.iter().position(|it| *it == endpoint).unwrap_or_default();
        if let Some(limiter) = self.endpoints.get(number) {
            limiter.turn(priority, wait).await.map_err(|it| Failure::Unavailable(it.into()))?;
        }
        self.account.turn(priority, wait).await.map_err(|it| Failure::Unavailable(it.into()))
    }

    /// Waits before another try: twice as long each time, and not in step with others.
    async fn pause(&self, tries: u32) {
        let longest = PAUSE_MIN.saturating_mul(1 << tries.saturating_sub(1).min(8)).min(PAUSE_MAX);
        let [random, ..] = self.host.ids.secret();
        let half = longest / 2;
        self.host.clock.sleep(half + half * u32::from(random) / 255).await;
    }

    async fn once(&self, request: &Request) -> Tried {
        let limit = self.patience.request;
        let answered = self.host.timeout(limit, self.exchange(request)).await;
        let (status, headers, bytes) = match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => return Tried::Again(failure),
            Err(timed_out) => return Tried::Again(Failure::lost(timed_out)),
        };
        let replayed = header(&headers, "idempotent-replayed") == Some("true");
        if status.is_success() {
            return Tried::Answer { bytes, replayed };
        }
        let detail = serde_json::from_slice(&bytes).map(|ErrorBody { error }| error);
        judge(status, &headers, detail.unwrap_or_default(), replayed, &request.path)
    }

    /// Sends the request and reads the answer.
    async fn exchange(&self, request: &Request) -> Result<(StatusCode, HeaderMap, Bytes), Failure> {
        let unsendable = |error: &dyn fmt::Display| Failure::Unavailable(error.to_string().into());
        let fields = serde_urlencoded::to_string(&request.fields).map_err(|it| unsendable(&it))?;
        let base = &self.base;
        let path = &request.path;
        let builder = hyper::Request::builder();
        let (mut builder, body) = match &request.key {
            Some(key) => {
                let builder = builder.method(Method::POST).uri(format!("{base}{path}"));
                (builder.header("idempotency-key", key), fields)
            }
            None => (builder.uri(format!("{base}{path}?{fields}")), String::new()),
        };
        if let Some(headers) = builder.headers_mut() {
            headers.extend(self.headers.clone());
        }
        let sent = builder.body(Full::new(Bytes::from(body))).map_err(|it| unsendable(&it))?;
        let answer = match self.http.request(sent).await {
            Ok(answer) => answer,
            // Nothing was sent.
            Err(error) if error.is_connect() => return Err(Failure::Unavailable(error.into())),
            Err(error) => return Err(Failure::lost(error)),
        };
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(Failure::lost)?;
        Ok((head.status, head.headers, body.to_bytes()))
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What an answer that is an error means for the request.
fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    detail: ErrorDetail,
    replayed: bool,
    path: &str,
) -> Tried {
    let code = detail.code.clone().unwrap_or_default();
    let request = header(headers, "request-id").unwrap_or("-");
    let cause = || format!("{} {code} (request {request})", status.as_u16());
    let should_retry = header(headers, "stripe-should-retry");
    match status.as_u16() {
        409 => Tried::Conflict(Failure::lost(cause())),
        429 if code == "lock_timeout" => Tried::Conflict(Failure::Unavailable(cause().into())),
        429 => Tried::Again(Failure::Unavailable(cause().into())),
        401 | 403 => {
            tracing::error!(status = status.as_u16(), code, request, "Stripe refuses the key");
            Tried::End(Failure::Unavailable(cause().into()))
        }
        400..=499 => {
            if detail.kind != "card_error" && code != "payment_intent_unexpected_state" {
                tracing::warn!(
                    status = status.as_u16(),
                    code,
                    param = detail.param,
                    request,
                    path,
                    "Stripe refuses a request"
                );
            }
            let refused = Failure::Refused(Box::new(Refused { detail, replayed }));
            if should_retry == Some("true") { Tried::Again(refused) } else { Tried::End(refused) }
        }
        // An answer that is stored comes again however often it is asked for.
        _ if should_retry == Some("false") || replayed => {
            Tried::End(Failure::Lost { cause: cause().into(), replayed })
        }
        _ => Tried::Again(Failure::lost(cause())),
    }
}
