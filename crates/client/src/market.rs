//! Events, tickets, orders and payments.

use axum::http::Method;
use serde::Serialize;
use stubmart_contract::{
    EventId, OrderId, TicketId,
    api::{
        Charge, CreateEventRequest, CreateIntentRequest, CreateOrderRequest, CreatePaymentRequest,
        CreateTicketRequest, Event, EventFacets, EventPrices, Facets, Order, Page, PaymentIntent,
        Ticket, TicketPreview, TicketQueue, UpdateTicketRequest,
    },
};

use crate::{
    answer::Answer,
    call::Client,
    error::ClientError,
    query::{EventQuery, OrderQuery, TicketQuery},
    sse::EventStream,
};

/// `POST /api/payments/sandbox/authenticate`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authentication<'a> {
    client_secret: &'a str,
    succeed: bool,
}

/// Events and tickets. A problem means that nothing happened.
impl Client {
    /// `GET /api/events`.
    ///
    /// # Errors
    /// `validation_failed`.
    pub async fn events(&self, query: &EventQuery) -> Result<Page<Event>, ClientError> {
        self.list("/api/events", query).await
    }

    /// `POST /api/events`: the new event, or the one that was there already.
    ///
    /// # Errors
    /// `validation_failed`, `not_signed_in`.
    pub async fn create_event(&self, request: &CreateEventRequest) -> Result<Event, ClientError> {
        self.send(Method::POST, "/api/events", Some(request)).await?.json()
    }

    /// `GET /api/events/{id}`.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn event(&self, id: EventId) -> Result<Event, ClientError> {
        self.event_unread(id).await?.json()
    }

    /// [`Self::event`] as it came: for who may have read the very same answer before.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn event_unread(&self, id: EventId) -> Result<Answer, ClientError> {
        self.send(Method::GET, &format!("/api/events/{id}"), None::<&()>).await
    }

    /// `GET /api/events/{id}/prices`: what the event's tickets cost per seat, over all of them.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn event_prices(&self, id: EventId) -> Result<EventPrices, ClientError> {
        self.send(Method::GET, &format!("/api/events/{id}/prices"), None::<&()>).await?.json()
    }

    /// `GET /api/events/{id}/facets`: sections and quantities of the event's tickets, over all of them.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn event_facets(&self, id: EventId) -> Result<EventFacets, ClientError> {
        self.send(Method::GET, &format!("/api/events/{id}/facets"), None::<&()>).await?.json()
    }

    /// `GET /api/facets`: what coming events can be filtered by.
    ///
    /// # Errors
    /// [`ClientError`]: the server did not answer.
    pub async fn facets(&self) -> Result<Facets, ClientError> {
        self.send(Method::GET, "/api/facets", None::<&()>).await?.json()
    }

    /// `GET /api/events/{id}/stream`: every change of the event's tickets, from now or from behind
    /// `last_event_id`.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn event_stream(
        &self,
        id: EventId,
        last_event_id: Option<&str>,
    ) -> Result<EventStream, ClientError> {
        self.stream(&format!("/api/events/{id}/stream"), last_event_id).await
    }

    /// `GET /api/tickets`.
    ///
    /// # Errors
    /// `validation_failed`; `not_signed_in` for one's own.
    pub async fn tickets(&self, query: &TicketQuery) -> Result<Page<Ticket>, ClientError> {
        self.tickets_unread(query).await?.json()
    }

    /// [`Self::tickets`] as they came: for who may have read the very same answer before.
    ///
    /// # Errors
    /// `validation_failed`; `not_signed_in` for one's own.
    pub async fn tickets_unread(&self, query: &TicketQuery) -> Result<Answer, ClientError> {
        self.list_unread("/api/tickets", query).await
    }

    /// `POST /api/tickets`.
    ///
    /// # Errors
    /// `validation_failed`, `not_signed_in`, `not_found` for an event that is not there.
    pub async fn create_ticket(
        &self,
        request: &CreateTicketRequest,
    ) -> Result<Ticket, ClientError> {
        self.send(Method::POST, "/api/tickets", Some(request)).await?.json()
    }

    /// `POST /api/tickets/preview`: what a listing would come to. Nothing is saved.
    ///
    /// # Errors
    /// `validation_failed`, `not_signed_in`, `not_found` for an event that is not there.
    pub async fn preview_ticket(
        &self,
        request: &CreateTicketRequest,
    ) -> Result<TicketPreview, ClientError> {
        self.send(Method::POST, "/api/tickets/preview", Some(request)).await?.json()
    }

    /// `GET /api/tickets/{id}`.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn ticket(&self, id: TicketId) -> Result<Ticket, ClientError> {
        self.get(&format!("/api/tickets/{id}")).await
    }

    /// `GET /api/tickets/{id}/queue`.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn queue(&self, id: TicketId) -> Result<TicketQueue, ClientError> {
        self.get(&format!("/api/tickets/{id}/queue")).await
    }

    /// `POST /api/tickets/{id}/queue`.
    ///
    /// # Errors
    /// `ticket_available`, `queue_full`, `own_checkout`, `own_ticket`, `ticket_sold`, `event_over`, `not_found`,
    /// `too_many_requests`, `not_signed_in`.
    pub async fn join_queue(&self, id: TicketId) -> Result<TicketQueue, ClientError> {
        self.send(Method::POST, &format!("/api/tickets/{id}/queue"), None::<&()>).await?.json()
    }

    /// `DELETE /api/tickets/{id}/queue`.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn leave_queue(&self, id: TicketId) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/api/tickets/{id}/queue"), None::<&()>).await.map(drop)
    }

    /// `PATCH /api/tickets/{id}`.
    ///
    /// # Errors
    /// `ticket_locked`, `ticket_sold`, `not_owner`, `not_found`, `version_mismatch`,
    /// `validation_failed`.
    pub async fn update_ticket(
        &self,
        id: TicketId,
        request: &UpdateTicketRequest,
    ) -> Result<Ticket, ClientError> {
        self.send(Method::PATCH, &format!("/api/tickets/{id}"), Some(request)).await?.json()
    }

    /// `DELETE /api/tickets/{id}`.
    ///
    /// # Errors
    /// `ticket_locked`, `ticket_sold`, `not_owner`, `not_found`, `version_mismatch`.
    pub async fn withdraw_ticket(&self, id: TicketId) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/api/tickets/{id}"), None::<&()>).await.map(drop)
    }

    /// `GET /api/tickets/{id}/stream`: every change of the ticket.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn ticket_stream(
        &self,
        id: TicketId,
        last_event_id: Option<&str>,
    ) -> Result<EventStream, ClientError> {
        self.stream(&format!("/api/tickets/{id}/stream"), last_event_id).await
    }

    async fn stream(
        &self,
        path: &str,
        last_event_id: Option<&str>,
    ) -> Result<EventStream, ClientError> {
        let client = match last_event_id {
            Some(id) => &self.with(axum::http::HeaderName::from_static("last-event-id"), id),
            None => self,
        };
        Ok(EventStream::new(client.open(path).await?.into_body()))
    }
}

