//! Sends what is due, and keeps the log short.

use async_trait::async_trait;
use stubmart_contract::{Context, OrderId, api::OrderTicket, calls::Recipient};
use stubmart_kernel::{
    Applied, ApplyError, Repository,
    due::{Due, DueError},
    worker::Wake,
};
use stubmart_letters::{Letter, Message, Sum, Ticket, Written};
use stubmart_ports::{
    Cause,
    mailer::{Attachment, Mail, MailError},
};
use uuid::Uuid;

use crate::{
    calendar::calendar,
    outbox::{
        Command, DUE, Matched, Money, Outgoing, PURGE, Reason, Sold, ToDeliver, Tried, TurnOf,
    },
    service::{Notify, SERVICE},
};

/// Sends the mails that are due, each by one instance. A mail whose sending was cut off is sent again, with the
/// same id.
#[derive(Debug)]
pub(crate) struct DueMails(pub(crate) Notify);

#[async_trait]
impl Due for DueMails {
    type Aggregate = Outgoing;

    fn name(&self) -> &'static str {
        "notify-mails"
    }

    fn repository(&self) -> &Repository<Outgoing> {
        &self.0.inner.outbox
    }

    fn index(&self) -> &'static str {
        DUE
    }

    async fn run(&self, id: Uuid) -> Result<(), DueError> {
        let inner = &self.0.inner;
        let context = Context::work(SERVICE);
        // Several instances see that it is due. Who claims it sends it.
        let entry = match inner.outbox.apply(&context, id, &Command::Claim).await {
            Ok(Applied { after, changed: true, .. }) => after.state,
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => return Ok(()),
            Err(ApplyError::Repository(error)) => return Err(error.into()),
        };
        let (tried, failure) = match self.0.send(&context, &entry).await {
            Ok(()) => (Tried::Sent, None),
            Err(SendError::Refused(why)) => {
                tracing::warn!(mail.id = %id, %why, "mail given up");
                (Tried::Refused(why), None)
            }
            Err(SendError::Failed(cause)) => (Tried::Failed(cause.to_string()), Some(cause)),
        };
        self.0.change(&context, id, &Command::Settle(tried)).await?;
        failure.map_or(Ok(()), |cause| Err(DueError::Dependency(cause)))
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.inner.wake.clone())
    }
}

/// Deletes entries that are older than the log goes back.
#[derive(Debug)]
pub(crate) struct OldMails(pub(crate) Notify);

#[async_trait]
impl Due for OldMails {
    type Aggregate = Outgoing;

    fn name(&self) -> &'static str {
        "notify-old-mails"
    }

    fn repository(&self) -> &Repository<Outgoing> {
        &self.0.inner.outbox
    }

    fn index(&self) -> &'static str {
        PURGE
    }

    async fn run(&self, id: Uuid) -> Result<(), DueError> {
        let now = self.0.inner.host.now();
        if let Some(found) = self.repository().load(id).await?
            && found.state.purge_at() <= now
        {
            self.repository().delete(&found).await?;
        }
        Ok(())
    }
}

/// Why a mail was not sent.
enum SendError {
    /// It can never be.
    Refused(String),
    /// It can be another time; it may have been.
    Failed(Cause),
}

impl<E: Into<Cause>> From<E> for SendError {
    fn from(cause: E) -> Self {
        Self::Failed(cause.into())
    }
}

impl Notify {
    /// Asks auth for the address, writes the mail, and hands it to the mailer.
    async fn send(&self, context: &Context, entry: &Outgoing) -> Result<(), SendError> {
        let inner = &self.inner;
        if let Reason::YourTurn(turn) = entry.reason
            && turn.until <= inner.host.now()
        {
            return Err(SendError::Refused("the turn is over".to_owned()));
        }
        let recipient = inner.auth.recipient(context, entry.recipient).await?;
        let recipient =
            recipient.ok_or_else(|| SendError::Refused("the account was deleted".to_owned()))?;
        let stop = self.stop_link(context, entry).await?;
        let attachments = self.calendar(context, entry).await?;
        let Recipient { email, name, language } = &recipient;
        let message = message(entry, &inner.config.public_url, stop)
            .ok_or_else(|| SendError::Refused("it lacks what stands in it".to_owned()))?;
        let letter =
            Letter { language: *language, name, market: &inner.config.public_url, message };
        let unsubscribe = letter.stop_link().map(ToOwned::to_owned);
        let Written { subject, text, html } = letter.write();
        let mail = Mail::plain(entry.id, email.as_str().to_owned(), subject, text);
        match inner.mailer.send(Mail { html: Some(html), attachments, unsubscribe, ..mail }).await {
            Ok(()) => Ok(()),
            Err(MailError::Refused(cause)) => Err(SendError::Refused(cause.to_string())),
            Err(error @ MailError::Failed(_)) => Err(error.into()),
        }
    }

