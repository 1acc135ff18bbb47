//! The notify service: it mails buyers and sellers what becomes of their orders.
//!
//! Each mail is a document, an outbox entry, whose id is made of its reason and its recipient: however
//! often and in which order events come, there is one. A worker sends what is complete and due, and the
//! document stays as the log of what was sent. An entry names a user and no address: that is asked of
//! auth at the moment of sending. Mails about the account itself are auth's own, because they go to
//! addresses that the account may no longer have.

mod calendar;
mod inbound;
mod outbox;
mod send;
mod service;

use std::sync::Arc;

use stubmart_kernel::{consumer::Handler, due::Sweep, worker::Worker};

pub use outbox::OUTBOX;
pub use service::{COLLECTIONS, Config, Deps, Notify, SERVICE};

impl Notify {
    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![Arc::new(inbound::Trade(self.clone()))]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let host = &self.inner.host;
        vec![
            Sweep::worker(send::DueMails(self.clone()), host.clone()),
            Sweep::worker(send::OldMails(self.clone()), host.clone()),
        ]
    }
}