/// Orders and payments. A problem means that nothing happened, but for `card_declined`: the charge is
/// failed and the order cancelled.
impl Client {
    /// `POST /api/orders`: starts a checkout.
    ///
    /// # Errors
    /// `ticket_locked`, `ticket_sold`, `own_ticket`, `price_changed`, `not_found`.
    pub async fn create_order(&self, request: &CreateOrderRequest) -> Result<Order, ClientError> {
        self.send(Method::POST, "/api/orders", Some(request)).await?.json()
    }

    /// `GET /api/orders`: one's own, newest first.
    ///
    /// # Errors
    /// `not_signed_in`, `validation_failed`.
    pub async fn orders(&self, query: &OrderQuery) -> Result<Page<Order>, ClientError> {
        self.list("/api/orders", query).await
    }

    /// `GET /api/orders/{id}`: also takes a checkout back that a closed page was about to leave.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn order(&self, id: OrderId) -> Result<Order, ClientError> {
        self.get(&format!("/api/orders/{id}")).await
    }

    /// `DELETE /api/orders/{id}`: leaves the checkout.
    ///
    /// # Errors
    /// `payment_in_progress`, `order_completed`, `not_found`.
    pub async fn cancel_order(&self, id: OrderId) -> Result<Order, ClientError> {
        self.send(Method::DELETE, &format!("/api/orders/{id}"), None::<&()>).await?.json()
    }

    /// `POST /api/orders/{id}/leave`: the page was closed.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn leave_order(&self, id: OrderId) -> Result<(), ClientError> {
        self.send(Method::POST, &format!("/api/orders/{id}/leave"), None::<&()>).await.map(drop)
    }

    /// `POST /api/payments`: pays for an order. The charge's status tells whether the outcome is known.
    ///
    /// # Errors
    /// `card_declined`; `order_expired`, `order_cancelled`, `order_completed`, `payment_in_progress`,
    /// `payment_provider_unavailable`, `not_found`: nothing is charged.
    pub async fn pay(&self, request: &CreatePaymentRequest) -> Result<Charge, ClientError> {
        self.send(Method::POST, "/api/payments", Some(request)).await?.json()
    }

    /// `POST /api/payments/sandbox/authenticate`: what the buyer answers their bank, which asks whether
    /// it was them. Only where payments go to the sandbox.
    ///
    /// # Errors
    /// `not_found`: no such payment; nothing happened.
    pub async fn authenticate_in_sandbox(
        &self,
        client_secret: &str,
        succeed: bool,
    ) -> Result<Charge, ClientError> {
        let answer = Authentication { client_secret, succeed };
        self.send(Method::POST, "/api/payments/sandbox/authenticate", Some(&answer)).await?.json()
    }

    /// `POST /api/payments/intents`: for paying in the browser.
    ///
    /// # Errors
    /// `sandbox`; as [`Self::pay`] for the order's state.
    pub async fn create_intent(
        &self,
        request: &CreateIntentRequest,
    ) -> Result<PaymentIntent, ClientError> {
        self.send(Method::POST, "/api/payments/intents", Some(request)).await?.json()
    }

    /// `GET /api/payments?orderId=`: one's own charges for an order.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn charges(&self, order: OrderId) -> Result<Page<Charge>, ClientError> {
        self.get(&format!("/api/payments?orderId={order}")).await
    }
}
