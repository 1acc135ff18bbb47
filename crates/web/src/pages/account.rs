//! The account: name, email, password, sessions, access tokens, and its end.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use stubmart_client::ClientError;
use stubmart_contract::{
    Code,
    api::{AccessToken, CreateTokenRequest, DeleteUserRequest, Session, UpdateUserRequest},
};

use super::{id, keyed, mendable, session};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form},
    format::When,
    hold::Member,
    layout::Layout,
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    layout: Layout,
    forms: Forms,
    /// Whether logging in asks for a code.
    has_two_steps: bool,
    sessions: Vec<SessionRow>,
    /// Whether there are older ones than the page shows.
    more_sessions: bool,
    more_tokens: bool,
    tokens: Vec<TokenRow>,
    since: When,
}

/// The page's forms.
struct Forms {
    profile: Fields,
    password: Fields,
    token: Fields,
    delete: Fields,
    /// Sales keep the account from being deleted.
    has_open_sales: bool,
    /// Makes a double click on the token's button count once.
    key: String,
    /// The new token's name and secret, shown this once.
    secret: Option<(String, String)>,
}

struct SessionRow {
    id: String,
    device: String,
    began: When,
    seen: When,
    current: bool,
}

struct TokenRow {
    id: String,
    name: String,
    made: When,
    seen: When,
}

impl Forms {
    fn new(visitor: &Visitor, user: &Member) -> Self {
        let current = || Field::password("currentPassword", "Current password");
        let name = Field { autocomplete: "name", ..Field::text("name", "Name", 100) };
        let name = name.hint("Buyers see it when you sell.");
        let email = Field { autocomplete: "email", ..Field::email() };
        Self {
            profile: Fields::new(vec![
                name.with(user.name.clone()),
                email.with(user.email.clone()),
                current().hint("So we know it’s you."),
            ]),
            password: Fields::new(vec![current(), Field::new_password("password", "New password")]),
            token: Fields::new(vec![
                Field {
                    placeholder: "Inventory script",
                    ..Field::text("name", "What’s it for?", 100)
                }
                .must(),
            ]),
            delete: Fields::new(vec![current()]),
            has_open_sales: false,
            key: visitor.site.form_key(),
            secret: None,
        }
    }
}

/// `GET /account`.
pub(crate) async fn account(visitor: Visitor) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let forms = Forms::new(&visitor, &user);
    page(&visitor, user, forms, StatusCode::OK).await
}

async fn page(
    visitor: &Visitor,
    user: Member,
    forms: Forms,
    status: StatusCode,
) -> Result<Response, Failure> {
    let api = visitor.api();
    let (sessions, tokens, totp) = tokio::try_join!(api.sessions(), api.tokens(), api.totp())?;
    let page = Account {
        since: When::utc(user.created_at),
        layout: visitor.layout(Some(user), "Your account"),
        forms,
        has_two_steps: totp.enabled,
        more_sessions: sessions.next_cursor.is_some(),
        more_tokens: tokens.next_cursor.is_some(),
        sessions: sessions.items.iter().map(SessionRow::new).collect(),
        tokens: tokens.items.into_iter().map(TokenRow::new).collect(),
    };
    visitor.page_with(status, &page)
}

impl SessionRow {
    fn new(session: &Session) -> Self {
        Self {
            id: session.id.to_string(),
            device: device(&session.user_agent),
            began: When::utc(session.created_at),
            seen: When::utc(session.last_seen_at),
            current: session.current,
        }
    }
}

impl TokenRow {
    fn new(token: AccessToken) -> Self {
        Self {
            id: token.id.to_string(),
            name: token.name,
            made: When::utc(token.created_at),
            seen: When::utc(token.last_seen_at),
        }
    }
}

