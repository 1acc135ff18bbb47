//! Deleting the account.

use stubmart_http_kit::{Fields, Problem, SignedIn};

use crate::{Auth, account::refused, http::any_text, user::Command};

/// The present password, out of the request to delete the account.
pub(crate) fn read(mut fields: Fields) -> Result<String, Problem> {
    let current_password = fields.required("currentPassword", any_text);
    fields.finish(current_password)
}

impl Auth {
    /// Deletes the caller's account: in one save its personal data is erased, its address is free
    /// again and all its sessions and access tokens are dead. `USER_DELETED` leaves with it.
    ///
    /// # Errors
    /// `bad_credentials`, `not_signed_in` when the account is gone, `too_many_requests`: nothing
    /// changed. `unavailable`.
    pub(crate) async fn delete_account(
        &self,
        caller: &SignedIn,
        current_password: String,
    ) -> Result<(), Problem> {
        let proof = self.prove(caller.user_id, current_password).await?;
        let command = Command::Delete { proof, notice_id: self.inner.host.uuid() };
        self.change_user(caller.user_id, &command).await.map_err(refused)?;
        Ok(())
    }
}
