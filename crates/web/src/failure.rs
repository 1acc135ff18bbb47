//! Why a page could not be made, and the page that says so.

use std::sync::Arc;

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use stubmart_client::{ClientError, Problem, TransportError};
use stubmart_contract::Code;
use stubmart_http_kit::Problem as ServerProblem;

/// Why a page could not be made. As a response it is empty: the middleware, which knows the
/// visitor, makes its page.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Only users who are signed in may see it. After login the visitor goes on to this path, or back.
    SignIn(Option<String>),
    /// There is no such page.
    NotFound,
    /// The page takes no such method.
    Method,
    /// A form was sent from another site's page.
    CrossOrigin,
    /// What was sent is no form.
    BadForm,
    /// The form is larger than any of ours.
    TooLarge,
    /// The API refused.
    Refused(Box<Problem>),
    /// The server refused before a page was asked. The page that says so asks the API for nothing.
    Early(EarlyRefusal),
    /// The API did not answer.
    Unreachable(TransportError),
    /// A template failed.
    Template(askama::Error),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Problem(problem) => match problem.code {
                Code::NotSignedIn => Self::SignIn(None),
                Code::NotFound => Self::NotFound,
                _ => Self::Refused(problem),
            },
            ClientError::Transport(error) => Self::Unreachable(error),
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// A refusal that the server found before it asked for a page, such as too many requests from an address.
/// Among a request's extensions it is answered with its page.
#[derive(Debug, Clone)]
pub struct EarlyRefusal(pub ServerProblem);

/// What an error page says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Words {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
}

impl Failure {
    /// The status of the page.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::SignIn(_) => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::CrossOrigin => StatusCode::FORBIDDEN,
            Self::BadForm => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Refused(problem) => status(problem.status),
            Self::Early(refusal) => status(refusal.0.code().status()),
            Self::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the page says, in words that help.
    pub(crate) fn words(&self) -> Words {
        let (title, text) = match self {
            Self::NotFound => (
                "We can’t find that page",
                "The link may be old, or the event may be over. Try searching for it.",
            ),
            Self::Method => (
                "That link doesn’t work like this",
                "Go back to the page you came from and try its buttons.",
            ),
            Self::CrossOrigin => (
                "That request came from another site",
                "To keep you safe, we only accept forms from our own pages. Nothing changed.",
            ),
            Self::BadForm => (
                "We couldn’t read that form",
                "Nothing changed. Go back, reload the page and try again.",
            ),
            Self::TooLarge => {
                ("That’s too much text", "Nothing changed. Go back, shorten it and try again.")
            }
            Self::Refused(problem) => refused(problem.code),
            Self::Early(refusal) => refused(refusal.0.code()),
            Self::SignIn(_) => ("Log in to continue", "You need an account to see this page."),
            Self::Unreachable(_) => BUSY,
            Self::Template(_) => BROKEN,
        };
        Words { title, text }
    }
}

fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

const BUSY: (&str, &str) = (
    "We’re a little busy",
    "The marketplace isn’t responding right now. Nothing is lost. Reload this page in a moment.",
);
const BROKEN: (&str, &str) = (
    "Something went wrong",
    "It’s our fault, not yours, and we’ve made a note of it. Try again in a moment.",
);

fn refused(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::TooManyRequests => {
            ("Slow down a little", "That was a lot in a short time. Wait a moment and try again.")
        }
        Code::NotOwner => (
            "That isn’t your listing",
            "Only the seller can change it. Did you list it from another account?",
        ),
        Code::ValidationFailed => (
            "That link doesn’t work",
            "Something in the address isn’t valid. Start again with a search.",
        ),
        Code::Unavailable | Code::PaymentProviderUnavailable | Code::RequestTimeout => BUSY,
        _ => BROKEN,
    }
}
