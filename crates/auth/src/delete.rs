//! Deleting the account.

use std::net::IpAddr;

use stubmart_http_kit::{Fields, IfMatch, Problem, SignedIn};

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
    /// `bad_credentials`, `version_mismatch`, `not_signed_in` when the account is gone,
    /// `too_many_requests`: nothing changed. `unavailable`.
    pub(crate) async fn delete_account(
        &self,
        caller: &SignedIn,
        from: Option<IpAddr>,
        current_password: String,
        if_match: IfMatch,
    ) -> Result<(), Problem> {
        let proof = self.prove(caller.user_id, from, current_password).await?;
        let command = Command::Delete { proof, if_match, notice_id: self.inner.host.uuid() };
        self.change_user(caller.user_id, &command).await.map_err(refused)?;
        Ok(())
    }
}
