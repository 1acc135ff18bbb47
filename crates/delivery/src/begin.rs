//! Use case: a ticket was sold, and its delivery begins.

use stubmart_contract::{
    Context, OrderId, UserId,
    api::{DeliveryKind, OrderStatus, OrderTicket, TicketStatus},
    calls::{ListingsOf, ListingsRequest},
    event::TicketState,
};
use stubmart_kernel::{RepositoryError, Versioned};
use stubmart_ports::calls::CallError;

use crate::{
    deadline::Showtime,
    delivery::{Command, Delivery, Sale},
    service::Deliveries,
};

/// Why a delivery was not begun. It may be; to begin it again is fine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    /// Another service did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Deliveries {
    /// Begins the delivery of a ticket that is sold, and ends it where the ticket's file is here. One that is not
    /// sold leads to nothing.
    ///
    /// # Errors
    /// [`BeginError`].
    pub(crate) async fn begin(
        &self,
        context: &Context,
        ticket: &TicketState,
    ) -> Result<(), BeginError> {
        let (Some(order_id), Some(buyer_id)) = (ticket.order_id, ticket.buyer_id) else {
            return Ok(());
        };
        if ticket.status != TicketStatus::Sold {
            return Ok(());
        }
        if self.of_order(order_id).await?.is_some() {
            return Ok(self.fulfil(context, order_id).await?);
        }
        let files = self.files().load(ticket.id).await?;
        let has_file = files.is_some_and(|it| it.state.file.is_some());
        let show = match ticket.event_id {
            Some(id) => self.catalogue().show(context, id).await?,
            None => None,
        };
        let sale = Sale {
            order_id,
            ticket_id: ticket.id,
            buyer_id,
            seller_id: ticket.user_id,
            ticket: OrderTicket {
                title: ticket.title.clone(),
                event_id: ticket.event_id,
                section: ticket.section.clone(),
                row: ticket.row.clone(),
                seats: ticket.seats.clone(),
                quantity: ticket.quantity,
            },
            kind: if has_file { DeliveryKind::File } else { ticket.delivery_kind },
            sold_at: ticket.updated_at,
            show: show.map(|it| Showtime { starts_at: it.starts_at, ends_at: it.ends_at }),
        };
        let command = Command::Begin(Box::new(sale));
        self.apply_if_possible(context, order_id, &command).await?;
        Ok(self.fulfil(context, order_id).await?)
    }

    /// The delivery of a buyer's completed order. A buyer who has just paid asks for it before the news of the
    /// sale is here: then orders and tickets are asked.
    ///
    /// # Errors
    /// [`BeginError`].
    pub(crate) async fn of_buyer(
        &self,
        context: &Context,
        order_id: OrderId,
        buyer: UserId,
    ) -> Result<Option<Versioned<Delivery>>, BeginError> {
        if let Some(found) = self.of_order(order_id).await? {
            return Ok(Some(found));
        }
        let order = self.orders().order(context, buyer, order_id).await?;
        let completed = order.filter(|it| it.status == OrderStatus::Completed);
        let Some(order) = completed else { return Ok(None) };
        let of = ListingsOf::Ticket(order.ticket_id);
        let request = ListingsRequest { of, cursor: None, limit: 1 };
        let sold = self.tickets().listings(context, request).await?;
        for listing in sold.listings.iter().filter(|it| it.ticket.order_id == Some(order_id)) {
            self.begin(context, &listing.ticket).await?;
        }
        Ok(self.of_order(order_id).await?)
    }
}
