//! The client itself: who calls, with which headers, and how a call is made.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header},
};
use http_body_util::{BodyExt as _, Limited};
use serde::{Serialize, de::DeserializeOwned};
use stubmart_ports::host::Host;

use crate::{
    answer::Answer,
    error::{BoxError, ClientError, TransportError},
    session::{SESSION_COOKIE, SessionToken},
    transport::Transport,
};

/// On whose behalf a server calls the API.
#[derive(Debug, Clone, Default)]
pub struct Forwarded {
    /// The visitor's address, for rate limits.
    pub client_ip: Option<IpAddr>,
    /// The visitor's `User-Agent`, for the list of sessions.
    pub user_agent: Option<HeaderValue>,
    /// The visitor's `Accept-Language`, for the language of mails.
    pub accept_language: Option<HeaderValue>,
    /// The id of the request that this call belongs to, for the logs.
    pub request_id: Option<HeaderValue>,
    /// `https` or `http`: how the visitor reached the site, for the cookie's `Secure`.
    pub proto: Option<&'static str>,
}

/// A client of the public API. Clones are cheap and share connections; the `with_*` methods give a
/// clone that differs in one thing.
#[derive(Clone)]
pub struct Client {
    transport: Transport,
    limit: Option<(Host, Duration)>,
    client_ip: Option<IpAddr>,
    headers: Arc<HeaderMap>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

impl Client {
    /// A client of an API in this process.
    #[must_use]
    pub fn in_process(api: Router) -> Self {
        Self::over(Transport::InProcess(api))
    }

    /// A client of the API at `base`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`TransportError::Request`] when `base` is no absolute `http` URL. Nothing is sent yet.
    pub fn http(base: &str) -> Result<Self, TransportError> {
        Transport::http(base, None).map(Self::over)
    }

    /// The same, with connections that begin at the address `from` of this machine.
    ///
    /// # Errors
    /// As for [`Self::http`].
    pub fn http_from(base: &str, from: IpAddr) -> Result<Self, TransportError> {
        Transport::http(base, Some(from)).map(Self::over)
    }

    fn over(transport: Transport) -> Self {
        Self { transport, limit: None, client_ip: None, headers: Arc::default() }
    }

    /// Each call is given up after `limit`. Without this, a call waits for as long as it takes.
    #[must_use]
    pub fn with_time_limit(mut self, host: Host, limit: Duration) -> Self {
        self.limit = Some((host, limit));
        self
    }

    /// Calls as the session that `token` opens (sent as its cookie).
    #[must_use]
    pub fn with_session(&self, token: &SessionToken) -> Self {
        self.with_sessions(std::slice::from_ref(token))
    }

    /// Calls as the first of these sessions that is alive, as a browser does that has several cookies.
    #[must_use]
    pub fn with_sessions(&self, tokens: &[SessionToken]) -> Self {
        let cookies: Vec<_> =
            tokens.iter().map(|it| format!("{SESSION_COOKIE}={}", it.as_str())).collect();
        self.without(&header::AUTHORIZATION).with(header::COOKIE, &cookies.join("; "))
    }

    /// Calls with `token` as `Authorization: Bearer`, as scripts do.
    #[must_use]
    pub fn with_token(&self, token: &SessionToken) -> Self {
        let bearer = format!("Bearer {}", token.as_str());
        self.without(&header::COOKIE).with(header::AUTHORIZATION, &bearer)
    }

    /// Calls as nobody.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        self.without(&header::COOKIE).without(&header::AUTHORIZATION)
    }

    /// Calls on behalf of a visitor of another server.
    #[must_use]
    pub fn forwarded(&self, visitor: &Forwarded) -> Self {
        let mut client = self.clone();
        client.client_ip = visitor.client_ip;
        let ip = visitor.client_ip.and_then(|ip| HeaderValue::try_from(ip.to_string()).ok());
        let headers = Arc::make_mut(&mut client.headers);
        for (name, value) in [
            (FORWARDED_FOR, ip),
            (FORWARDED_PROTO, visitor.proto.map(HeaderValue::from_static)),
            (header::USER_AGENT, visitor.user_agent.clone()),
            (header::ACCEPT_LANGUAGE, visitor.accept_language.clone()),
            (REQUEST_ID, visitor.request_id.clone()),
        ] {
            match value {
                Some(value) => headers.insert(name, value),
                None => headers.remove(name),
            };
        }
        client
    }

