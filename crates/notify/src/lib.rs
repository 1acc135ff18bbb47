//! The notify service: it tells people by mail, and programs by webhooks, what becomes of tickets and orders.
//!
//! Each mail is a document, an outbox entry, whose id is made of its reason and its recipient: however
//! often and in which order events come, there is one. A worker sends what is complete and due, and the
//! document stays as the log of what was sent. An entry names a user and no address: that is asked of
//! auth at the moment of sending. Mails about the account itself are auth's own, because they go to
//! addresses that the account may no longer have.
//!
//! A user can have alerts (`alert.rs`). A ticket that can be bought is announced to those whose alerts it fits
//! (`announcement.rs`): ten of them at a time, in the order in which they asked, and it is nobody's meanwhile.
//!
//! A user who has a webhook has a feed (`feed.rs`): what happened to what is theirs, in the shapes of the
//! public API. Each of its events is delivered to each of their webhooks that wants it (`delivery.rs`), signed,
//! and again for three days where it does not arrive.

mod alert;
mod announce;
mod announcement;
mod calendar;
mod deliver;
mod delivery;
mod feed;
mod http;
mod inbound;
mod look_after_webhooks;
mod manage_alerts;
mod manage_webhooks;
mod outbox;
mod public_event;
mod publish;
mod read_feed;
mod receiver;
mod send;
mod service;
mod signature;
mod webhook;

use std::sync::Arc;

use stubmart_kernel::{consumer::Handler, due::Sweep, worker::Worker};

pub use outbox::OUTBOX;
pub use service::{COLLECTIONS, Config, Deps, Notify, SERVICE};

impl Notify {
    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![
            Arc::new(inbound::Trade(self.clone())),
            Arc::new(announce::Offers(self.clone())),
            Arc::new(publish::Publish(self.clone())),
            Arc::new(look_after_webhooks::Accounts(self.clone())),
        ]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let host = &self.inner.host;
        vec![
            Sweep::worker(send::DueMails(self.clone()), host.clone()),
            Sweep::worker(send::OldMails(self.clone()), host.clone()),
            Sweep::worker(announce::DueAnnouncements(self.clone()), host.clone()),
            Sweep::worker(manage_alerts::EndedAlerts(self.clone()), host.clone()),
            Sweep::worker(deliver::DueDeliveries(self.clone()), host.clone()),
            Sweep::worker(deliver::OldDeliveries(self.clone()), host.clone()),
            Sweep::worker(look_after_webhooks::DueWebhooks(self.clone()), host.clone()),
            Sweep::worker(look_after_webhooks::OldEvents(self.clone()), host.clone()),
            Arc::new(self.inner.idempotency.purge()),
        ]
    }
}
