//! Users, sessions and access tokens.
//!
//! Auth is the only service that knows passwords, tokens and personal data. It says to the others whose
//! token a request carries ([`stubmart_ports::calls::Auth`]) and, by `USER_*` events that hold nothing
//! but an id, that an account came or went.
//!
//! Whether a session is alive is read off two documents, the session and its user: so one conditional
//! save of the user (a new password, the deletion of the account) ends any number of sessions at once.

use std::sync::Arc;

use stubmart_kernel::{consumer::Handler, due::Sweep, worker::Worker};

mod account;
mod create_token;
mod delete_account;
mod failure;
mod grant_role;
mod http;
mod inbound;
mod introspect;
mod link;
mod list_sessions;
mod log_in;
mod log_out;
mod notice;
mod open_session;
mod passwords;
mod purge_sessions;
mod reset_password;
mod revoke;
mod second_factor;
mod send_notices;
mod service;
mod session;
mod set_up_totp;
mod sign_up;
mod token_hash;
mod totp;
mod update_account;
mod user;
mod verify_email;

pub use failure::Failure;
pub use grant_role::Granted;
pub use service::{Auth, COLLECTIONS, Config, Deps, IDEMPOTENCY, SERVICE};
pub use session::SESSIONS;
pub use sign_up::{SignUp, SignUpError};
pub use user::USERS;

impl Auth {
    /// Its consumers of domain events.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![Arc::new(inbound::EndedSessions(self.clone()))]
    }

    /// Its background work.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let host = &self.inner.host;
        vec![
            Sweep::worker(send_notices::DueNotices(self.clone()), host.clone()),
            Sweep::worker(purge_sessions::ExpiredSessions(self.clone()), host.clone()),
            Arc::new(self.inner.idempotency.purge()),
        ]
    }
}
