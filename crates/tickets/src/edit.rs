//! Listing a ticket, editing it, withdrawing it.

use stubmart_contract::{
    Code, Currency, DomainEvent, EventId, Price, TicketId, UserId, api::TicketStatus,
};
use stubmart_http_kit::{IfMatch, Problem};
use stubmart_kernel::{
    mark, mutant,
    repo::{Decision, Trace, Versioned},
};

use crate::{
    Tickets,
    catalogue::Standing,
    ticket::{Command, Edit, Refusal, Ticket},
};

/// A ticket to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// What is sold, in the seller's words.
    pub title: String,
    /// The price of the whole lot.
    pub price: Price,
    /// The price's currency.
    pub currency: Currency,
    /// The show it is for.
    pub event_id: Option<EventId>,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row in the section.
    pub row: Option<String>,
    /// Seat names: one for each seat, or none.
    pub seats: Vec<String>,
    /// Seats in the lot.
    pub quantity: u32,
}

impl Tickets {
    /// Lists a ticket under `id`. Asked again with the same id, it answers what is listed.
    ///
    /// # Errors
    /// `validation_failed` when there is no such event; `not_signed_in` when the seller's account is
    /// gone; `unavailable`: it may be listed, and asking again with the same id lists it once.
    pub async fn list_ticket(
        &self,
        id: TicketId,
        seller: UserId,
        new: NewTicket,
    ) -> Result<Versioned<Ticket>, Problem> {
        if let Some(event_id) = new.event_id
            && !self.learn_show(event_id).await?
        {
            return Err(Problem::invalid_field("eventId", "there is no such event"));
        }
        let now = self.0.host.now();
        let ticket = Ticket {
            id,
            user_id: seller,
            title: new.title,
            price: new.price,
            currency: new.currency,
            status: TicketStatus::Available,
            event_id: new.event_id,
            section: new.section,
            row: new.row,
            seats: new.seats,
            quantity: new.quantity,
            order_id: None,
            buyer_id: None,
            locked_until: None,
            seller_gone: false,
            created_at: now,
            updated_at: now,
        };
        let listed = self
            .0
            .tickets
            .change(id.0, Trace::REQUEST, |current: Option<&Versioned<Ticket>>| {
                Ok::<_, Problem>(match current {
                    Some(listed) => Decision::Keep(listed.clone()),
                    None => {
                        let events = vec![DomainEvent::TicketCreated(ticket.state())];
                        let answer = Versioned::over(None, ticket.clone(), &events);
                        Decision::Save { doc: ticket.clone(), events, answer }
                    }
                })
            })
            .await?;
        self.learn(&listed.doc.standing(listed.version));
        let departed = self.0.departed.contains(seller).await?;
        if departed && !mutant!("list for a deleted account") {
            mark!("a listing came after its seller's account was deleted");
            self.command_by_event(id.0, &Command::SellerGone, Trace::REQUEST).await?;
            return Err(Problem::new(Code::NotSignedIn));
        }
        Ok(listed)
    }

    /// Edits a ticket.
    ///
    /// # Errors
    /// `not_found`, `not_owner`, `ticket_locked`, `ticket_sold`, `ticket_withdrawn`,
    /// `version_mismatch`, `validation_failed`: nothing changed. `unavailable`: it may have changed.
    pub async fn edit_ticket(
        &self,
        id: TicketId,
        by: UserId,
        edit: Edit,
        if_match: &IfMatch,
    ) -> Result<Versioned<Ticket>, Problem> {
        self.command(id, by, &Command::Edit { by, edit: Box::new(edit) }, if_match).await
    }

    /// Withdraws a ticket.
    ///
    /// # Errors
    /// As [`Self::edit_ticket`].
    pub async fn withdraw_ticket(
        &self,
        id: TicketId,
        by: UserId,
        if_match: &IfMatch,
    ) -> Result<(), Problem> {
        self.command(id, by, &Command::Withdraw { by }, if_match).await.map(|_| ())
    }

    async fn command(
        &self,
        id: TicketId,
        by: UserId,
        command: &Command,
        if_match: &IfMatch,
    ) -> Result<Versioned<Ticket>, Problem> {
        let now = self.0.host.now();
        let changed = self
            .0
            .tickets
            .change(id.0, Trace::REQUEST, |current: Option<&Versioned<Ticket>>| {
                let current = current.ok_or_else(Problem::not_found)?;
                let decided = current.doc.decide(command, now);
                match decided {
                    // Who may not touch it is told no more than that, and of what nobody else may see
                    // not even that.
                    Err(Refusal::NotOwner) if !current.doc.is_visible_to(Some(by)) => {
                        return Err(Problem::not_found());
                    }
                    // What has happened already may be asked for again with the ETag of before
                    // (RFC 9110, 13.1.1).
                    Err(Refusal::NotOwner) | Ok(None) => {}
                    Ok(Some(_)) | Err(_) => if_match.check(current.version)?,
                }
                Ok::<_, Problem>(match decided? {
                    None => Decision::Keep(current.clone()),
                    Some(doc) => {
                        let events = vec![doc.event()];
                        let answer = Versioned::over(Some(current), doc.clone(), &events);
                        Decision::Save { doc, events, answer }
                    }
                })
            })
            .await?;
        self.learn(&changed.doc.standing(changed.version));
        Ok(changed)
    }

    /// Tells the catalogue of this instance what a save has changed.
    pub(crate) fn learn(&self, standing: &Standing) {
        self.0.catalogue.apply(standing);
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotOwner => Self::new(Code::NotOwner),
            Refusal::Locked => Self::with_detail(
                Code::TicketLocked,
                "A checkout holds the ticket; it can be changed when that ends",
            ),
            Refusal::Sold => Self::new(Code::TicketSold),
            Refusal::Withdrawn => Self::new(Code::TicketWithdrawn),
            Refusal::OwnTicket => Self::new(Code::OwnTicket),
            Refusal::PriceChanged => Self::new(Code::PriceChanged),
            Refusal::SeatCount => {
                Self::invalid_field("seats", "must name as many seats as the lot has, or none")
            }
        }
    }
}
