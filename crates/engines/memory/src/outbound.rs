//! Requests that go nowhere.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stubmart_ports::outbound::{Answered, Outbound, Post, PostError};

use crate::lock::lock;

/// Keeps each request, and answers all of them with one status. Clones are handles on the same.
#[derive(Debug, Clone, Default)]
pub struct MemoryOutbound(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    posts: Vec<Post>,
    /// 200 unless it is set.
    status: Option<u16>,
    is_down: bool,
}

impl MemoryOutbound {
    /// One that has got nothing and answers 200.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it got, oldest first.
    #[must_use]
    pub fn posts(&self) -> Vec<Post> {
        lock(&self.0).posts.clone()
    }

    /// Answers with this status from now on; with nothing where it is `None`.
    pub fn answer(&self, status: Option<u16>) {
        let mut state = lock(&self.0);
        (state.is_down, state.status) = (status.is_none(), status);
    }
}

#[async_trait]
impl Outbound for MemoryOutbound {
    async fn post(&self, post: Post) -> Result<Answered, PostError> {
        let mut state = lock(&self.0);
        state.posts.push(post);
        if state.is_down {
            return Err(PostError::Failed("the receiver is down".into()));
        }
        Ok(Answered { status: state.status.unwrap_or(200), body: String::new() })
    }
}