    /// The page that ends the alert that a mail is about. A mail whose alert was ended, or whose ticket is
    /// gone, is refused.
    async fn stop_link(
        &self,
        context: &Context,
        entry: &Outgoing,
    ) -> Result<Option<String>, SendError> {
        let (Reason::AlertMatched(ticket_id), Some(matched)) = (entry.reason, &entry.matched)
        else {
            return Ok(None);
        };
        let token = self.still_wanted(context, ticket_id, matched.alert_id).await?;
        let token = token.ok_or_else(|| {
            SendError::Refused("the alert was ended, or the ticket is gone".to_owned())
        })?;
        Ok(Some(format!("{}/alerts/stop?token={token}", self.inner.config.public_url)))
    }

    /// The calendar file of what was bought, where it has a date.
    async fn calendar(
        &self,
        context: &Context,
        entry: &Outgoing,
    ) -> Result<Vec<Attachment>, SendError> {
        let (Reason::OrderCompleted(_), Some(ticket)) = (entry.reason, &entry.ticket) else {
            return Ok(Vec::new());
        };
        let Some(event_id) = ticket.event_id else { return Ok(Vec::new()) };
        let show = self.inner.catalogue.show(context, event_id).await?;
        let file = show.and_then(|show| calendar(entry.id, &ticket.title, &show, entry.created_at));
        Ok(file.into_iter().collect())
    }
}

/// What the letter of an entry says; `None` while something is not known.
fn message(entry: &Outgoing, market: &str, stop: Option<String>) -> Option<Message> {
    let sum = |money: Money| Sum { minor: money.amount.minor(), currency: money.currency };
    let order = |id: OrderId| format!("{market}/orders/{id}");
    let deliver = |id: OrderId| format!("{market}/orders/{id}/deliver");
    let to_deliver = || entry.delivery.clone();
    let delivered = || to_deliver().map(|it| of_order(it.ticket));
    Some(match entry.reason {
        Reason::OrderCompleted(id) => Message::OrderCompleted {
            ticket: entry.ticket.as_ref().map(of_sale)?,
            paid: sum(entry.money?),
            link: order(id),
        },
        Reason::TicketSold(id) => {
            let ticket = entry.ticket.as_ref()?;
            let ToDeliver { kind: how, by, .. } = to_deliver()?;
            let Sold { price, currency, seller_fee, .. } = *ticket;
            let minor = price.minor().saturating_sub(seller_fee);
            Message::TicketSold {
                ticket: of_sale(ticket),
                price: sum(Money { amount: price, currency }),
                net: Sum { minor, currency },
                how,
                by,
                link: deliver(id),
            }
        }
        Reason::DeliverSoon(id) => {
            let ToDeliver { ticket, kind: how, by } = to_deliver()?;
            Message::DeliverSoon { ticket: of_order(ticket), how, by, link: deliver(id) }
        }
        Reason::DeliverLate(id) => Message::DeliverLate { ticket: delivered()?, link: deliver(id) },
        Reason::DeliveryLate(id) => Message::DeliveryLate { ticket: delivered()?, link: order(id) },
        Reason::TicketSent(id) => Message::TicketSent { ticket: delivered()?, link: order(id) },
        Reason::SaleCancelled(_) => Message::SaleCancelled { ticket: delivered()? },
        Reason::ClaimOpened(id) => {
            Message::ClaimOpened { by: entry.answer_by?, order: id.number(), link: deliver(id) }
        }
        Reason::ClaimRefunded(id) => Message::ClaimRefunded { order: id.number() },
        Reason::ClaimRejected(id) => Message::ClaimRejected { order: id.number() },
        Reason::PaymentFailed(_) => Message::PaymentFailed { amount: sum(entry.money?) },
        Reason::PaymentRefunded(_) => Message::PaymentRefunded { amount: sum(entry.money?) },
        Reason::YourTurn(TurnOf { ticket_id, until }) => Message::YourTurn {
            ticket: entry.ticket.as_ref().map(of_sale)?,
            until,
            link: format!("{market}/tickets/{ticket_id}"),
        },
        Reason::AlertMatched(id) => {
            let Matched { event, quantity, .. } = entry.matched.clone()?;
            Message::AlertMatched {
                event,
                ticket: entry.ticket.as_ref().map(of_sale)?,
                quantity,
                each: sum(entry.money?),
                link: format!("{market}/tickets/{id}"),
                stop: stop?,
            }
        }
        Reason::WebhookDisabled(_) => Message::WebhookDisabled {
            url: entry.webhook.clone()?,
            link: format!("{market}/account/webhooks"),
        },
    })
}

fn of_sale(ticket: &Sold) -> Ticket {
    let Sold { title, section, row, seats, .. } = ticket.clone();
    Ticket { title, section, row, seats }
}

fn of_order(ticket: OrderTicket) -> Ticket {
    let OrderTicket { title, section, row, seats, .. } = ticket;
    Ticket { title, section, row, seats }
}
