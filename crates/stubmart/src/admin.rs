//! `stubmart admin`: the people who run the market.

use stubmart_auth::Granted;
use stubmart_contract::Role;
use stubmart_ports::{Cause, host::Host};

use crate::{config::Config, import::Shop, output};

/// Gives an account a role and prints what came of it.
///
/// # Errors
/// The cause: there is no market or no such account, or the store fails.
pub(crate) async fn grant(
    config: &Config,
    host: Host,
    email: &str,
    role: Role,
) -> Result<(), Cause> {
    config.require()?;
    let shop = Shop::open(config, host).await?;
    let granted = shop.market.auth.grant_role(&shop.context, email, role).await;
    let closed = shop.opened.close().await;
    let (granted, role) = (granted?, role.as_str());
    closed?;
    match granted {
        Granted::Changed { before } => {
            output::say(&format!("{email} is {role} now, and was {}", before.as_str()))?;
        }
        Granted::Unchanged => output::say(&format!("{email} is {role} already"))?,
        Granted::NoSuchAccount => return Err(format!("nobody has signed up as {email}").into()),
    }
    Ok(())
}
