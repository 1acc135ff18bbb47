//! Requests to addresses that users name.

use async_trait::async_trait;

use crate::Cause;

/// How much of an answer's body is read, in bytes.
pub const BODY_READ: usize = 1024;

/// A `POST` to an address that a user named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Post {
    /// The address.
    pub url: String,
    /// Its headers, by their lower-case names.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Its status.
    pub status: u16,
    /// The first [`BODY_READ`] bytes of its body, as text.
    pub body: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The address is not one that users may have the market talk to. Nothing was sent.
    #[error("the address is not a public one")]
    NotPublic,
    /// The receiver could not be reached, broke off, or took too long. It may have got the request.
    #[error("{0}")]
    Failed(Cause),
}

/// Sends requests to addresses that users name.
///
/// It never talks to the operator's own network: every address that the name has must be a public one, and
/// the connection goes to an address that was looked at. A redirect is an answer like any other and is not
/// followed. A request takes a limited time and reads a limited part of the answer.
#[async_trait]
pub trait Outbound: Send + Sync + 'static {
    /// Sends a request.
    ///
    /// # Errors
    /// [`PostError`].
    async fn post(&self, post: Post) -> Result<Answered, PostError>;
}
