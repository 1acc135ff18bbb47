//! The account: reading it, and proving that one knows its password.

use std::net::IpAddr;

use stubmart_contract::{Context, UserId, api, calls::OpenSales};
use stubmart_kernel::{ApplyError, RepositoryError, Versioned};

use crate::{
    failure::{Failure, Limited},
    passwords::{CheckError, Guess, Subject},
    service::Auth,
    user::{Refusal, User},
};

/// An account as its owner sees it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Its version.
    pub(crate) version: u64,
    /// Its content.
    pub(crate) user: api::User,
}

impl Account {
    /// The account of a user; `None` once it is deleted.
    pub(crate) fn of(user: &Versioned<User>) -> Option<Self> {
        let profile = user.state.profile();
        profile.map(|profile| Self { version: user.version, user: profile })
    }
}

/// Why a signed-in user's account was not changed.
#[derive(Debug)]
pub(crate) enum ChangeError {
    /// The account is gone. Nothing happened.
    Gone,
    /// The present password is another. Nothing happened.
    WrongPassword,
    /// Another account has the new address. Nothing happened.
    EmailTaken,
    /// The account has a second factor, and no code of it was given. Nothing happened.
    CodeRequired,
    /// The code of the second factor is wrong, or none was begun. Nothing happened.
    WrongCode,
    /// The second factor is on already. Nothing happened.
    SecondFactorOn,
    /// The user has sales that are not settled. Nothing happened.
    OpenSales(OpenSales),
    /// The account is at this version, which the change is not meant for. Nothing happened.
    Stale {
        /// The present version.
        version: u64,
    },
    /// The password was not checked, or a dependency failed.
    Limited(Limited),
}

impl<E: Into<Limited>> From<E> for ChangeError {
    fn from(error: E) -> Self {
        Self::Limited(error.into())
    }
}

impl From<ApplyError<Refusal>> for ChangeError {
    fn from(error: ApplyError<Refusal>) -> Self {
        match error {
            ApplyError::Refused {
                refusal: Refusal::Gone | Refusal::Exists | Refusal::NoSuchLink,
                ..
            } => Self::Gone,
            // Another request changed the password meanwhile: the one that was checked is not right any
            // more.
            ApplyError::Refused { refusal: Refusal::StaleProof, .. } => Self::WrongPassword,
            ApplyError::Refused { refusal: Refusal::WrongCode, .. } => Self::WrongCode,
            ApplyError::Refused { refusal: Refusal::SecondFactorOn, .. } => Self::SecondFactorOn,
            ApplyError::Stale { version } => Self::Stale { version },
            ApplyError::Repository(RepositoryError::Taken { .. }) => Self::EmailTaken,
            ApplyError::Repository(error) => Failure::from(error).into(),
        }
    }
}

/// A user whose present password was just checked.
pub(crate) struct Proven {
    /// The user as loaded.
    pub(crate) user: Versioned<User>,
    /// The hash that the password was checked against: a change that names it holds only while it is
    /// still the account's.
    pub(crate) proof: String,
}

impl Auth {
    /// The account of a user; `None` when it is deleted.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`].
    pub(crate) async fn account(
        &self,
        _: &Context,
        id: UserId,
    ) -> Result<Option<Account>, RepositoryError> {
        Ok(self.inner.users.load(id).await?.as_ref().and_then(Account::of))
    }

    /// Checks a signed-in user's present password.
    ///
    /// # Errors
    /// [`ChangeError::Gone`], [`ChangeError::WrongPassword`] or [`ChangeError::Limited`].
    pub(crate) async fn prove(
        &self,
        id: UserId,
        from: Option<IpAddr>,
        password: String,
    ) -> Result<Proven, ChangeError> {
        let user = self.inner.users.load(id).await?.ok_or(ChangeError::Gone)?;
        let account = user.state.account.as_ref().ok_or(ChangeError::Gone)?;
        let proof = account.password_hash.clone();
        let guess = Guess { subject: Subject::User(id), from };
        match self.inner.passwords.check(guess, password, Some(proof.clone())).await {
            Ok(()) => Ok(Proven { user, proof }),
            Err(CheckError::Wrong) => Err(ChangeError::WrongPassword),
            Err(CheckError::Limited(limited)) => Err(limited.into()),
        }
    }
}
