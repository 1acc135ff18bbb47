//! The HTTP routes.

mod alerts;

use axum::{
    Json,
    extract::{FromRef, State},
    http::StatusCode,
    middleware::map_response,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Code, WebhookDeliveryId, WebhookEventId, WebhookId,
    api::{
        CreateWebhookRequest, IssuedWebhook, Page, ReplayRequest, UpdateWebhookRequest, Webhook,
        WebhookDelivery, WebhookDeliveryStatus, WebhookEvent, WebhookEventType,
    },
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, Paged, PathId, Problem, SessionGate, Valid, layer::no_store,
    list::PageParams, once, problems,
};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    manage_webhooks::WebhookError, read_feed::FeedError, receiver, service::Notify, webhook::New,
};

#[derive(Clone)]
struct AppState {
    notify: Notify,
    gate: SessionGate,
}

impl FromRef<AppState> for SessionGate {
    fn from_ref(state: &AppState) -> Self {
        state.gate.clone()
    }
}

impl FromRef<AppState> for Notify {
    fn from_ref(state: &AppState) -> Self {
        state.notify.clone()
    }
}

impl Notify {
    /// The service's routes. `gate` tells whose token a request carries.
    #[must_use]
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        routes().with_state(AppState { notify: self.clone(), gate })
    }

    /// What the routes are, for a document of them, and for a gateway that leads to them.
    #[must_use]
    pub fn api() -> OpenApi {
        routes().into_openapi()
    }

    /// A receiver's address as it was given.
    fn receiver(&self, url: &str) -> Result<String, Problem> {
        let checked = receiver::checked(url, self.inner.config.webhooks_to_any);
        checked.map_err(|message| Problem::invalid_field("url", message))
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_webhooks, create_webhook))
        .routes(routes!(list_webhook_events))
        .routes(routes!(get_webhook, update_webhook, delete_webhook))
        .routes(routes!(ping_webhook))
        .routes(routes!(rotate_webhook_secret))
        .routes(routes!(replay_webhook))
        .routes(routes!(list_webhook_deliveries))
        .routes(routes!(replay_webhook_delivery))
        .routes(routes!(alerts::list_alerts, alerts::create_alert))
        .routes(routes!(alerts::delete_alert))
        .routes(routes!(alerts::stop_alert))
        .layer(map_response(no_store))
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::NotFound => Self::not_found(),
            WebhookError::TooMany => Self::new(Code::TooManyWebhooks),
            WebhookError::OwnerDeleted => Self::new(Code::NotSignedIn),
            WebhookError::Failed(error) => error.into(),
        }
    }
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        match error {
            FeedError::UnknownEvent => Self::invalid_field(
                "after",
                "must be the id of one of your events of the last 30 days",
            ),
            FeedError::Page(error) => error.into(),
        }
    }
}

problems! {
    ListProblems: [NotSignedIn];
    CreateProblems: [
        NotSignedIn, NotFound "the webhook that this key made was deleted", TooManyWebhooks,
        IdempotencyKeyInUse, IdempotencyKeyReused,
    ];
    OneProblems: [NotSignedIn, NotFound];
}

/// What is kept of the answer to a new webhook: its secret is not.
#[derive(Serialize, Deserialize)]
struct Receipt {
    id: WebhookId,
}

/// Makes a webhook: events are sent to its address from now on, each as a signed `POST`.
///
/// The secret that signs is in this answer. The first webhook also begins the caller's feed of events. At most
/// ten webhooks.
#[utoipa::path(post, path = "/api/webhooks", tag = "webhooks", request_body = CreateWebhookRequest, params(IdempotencyKey), responses(
    (status = 201, description = "Made", body = IssuedWebhook),
    CreateProblems,
))]
async fn create_webhook(
    State(notify): State<Notify>,
    caller: Caller,
    key: IdempotencyKey,
    Valid { body, canonical }: Valid<CreateWebhookRequest>,
) -> Result<Response, Problem> {
    let CreateWebhookRequest { url, types } = body;
    let url = notify.receiver(&url)?;
    let (notify, context, user_id) = (&notify, &caller.context, caller.user_id);
    let user = user_id.to_string();
    let scope = key.scope(&user, "create_webhook", &canonical);
    let work = |id| async move {
        let secret = notify.fresh_secret();
        let new = New { id: WebhookId(id), user_id, url, types, secret };
        let made = notify.create_webhook(context, new).await?;
        Answer::json(StatusCode::CREATED, &Receipt { id: made.id })
    };
    let finish = |answer: Answer| async move {
        let Receipt { id } =
            serde_json::from_str(answer.body().get()).map_err(Problem::internal)?;
        let webhook: IssuedWebhook = notify.webhook(user_id, id).await?.into();
        Ok((StatusCode::CREATED, Json(webhook)).into_response())
    };
    once(&notify.inner.idempotency, context, scope, work, finish).await
}

/// The caller's webhooks, newest first, without their secrets.
#[utoipa::path(get, path = "/api/webhooks", tag = "webhooks", params(PageParams), responses(
    (status = 200, description = "A page of the caller's webhooks", body = Page<Webhook>),
    ListProblems,
))]
async fn list_webhooks(
    State(notify): State<Notify>,
    caller: Caller,
    Paged { page, list, .. }: Paged,
) -> Result<Json<Page<Webhook>>, Problem> {
    let webhooks = notify.list_webhooks(caller.user_id, &page).await?;
    Ok(Json(list.answer(webhooks, Webhook::from)))
}

