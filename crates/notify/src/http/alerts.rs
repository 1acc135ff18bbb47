//! The routes of alerts.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use stubmart_contract::{
    AlertId, Code,
    api::{Alert, CreateAlertRequest, Page, StopAlertRequest},
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, Paged, PathId, Problem, Valid, list::PageParams, once, problems,
};

use crate::{manage_alerts::AlertError, service::Notify};

problems! {
    ListProblems: [NotSignedIn];
    CreateProblems: [
        NotSignedIn, EventOver, TooManyAlerts, IdempotencyKeyInUse, IdempotencyKeyReused,
    ];
    DeleteProblems: [NotSignedIn, NotFound];
    StopProblems: [ValidationFailed];
}

impl From<AlertError> for Problem {
    fn from(error: AlertError) -> Self {
        match error {
            AlertError::NotFound => Self::not_found(),
            AlertError::NoSubject => {
                Self::invalid_field("eventId", "give an eventId or a performer, and not both")
            }
            AlertError::NoSuchEvent => Self::invalid_field("eventId", "there is no such event"),
            AlertError::EventOver => Self::new(Code::EventOver),
            AlertError::OtherCurrency(currency) => Self::invalid_field(
                "currency",
                format!("tickets of this event are sold in {currency}"),
            ),
            AlertError::NoName => {
                Self::invalid_field("performer", "must have a letter or a digit in it")
            }
            AlertError::TooMany => Self::new(Code::TooManyAlerts),
            AlertError::OwnerDeleted => Self::new(Code::NotSignedIn),
            AlertError::Call(error) => error.into(),
            AlertError::Failed(error) => error.into(),
        }
    }
}

/// Makes an alert: a mail comes when a ticket like this can be bought, now or later.
///
/// Mails go out to ten people at a time, in the order in which the alerts were made, with 30 seconds in between. A
/// mail is no reservation: the first to check out gets the ticket. There is one mail for each ticket, at most ten a day
/// from one alert, and an alert ends with its event. The same alert again is answered with the one that is there. At
/// most 50 alerts.
#[utoipa::path(post, path = "/api/alerts", tag = "alerts", request_body = CreateAlertRequest, params(IdempotencyKey), responses(
    (status = 201, description = "Made", body = Alert),
    CreateProblems,
))]
pub(super) async fn create_alert(
    State(notify): State<Notify>,
    caller: Caller,
    key: IdempotencyKey,
    Valid { body, canonical }: Valid<CreateAlertRequest>,
) -> Result<Response, Problem> {
    let (notify, context, user_id) = (&notify, &caller.context, caller.user_id);
    let user = user_id.to_string();
    let scope = key.scope(&user, "create_alert", &canonical);
    let work = |id| async move {
        let made = notify.create_alert(context, AlertId(id), user_id, body).await?;
        Answer::json(StatusCode::CREATED, &Alert::from(made))
    };
    once(&notify.inner.idempotency, context, scope, work, Answer::as_it_is).await
}

/// The caller's alerts, newest first.
#[utoipa::path(get, path = "/api/alerts", tag = "alerts", params(PageParams), responses(
    (status = 200, description = "A page of the caller's alerts", body = Page<Alert>),
    ListProblems,
))]
pub(super) async fn list_alerts(
    State(notify): State<Notify>,
    caller: Caller,
    Paged { page, list, .. }: Paged,
) -> Result<Json<Page<Alert>>, Problem> {
    let alerts = notify.list_alerts(caller.user_id, &page).await?;
    Ok(Json(list.answer(alerts, Alert::from)))
}

/// Ends an alert. What is on its way is not sent any more.
#[utoipa::path(delete, path = "/api/alerts/{id}", tag = "alerts", params(("id" = AlertId, Path)), responses(
    (status = 204, description = "Ended"),
    DeleteProblems,
))]
pub(super) async fn delete_alert(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<AlertId>,
) -> Result<StatusCode, Problem> {
    notify.delete_alert(caller.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the alert that a mail is about, by the token in the mail's link. Nobody has to be signed in.
///
/// The answer is the same for an alert that has ended, and for a token that never was one.
#[utoipa::path(post, path = "/api/alerts/stop", tag = "alerts", request_body = StopAlertRequest, responses(
    (status = 204, description = "There are no more mails from this alert"),
    StopProblems,
))]
pub(super) async fn stop_alert(
    State(notify): State<Notify>,
    Valid { body, .. }: Valid<StopAlertRequest>,
) -> Result<Response, Problem> {
    notify.stop_alert(&body.token).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
