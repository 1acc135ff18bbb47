//! Changing the account.

use std::net::IpAddr;

use stubmart_contract::{Context, Email, SessionId, UserId};
use stubmart_kernel::Precondition;

use crate::{
    account::{Account, ChangeError, Proven},
    service::Auth,
    user::{Command, Update},
};

/// A change of the account; `None` stays.
pub(crate) struct UpdateAccount {
    pub(crate) user_id: UserId,
    /// The session that asks: a new password lets it live on.
    pub(crate) session_id: SessionId,
    /// The versions that the change is meant for.
    pub(crate) precondition: Precondition,
    pub(crate) current_password: String,
    pub(crate) email: Option<Email>,
    pub(crate) name: Option<String>,
    pub(crate) password: Option<String>,
}

impl Auth {
    /// Changes the caller's account. With a new password every other browser session ends, in the
    /// same save; access tokens stay, because they were not opened with the password.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub(crate) async fn update_account(
        &self,
        context: &Context,
        request: UpdateAccount,
        from: Option<IpAddr>,
    ) -> Result<Account, ChangeError> {
        let inner = &self.inner;
        let Proven { user, proof } =
            self.prove(request.user_id, from, request.current_password).await?;
        let password_hash = match request.password {
            Some(password) => Some(inner.passwords.hash(password).await?),
            None => None,
        };
        let sets_password = password_hash.is_some();
        let command = Command::Update(Update {
            proof,
            session: request.session_id,
            email: request.email,
            name: request.name,
            password_hash,
            notice_ids: [inner.host.uuid(), inner.host.uuid(), inner.host.uuid()],
        });
        let applied =
            self.change_known_user(context, user, &request.precondition, &command).await?;
        let version = applied.after.version;
        // A change to what is there already is meant for a version all the same. Only a new password that is
        // there already came from this very request, since its hash is salted.
        let is_ours = applied.changed || sets_password;
        if !is_ours && !request.precondition.holds_for(version) {
            return Err(ChangeError::Stale { version });
        }
        Account::of(&applied.after).ok_or(ChangeError::Gone)
    }
}
