//! Webhooks: where a user's programs are told what happens.

use std::time::Duration;

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use stubmart_client::ClientError;
use stubmart_contract::{
    WebhookId,
    api::{
        CreateWebhookRequest, IssuedWebhook, ReplayRequest, UpdateWebhookRequest, Webhook,
        WebhookDelivery, WebhookDeliveryStatus, WebhookEventType,
    },
};

use super::{id, keyed, mendable, session};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form},
    format::When,
    hold::Member,
    layout::Layout,
    visitor::Visitor,
};

/// What can be replayed, by its word in the form: so many days back.
const REPLAYS: [(&str, u64); 3] = [("1", 1), ("7", 7), ("30", 30)];

#[derive(Template)]
#[template(path = "webhooks.html")]
struct List {
    layout: Layout,
    rows: Vec<Row>,
    form: Fields,
    kinds: Vec<Kind>,
    /// Makes a double click count once.
    key: String,
    /// The new webhook and its secret, shown this once.
    issued: Option<IssuedWebhook>,
}

/// A kind of event that can be chosen.
struct Kind {
    word: &'static str,
    chosen: bool,
}

struct Row {
    id: String,
    url: String,
    state: &'static str,
    tone: &'static str,
    made: When,
}

#[derive(Template)]
#[template(path = "webhook.html")]
struct Detail {
    layout: Layout,
    hook: Row,
    enabled: bool,
    /// Since when nothing gets through.
    failing: Option<When>,
    disabled: Option<When>,
    kinds: String,
    deliveries: Vec<DeliveryRow>,
    /// The new secret, and until when the old one works; shown this once.
    issued: Option<(String, Option<When>)>,
}

struct DeliveryRow {
    id: String,
    kind: &'static str,
    state: &'static str,
    tone: &'static str,
    at: When,
    /// What the receiver said to the last attempt.
    answer: String,
    attempts: u32,
    next: Option<When>,
    can_replay: bool,
}

impl Row {
    fn new(webhook: &Webhook) -> Self {
        let (state, tone) = match webhook {
            Webhook { disabled_at: Some(_), .. } => ("Turned off: nothing got through", "off"),
            Webhook { enabled: false, .. } => ("Off", "off"),
            Webhook { failing_since: Some(_), .. } => ("Not getting through", "open"),
            Webhook { .. } => ("On", "good"),
        };
        let (id, url) = (webhook.id.to_string(), webhook.url.clone());
        Self { id, url, state, tone, made: When::utc(webhook.created_at) }
    }
}

impl DeliveryRow {
    fn new(delivery: &WebhookDelivery) -> Self {
        let (state, tone) = match delivery.status {
            WebhookDeliveryStatus::Waiting => ("On its way", "open"),
            WebhookDeliveryStatus::Delivered => ("Delivered", "good"),
            WebhookDeliveryStatus::Failed => ("Given up", "off"),
        };
        let answer = delivery.attempts.last().map(|attempt| match attempt.status {
            Some(status) => format!("Answered {status} in {} ms", attempt.taken_ms),
            None => attempt.error.clone().unwrap_or_default(),
        });
        Self {
            id: delivery.id.to_string(),
            kind: delivery.event_type.as_str(),
            state,
            tone,
            at: When::utc(delivery.created_at),
            answer: answer.unwrap_or_default(),
            attempts: delivery.attempt_count,
            next: delivery.next_attempt_at.map(When::utc),
            can_replay: delivery.status != WebhookDeliveryStatus::Waiting,
        }
    }
}

/// The kinds that can be chosen; all of them are, until somebody chooses.
fn kinds(form: Option<&Form>) -> Vec<Kind> {
    let is_chosen =
        |word: &str| form.is_none_or(|form| form.all("types").any(|chosen| chosen == word));
    let offered = WebhookEventType::ALL.iter().filter(|kind| **kind != WebhookEventType::Ping);
    offered.map(|kind| Kind { word: kind.as_str(), chosen: is_chosen(kind.as_str()) }).collect()
}

fn url_field() -> Field {
    Field {
        placeholder: "https://example.com/stubmart",
        kind: "url",
        ..Field::text("url", "Where to send events", 2000)
    }
    .must()
    .hint("A public https address of yours.")
}

/// `GET /account/webhooks`.
pub(crate) async fn webhooks(visitor: Visitor) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let form = Fields::new(vec![url_field()]);
    list(&visitor, user, form, kinds(None), None, StatusCode::OK).await
}

async fn list(
    visitor: &Visitor,
    user: Member,
    form: Fields,
    kinds: Vec<Kind>,
    issued: Option<IssuedWebhook>,
    status: StatusCode,
) -> Result<Response, Failure> {
    let webhooks = visitor.api().webhooks().await?;
    let page = List {
        layout: visitor.layout(Some(user), "Webhooks"),
        rows: webhooks.items.iter().map(Row::new).collect(),
        form,
        kinds,
        key: visitor.site.form_key(),
        issued,
    };
    visitor.page_with(status, &page)
}

