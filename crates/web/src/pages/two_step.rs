//! Two-step login: codes of an authenticator app, turned on and off.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use stubmart_client::ClientError;
use stubmart_contract::{
    Code,
    api::{DeleteTotpRequest, Totp, TotpRequest},
};

use super::{mendable, session};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form},
    hold::Member,
    layout::Layout,
    qr::Qr,
    visitor::Visitor,
};

/// The page's path.
const PATH: &str = "/account/two-step";

#[derive(Template)]
#[template(path = "two_step.html")]
struct Page {
    layout: Layout,
    step: Step,
    /// The form of the step.
    fields: Fields,
}

/// Where the visitor stands.
enum Step {
    /// It is off.
    Off,
    /// The app is to take the secret, and to show its first code.
    Begun(Begun),
    /// It was just turned on: the recovery codes, shown this once.
    Saved(Vec<String>),
    /// It is on, and so many recovery codes are left.
    On(u32),
}

/// What an app takes.
struct Begun {
    /// The address that the QR code says.
    uri: String,
    /// The secret in groups, for people to type.
    secret: String,
    qr: Qr,
}

impl Begun {
    /// What is in an address for authenticator apps, such as the API gives; `None` where it is no such address.
    fn read(uri: &str) -> Option<Self> {
        let (_, query) = uri.strip_prefix("otpauth://totp/")?.split_once('?')?;
        let secret = query.split('&').find_map(|it| it.strip_prefix("secret="))?;
        let letters: Vec<char> = secret.chars().collect();
        let groups: Vec<String> = letters.chunks(4).map(|it| it.iter().collect()).collect();
        Some(Self { uri: uri.to_owned(), secret: groups.join(" "), qr: Qr::of(uri)? })
    }
}

fn password() -> Field {
    Field::password("currentPassword", "Current password").hint("So we know it’s you.")
}

fn code() -> Field {
    Field { autocomplete: "one-time-code", ..Field::text("code", "Code", 100) }.must()
}

impl Step {
    fn of(totp: &Totp) -> Self {
        if totp.enabled { Self::On(totp.recovery_codes_left) } else { Self::Off }
    }

    fn fields(&self) -> Fields {
        Fields::new(match self {
            Self::Off => vec![password()],
            Self::Begun(_) => vec![
                Field { numeric: true, ..code() }.hint("The six digits that the app shows now."),
                password(),
            ],
            Self::Saved(_) => Vec::new(),
            Self::On(_) => {
                vec![code().hint("From your authenticator app, or a recovery code."), password()]
            }
        })
    }

    fn show(self, visitor: &Visitor, user: Member) -> Result<Response, Failure> {
        let fields = self.fields();
        self.show_with(visitor, user, fields, StatusCode::OK)
    }

    fn show_with(
        self,
        visitor: &Visitor,
        user: Member,
        fields: Fields,
        status: StatusCode,
    ) -> Result<Response, Failure> {
        let layout = visitor.layout(Some(user), "Two-step login");
        // A page with a secret beside what a visitor typed must not leak by its length (BREACH).
        visitor.uncompressed().page_with(status, &Page { layout, step: self, fields })
    }

    /// The page again, with what was refused marked in its form.
    fn refused(
        self,
        visitor: &Visitor,
        user: Member,
        form: &Form,
        error: ClientError,
    ) -> Result<Response, Failure> {
        let problem = mendable(error)?;
        let mut fields = self.fields().keep(form);
        session::mark(&mut fields, &problem);
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let page = self.show_with(visitor, user, fields, status)?;
        Ok(session::retry_after(page, problem.retry_after))
    }
}

/// `GET /account/two-step`.
pub(crate) async fn two_step(visitor: Visitor) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    Step::of(&visitor.api().totp().await?).show(&visitor, user)
}

/// `POST /account/two-step`: begins, with the password.
pub(crate) async fn begin(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let current_password = form.raw("currentPassword").to_owned();
    let request = TotpRequest { current_password, code: None };
    match visitor.api().set_up_totp(&request).await {
        Ok(begun) => match begun.uri.as_deref().and_then(Begun::read) {
            Some(begun) => Step::Begun(begun).show(&visitor, user),
            None => Ok(visitor.go(PATH)),
        },
        // It was turned on elsewhere meanwhile: the page says so.
        Err(error) if error.code() == Some(Code::SecondFactorOn) => Ok(visitor.go(PATH)),
        Err(error) => Step::Off.refused(&visitor, user, &form, error),
    }
}

/// `POST /account/two-step/confirm`: turns it on, by the app's first code. The recovery codes are shown on this
/// answer and never again.
pub(crate) async fn confirm(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let request = TotpRequest {
        current_password: form.raw("currentPassword").to_owned(),
        code: Some(form.get("code").to_owned()),
    };
    match visitor.api().set_up_totp(&request).await {
        Ok(on) => Step::Saved(on.recovery_codes.unwrap_or_default()).show(&visitor, user),
        Err(error) if error.code() == Some(Code::SecondFactorOn) => Ok(visitor.go(PATH)),
        Err(error) => match Begun::read(form.get("uri")) {
            Some(begun) => Step::Begun(begun).refused(&visitor, user, &form, error),
            None => Ok(visitor.go(PATH)),
        },
    }
}

/// `POST /account/two-step/end`: turns it off.
pub(crate) async fn end(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let request = DeleteTotpRequest {
        current_password: form.raw("currentPassword").to_owned(),
        code: form.optional("code"),
    };
    match visitor.api().remove_totp(&request).await {
        Ok(()) => Ok(visitor.tell(PATH, Word::TwoStepOff)),
        Err(error) => {
            let step = Step::of(&visitor.api().totp().await?);
            step.refused(&visitor, user, &form, error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_app_takes_is_read_off_its_address() {
        let uri = "otpauth://totp/Stubmart:a%40b.example?secret=GEZDGNBVGY&issuer=Stubmart";
        let begun = Begun::read(uri).unwrap();
        assert_eq!((begun.secret.as_str(), begun.uri.as_str()), ("GEZD GNBV GY", uri));
        for wrong in
            ["", "https://evil.example/?secret=A", "otpauth://totp/a", "otpauth://totp/a?b=c"]
        {
            assert!(Begun::read(wrong).is_none(), "{wrong}");
        }
    }
}
