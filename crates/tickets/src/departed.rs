//! A seller whose account is gone: what they offered must not be offered any longer.

use stubmart_contract::UserId;
use stubmart_kernel::{
    departed,
    repo::{RepoError, Trace},
};
use stubmart_ports::{
    key::Key,
    store::{Collection, Scan},
};

use crate::{
    Tickets,
    ticket::{Command, TICKETS, index},
};

/// Where the marks are kept.
pub static DEPARTED: Collection = Collection { name: "tickets.departed", indexes: &[] };

/// Marks the service's marks.
#[derive(Debug)]
pub(crate) struct Keeper;

impl departed::Keeper for Keeper {
    const COLLECTION: &'static Collection = &DEPARTED;
}

impl Tickets {
    /// Withdraws all that a user offers, whose account is gone; what is in a checkout is withdrawn
    /// when that ends without a sale.
    pub(crate) async fn seller_gone(&self, user_id: UserId, trace: Trace) -> Result<(), RepoError> {
        self.0.departed.mark(user_id, trace).await?;
        let prefix = Key::new().id(user_id.0);
        let mut scan = Scan::prefix(&TICKETS, index::SELLER_NEWEST, &prefix).limit(100);
        loop {
            let keys = self.0.tickets.keys(scan.clone()).await?;
            let Some(last) = keys.last() else { return Ok(()) };
            scan = scan.behind(&last.key);
            for found in &keys {
                self.command_by_event(found.id, &Command::SellerGone, trace).await?;
            }
        }
    }
}
