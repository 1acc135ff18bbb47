//! Signing up, logging in and out, and going back to where one was.

use std::time::Duration;

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::Response,
};
use stubmart_client::{Answer, ClientError, Problem, SESSION_COOKIE};
use stubmart_contract::{
    Code,
    api::{LoginRequest, SignupRequest},
};

use super::{keyed, mendable};
use stubmart_http_kit::cookies;

use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form, Query},
    layout::Layout,
    visitor::{Visitor, safe_path},
};

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    layout: Layout,
    fields: Fields,
    next: String,
    /// Whether it opens an account or a session.
    signup: bool,
    /// Makes a double click open one account.
    key: String,
    /// Where the other of the two is, which leads back to the same page.
    other: String,
}

fn login_fields() -> Fields {
    Fields::new(vec![Field::email(), Field::password("password", "Password")])
}

fn signup_fields() -> Fields {
    let name =
        Field { autocomplete: "name", ..Field::text("name", "What shall we call you?", 100) };
    Fields::new(vec![
        name.hint("Only you see it. You may leave it empty."),
        Field::email(),
        Field::new_password("password", "Password"),
    ])
}

/// `GET /login`.
pub(crate) async fn login(visitor: Visitor, Query(query): Query) -> Result<Response, Failure> {
    show(&visitor, &query, false).await
}

/// `GET /signup`.
pub(crate) async fn signup(visitor: Visitor, Query(query): Query) -> Result<Response, Failure> {
    show(&visitor, &query, true).await
}

async fn show(visitor: &Visitor, query: &Form, signup: bool) -> Result<Response, Failure> {
    let next = safe_path(query.get("next"));
    if visitor.user().await?.is_some() {
        return Ok(visitor.go(next));
    }
    let fields = if signup { signup_fields() } else { login_fields() };
    page(visitor, fields, next, signup, StatusCode::OK)
}

fn page(
    visitor: &Visitor,
    fields: Fields,
    next: &str,
    signup: bool,
    status: StatusCode,
) -> Result<Response, Failure> {
    let query = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
    let other = if signup { "/login" } else { "/signup" };
    let page = SessionPage {
        layout: visitor.layout(None, if signup { "Create your account" } else { "Log in" }),
        fields,
        next: next.to_owned(),
        signup,
        key: visitor.site.form_key(),
        other: format!("{other}?{query}"),
    };
    visitor.page_with(status, &page)
}

/// `POST /login`.
pub(crate) async fn open(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let request = LoginRequest {
        email: form.get("email").to_owned(),
        password: form.raw("password").to_owned(),
    };
    let next = safe_path(form.get("next"));
    match visitor.api().anonymous().login(&request).await {
        Ok(signed_in) => Ok(with_cookies(visitor.tell(next, Word::LoggedIn), &signed_in.answer)),
        Err(error) => refused(&visitor, login_fields().keep(&form), next, false, error),
    }
}

/// `POST /signup`.
pub(crate) async fn create_account(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let request = SignupRequest {
        email: form.get("email").to_owned(),
        password: form.raw("password").to_owned(),
        name: form.optional("name"),
    };
    let next = safe_path(form.get("next"));
    match keyed(visitor.api().anonymous(), &form).signup(&request).await {
        Ok(signed_in) => Ok(with_cookies(visitor.tell(next, Word::Welcome), &signed_in.answer)),
        Err(error) => refused(&visitor, signup_fields().keep(&form), next, true, error),
    }
}

fn refused(
    visitor: &Visitor,
    mut fields: Fields,
    next: &str,
    signup: bool,
    error: ClientError,
) -> Result<Response, Failure> {
    let problem = mendable(error)?;
    mark(&mut fields, &problem);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    let page = page(visitor, fields, next, signup, status)?;
    Ok(retry_after(page, problem.retry_after))
}

/// Marks what was refused in a form about an account.
pub(crate) fn mark(fields: &mut Fields, problem: &Problem) {
    let signed_in = fields.items.iter().any(|field| field.name == "currentPassword");
    match problem.code {
        Code::EmailTaken => {
            let message = if signed_in {
                "Another account has this email."
            } else {
                "There is an account with this email already. Log in instead?"
            };
            fields.wrong("email", message);
        }
        Code::BadCredentials => {
            if signed_in {
                fields.wrong("currentPassword", "That is not your present password.");
            } else {
                fields.message = Some("The email or the password is wrong.".to_owned());
            }
        }
        Code::TooManyRequests => {
            let wait = problem.retry_after.map_or(60, |wait| wait.as_secs().max(1));
            fields.message = Some(format!("Too many tries. Wait {wait} seconds, then try again."));
        }
        _ => fields.refused(problem, &[]),
    }
}

/// Says when to come back, where the API has said so.
pub(crate) fn retry_after(mut response: Response, wait: Option<Duration>) -> Response {
    if let Some(wait) = wait {
        response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().into());
    }
    response
}

/// Passes the API's cookies on.
fn with_cookies(mut response: Response, answer: &Answer) -> Response {
    for cookie in answer.set_cookies() {
        response.headers_mut().append(header::SET_COOKIE, cookie.clone());
    }
    response
}

/// `POST /logout`.
pub(crate) async fn close(visitor: Visitor) -> Result<Response, Failure> {
    let response = visitor.tell("/", Word::LoggedOut);
    match visitor.api().logout().await {
        Ok(answer) => Ok(forget(&visitor, with_cookies(response, &answer))),
        // The session has ended already: only its cookie is left to clear.
        Err(error) if error.code() == Some(Code::NotSignedIn) => Ok(forget(&visitor, response)),
        Err(error) => Err(error.into()),
    }
}

/// Clears the session cookie, unless the API has done so.
pub(crate) fn forget(visitor: &Visitor, mut response: Response) -> Response {
    let done = response
        .headers()
        .get_all(header::SET_COOKIE)
        .iter()
        .any(|cookie| cookie.as_bytes().starts_with(SESSION_COOKIE.as_bytes()));
    if !done && let Some(cookie) = cookies::clear(SESSION_COOKIE, visitor.secure) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