/// `Firefox on Windows`, as far as the `User-Agent` says.
fn device(agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    // The order matters: Edge also calls itself Chrome, and every one of them Safari.
    let browser = find(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "Mac"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) if agent.is_empty() => "Unknown device".to_owned(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

/// `POST /account/profile`.
pub(crate) async fn change_profile(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let email = form.get("email").to_owned();
    let request = UpdateUserRequest {
        email: Some(email).filter(|email| *email != user.email),
        name: Some(form.get("name").to_owned()).filter(|name| *name != user.name),
        password: None,
        current_password: form.raw("currentPassword").to_owned(),
    };
    match visitor.api().update_user(&request).await {
        Ok(_) => Ok(visitor.tell("/account", Word::ProfileSaved)),
        Err(error) => {
            refused(&visitor, user, error, |forms| {
                forms.profile = std::mem::take(&mut forms.profile).keep(&form);
                &mut forms.profile
            })
            .await
        }
    }
}

/// `POST /account/password`.
pub(crate) async fn change_password(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let request = UpdateUserRequest {
        password: Some(form.raw("password").to_owned()),
        current_password: form.raw("currentPassword").to_owned(),
        ..UpdateUserRequest::default()
    };
    match visitor.api().update_user(&request).await {
        Ok(_) => Ok(visitor.tell("/account", Word::PasswordSaved)),
        Err(error) => refused(&visitor, user, error, |forms| &mut forms.password).await,
    }
}

/// The page again, with what was refused marked in one of its forms.
async fn refused(
    visitor: &Visitor,
    user: Member,
    error: ClientError,
    form: impl FnOnce(&mut Forms) -> &mut Fields,
) -> Result<Response, Failure> {
    let problem = mendable(error)?;
    let mut forms = Forms::new(visitor, &user);
    session::mark(form(&mut forms), &problem);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
    let page = page(visitor, user, forms, status).await?;
    Ok(session::retry_after(page, problem.retry_after))
}

/// `POST /account/sessions/{id}/end`.
pub(crate) async fn end_session(
    visitor: Visitor,
    Path(session): Path<String>,
) -> Result<Response, Failure> {
    visitor.api().end_session(id(&session)?).await?;
    Ok(visitor.tell("/account#sessions", Word::SessionEnded))
}

/// `POST /account/tokens`: the secret is shown on this answer and never again.
pub(crate) async fn create_token(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let request =
        CreateTokenRequest { name: form.get("name").to_owned(), expires_at: None, scope: None };
    match keyed(visitor.api(), &form).create_token(&request).await {
        Ok(token) => {
            let mut forms = Forms::new(&visitor, &user);
            forms.secret = Some((token.name, token.token));
            // A page with a secret beside what a visitor typed must not leak by its length (BREACH).
            page(&visitor.uncompressed(), user, forms, StatusCode::CREATED).await
        }
        Err(error) => {
            refused(&visitor, user, error, |forms| {
                forms.token = std::mem::take(&mut forms.token).keep(&form);
                &mut forms.token
            })
            .await
        }
    }
}

/// `POST /account/tokens/{id}/revoke`.
pub(crate) async fn revoke_token(
    visitor: Visitor,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    visitor.api().revoke_token(id(&token)?).await?;
    Ok(visitor.tell("/account#tokens", Word::TokenRevoked))
}

/// `POST /account/delete`.
pub(crate) async fn delete(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let request = DeleteUserRequest { current_password: form.raw("currentPassword").to_owned() };
    match visitor.api().delete_user(&request).await {
        Ok(_) => Ok(session::forget(&visitor, visitor.tell("/", Word::AccountDeleted))),
        Err(error) => {
            let has_open_sales = error.code() == Some(Code::OpenSales);
            refused(&visitor, user, error, |forms| {
                forms.has_open_sales = has_open_sales;
                &mut forms.delete
            })
            .await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_by_browser_and_system() {
        for (agent, name) in [
            ("Mozilla/5.0 (Windows NT 10.0) Chrome/1 Safari/1 Edg/1", "Edge on Windows"),
            ("Mozilla/5.0 (iPhone; like Mac OS X) Safari/1", "Safari on iPhone"),
            ("curl/8.0", "curl"),
            ("", "Unknown device"),
            ("<script>", "<script>"),
        ] {
            assert_eq!(device(agent), name);
        }
    }
}
