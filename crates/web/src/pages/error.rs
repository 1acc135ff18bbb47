//! The error page: why a page could not be made, and what to do about it.

use std::time::Duration;

use askama::Template;
use axum::{http::Method, response::Response};
use stubmart_contract::Code;

use super::session::retry_after;
use crate::{failure::Failure, layout::Layout, visitor::Visitor};

/// When to try again after the API has not answered.
const UNREACHABLE: Duration = Duration::from_secs(5);

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    layout: Layout,
    text: &'static str,
    /// Whether searching could help.
    lost: bool,
    /// Where to try again, when that could help.
    again: Option<String>,
    /// When to try again, in seconds.
    wait_s: Option<u64>,
    /// The code of a failure that is ours.
    request_id: Option<String>,
}

/// The page of a failure.
pub(crate) async fn page(
    visitor: &Visitor,
    failure: &Failure,
    method: &Method,
) -> Result<Response, Failure> {
    // The user's name only decorates this page, and the API may be what failed.
    let user = match failure {
        Failure::Unreachable(_) | Failure::Early(_) => None,
        _ => visitor.user().await.unwrap_or_default(),
    };
    let words = failure.words();
    let (wait, busy) = match failure {
        Failure::Refused(problem) => {
            (problem.retry_after, matches!(problem.code, Code::TooManyRequests | Code::Unavailable))
        }
        Failure::Early(refusal) => (refusal.0.wait().map(whole_seconds), true),
        Failure::Unreachable(_) => (Some(UNREACHABLE), true),
        Failure::Template(_) => (None, true),
        _ => (None, false),
    };
    let page = ErrorPage {
        layout: visitor.layout(user, words.title),
        text: words.text,
        lost: matches!(failure, Failure::NotFound),
        again: busy.then(|| {
            let here = if method.is_safe() { &visitor.path } else { visitor.came_from() };
            here.to_owned()
        }),
        wait_s: wait.map(|wait| wait.as_secs()),
        request_id: visitor.request_id.clone().filter(|_| failure.status().is_server_error()),
    };
    Ok(retry_after(visitor.page_with(failure.status(), &page)?, wait))
}

/// Rounded up, so that a visitor who obeys is not early.
fn whole_seconds(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1))
}
