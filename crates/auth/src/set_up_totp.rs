//! Setting the second factor up, and taking it away.

use std::net::IpAddr;

use stubmart_contract::{Context, UserId, api};
use stubmart_kernel::{Precondition, RepositoryError};

use crate::{
    account::{ChangeError, Proven},
    passwords::{Guess, Subject},
    second_factor::{RECOVERY_CODES, Secret, recovery_code},
    service::Auth,
    totp,
    user::{Command, User},
};

impl Auth {
    /// Whether a user has a second factor; `None` when the account is deleted.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`].
    pub(crate) async fn totp(
        &self,
        _: &Context,
        id: UserId,
    ) -> Result<Option<api::Totp>, RepositoryError> {
        let user = self.inner.users.load(id).await?.map(|user| user.state);
        Ok(user.filter(|user| user.account.is_some()).as_ref().map(shown))
    }

    /// Begins to set the second factor up: the answer has the secret for the app. Nobody is asked for a
    /// code yet. Begun again, another secret takes the place of the first.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub(crate) async fn begin_totp(
        &self,
        context: &Context,
        id: UserId,
        password: String,
        from: Option<IpAddr>,
    ) -> Result<api::Totp, ChangeError> {
        let Proven { user, proof } = self.prove(id, from, password).await?;
        let random = self.inner.host.ids.secret();
        let secret: Secret = random.first_chunk().copied().unwrap_or_default();
        let command = Command::BeginSecondFactor { proof, secret };
        let applied = self.change_known_user(context, user, &Precondition::None, &command).await?;
        let account = applied.after.state.account.as_ref().ok_or(ChangeError::Gone)?;
        Ok(api::Totp {
            secret: Some(totp::base32(&secret)),
            uri: Some(totp::uri(&secret, account.email.as_str())),
            ..shown(&applied.after.state)
        })
    }

    /// Turns the second factor on by the app's first code. The answer has the recovery codes, this once.
    /// The owner is told by mail.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub(crate) async fn confirm_totp(
        &self,
        context: &Context,
        id: UserId,
        password: String,
        code: String,
        from: Option<IpAddr>,
    ) -> Result<api::Totp, ChangeError> {
        let Proven { user, proof } = self.prove(id, from, password).await?;
        let inner = &self.inner;
        let codes = (0..RECOVERY_CODES).map(|_| recovery_code(inner.host.ids.secret()));
        let (codes, recovery): (Vec<_>, Vec<_>) = codes.unzip();
        let notice_id = inner.host.uuid();
        let command = Command::ConfirmSecondFactor { proof, code, recovery, notice_id };
        let applied = self.change_known_user(context, user, &Precondition::None, &command).await?;
        Ok(api::Totp { recovery_codes: Some(codes), ..shown(&applied.after.state) })
    }

    /// Takes the second factor away, by a code of it where it is on. The owner is told by mail. A wrong code counts
    /// like a wrong password.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub(crate) async fn remove_totp(
        &self,
        context: &Context,
        id: UserId,
        password: String,
        code: Option<String>,
        from: Option<IpAddr>,
    ) -> Result<(), ChangeError> {
        let Proven { user, proof } = self.prove(id, from, password).await?;
        if user.state.factor().is_some() && code.is_none() {
            return Err(ChangeError::CodeRequired);
        }
        let notice_id = self.inner.host.uuid();
        let command = Command::RemoveSecondFactor { proof, code, notice_id };
        let removed = self.change_known_user(context, user, &Precondition::None, &command).await;
        let removed = removed.map_err(ChangeError::from);
        if matches!(removed, Err(ChangeError::WrongCode)) {
            let guess = Guess { subject: Subject::User(id), from };
            self.inner.passwords.count_wrong(guess).await?;
        }
        removed.map(drop)
    }
}

fn shown(user: &User) -> api::Totp {
    let factor = user.factor();
    let left = factor.map_or(0, |factor| factor.recovery.len());
    api::Totp {
        enabled: factor.is_some(),
        recovery_codes_left: u32::try_from(left).unwrap_or(u32::MAX),
        secret: None,
        uri: None,
        recovery_codes: None,
    }
}
