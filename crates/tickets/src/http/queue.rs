//! The routes of the line for a ticket.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use stubmart_contract::{Code, TicketId, UserId, api::TicketQueue};
use stubmart_http_kit::{Caller, MaybeSignedIn, PathId, Problem, problems};

use crate::{service::Tickets, ticket::Ticket, wait_in_line::JoinError};

problems! {
    GetProblems: [NotFound];
    JoinProblems: [
        NotSignedIn, NotFound, OwnTicket, OwnCheckout, QueueFull, TicketSold, EventOver, TooManyRequests,
        TicketAvailable "nobody holds the ticket: buy it",
    ];
    LeaveProblems: [NotSignedIn, NotFound];
}

impl From<JoinError> for Problem {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Refused(refusal) => refusal.into(),
            JoinError::Limited(error) => error.into(),
            JoinError::UserDeleted => Self::new(Code::NotSignedIn),
            JoinError::Repository(error) => error.into(),
        }
    }
}

fn seen(ticket: &Ticket, viewer: Option<UserId>) -> TicketQueue {
    let place = viewer.and_then(|viewer| ticket.line.place(viewer));
    TicketQueue {
        length: ticket.line.length(),
        position: place.map(|it| it.position),
        turn_until: place.and_then(|it| it.turn_until),
    }
}

/// The line for a ticket, and the caller's place in it.
#[utoipa::path(get, path = "/api/tickets/{id}/queue", tag = "tickets", security((), ("session" = []), ("token" = [])), params(("id" = TicketId, Path)), responses(
    (status = 200, description = "The line", body = TicketQueue),
    GetProblems,
))]
pub(super) async fn get_queue(
    State(tickets): State<Tickets>,
    caller: MaybeSignedIn,
    PathId(id): PathId<TicketId>,
) -> Result<Response, Problem> {
    let viewer = caller.user_id();
    let ticket = tickets.ticket(id, viewer).await?.ok_or_else(Problem::not_found)?;
    Ok(([(header::VARY, "cookie, authorization")], Json(seen(&ticket.state, viewer)))
        .into_response())
}

/// Waits in line for a ticket that somebody's checkout holds. Again is fine.
///
/// At most five wait, first come, first served. When the checkout ends without a sale, the first in line has the ticket
/// alone for three minutes, and a mail says so: until then everybody else's order is refused with `ticket_reserved`.
/// Then it is the next one's turn. A sale ends the line.
#[utoipa::path(post, path = "/api/tickets/{id}/queue", tag = "tickets", params(("id" = TicketId, Path)), responses(
    (status = 201, description = "In line", body = TicketQueue),
    JoinProblems,
))]
pub(super) async fn join_queue(
    State(tickets): State<Tickets>,
    Caller { context, user_id, .. }: Caller,
    PathId(id): PathId<TicketId>,
) -> Result<Response, Problem> {
    let ticket = tickets.join_line(&context, id, user_id).await?;
    Ok((StatusCode::CREATED, Json(seen(&ticket, Some(user_id)))).into_response())
}

/// Gives the caller's place in line up; a turn goes to the next one at once. Again is fine.
#[utoipa::path(delete, path = "/api/tickets/{id}/queue", tag = "tickets", params(("id" = TicketId, Path)), responses(
    (status = 204, description = "Not in line"),
    LeaveProblems,
))]
pub(super) async fn leave_queue(
    State(tickets): State<Tickets>,
    Caller { context, user_id, .. }: Caller,
    PathId(id): PathId<TicketId>,
) -> Result<StatusCode, Problem> {
    tickets.leave_line(&context, id, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
