//! What can be done to a user, and why it is refused.

use stubmart_contract::{Email, Language, Role, SessionId, Timestamp, UserId};
use uuid::Uuid;

use crate::{link::Purpose, notice::Later, second_factor::Secret, token_hash::TokenHash};

/// A command to a user.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Command {
    /// Open the account.
    SignUp(SignUp),
    /// Change some of it.
    Update(Update),
    /// Delete the account and all that is known of its owner.
    Delete { proof: String, notice_id: Uuid },
    /// Mail the owner a link that verifies the address, unless it is verified.
    AskVerification { notice_id: Uuid },
    /// Mail the owner a link that sets a new password.
    AskReset { notice_id: Uuid },
    /// A link with this token is mailed to `to` now.
    AddLink { purpose: Purpose, to: Email, token: TokenHash },
    /// The link with this token was followed: the address is verified.
    VerifyEmail { link: TokenHash },
    /// The link with this token was followed: set this password, and end all that was signed in.
    ResetPassword { link: TokenHash, password_hash: String, notice_id: Uuid },
    /// Let the owner do this from now on.
    Grant { role: Role },
    /// Begin to set up a second factor with this secret.
    BeginSecondFactor { proof: String, secret: Secret },
    /// The app has shown this code: ask for codes from now on.
    ConfirmSecondFactor { proof: String, code: String, recovery: Vec<TokenHash>, notice_id: Uuid },
    /// Ask for no codes any more, by this code where they are asked for.
    RemoveSecondFactor { proof: String, code: Option<String>, notice_id: Uuid },
    /// A login, which this id names, gives this code.
    UseCode { code: String, login: Uuid },
    /// Somebody logs in from this device: tell the owner, unless it was seen before.
    SeeDevice { device: TokenHash, notice_id: Uuid },
    /// Tell the owner that an access token is made.
    ReportToken { notice_id: Uuid },
    /// The notices that are due are sent now, and by nobody else until then.
    ClaimNotices { until: Timestamp },
    /// Sending was tried: of these notices some need not be sent any more, others are tried again later.
    SettleNotices { done: Vec<Uuid>, later: Vec<(Uuid, Later)> },
}

/// A new account.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct SignUp {
    pub(crate) id: UserId,
    pub(crate) email: Email,
    pub(crate) name: String,
    pub(crate) password_hash: String,
    pub(crate) language: Language,
    /// The client that it is opened from, where there is one.
    pub(crate) device: Option<TokenHash>,
    /// An id for the notice that asks to verify the address; `None` where it is taken as verified.
    pub(crate) notice_id: Option<Uuid>,
}

/// A change of the account; `None` stays.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Update {
    /// The hash that the present password was checked against: while it is the account's, the check
    /// holds.
    pub(crate) proof: String,
    /// The session that asks.
    pub(crate) session: SessionId,
    pub(crate) email: Option<Email>,
    pub(crate) name: Option<String>,
    pub(crate) password_hash: Option<String>,
    /// Ids for the notices that this may lead to.
    pub(crate) notice_ids: [Uuid; 3],
}

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A user with this id exists, or did.
    Exists,
    /// There is no account, or no longer.
    Gone,
    /// The password was changed since it was checked.
    StaleProof,
    /// There is no such link, or it has been used, or its time is over.
    NoSuchLink,
    /// The code is not the second factor's, or there is none.
    WrongCode,
    /// The second factor is on already.
    SecondFactorOn,
}