/// One of the caller's webhooks, without its secret.
#[utoipa::path(get, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = WebhookId, Path)), responses(
    (status = 200, description = "The webhook", body = Webhook),
    OneProblems,
))]
async fn get_webhook(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<Webhook>, Problem> {
    Ok(Json(notify.webhook(caller.user_id, id).await?.into()))
}

/// Changes a webhook: its address, its events, or whether anything is sent.
///
/// One that was disabled because nothing got through is enabled again by `enabled`; what happened meanwhile is
/// sent by a replay.
#[utoipa::path(patch, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = WebhookId, Path)), request_body = UpdateWebhookRequest, responses(
    (status = 200, description = "The webhook after the change", body = Webhook),
    OneProblems,
))]
async fn update_webhook(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<WebhookId>,
    Valid { mut body, .. }: Valid<UpdateWebhookRequest>,
) -> Result<Json<Webhook>, Problem> {
    body.url = body.url.as_deref().map(|url| notify.receiver(url)).transpose()?;
    let changed = notify.update_webhook(&caller.context, caller.user_id, id, body).await?;
    Ok(Json(changed.into()))
}

/// Deletes a webhook. What was on its way to it is not sent any more.
#[utoipa::path(delete, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = WebhookId, Path)), responses(
    (status = 204, description = "Deleted"),
    OneProblems,
))]
async fn delete_webhook(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<WebhookId>,
) -> Result<StatusCode, Problem> {
    notify.delete_webhook(caller.user_id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test event, `ping`, to a webhook. The log of its deliveries has the answer.
#[utoipa::path(post, path = "/api/webhooks/{id}/ping", tag = "webhooks", params(("id" = WebhookId, Path)), responses(
    (status = 202, description = "On its way", body = WebhookDelivery),
    OneProblems,
))]
async fn ping_webhook(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<WebhookId>,
) -> Result<(StatusCode, Json<WebhookDelivery>), Problem> {
    let delivery = notify.ping(&caller.context, caller.user_id, id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

/// Gives a webhook another secret. For a day, what is sent is signed with the one before it too.
#[utoipa::path(post, path = "/api/webhooks/{id}/secret", tag = "webhooks", params(("id" = WebhookId, Path)), responses(
    (status = 200, description = "The webhook with its new secret", body = IssuedWebhook),
    OneProblems,
))]
async fn rotate_webhook_secret(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<WebhookId>,
) -> Result<Json<IssuedWebhook>, Problem> {
    let webhook = notify.rotate_secret(&caller.context, caller.user_id, id).await?;
    Ok(Json(webhook.into()))
}

/// Sends all events since a moment again, also those that arrived.
#[utoipa::path(post, path = "/api/webhooks/{id}/replay", tag = "webhooks", params(("id" = WebhookId, Path)), request_body = ReplayRequest, responses(
    (status = 202, description = "They are sent from now on", body = Webhook),
    OneProblems,
))]
async fn replay_webhook(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<WebhookId>,
    Valid { body, .. }: Valid<ReplayRequest>,
) -> Result<(StatusCode, Json<Webhook>), Problem> {
    let (context, user_id) = (&caller.context, caller.user_id);
    let webhook = notify.replay_since(context, user_id, id, body.since).await?;
    Ok((StatusCode::ACCEPTED, Json(webhook.into())))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct DeliveryFilter {
    /// In this state
    status: Option<WebhookDeliveryStatus>,
}

/// What was sent to a webhook in the last 30 days, newest first, with the answers.
#[utoipa::path(get, path = "/api/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = WebhookId, Path), DeliveryFilter, PageParams), responses(
    (status = 200, description = "A page of its deliveries", body = Page<WebhookDelivery>),
    OneProblems,
))]
async fn list_webhook_deliveries(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<WebhookId>,
    Paged { filter, page, list }: Paged<DeliveryFilter>,
) -> Result<Json<Page<WebhookDelivery>>, Problem> {
    let webhook = notify.webhook(caller.user_id, id).await?;
    let deliveries = notify.list_deliveries(&webhook, filter.status, &page).await?;
    Ok(Json(list.answer(deliveries, WebhookDelivery::from)))
}

/// Sends one delivery again, also if it arrived. One that is on its way goes on.
#[utoipa::path(post, path = "/api/webhooks/deliveries/{id}/replay", tag = "webhooks", params(("id" = WebhookDeliveryId, Path)), responses(
    (status = 202, description = "On its way", body = WebhookDelivery),
    OneProblems,
))]
async fn replay_webhook_delivery(
    State(notify): State<Notify>,
    caller: Caller,
    PathId(id): PathId<WebhookDeliveryId>,
) -> Result<(StatusCode, Json<WebhookDelivery>), Problem> {
    let delivery = notify.replay_one(&caller.context, caller.user_id, id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedFilter {
    /// Only what came after the event with this id: the last one that was read
    #[param(value_type = Option<String>, format = Uuid)]
    after: Option<WebhookEventId>,
    /// Of this kind, or of one of several
    #[param(style = Form, explode = true, min_items = 1)]
    types: Option<Vec<WebhookEventType>>,
}

/// The feed: what happened to the caller's tickets, orders and payments in the last 30 days, oldest first.
///
/// It begins with the caller's first webhook. It is the same events that webhooks get, in an order that never
/// changes: keep the id of the last one that you have read and pass it as `after` next time.
#[utoipa::path(get, path = "/api/webhooks/events", tag = "webhooks", params(FeedFilter, PageParams), responses(
    (status = 200, description = "A page of the caller's events", body = Page<WebhookEvent>),
    ListProblems,
))]
async fn list_webhook_events(
    State(notify): State<Notify>,
    caller: Caller,
    Paged { filter, page, list }: Paged<FeedFilter>,
) -> Result<Json<Page<WebhookEvent>>, Problem> {
    let types = filter.types.as_deref();
    let events = notify.read_feed(caller.user_id, filter.after, types, &page).await?;
    Ok(Json(list.answer(events, |event| event)))
}
