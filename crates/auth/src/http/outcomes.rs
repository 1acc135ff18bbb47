//! What use cases did not do, as clients see it.

use stubmart_contract::{Code, calls::OpenSales};
use stubmart_http_kit::Problem;

use crate::{
    account::ChangeError,
    create_token::TokenError,
    failure::{Failure, Limited},
    log_in::LogInError,
    passwords::CheckError,
    sign_up::{EnterError, SignUpError},
    verify_email::LinkError,
};

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Repository(error) => error.into(),
            Failure::Unavailable(cause) => Self::unavailable(cause),
        }
    }
}

impl From<Limited> for Problem {
    fn from(limited: Limited) -> Self {
        match limited {
            Limited::TooMany(wait) => Self::new(Code::TooManyRequests).retry_after(wait),
            Limited::Failed(failure) => failure.into(),
        }
    }
}

impl From<CheckError> for Problem {
    fn from(error: CheckError) -> Self {
        match error {
            CheckError::Wrong => Self::new(Code::BadCredentials),
            CheckError::Limited(limited) => limited.into(),
        }
    }
}

impl From<LogInError> for Problem {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::CodeRequired => Self::new(Code::SecondFactorRequired),
            LogInError::Check(error) => error.into(),
        }
    }
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::EmailTaken => Self::new(Code::EmailTaken),
            SignUpError::Failed(failure) => failure.into(),
        }
    }
}

impl From<EnterError> for Problem {
    fn from(error: EnterError) -> Self {
        match error {
            EnterError::OtherPassword => Self::new(Code::IdempotencyKeyReused),
            EnterError::Limited(limited) => limited.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Gone => Self::new(Code::NotSignedIn),
            ChangeError::WrongPassword => Self::new(Code::BadCredentials),
            ChangeError::EmailTaken => Self::new(Code::EmailTaken),
            ChangeError::WrongCode => {
                Self::invalid_field("code", "is wrong, or was used already".to_owned())
            }
            ChangeError::CodeRequired => Self::new(Code::SecondFactorRequired),
            ChangeError::SecondFactorOn => Self::new(Code::SecondFactorOn),
            ChangeError::OpenSales(open) => Self::with_detail(Code::OpenSales, told(open)),
            ChangeError::Stale { version } => Self::stale(version),
            ChangeError::Limited(limited) => limited.into(),
        }
    }
}

/// What is open, in words.
fn told(open: OpenSales) -> String {
    let OpenSales { unsettled, undelivered } = open;
    let sales = if unsettled == 1 { "sale is" } else { "sales are" };
    let tickets = if undelivered == 1 { "ticket is" } else { "tickets are" };
    match undelivered {
        0 => format!("{unsettled} {sales} not settled yet"),
        _ => format!(
            "{unsettled} {sales} not settled yet, and {undelivered} {tickets} still to be delivered"
        ),
    }
}

impl From<LinkError> for Problem {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Invalid => Self::new(Code::TokenInvalid),
            LinkError::Limited(limited) => limited.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::SessionRequired => Self::new(Code::SessionRequired),
            TokenError::NotSignedIn => Self::new(Code::NotSignedIn),
            TokenError::Failed(error) => error.into(),
        }
    }
}
