//! The connection to the server.

use std::time::Duration;

use redis::{
    Client, FromRedisValue, RedisResult, ScriptInvocation,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use stubmart_ports::Cause;

/// How to reach the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisOptions {
    /// Its URL. `rediss://` asks for TLS.
    pub url: String,
    /// What all keys begin with, so that several markets can share a server.
    pub prefix: String,
    /// How long the server may take to answer, or to connect.
    pub timeout: Duration,
}

/// A server. Clones are handles on the same connection.
#[derive(Clone)]
pub struct RedisServer {
    connection: ConnectionManager,
    prefix: String,
}

impl std::fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisServer").finish_non_exhaustive()
    }
}

impl RedisServer {
    /// A server that is connected to when it is first used, and again whenever the connection is lost: a
    /// server that is down fails calls, not the start. To be called on a tokio runtime.
    ///
    /// # Errors
    /// The cause: the URL is not valid.
    pub fn open(options: RedisOptions) -> Result<Self, Cause> {
        let RedisOptions { url, prefix, timeout } = options;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(timeout))
            .set_response_timeout(Some(timeout));
        let connection = ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?;
        Ok(Self { connection, prefix })
    }

    /// The name of a key of one adapter.
    pub(crate) fn key(&self, adapter: &str, name: &str) -> String {
        format!("{{{}:{adapter}}}:{name}", self.prefix)
    }

    /// Runs a script. After a failure it may have run all the same.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        invocation: &ScriptInvocation<'_>,
    ) -> RedisResult<T> {
        invocation.invoke_async(&mut self.connection.clone()).await
    }
}
