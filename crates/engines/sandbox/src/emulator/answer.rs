//! Answers, and the errors among them (<https://docs.stripe.com/api/errors>).

use serde_json::{Value, json};

use crate::payment::Refusal;

/// The version of the API that the emulator answers in.
pub(super) const VERSION: &str = "2026-08-26.dahlia";

/// An answer before it is sent; what the idempotency table keeps.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// An error, and whether the request was begun: only then is it kept under the request's key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Error {
    pub(super) answer: Answer,
    pub(super) is_kept: bool,
}

impl Answer {
    pub(super) const fn ok(body: Value) -> Self {
        Self { status: 200, body }
    }

    pub(super) fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let error = json!({ "type": kind, "code": code, "message": message });
        Self { status, body: json!({ "error": error }) }
    }
}

impl Error {
    /// The request is not valid.
    pub(super) fn invalid(code: &str, param: Option<&str>, message: &str) -> Self {
        let mut answer = Answer::error(400, "invalid_request_error", code, message);
        if let (Some(param), Some(error)) = (param, answer.body.get_mut("error")) {
            error["param"] = Value::from(param);
        }
        Self { answer, is_kept: false }
    }

    pub(super) fn missing(param: &str) -> Self {
        Self::invalid(
            "parameter_missing",
            Some(param),
            &format!("Missing required param: {param}."),
        )
    }

    pub(super) fn no_such(what: &str, id: &str) -> Self {
        let mut error =
            Self::invalid("resource_missing", Some("intent"), &format!("No such {what}: '{id}'"));
        error.answer.status = 404;
        error
    }

    /// The object is in no state in which this can be done.
    pub(super) fn unexpected_state(code: &str, message: &str) -> Self {
        Self { is_kept: true, ..Self::invalid(code, None, message) }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NoSuchPayment(id) => Self::no_such("payment_intent", &id),
            Refusal::NoSuchMethod(id) => Self::invalid(
                "resource_missing",
                Some("payment_method"),
                &format!("No such PaymentMethod: '{id}'"),
            ),
            Refusal::KeyReused => Self {
                answer: Answer::error(
                    400,
                    "idempotency_error",
                    "idempotency_error",
                    "Keys for idempotent requests can only be used with the same parameters they \
                     were first used with.",
                ),
                is_kept: false,
            },
        }
    }
}
