//! Deleting the account.

use std::net::IpAddr;

use stubmart_contract::{Context, UserId};
use stubmart_kernel::Precondition;

use crate::{
    account::{ChangeError, Proven},
    service::Auth,
    user::Command,
};

impl Auth {
    /// Deletes a user's account: in one save its personal data is erased, its address is free
    /// again and all its sessions and access tokens are dead. `USER_DELETED` leaves with it.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub(crate) async fn delete_account(
        &self,
        context: &Context,
        id: UserId,
        precondition: &Precondition,
        current_password: String,
        from: Option<IpAddr>,
    ) -> Result<(), ChangeError> {
        let Proven { user, proof } = self.prove(id, from, current_password).await?;
        let command = Command::Delete { proof, notice_id: self.inner.host.uuid() };
        self.change_known_user(context, user, precondition, &command).await?;
        Ok(())
    }
}
