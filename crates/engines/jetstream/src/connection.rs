//! The connection, and the stream.

use std::{borrow::Cow, sync::Arc, time::Duration};

use async_nats::{
    Client, ConnectOptions, ServerAddr,
    connection::State,
    jetstream::{
        context::{Context, ContextBuilder},
        stream::{Config, LastRawMessageErrorKind, StorageType, Stream},
    },
};
use percent_encoding::percent_decode_str;
use stubmart_contract::{Envelope, EventType};
use stubmart_ports::{
    Cause,
    bus::{BusError, Event, Unreadable},
};

/// How to reach the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JetstreamOptions {
    /// The servers: URLs, with commas between them. `tls://` asks for TLS; the first that names a user says who
    /// signs in.
    pub url: String,
    /// The name of the stream; its subjects begin with it.
    pub stream: String,
    /// On how many servers each event is kept. Applies when the stream is made.
    pub replicas: usize,
    /// How long the server waits until it delivers an event again that a reader took and did not settle,
    /// since it was killed.
    pub ack_wait: Duration,
    /// How long the server may take to answer.
    pub timeout: Duration,
}

impl JetstreamOptions {
    /// The bus of these servers with its defaults: one replica, 30 seconds until redelivery, 2 seconds for
    /// an answer.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self {
            url,
            stream: "stubmart".to_owned(),
            replicas: 1,
            ack_wait: Duration::from_secs(30),
            timeout: Duration::from_secs(2),
        }
    }
}

/// The bus. Clones are handles on the same connection.
#[derive(Clone)]
pub struct JetstreamBus {
    pub(crate) context: Context,
    client: Client,
    pub(crate) options: Arc<JetstreamOptions>,
}

impl std::fmt::Debug for JetstreamBus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JetstreamBus").finish_non_exhaustive()
    }
}

pub(crate) fn unavailable(cause: impl Into<Cause>) -> BusError {
    BusError::Unavailable(cause.into())
}

/// The subject of a kind of event in a stream.
pub(crate) fn subject(stream: &str, kind: EventType) -> String {
    format!("{stream}.event.{}", kind.as_str())
}

/// Reads an event.
pub(crate) fn event(payload: &[u8]) -> Event {
    let event = Envelope::decode(payload);
    event.map(Arc::new).map_err(|error| Unreadable(error.to_string().into()))
}

/// Signs in as the first URL says: with a user and a password, or with a token in their place
/// (<https://docs.nats.io/using-nats/developer/connecting/userpass>). The client itself reads neither.
fn signed_in(servers: &[ServerAddr]) -> Result<ConnectOptions, Cause> {
    let Some(server) = servers.iter().find(|it| it.has_user_pass()) else {
        return Ok(ConnectOptions::new());
    };
    let decoded = |part: Option<&str>| -> Result<Option<String>, Cause> {
        let text = part.map(|it| percent_decode_str(it).decode_utf8()).transpose()?;
        Ok(text.map(Cow::into_owned))
    };
    let user = decoded(server.username())?.unwrap_or_default();
    Ok(match decoded(server.password())? {
        Some(password) => ConnectOptions::with_user_and_password(user, password),
        None => ConnectOptions::with_token(user),
    })
}

impl JetstreamBus {
    /// Connects, and goes on trying when the servers are down: calls fail as long as they are.
    ///
    /// # Errors
    /// The cause: a URL is not valid, or its user or password is no UTF-8.
    pub async fn open(options: JetstreamOptions) -> Result<Self, Cause> {
        let servers = options.url.split(',').map(|url| url.trim().parse());
        let servers: Vec<ServerAddr> = servers.collect::<Result<_, _>>()?;
        let client = signed_in(&servers)?
            .name("stubmart")
            .retry_on_initial_connect()
            .request_timeout(Some(options.timeout))
            .connect(servers)
            .await?;
        let context = ContextBuilder::new().timeout(options.timeout).build(client.clone());
        Ok(Self { context, client, options: Arc::new(options) })
    }

    /// The stream, which is made if it is not there.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    pub(crate) async fn stream(&self) -> Result<Stream, BusError> {
        let name = &self.options.stream;
        let subjects = vec![format!("{name}.event.*"), format!("{name}.filled.*")];
        self.make_stream(name.clone(), subjects).await
    }

    pub(crate) async fn make_stream(
        &self,
        name: String,
        subjects: Vec<String>,
    ) -> Result<Stream, BusError> {
        // A buffer in front of a connection that is down would make a caller wait for nothing.
        if self.client.connection_state() != State::Connected {
            return Err(unavailable("no connection to NATS"));
        }
        let config = Config {
            name,
            subjects,
            storage: StorageType::File,
            num_replicas: self.options.replicas,
            ..Config::default()
        };
        self.context.get_or_create_stream(config).await.map_err(unavailable)
    }

    /// The last message under a subject, by its place in the stream.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    pub(crate) async fn last(&self, subject: &str) -> Result<Option<u64>, BusError> {
        match self.stream().await?.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(message.sequence)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        }
    }
}
