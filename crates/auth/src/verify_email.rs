//! Verifying that an account's address is its owner's.

use stubmart_contract::{Context, UserId};
use stubmart_kernel::ApplyError;

use crate::{
    account::Account,
    failure::{Failure, Limited},
    link::LinkToken,
    service::Auth,
    user::Command,
};

/// Why what a link is for was not done.
#[derive(Debug)]
pub(crate) enum LinkError {
    /// The link was used, is too old, or never was one. Nothing happened.
    Invalid,
    /// It was not tried, or a dependency failed.
    Limited(Limited),
}

impl<E: Into<Limited>> From<E> for LinkError {
    fn from(error: E) -> Self {
        Self::Limited(error.into())
    }
}

impl Auth {
    /// Marks an address as verified by the token of a link that was mailed there.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(crate) async fn verify_email(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Account, LinkError> {
        let token = LinkToken::parse(token).ok_or(LinkError::Invalid)?;
        let command = Command::VerifyEmail { link: token.hash() };
        match self.change_user(context, token.user_id, &command).await {
            // An address that is verified needs no link; this one was used before.
            Ok(applied) if applied.changed => Account::of(&applied.after).ok_or(LinkError::Invalid),
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                Err(LinkError::Invalid)
            }
            Err(ApplyError::Repository(error)) => Err(Failure::from(error).into()),
        }
    }

    /// Mails a signed-in user another link, unless the address is verified already.
    ///
    /// # Errors
    /// [`Limited`].
    pub(crate) async fn resend_verification(
        &self,
        context: &Context,
        id: UserId,
    ) -> Result<(), Limited> {
        let user = self.inner.users.load(id).await?;
        let Some(account) = user.and_then(|user| user.state.account) else { return Ok(()) };
        if account.email_verified {
            return Ok(());
        }
        self.inner.passwords.count_link(&account.email.folded(), None).await?;
        let command = Command::AskVerification { notice_id: self.inner.host.uuid() };
        match self.change_user(context, id, &command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }
}
