//! Signing up, logging in and out, and going back to where one was.

use std::time::Duration;

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::Response,
};
use stubmart_client::{Answer, ClientError, Problem, SESSION_COOKIE, SignedIn};
use stubmart_contract::{
    Code,
    api::{LoginRequest, SignupRequest},
};

use stubmart_http_kit::cookies;

use super::{
    keyed, mendable,
    ticket::{Begun, Wanted, begin},
};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form, Query},
    layout::Layout,
    view::{EventView, Lot, LotState},
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
    /// What the visitor came here for.
    why: &'static str,
    /// The ticket that they want to buy.
    wanted: Option<WantedTicket>,
}

/// The ticket that is bought right after signing in.
struct WantedTicket {
    event: Option<EventView>,
    lot: Lot,
}

fn login_fields() -> Fields {
    Fields::new(vec![Field::email(), Field::password("password", "Password")])
}

/// With the second factor of the account, which is asked for when the password was right.
fn login_fields_with_code() -> Fields {
    let mut fields = login_fields();
    let code = Field { autocomplete: "one-time-code", ..Field::text("code", "Code", 100) };
    fields.items.push(code.must().hint("From your authenticator app, or a recovery code."));
    fields
}

fn signup_fields() -> Fields {
    let name = Field { autocomplete: "name", ..Field::text("name", "Name", 100) };
    Fields::new(vec![
        name.hint("Buyers see it when you sell. Leave it empty to stay private."),
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
    page(visitor, fields, next, signup, StatusCode::OK).await
}

async fn page(
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
        why: why(next),
        wanted: match Wanted::parse(next) {
            Some(wanted) => WantedTicket::of(visitor, wanted).await.unwrap_or_default(),
            None => None,
        },
        fields,
        next: next.to_owned(),
        signup,
        key: visitor.site.form_key(),
        other: format!("{other}?{query}"),
    };
    visitor.page_with(status, &page)
}

/// Why one has to sign in, for the page that comes after it.
fn why(next: &str) -> &'static str {
    match next.split('/').nth(1).map(|part| part.split('?').next().unwrap_or_default()) {
        Some("sell" | "selling") => "You need an account to sell tickets. It takes a minute.",
        Some("orders") => "Your tickets are in your account.",
        _ => "",
    }
}

impl WantedTicket {
    async fn of(visitor: &Visitor, wanted: Wanted) -> Result<Option<Self>, ClientError> {
        let api = visitor.api().anonymous();
        let ticket = api.ticket(wanted.ticket_id).await?;
        let event = match ticket.event_id {
            Some(event) => Some(api.event(event).await?),
            None => None,
        };
        let lot = Lot::new(&ticket, event.as_ref().map(|it| it.name.as_str()), None);
        let event = event.map(|it| EventView::new(&it, &visitor.site));
        Ok(Some(Self { event, lot }))
    }
}

/// Leads a visitor who has just signed in to where they wanted: with a ticket to buy, into its checkout.
async fn enter(visitor: &Visitor, next: &str, signed_in: &SignedIn, word: Word) -> Response {
    let response = match Wanted::parse(next) {
        None => visitor.tell(next, word),
        Some(wanted) => {
            let member = visitor.signed_in(signed_in.token.clone());
            match begin(&member, wanted, &visitor.site.form_key(), None).await {
                Ok(Begun::Checkout(path)) => visitor.tell(&path, Word::Held),
                Ok(Begun::Refused(path, word)) => visitor.tell(&path, word),
                // They are signed in all the same, and can try again where the ticket is.
                Err(_) => visitor.tell(&wanted.page(), word),
            }
        }
    };
    with_cookies(response, &signed_in.answer)
}

/// `POST /login`.
pub(crate) async fn open(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let request = LoginRequest {
        email: form.get("email").to_owned(),
        password: form.raw("password").to_owned(),
        code: form.optional("code"),
    };
    let next = safe_path(form.get("next"));
    match visitor.api().anonymous().login(&request).await {
        Ok(signed_in) => Ok(enter(&visitor, next, &signed_in, Word::LoggedIn).await),
        Err(error) => {
            let asks_for_code =
                error.code() == Some(Code::SecondFactorRequired) || form.optional("code").is_some();
            let fields = if asks_for_code { login_fields_with_code() } else { login_fields() };
            refused(&visitor, fields.keep(&form), next, false, error).await
        }
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
        Ok(signed_in) => Ok(enter(&visitor, next, &signed_in, Word::Welcome).await),
        Err(error) => refused(&visitor, signup_fields().keep(&form), next, true, error).await,
    }
}

async fn refused(
    visitor: &Visitor,
    mut fields: Fields,
    next: &str,
    signup: bool,
    error: ClientError,
) -> Result<Response, Failure> {
    let problem = mendable(error)?;
    mark(&mut fields, &problem);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    let page = page(visitor, fields, next, signup, status).await?;
    Ok(retry_after(page, problem.retry_after))
}

/// Marks what was refused in a form about an account.
pub(crate) fn mark(fields: &mut Fields, problem: &Problem) {
    let signed_in = fields.items.iter().any(|field| field.name == "currentPassword");
    match problem.code {
        Code::EmailTaken => {
            let message = if signed_in {
                "Another account uses this email."
            } else {
                "You already have an account with this email. Log in instead?"
            };
            fields.wrong("email", message);
        }
        Code::BadCredentials => {
            if signed_in {
                fields.wrong("currentPassword", "That isn’t your current password.");
            } else {
                fields.message = Some("That email and password don’t match.".to_owned());
            }
        }
        Code::SecondFactorRequired => {
            if signed_in {
                fields.wrong("code", "Enter a code.");
            } else {
                let message = "Enter your password again, and the code from your app.";
                fields.message = Some(message.to_owned());
            }
        }
        Code::OpenSales => {
            let message = "You can’t close your account yet";
            fields.message = Some(format!("{message}: {}.", problem.detail));
        }
        Code::TooManyRequests => {
            let wait = problem.retry_after.map_or(60, |wait| wait.as_secs().max(1));
            fields.message = Some(format!("Too many attempts. Try again in {wait} seconds."));
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
