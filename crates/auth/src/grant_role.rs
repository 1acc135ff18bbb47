//! Roles: what a user may do beyond buying and selling.

use stubmart_contract::{Context, Role};
use stubmart_kernel::{ApplyError, RepositoryError};

use crate::{service::Auth, user::Command};

/// The outcome of granting a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// The user had another role, and has this one now.
    Changed {
        /// The role before.
        before: Role,
    },
    /// The user has it already.
    Unchanged,
    /// Nobody has signed up with the address.
    NoSuchAccount,
}

impl Auth {
    /// Gives the account with this email a role, in place of the one that it has. It holds everywhere
    /// within a second. `USER_ROLE_CHANGED` leaves with it, whose envelope says who did it: the record of
    /// these events is the audit log.
    ///
    /// # Errors
    /// [`RepositoryError`]: the role may be granted.
    pub async fn grant_role(
        &self,
        context: &Context,
        email: &str,
        role: Role,
    ) -> Result<Granted, RepositoryError> {
        let Some(found) = self.find_by_email(email).await? else {
            return Ok(Granted::NoSuchAccount);
        };
        match self.change_user(context, found.state.id, &Command::Grant { role }).await {
            Ok(applied) if applied.changed => {
                let before = applied.before.and_then(|user| user.account);
                Ok(Granted::Changed { before: before.map_or(Role::User, |it| it.role) })
            }
            Ok(_) => Ok(Granted::Unchanged),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                Ok(Granted::NoSuchAccount)
            }
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }
}
