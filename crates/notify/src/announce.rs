//! Tells those who have an alert of tickets that can be bought.

use std::collections::BTreeSet;

use async_trait::async_trait;
use stubmart_contract::{
    AlertId, Context, DomainEvent, Envelope, EventId, EventType, TicketId,
    api::TicketStatus,
    calls::{ListingsOf, ListingsRequest, ShowForListing},
    event::TicketState,
    fees::Breakdown,
    seats::normal_section,
};
use stubmart_kernel::{
    ApplyError, Repository, RepositoryError,
    aggregate::Key,
    consumer::{HandleError, Handler},
    due::{Due, DueError},
    worker::Wake,
};
use stubmart_ports::{bus::Consumer, calls::CallError};

use crate::{
    alert::{self, Alert, Offer, SUBJECT, Subject},
    announcement::{Announcement, BATCH, Command, DUE},
    outbox::{GIVEN_UP_AFTER, Matched, Money, News, Reason, Sold},
    publish::only_repository,
    service::{Notify, SERVICE},
};

/// How many alerts a batch looks at, at the most: of ten thousand, few may be for such a ticket.
const LOOKED_AT_MAX: usize = 1000;

/// How many alerts are read at once.
const READ: usize = 100;

static OFFERS: Consumer = Consumer {
    name: "notify.offers",
    types: &[EventType::TicketCreated, EventType::TicketUpdated],
};

/// Tickets that can be bought from now on.
#[derive(Debug)]
pub(crate) struct Offers(pub(crate) Notify);

#[async_trait]
impl Handler for Offers {
    fn consumer(&self) -> &'static Consumer {
        &OFFERS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let (DomainEvent::TicketCreated(ticket) | DomainEvent::TicketUpdated(ticket)) =
            &envelope.event
        else {
            return Ok(());
        };
        let inner = &self.0.inner;
        let now = inner.host.now();
        // A bus that is filled again brings everything that ever happened.
        if now.since(envelope.at) > GIVEN_UP_AFTER
            || ticket.status_to(None) != TicketStatus::Available
        {
            return Ok(());
        }
        let Some(event_id) = ticket.event_id else { return Ok(()) };
        // Most tickets are of events that nobody waits for.
        if !self.0.has_alert(&Subject::Event(event_id).key()).await?
            && !self.0.has_alert(&Subject::performers()).await?
        {
            return Ok(());
        }
        let Some(show) = inner.catalogue.show(context, event_id).await? else { return Ok(()) };
        if show.status.is_on_sale() && show.ends_at > now {
            let (ticket_id, ends_at) = (ticket.id, show.ends_at);
            let offered = Command::Offered { ticket_id, event_id, ends_at };
            self.0.note(context, ticket_id, &offered).await?;
            inner.announcing.wake();
        }
        Ok(())
    }
}

/// Announces tickets, batch by batch.
#[derive(Debug)]
pub(crate) struct DueAnnouncements(pub(crate) Notify);

#[async_trait]
impl Due for DueAnnouncements {
    type Aggregate = Announcement;

    fn name(&self) -> &'static str {
        "notify-announcements"
    }

    fn repository(&self) -> &Repository<Announcement> {
        &self.0.inner.announcements
    }

    fn index(&self) -> &'static str {
        DUE
    }

    async fn run(&self, id: TicketId) -> Result<(), DueError> {
        let context = Context::work(SERVICE);
        let begun = self.repository().apply(&context, id, &Command::Begin).await;
        match begun {
            Ok(applied) => self.0.announce(&context, applied.after.state).await,
            // Another process has begun the batch.
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.inner.announcing.clone())
    }
}

/// What a ticket came to.
enum Standing {
    /// It can be bought.
    OnOffer(Box<TicketState>),
    /// A checkout holds it, or somebody's turn in line.
    Held,
    /// It can never be bought again.
    Gone,
}

impl Notify {
    /// One batch of an announcement that has begun. Tickets are asked what is on offer, and catalogue who
    /// performs: events can come late, and nobody should hear about what is gone.
    async fn announce(&self, context: &Context, begun: Announcement) -> Result<(), DueError> {
        let (id, offers) = (begun.ticket_id, begun.offers);
        if begun.ends_at <= self.inner.host.now() {
            return Ok(self.end_announcement(id).await?);
        }
        let ticket = match self.standing(context, id).await.map_err(unanswered)? {
            Standing::Gone => return Ok(self.end_announcement(id).await?),
            Standing::Held => return Ok(self.note(context, id, &Command::Rest(offers)).await?),
            Standing::OnOffer(ticket) => *ticket,
        };
        let show = self.inner.catalogue.show(context, begun.event_id).await.map_err(unanswered)?;
        let Some(show) = show.filter(|show| show.status.is_on_sale()) else {
            return Ok(self.end_announcement(id).await?);
        };
        let offer = offer(&ticket);
        let mut behind = begun.place(&offer);
        let (mut told, mut looked_at, mut is_all) = (0_usize, 0_usize, false);
        while told < BATCH && looked_at < LOOKED_AT_MAX && !is_all {
            let waiting = self.waiting(begun.event_id, &show, behind).await?;
            is_all = waiting.len() < READ;
            looked_at = looked_at.saturating_add(waiting.len());
            for alert in waiting {
                if told >= BATCH {
                    is_all = false;
                    break;
                }
                if alert.wants(&offer) && self.tell(context, &alert, &ticket, &show, &offer).await?
                {
                    told = told.saturating_add(1);
                }
                behind = Some(alert.id);
            }
        }
        let all = is_all.then_some(offers);
        self.note(context, id, &Command::Told { offer, behind, any: told > 0, all }).await?;
        self.inner.announcing.wake();
        Ok(())
    }