/// `POST /account/webhooks`: the secret is shown on this answer.
pub(crate) async fn create(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let offered = kinds(Some(&form));
    let chosen: Vec<_> = WebhookEventType::ALL
        .iter()
        .filter(|kind| offered.iter().any(|it| it.chosen && it.word == kind.as_str()))
        .copied()
        .collect();
    let fields = Fields::new(vec![url_field()]);
    if chosen.is_empty() {
        let mut fields = fields.keep(&form);
        fields.wrong("types", "Choose at least one kind of event.");
        return list(&visitor, user, fields, offered, None, StatusCode::BAD_REQUEST).await;
    }
    // All of them means those that will come, too.
    let types = Some(chosen).filter(|it| it.len() < offered.len());
    let request = CreateWebhookRequest { url: form.get("url").to_owned(), types };
    match keyed(visitor.api(), &form).create_webhook(&request).await {
        Ok(made) => {
            // A page with a secret beside what a visitor typed must not leak by its length (BREACH).
            let visitor = visitor.uncompressed();
            list(&visitor, user, fields, kinds(None), Some(made), StatusCode::CREATED).await
        }
        Err(error) => {
            let problem = mendable(error)?;
            let mut fields = fields.keep(&form);
            session::mark(&mut fields, &problem);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            list(&visitor, user, fields, offered, None, status).await
        }
    }
}

/// `GET /account/webhooks/{id}`.
pub(crate) async fn webhook(
    visitor: Visitor,
    Path(webhook): Path<String>,
) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    detail(&visitor, user, id(&webhook)?, None).await
}

async fn detail(
    visitor: &Visitor,
    user: Member,
    id: WebhookId,
    issued: Option<IssuedWebhook>,
) -> Result<Response, Failure> {
    let api = visitor.api();
    let (webhook, deliveries) = tokio::try_join!(api.webhook(id), api.webhook_deliveries(id))?;
    let kinds = match &webhook.types {
        None => "All events".to_owned(),
        Some(types) => types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
    };
    let page = Detail {
        layout: visitor.layout(Some(user), "Webhook"),
        hook: Row::new(&webhook),
        enabled: webhook.enabled,
        failing: webhook.failing_since.filter(|_| webhook.enabled).map(When::utc),
        disabled: webhook.disabled_at.map(When::utc),
        kinds,
        deliveries: deliveries.items.iter().map(DeliveryRow::new).collect(),
        issued: issued.map(|it| (it.secret, it.old_secret_until.map(When::utc))),
    };
    visitor.page(&page)
}

/// `POST /account/webhooks/{id}/secret`: the new secret is shown on this answer.
pub(crate) async fn rotate(
    visitor: Visitor,
    Path(webhook): Path<String>,
) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let id = id(&webhook)?;
    let issued = visitor.api().rotate_webhook_secret(id).await?;
    detail(&visitor.uncompressed(), user, id, Some(issued)).await
}

/// Back to the webhook's page, with a message.
fn back(
    visitor: &Visitor,
    webhook: &str,
    done: Result<(), ClientError>,
    word: Word,
) -> Result<Response, Failure> {
    done?;
    Ok(visitor.tell(&format!("/account/webhooks/{webhook}"), word))
}

/// `POST /account/webhooks/{id}/ping`.
pub(crate) async fn ping(
    visitor: Visitor,
    Path(webhook): Path<String>,
) -> Result<Response, Failure> {
    let sent = visitor.api().ping_webhook(id(&webhook)?).await.map(drop);
    back(&visitor, &webhook, sent, Word::WebhookPinged)
}

/// `POST /account/webhooks/{id}/enabled`.
pub(crate) async fn switch(
    visitor: Visitor,
    Path(webhook): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let enabled = form.get("enabled") == "on";
    let request =
        UpdateWebhookRequest { enabled: Some(enabled), ..UpdateWebhookRequest::default() };
    let changed = visitor.api().update_webhook(id(&webhook)?, &request).await.map(drop);
    let word = if enabled { Word::WebhookOn } else { Word::WebhookOff };
    back(&visitor, &webhook, changed, word)
}

/// `POST /account/webhooks/{id}/replay`.
pub(crate) async fn replay(
    visitor: Visitor,
    Path(webhook): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let days = REPLAYS.iter().find(|(word, _)| *word == form.get("days")).map_or(1, |(_, it)| *it);
    let since = visitor.site.host.now().before(Duration::from_secs(days * 24 * 3600));
    let sent = visitor.api().replay_webhook(id(&webhook)?, &ReplayRequest { since }).await;
    back(&visitor, &webhook, sent.map(drop), Word::WebhookReplayed)
}

/// `POST /account/webhooks/{id}/deliveries/{delivery}/replay`.
pub(crate) async fn replay_one(
    visitor: Visitor,
    Path((webhook, delivery)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let sent = visitor.api().replay_delivery(id(&delivery)?).await.map(drop);
    back(&visitor, &webhook, sent, Word::WebhookReplayed)
}

/// `POST /account/webhooks/{id}/delete`.
pub(crate) async fn delete(
    visitor: Visitor,
    Path(webhook): Path<String>,
) -> Result<Response, Failure> {
    visitor.api().delete_webhook(id(&webhook)?).await?;
    Ok(visitor.tell("/account/webhooks", Word::WebhookDeleted))
}
