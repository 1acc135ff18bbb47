//! A new password for somebody who does not know the present one, but reads the mail of the account's
//! address (OWASP, Forgot Password Cheat Sheet).
//!
//! It is also how the owner of an address takes over an account that somebody else opened with it.

use std::net::IpAddr;

use stubmart_contract::{Context, email};
use stubmart_kernel::ApplyError;

use crate::{
    failure::{Failure, Limited},
    link::{LinkToken, Purpose},
    service::Auth,
    user::Command,
    verify_email::LinkError,
};

impl Auth {
    /// Mails a link to the account with this address, if there is one. Any text is taken for an address.
    /// It is looked for after the answer, so that neither the answer nor its time says whether it was
    /// found.
    ///
    /// # Errors
    /// [`Limited`], also for an address that has no account.
    pub(crate) async fn ask_password_reset(
        &self,
        context: &Context,
        email: &str,
        from: Option<IpAddr>,
    ) -> Result<(), Limited> {
        self.inner.passwords.count_link(&email::fold(email), from).await?;
        let (auth, context, email) = (self.clone(), context.clone(), email.to_owned());
        let look = async move {
            if let Err(error) = auth.mail_password_reset(&context, &email).await {
                tracing::warn!(%error, "a password reset was not mailed");
            }
        };
        self.inner.host.spawner.spawn("auth-password-reset", Box::pin(look));
        Ok(())
    }

    async fn mail_password_reset(&self, context: &Context, email: &str) -> Result<(), Failure> {
        let Some(found) = self.find_by_email(email).await? else { return Ok(()) };
        let command = Command::AskReset { notice_id: self.inner.host.uuid() };
        match self.change_user(context, found.state.id, &command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }

    /// Sets the password by the token of a link that was mailed. The same save ends every session
    /// and every access token, because an intruder may hold them. It also verifies the address, because
    /// its mail was read.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(crate) async fn reset_password(
        &self,
        context: &Context,
        token: &str,
        password: String,
        from: Option<IpAddr>,
    ) -> Result<(), LinkError> {
        let inner = &self.inner;
        inner.passwords.count_check(from).await?;
        let token = LinkToken::parse(token).ok_or(LinkError::Invalid)?;
        let user = inner.users.load(token.user_id).await?;
        let link = token.hash();
        // A token that opens nothing costs no hash.
        let now = inner.host.now();
        if !user.is_some_and(|user| user.state.has_link(Purpose::ResetPassword, &link, now)) {
            return Err(LinkError::Invalid);
        }
        let password_hash = inner.passwords.hash(password).await?;
        let command = Command::ResetPassword { link, password_hash, notice_id: inner.host.uuid() };
        match self.change_user(context, token.user_id, &command).await {
            Ok(_) => Ok(()),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Err(LinkError::Invalid),
            Err(ApplyError::Repository(error)) => Err(Failure::from(error).into()),
        }
    }
}