    /// The next alerts for an event and those who perform there, those that were made first at the beginning.
    async fn waiting(
        &self,
        event_id: EventId,
        show: &ShowForListing,
        behind: Option<AlertId>,
    ) -> Result<Vec<Alert>, RepositoryError> {
        let performers: BTreeSet<_> =
            show.performers.iter().map(|name| Subject::performer(name).key()).collect();
        let mut waiting = Vec::new();
        for subject in std::iter::once(Subject::Event(event_id).key()).chain(performers) {
            let mut scan = self.inner.alerts.scan(SUBJECT, &subject).limit(READ);
            if let Some(id) = behind {
                scan = scan.behind(subject.id(id.0).bytes());
            }
            waiting.extend(self.inner.alerts.find(scan).await?);
        }
        let mut waiting: Vec<_> = waiting.into_iter().map(|row| row.found.state).collect();
        waiting.sort_by_key(|alert| alert.id);
        waiting.truncate(READ);
        Ok(waiting)
    }

    /// Puts the mail into the outbox: one to a user for a ticket. Whether this was the first time.
    async fn tell(
        &self,
        context: &Context,
        alert: &Alert,
        ticket: &TicketState,
        show: &ShowForListing,
        offer: &Offer,
    ) -> Result<bool, RepositoryError> {
        let tell = alert::Command::Tell(ticket.id);
        let is_first = match self.inner.alerts.apply(context, alert.id, &tell).await {
            Ok(applied) => applied.changed,
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => return Ok(false),
            Err(ApplyError::Repository(error)) => return Err(error),
        };
        let matched =
            Matched { alert_id: alert.id, event: show.name.clone(), quantity: offer.quantity };
        let news = News {
            ticket: Some(Sold::of(ticket)),
            money: Some(Money { amount: offer.total, currency: offer.currency }),
            matched: Some(matched),
            ..News::plain(alert.user_id, Reason::AlertMatched(ticket.id))
        };
        self.learn(context, news).await?;
        Ok(is_first)
    }

    async fn standing(&self, context: &Context, id: TicketId) -> Result<Standing, CallError> {
        let request = ListingsRequest { of: ListingsOf::Ticket(id), cursor: None, limit: 1 };
        let found = self.inner.tickets.listings(context, request).await?.listings;
        let ticket = found.into_iter().next().map(|listing| listing.ticket);
        Ok(match ticket {
            Some(ticket) if ticket.status_to(None) == TicketStatus::Available => {
                Standing::OnOffer(Box::new(ticket))
            }
            Some(ticket) if ticket.status_to(None) == TicketStatus::Locked => Standing::Held,
            Some(_) | None => Standing::Gone,
        })
    }

    /// Whether a mail about this ticket still makes sense: the ticket can be bought, or may be yet, and the
    /// alert was not stopped. The token that stops it.
    ///
    /// # Errors
    /// [`CallError`], [`RepositoryError`]: not known.
    pub(crate) async fn still_wanted(
        &self,
        context: &Context,
        ticket_id: TicketId,
        alert_id: AlertId,
    ) -> Result<Option<String>, stubmart_ports::Cause> {
        let alert = self.inner.alerts.load(alert_id).await?;
        let Some(alert) = alert.map(|found| found.state) else { return Ok(None) };
        let is_gone = matches!(self.standing(context, ticket_id).await?, Standing::Gone);
        Ok((!is_gone).then(|| alert.token()))
    }

    async fn has_alert(&self, subject: &Key) -> Result<bool, RepositoryError> {
        let scan = self.inner.alerts.scan(SUBJECT, subject).limit(1);
        Ok(!self.inner.alerts.keys(scan).await?.is_empty())
    }

    async fn note(
        &self,
        context: &Context,
        id: TicketId,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        let noted = self.inner.announcements.apply(context, id, command).await;
        noted.map(drop).or_else(only_repository)
    }

    async fn end_announcement(&self, id: TicketId) -> Result<(), RepositoryError> {
        if let Some(found) = self.inner.announcements.load(id).await? {
            self.inner.announcements.delete(&found).await?;
        }
        Ok(())
    }
}

fn unanswered(error: CallError) -> DueError {
    DueError::Dependency(error.into())
}

fn offer(ticket: &TicketState) -> Offer {
    let total = Breakdown::new(ticket.price, ticket.fees).total;
    Offer {
        seller: ticket.user_id,
        quantity: ticket.quantity,
        total: total.per_ticket(ticket.quantity),
        currency: ticket.currency,
        section: normal_section(ticket.section.as_deref().unwrap_or_default()),
    }
}

#[cfg(test)]
#[path = "announce_tests.rs"]
mod tests;
