//! Users whose account is gone: what they offered must not be offered any longer.
//!
//! A listing can be on its way while the account is deleted. So the mark is saved before the seller's
//! listings are looked up, and whoever lists looks for the mark after the listing is saved: whatever
//! the order, one of the two sees the other.

use serde::{Deserialize, Serialize};
use stubmart_contract::{Code, UserId};
use stubmart_ports::{
    key::Key,
    repo::{ChangeError, Decision, Document, RepoError, Trace, Versioned},
    store::{Collection, Scan},
};
use uuid::Uuid;

use crate::{
    Tickets,
    ticket::{Command, TICKETS, index},
};

/// Where the marks are kept.
pub static DEPARTED: Collection = Collection { name: "tickets.departed", indexes: &[] };

/// The mark of a user whose account is gone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Departed {
    /// The user.
    pub id: UserId,
}

impl Document for Departed {
    const COLLECTION: &'static Collection = &DEPARTED;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }
}

impl Tickets {
    /// Withdraws all that a user offers, whose account is gone; what is in a checkout is withdrawn
    /// when that ends without a sale.
    pub(crate) async fn seller_gone(&self, user_id: UserId, trace: Trace) -> Result<(), RepoError> {
        let marked =
            self.0.departed.change(user_id.0, trace, |current: Option<&Versioned<Departed>>| {
                Ok::<_, Code>(match current {
                    Some(_) => Decision::Keep(()),
                    None => Decision::Save {
                        doc: Departed { id: user_id },
                        events: Vec::new(),
                        answer: (),
                    },
                })
            });
        match marked.await {
            Ok(()) | Err(ChangeError::Refused(_)) => {}
            Err(ChangeError::Repo(error)) => return Err(error),
        }
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

    /// Whether the user's account is gone.
    pub(crate) async fn is_departed(&self, user_id: UserId) -> Result<bool, RepoError> {
        Ok(self.0.departed.load(user_id.0).await?.is_some())
    }
}
