//! The delivery of what was bought.

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, header},
};
use stubmart_contract::{
    OrderId, TicketId,
    api::{
        AnswerClaimRequest, Claim, CreateClaimRequest, Delivery, LateChoice, LateDeliveryRequest,
        Page, SendDeliveryRequest, TicketFiles,
    },
};

use crate::{
    answer::Answer,
    call::Client,
    error::{ClientError, TransportError},
};

/// Deliveries. A problem means that nothing happened.
impl Client {
    /// `GET /api/orders/{id}/delivery`: for the buyer and the seller of a completed order.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn delivery(&self, id: OrderId) -> Result<Delivery, ClientError> {
        self.get(&format!("/api/orders/{id}/delivery")).await
    }

    /// `POST /api/orders/{id}/delivery/send`: the seller has sent the ticket.
    ///
    /// # Errors
    /// `validation_failed`, `delivery_ended`, `not_owner`, `not_found`.
    pub async fn send_delivery(
        &self,
        id: OrderId,
        request: &SendDeliveryRequest,
    ) -> Result<Delivery, ClientError> {
        let path = format!("/api/orders/{id}/delivery/send");
        self.send(Method::POST, &path, Some(request)).await?.json()
    }

    /// `PUT /api/tickets/{id}/files`: the seller uploads the file of a ticket.
    ///
    /// # Errors
    /// `validation_failed`, `code_listed`, `ticket_locked`, `ticket_withdrawn`, `delivery_ended`, `not_owner`,
    /// `not_found`, `body_too_large`, `too_many_requests`.
    pub async fn upload_ticket_file(
        &self,
        id: TicketId,
        file: &[u8],
    ) -> Result<TicketFiles, ClientError> {
        let (kind, form) = form(file);
        let mut request = Request::builder()
            .method(Method::PUT)
            .uri(format!("/api/tickets/{id}/files"))
            .body(Body::from(form))
            .map_err(|error| TransportError::Request(error.into()))?;
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        self.ask(request).await?.success()?.json()
    }

    /// `GET /api/tickets/{id}/files`: what was read of the file of one's ticket.
    ///
    /// # Errors
    /// `not_found`, `not_owner`, `not_signed_in`.
    pub async fn ticket_files(&self, id: TicketId) -> Result<TicketFiles, ClientError> {
        self.get(&format!("/api/tickets/{id}/files")).await
    }

    /// `GET /api/orders/{id}/files/{n}`: a page of the ticket that one bought, as it comes.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn ticket_page(&self, id: OrderId, page: u32) -> Result<Answer, ClientError> {
        self.send(Method::GET, &format!("/api/orders/{id}/files/{page}"), None::<&()>).await
    }

    /// `POST /api/orders/{id}/delivery/accept`: the buyer has the ticket.
    ///
    /// # Errors
    /// `not_sent`, `delivery_ended`, `not_owner`, `not_found`.
    pub async fn accept_delivery(&self, id: OrderId) -> Result<Delivery, ClientError> {
        let path = format!("/api/orders/{id}/delivery/accept");
        self.send(Method::POST, &path, None::<&()>).await?.json()
    }

    /// `POST /api/orders/{id}/delivery/late`: the buyer of a late ticket waits, or takes the money back.
    ///
    /// # Errors
    /// `not_late`, `delivery_ended`, `not_owner`, `not_found`.
    pub async fn decide_on_late_delivery(
        &self,
        id: OrderId,
        choice: LateChoice,
    ) -> Result<Delivery, ClientError> {
        let path = format!("/api/orders/{id}/delivery/late");
        self.send(Method::POST, &path, Some(&LateDeliveryRequest { choice })).await?.json()
    }

    /// `GET /api/orders/{id}/claims`: what was claimed about an order.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn claims(&self, id: OrderId) -> Result<Page<Claim>, ClientError> {
        self.get(&format!("/api/orders/{id}/claims")).await
    }

    /// `POST /api/orders/{id}/claims`: the buyer says that something was wrong.
    ///
    /// # Errors
    /// `validation_failed`, `claim_exists`, `claims_closed`, `not_owner`, `not_found`.
    pub async fn create_claim(
        &self,
        id: OrderId,
        request: &CreateClaimRequest,
    ) -> Result<Claim, ClientError> {
        self.send(Method::POST, &format!("/api/orders/{id}/claims"), Some(request)).await?.json()
    }

    /// `POST /api/orders/{id}/claims/answer`: the seller answers.
    ///
    /// # Errors
    /// `validation_failed`, `claim_answered`, `not_owner`, `not_found`.
    pub async fn answer_claim(
        &self,
        id: OrderId,
        request: &AnswerClaimRequest,
    ) -> Result<Claim, ClientError> {
        let path = format!("/api/orders/{id}/claims/answer");
        self.send(Method::POST, &path, Some(request)).await?.json()
    }
}

/// A form with a file (RFC 7578), and its media type.
fn form(file: &[u8]) -> (HeaderValue, Vec<u8>) {
    // The boundary must not be in the file: a longer one is not, at some point.
    let mut boundary = "stubmart".to_owned();
    while file.windows(boundary.len()).any(|it| it == boundary.as_bytes()) {
        boundary.push('x');
    }
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"ticket\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let end = format!("\r\n--{boundary}--\r\n");
    let kind = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
    let form = [head.as_bytes(), file, end.as_bytes()].concat();
    (kind.unwrap_or(HeaderValue::from_static("multipart/form-data")), form)
}
