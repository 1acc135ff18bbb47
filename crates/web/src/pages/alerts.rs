//! What people wait for: alerts for events and performers.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use stubmart_contract::{
    Currency, EventId,
    api::{Alert, CreateAlertRequest},
};

use super::{id, keyed, mendable, session};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form, Query},
    format::{count, money, read_price},
    hold::Member,
    layout::Layout,
    slug,
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "alerts.html")]
struct List {
    layout: Layout,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    href: String,
    criteria: String,
}

#[derive(Template)]
#[template(path = "alert.html")]
struct New {
    layout: Layout,
    /// `event` or `performer`, and which one.
    subject: (&'static str, String),
    form: Fields,
    key: String,
}

impl Row {
    fn new(alert: &Alert) -> Self {
        let href = match (alert.event_id, &alert.performer) {
            (Some(event), _) => format!("/events/{event}"),
            (None, performer) => slug::performer(performer.as_deref().unwrap_or(&alert.name)),
        };
        let quantity = match alert.quantity {
            Some(quantity) => count(quantity, "ticket", "tickets"),
            None => "Any number of tickets".to_owned(),
        };
        let price = alert.max_total.map(|max| {
            format!("up to {} per ticket with fees", money(max.minor(), alert.currency))
        });
        let sections = Some(alert.sections.join(", ")).filter(|it| !it.is_empty());
        let sections = sections.map(|sections| format!("section {sections}"));
        let parts: Vec<_> = [Some(quantity), price, sections].into_iter().flatten().collect();
        let (id, name) = (alert.id.to_string(), alert.name.clone());
        Self { id, name, href, criteria: parts.join(" · ") }
    }
}

/// `GET /account/alerts`.
pub(crate) async fn alerts(visitor: Visitor) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let alerts = visitor.api().alerts().await?;
    let rows = alerts.items.iter().map(Row::new).collect();
    visitor.page(&List { layout: visitor.layout(Some(user), "Alerts"), rows })
}

/// `POST /account/alerts/{id}/end`.
pub(crate) async fn end(visitor: Visitor, Path(alert): Path<String>) -> Result<Response, Failure> {
    visitor.api().delete_alert(id(&alert)?).await?;
    Ok(visitor.tell("/account/alerts", Word::AlertEnded))
}

/// What an alert is to be for, as a form names it.
enum Subject {
    Event { id: EventId, name: String, currency: Currency },
    Performer(String),
}

impl Subject {
    async fn read(visitor: &Visitor, form: &Form) -> Result<Self, Failure> {
        if let Some(performer) = form.optional("performer") {
            return Ok(Self::Performer(performer));
        }
        let event = visitor.api().event(id(form.get("event"))?).await?;
        Ok(Self::Event { id: event.id, name: event.name, currency: event.currency })
    }

    fn field(&self) -> (&'static str, String) {
        match self {
            Self::Event { id, .. } => ("event", id.to_string()),
            Self::Performer(name) => ("performer", name.clone()),
        }
    }

    /// The page of its form, to come back to.
    fn href(&self) -> String {
        let (name, value) = self.field();
        let query = serde_urlencoded::to_string([(name, value)]).unwrap_or_default();
        format!("/alerts/new?{query}")
    }

    fn page(
        &self,
        visitor: &Visitor,
        user: Option<Member>,
        form: Fields,
        status: StatusCode,
    ) -> Result<Response, Failure> {
        let (Self::Event { name, .. } | Self::Performer(name)) = self;
        let page = New {
            layout: visitor.layout(user, format!("Tell me about tickets for {name}")),
            subject: self.field(),
            form,
            key: visitor.site.form_key(),
        };
        visitor.page_with(status, &page)
    }
}

fn fields() -> Fields {
    Fields::new(vec![
        Field { numeric: true, placeholder: "Any", ..Field::text("quantity", "How many?", 2) }
            .half(),
        Field { numeric: true, placeholder: "Any", ..Field::text("max", "Price up to", 20) }
            .half()
            .hint("Per ticket, with fees."),
        Field { placeholder: "Any", ..Field::text("sections", "Sections", 400) }
            .hint("One or more, with commas in between."),
    ])
}

/// `GET /alerts/new?event=` or `?performer=`.
pub(crate) async fn new(visitor: Visitor, Query(query): Query) -> Result<Response, Failure> {
    let (user, subject) = tokio::try_join!(visitor.user(), Subject::read(&visitor, &query))?;
    subject.page(&visitor, user, fields().keep(&query), StatusCode::OK)
}

/// `POST /alerts`.
pub(crate) async fn create(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let subject = Subject::read(&visitor, &form).await?;
    if visitor.sessions.is_empty() {
        return Err(Failure::SignIn(Some(subject.href())));
    }
    let user = visitor.member().await?;
    let mut fields = fields().keep(&form);
    let request = read(&visitor, &subject, &form, &mut fields);
    if !fields.is_good() {
        return subject.page(&visitor, Some(user), fields, StatusCode::BAD_REQUEST);
    }
    match keyed(visitor.api(), &form).create_alert(&request).await {
        Ok(_) => Ok(visitor.tell("/account/alerts", Word::AlertMade)),
        Err(error) => {
            let problem = mendable(error)?;
            session::mark(&mut fields, &problem);
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
            subject.page(&visitor, Some(user), fields, status)
        }
    }
}

/// The request that a form means; what cannot be read is marked.
fn read(
    visitor: &Visitor,
    subject: &Subject,
    form: &Form,
    fields: &mut Fields,
) -> CreateAlertRequest {
    let mut request = CreateAlertRequest::default();
    let currency = match subject {
        Subject::Event { id, currency, .. } => {
            request.event_id = Some(*id);
            *currency
        }
        Subject::Performer(name) => {
            request.performer = Some(name.clone());
            visitor.site.config.currency
        }
    };
    request.currency = Some(currency);
    if let Some(quantity) = form.optional("quantity") {
        match quantity.parse::<u32>().ok().filter(|it| (1..=50).contains(it)) {
            Some(quantity) => request.quantity = Some(quantity),
            None => fields.wrong("quantity", "Enter a number from 1 to 50."),
        }
    }
    if let Some(max) = form.optional("max") {
        match read_price(&max, currency) {
            Ok(max) => request.max_total = Some(max),
            Err(error) => fields.wrong("max", error),
        }
    }
    let sections = form.get("sections").split(',').map(str::trim).filter(|it| !it.is_empty());
    request.sections = sections.map(ToOwned::to_owned).collect();
    request
}
