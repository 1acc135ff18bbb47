//! The page that tells why there is no page, and what to do about it.

use askama::Template;
use axum::{http::Method, response::Response};
use stubmart_contract::Code;

use crate::{failure::Failure, view::Layout, visitor::Visitor};

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
    request_id: Option<String>,
}

/// The page of a failure.
pub(crate) async fn page(
    visitor: &Visitor,
    failure: &Failure,
    method: &Method,
) -> Result<Response, Failure> {
    // Who is signed in only decorates this page, and the API may be what failed.
    let user = match failure {
        Failure::Unreachable(_) => None,
        _ => visitor.user().await.unwrap_or_default(),
    };
    let words = failure.words();
    let (wait_s, busy) = match failure {
        Failure::Refused(problem) => (
            problem.retry_after.map(|wait| wait.as_secs()),
            matches!(problem.code, Code::TooManyRequests | Code::Unavailable),
        ),
        Failure::Unreachable(_) => (None, true),
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
        wait_s,
        request_id: visitor.request_id.clone(),
    };
    visitor.page_with(failure.status(), &page)
}