    /// Makes each `POST` safe to repeat: the same key and body replays the first answer.
    #[must_use]
    pub fn with_idempotency_key(&self, key: &str) -> Self {
        self.with(IDEMPOTENCY_KEY, key)
    }

    /// Makes each change conditional: it is refused with 412 unless the document is at this `ETag`.
    #[must_use]
    pub fn if_match(&self, etag: &str) -> Self {
        self.with(header::IF_MATCH, etag)
    }

    /// Sends `name: value` with each call. A value that HTTP cannot carry is left out.
    #[must_use]
    pub fn with(&self, name: HeaderName, value: &str) -> Self {
        let mut client = self.clone();
        if let Ok(value) = HeaderValue::try_from(value) {
            Arc::make_mut(&mut client.headers).insert(name, value);
        }
        client
    }

    fn without(&self, name: &HeaderName) -> Self {
        let mut client = self.clone();
        Arc::make_mut(&mut client.headers).remove(name);
        client
    }

    /// Makes any request and gives its answer, whatever the status. `path` begins with a slash and may
    /// have a query; `body` is sent as JSON.
    ///
    /// # Errors
    /// [`TransportError`], never a problem.
    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer, TransportError> {
        let body = body
            .map(serde_json::to_vec)
            .transpose()
            .map_err(|error| TransportError::Request(Box::new(error)))?;
        self.ask(json_request(method, path, body)?).await
    }

    /// Sends a request and reads its answer, within the time limit.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Result<Answer, TransportError> {
        // Boxed: the callers' futures hold it several times over.
        let exchange = Box::pin(async { read(self.exchange(request).await?).await });
        match &self.limit {
            Some((host, limit)) => {
                host.timeout(*limit, exchange).await.map_err(|_| TransportError::TimedOut)?
            }
            None => exchange.await,
        }
    }

    /// Sends a request as it is, with this client's headers where it has none of their names, and gives
    /// the answer before its body is read. The URI is a path with an optional query. No time limit
    /// applies.
    ///
    /// # Errors
    /// [`TransportError`], never a problem.
    pub async fn exchange(
        &self,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, TransportError> {
        for (name, value) in self.headers.iter() {
            request.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        self.transport.send(request, self.client_ip).await
    }

    /// Opens a stream of Server-Sent Events. No time limit applies.
    pub(crate) async fn open(&self, path: &str) -> Result<Response<Body>, ClientError> {
        let response = self.exchange(json_request(Method::GET, path, None)?).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let answer = read(response).await?;
        Err(match answer.success() {
            Err(error) => error,
            Ok(answer) => answer.unexpected(&"a success was refused".into()),
        })
    }

    /// A request without a body whose answer is JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Method::GET, path, None::<&()>).await?.json()
    }

    /// A list: `query` goes behind `path`.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &(impl Serialize + Sync),
    ) -> Result<T, ClientError> {
        self.list_unread(path, query).await?.json()
    }

    /// A list, as it came.
    pub(crate) async fn list_unread(
        &self,
        path: &str,
        query: &(impl Serialize + Sync),
    ) -> Result<Answer, ClientError> {
        let query = serde_urlencoded::to_string(query)
            .map_err(|error| TransportError::Request(BoxError::from(error)))?;
        let path = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        self.send(Method::GET, &path, None::<&()>).await
    }

    /// A request whose answer is taken only when it is a success.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&(impl Serialize + Sync)>,
    ) -> Result<Answer, ClientError> {
        self.raw(method, path, body).await?.success()
    }
}

/// A request whose body, if it has one, is JSON.
fn json_request(
    method: Method,
    path: &str,
    body: Option<Vec<u8>>,
) -> Result<Request<Body>, TransportError> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .map_err(|error| TransportError::Request(Box::new(error)))?;
    if let Some(body) = body {
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert(header::CONTENT_TYPE, json);
        *request.body_mut() = Body::from(body);
    }
    Ok(request)
}

/// Reads an answer to its end.
async fn read(response: Response<Body>) -> Result<Answer, TransportError> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, Answer::MAX_BYTES).collect().await;
    let body = body.map_err(TransportError::Body)?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}
