//! Forms: what was sent, and what is shown again with each bad field marked.

use std::convert::Infallible;

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
};
use stubmart_client::Problem;
use stubmart_contract::Code;

use crate::failure::Failure;

/// The largest form that is read, in bytes.
pub(crate) const BYTES_MAX: usize = 32 * 1024;

/// A form as it was sent.
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// The field's value without space around it; empty when it was not sent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The field's value to the letter, for passwords.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// All values of a field that may be sent several times.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The field's value; nothing when it is empty.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        Some(self.get(name)).filter(|it| !it.is_empty()).map(ToOwned::to_owned)
    }

    /// The idempotency key, with which the form counts once however often it is sent.
    pub(crate) fn key(&self) -> Option<&str> {
        let key = self.get("key");
        let ok = (8..=64).contains(&key.len()) && key.bytes().all(|it| it.is_ascii_alphanumeric());
        ok.then_some(key)
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
    }
}

impl From<Vec<(String, String)>> for Form {
    fn from(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let is_form = kind
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        let body = to_bytes(request.into_body(), BYTES_MAX).await.map_err(|_| Failure::TooLarge)?;
        if body.is_empty() {
            return Ok(Self::default());
        }
        if !is_form {
            return Err(Failure::BadForm);
        }
        serde_urlencoded::from_bytes(&body).map(Self).map_err(|_| Failure::BadForm)
    }
}

/// The query of an address, read like a form; one that cannot be read is empty.
#[derive(Debug, Default)]
pub(crate) struct Query(pub(crate) Form);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(Form(serde_urlencoded::from_str(query).unwrap_or_default())))
    }
}

/// One field of a form, as it is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    /// The `type` of the input, or `textarea` or `choice`.
    pub(crate) kind: &'static str,
    pub(crate) value: String,
    pub(crate) error: Option<String>,
    pub(crate) hint: String,
    pub(crate) autocomplete: &'static str,
    pub(crate) required: bool,
    pub(crate) numeric: bool,
    pub(crate) max_length: u32,
    pub(crate) placeholder: &'static str,
    /// Value and label of what can be chosen, or suggested for a text.
    pub(crate) options: Vec<(String, String)>,
    /// Whether it takes half of the width.
    pub(crate) half: bool,
}

impl Field {
    pub(crate) fn text(name: &'static str, label: &'static str, max_length: u32) -> Self {
        Self { name, label, kind: "text", max_length, ..Self::default() }
    }

    /// The current password.
    pub(crate) fn password(name: &'static str, label: &'static str) -> Self {
        let autocomplete = "current-password";
        Self {
            name,
            label,
            kind: "password",
            autocomplete,
            required: true,
            max_length: 128,
            ..Self::default()
        }
    }

    /// A new password.
    pub(crate) fn new_password(name: &'static str, label: &'static str) -> Self {
        let hint = "At least 8 characters. A few random words work well.".to_owned();
        Self { autocomplete: "new-password", hint, ..Self::password(name, label) }
    }

    /// The address to log in with.
    pub(crate) fn email() -> Self {
        Self { kind: "email", autocomplete: "username", ..Self::text("email", "Email", 254) }.must()
    }

    /// Makes it required.
    pub(crate) fn must(mut self) -> Self {
        self.required = true;
        self
    }

    pub(crate) fn with(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    pub(crate) fn half(mut self) -> Self {
        self.half = true;
        self
    }
}

/// A form as it is shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    pub(crate) items: Vec<Field>,
    /// What is wrong with the form as a whole.
    pub(crate) message: Option<String>,
}

impl Fields {
    pub(crate) fn new(items: Vec<Field>) -> Self {
        Self { items, message: None }
    }

    /// Puts what was typed back in; passwords are left out.
    pub(crate) fn keep(mut self, form: &Form) -> Self {
        for field in self.items.iter_mut().filter(|field| field.kind != "password") {
            form.raw(field.name).clone_into(&mut field.value);
        }
        self
    }

    /// Marks a field. A name that the form does not have is reported above the form.
    pub(crate) fn wrong(&mut self, name: &str, message: impl Into<String>) {
        let message = message.into();
        match self.items.iter_mut().find(|field| field.name == name) {
            Some(field) => {
                field.error.get_or_insert(message);
            }
            None => self.message = Some(message),
        }
    }

    /// Marks what the API found wrong. `names` gives the form's name for a field of the API where the
    /// two differ.
    pub(crate) fn refused(&mut self, problem: &Problem, names: &[(&str, &str)]) {
        for error in &problem.errors {
            let known = names.iter().find(|(api, _)| *api == error.field);
            let name = known.map_or(error.field.as_str(), |(_, form)| *form);
            self.wrong(name, sentence(&error.message));
        }
        if problem.errors.is_empty() {
            self.message = Some(match problem.code {
                Code::IdempotencyKeyInUse => "We’re on it. Wait a moment.".to_owned(),
                Code::IdempotencyKeyReused => {
                    "You changed the form after sending it. Send it again.".to_owned()
                }
                _ => sentence(&problem.detail),
            });
        }
    }

    /// The fields that are marked.
    pub(crate) fn bad(&self) -> impl Iterator<Item = &Field> {
        self.items.iter().filter(|field| field.error.is_some())
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_good(&self) -> bool {
        self.message.is_none() && self.bad().next().is_none()
    }
}

/// The API's words for a field, such as `must be one of: a, b`, as a sentence.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let mut sentence: String =
        letters.next().map(|it| it.to_uppercase().to_string()).unwrap_or_default();
    sentence.push_str(letters.as_str());
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_comes_back_but_passwords_do_not() {
        let form = Form::of(&[("email", "a@b"), ("password", "secret")]);
        let fields =
            Fields::new(vec![Field::email(), Field::password("password", "Password")]).keep(&form);
        let values: Vec<_> = fields.items.iter().map(|field| field.value.as_str()).collect();
        assert_eq!(values, ["a@b", ""]);
    }

    #[test]
    fn a_fault_is_shown_at_its_field_or_above_the_form() {
        let mut fields = Fields::new(vec![Field::email()]);
        assert!(fields.is_good());
        fields.wrong("email", "No.");
        fields.wrong("unknown", "Neither.");
        assert_eq!(fields.bad().count(), 1);
        assert_eq!(fields.message.as_deref(), Some("Neither."));
    }

    #[test]
    fn only_a_plain_key_counts() {
        assert_eq!(Form::of(&[("key", "0123456789abcdef")]).key(), Some("0123456789abcdef"));
        for wrong in ["", "short", "with space 12345", &"a".repeat(65)] {
            assert_eq!(Form::of(&[("key", wrong)]).key(), None, "{wrong:?}");
        }
    }
}
