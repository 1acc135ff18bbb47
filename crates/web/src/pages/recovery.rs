//! The pages of mailed links: a forgotten password, an address that is to be verified, and mails that are to
//! stop.
//!
//! A link only shows a form, and its button does what the link is for: programs that read mail follow links
//! by themselves.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use stubmart_client::{ClientError, Problem};
use stubmart_contract::{
    Code,
    api::{
        ConfirmPasswordResetRequest, PasswordResetRequest, StopAlertRequest, VerifyEmailRequest,
    },
};

use super::{mendable, session};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form, Query},
    layout::Layout,
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "recovery.html")]
struct Recovery {
    layout: Layout,
    says: &'static str,
    fields: Fields,
    /// The form; nothing where there is nothing left to do.
    step: Option<Step>,
}

/// What the page's form does.
struct Step {
    action: &'static str,
    button: &'static str,
    /// The token of the link; empty where there is none.
    token: String,
}

/// A page of this kind, without what it remembers.
struct Kind {
    title: &'static str,
    says: &'static str,
    action: &'static str,
    button: &'static str,
}

const FORGOT: Kind = Kind {
    title: "Forgot your password?",
    says: "Enter your email. If there’s an account for it, we’ll send you a link to set a new password.",
    action: "/forgot-password",
    button: "Send me a link",
};
const RESET: Kind = Kind {
    title: "Set a new password",
    says: "We’ll log you out everywhere. Then log in with your new password.",
    action: "/reset-password",
    button: "Set password",
};
const VERIFY: Kind = Kind {
    title: "Confirm your email address",
    says: "Tap the button, and we’ll know this address is yours.",
    action: "/verify-email",
    button: "Confirm",
};

const STOP: Kind = Kind {
    title: "Stop this alert?",
    says: "We won’t email you about tickets like these anymore.",
    action: "/alerts/stop",
    button: "Stop this alert",
};

impl Kind {
    fn page(
        &self,
        visitor: &Visitor,
        fields: Fields,
        token: &str,
        status: StatusCode,
    ) -> Result<Response, Failure> {
        let token = token.to_owned();
        let step = Some(Step { action: self.action, button: self.button, token });
        let layout = visitor.layout(None, self.title);
        visitor.page_with(status, &Recovery { layout, says: self.says, fields, step })
    }

    /// The page again, with what was wrong.
    fn refused(
        &self,
        visitor: &Visitor,
        mut fields: Fields,
        token: &str,
        error: ClientError,
    ) -> Result<Response, Failure> {
        if error.code() == Some(Code::TokenInvalid) {
            return ended(visitor);
        }
        let problem: Box<Problem> = mendable(error)?;
        session::mark(&mut fields, &problem);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let page = self.page(visitor, fields, token, status)?;
        Ok(session::retry_after(page, problem.retry_after))
    }
}

/// A link that is of no use any more.
fn ended(visitor: &Visitor) -> Result<Response, Failure> {
    let page = Recovery {
        layout: visitor.layout(None, "This link no longer works"),
        says: "It was used already, or it’s too old. Ask for another one.",
        fields: Fields::default(),
        step: None,
    };
    visitor.page_with(StatusCode::BAD_REQUEST, &page)
}

fn new_password_fields() -> Fields {
    Fields::new(vec![Field::new_password("password", "New password")])
}

/// `GET /forgot-password`.
pub(crate) async fn forgot(visitor: Visitor) -> Result<Response, Failure> {
    FORGOT.page(&visitor, Fields::new(vec![Field::email()]), "", StatusCode::OK)
}

/// `POST /forgot-password`.
pub(crate) async fn ask(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let request = PasswordResetRequest { email: form.get("email").to_owned() };
    match visitor.api().ask_password_reset(&request).await {
        Ok(()) => Ok(visitor.tell("/login", Word::MailSent)),
        Err(error) => {
            FORGOT.refused(&visitor, Fields::new(vec![Field::email()]).keep(&form), "", error)
        }
    }
}

/// `GET /reset-password?token=`.
pub(crate) async fn new_password(
    visitor: Visitor,
    Query(query): Query,
) -> Result<Response, Failure> {
    RESET.page(&visitor, new_password_fields(), query.get("token"), StatusCode::OK)
}

/// `POST /reset-password`.
pub(crate) async fn reset(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let token = form.get("token").to_owned();
    let password = form.raw("password").to_owned();
    let request = ConfirmPasswordResetRequest { token: token.clone(), password };
    match visitor.api().reset_password(&request).await {
        Ok(()) => Ok(session::forget(&visitor, visitor.tell("/login", Word::PasswordSet))),
        Err(error) => RESET.refused(&visitor, new_password_fields(), &token, error),
    }
}

/// `GET /verify-email?token=`.
pub(crate) async fn address(visitor: Visitor, Query(query): Query) -> Result<Response, Failure> {
    VERIFY.page(&visitor, Fields::default(), query.get("token"), StatusCode::OK)
}

/// `POST /verify-email`.
pub(crate) async fn verify(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let token = form.get("token").to_owned();
    match visitor.api().verify_email(&VerifyEmailRequest { token: token.clone() }).await {
        Ok(_) => Ok(visitor.tell("/", Word::EmailVerified)),
        Err(error) => VERIFY.refused(&visitor, Fields::default(), &token, error),
    }
}

/// `POST /verify-email/resend`.
pub(crate) async fn resend(visitor: Visitor) -> Result<Response, Failure> {
    visitor.api().resend_verification().await?;
    Ok(visitor.tell("/account", Word::MailSent))
}

/// `GET /alerts/stop?token=`.
pub(crate) async fn stop_alert(visitor: Visitor, Query(query): Query) -> Result<Response, Failure> {
    STOP.page(&visitor, Fields::default(), query.get("token"), StatusCode::OK)
}

/// `POST /alerts/stop`: of the page, or of a mail program, which sends the token in the address (RFC 8058) and
/// follows no redirect.
pub(crate) async fn alert_stopped(
    visitor: Visitor,
    Query(query): Query,
    form: Form,
) -> Result<Response, Failure> {
    let token = form.optional("token").or_else(|| query.optional("token")).unwrap_or_default();
    visitor.api().stop_alert(&StopAlertRequest { token }).await?;
    visitor.page(&Recovery {
        layout: visitor.layout(None, "This alert is off"),
        says: "You get no more emails from it. You can set up another one whenever you like.",
        fields: Fields::default(),
        step: None,
    })
}
