//! Deleting the account.

use std::net::IpAddr;

use stubmart_contract::{Context, UserId, calls::OpenSales};
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
    /// An account with sales that are not settled stays. What is asked of payments may be a moment old, and an
    /// account may end while a checkout holds one of its tickets. Such a sale stands all the same: the ticket is
    /// its buyer's, who gets the money back if nobody delivers; what was delivered is paid by the operator.
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
        let open = self.inner.payments.open_sales(context, id).await?;
        if open != OpenSales::default() {
            return Err(ChangeError::OpenSales(open));
        }
        let command = Command::Delete { proof, notice_id: self.inner.host.uuid() };
        self.change_known_user(context, user, precondition, &command).await?;
        Ok(())
    }
}
