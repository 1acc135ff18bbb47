//! The route for many listings at once.

use axum::{extract::State, http::StatusCode, response::Response};
use serde_json::Value;
use stubmart_contract::{
    Code,
    api::{
        BulkListing, BulkListingsRequest, BulkListingsResult, BulkOutcome, BulkResult, FieldError,
    },
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, MaySell, Problem, Valid, once, problems, valid::read_body,
};

use crate::{
    bulk::{Bulk, BulkError, Done, Item, Refused},
    service::Tickets,
};

problems! {
    BulkProblems: [ValidationFailed, NotSignedIn, EmailUnverified];
}

/// Lists, changes and withdraws many listings, each recognised by its `externalId`. Sent again it changes
/// nothing. An item that is refused harms no other; a price changes only while the listing is in nobody's
/// checkout.
#[utoipa::path(post, path = "/api/tickets/bulk", tag = "tickets", request_body = BulkListingsRequest, params(IdempotencyKey), responses(
    (status = 200, description = "What became of each item", body = BulkListingsResult),
    BulkProblems,
))]
pub(super) async fn bulk_tickets(
    State(tickets): State<Tickets>,
    MaySell(Caller { context, user_id, is_established, .. }): MaySell,
    key: IdempotencyKey,
    Valid { body, canonical }: Valid<BulkListingsRequest>,
) -> Result<Response, Problem> {
    let user = user_id.to_string();
    let scope = key.scope(&user, "bulk_tickets", &canonical);
    let (service, asked) = (&tickets, &context);
    let work = |_| async move {
        let how = Bulk { mode: body.mode, dry_run: body.dry_run, is_established };
        let items = body.items.into_iter().map(item).collect();
        let done = service.bulk(asked, user_id, how, items, &|| ()).await?;
        let results = done.into_iter().map(BulkResult::from).collect();
        Answer::json(StatusCode::OK, &BulkListingsResult { results })
    };
    once(tickets.idempotency(), &context, scope, work, Answer::as_it_is).await
}

/// Reads an item, as a request of its own would be read.
pub(super) fn item(value: Value) -> Item {
    let external_id = value.get("externalId").and_then(Value::as_str);
    let external_id = external_id.filter(|it| !it.is_empty()).map(ToOwned::to_owned);
    let asked = read_body::<BulkListing>(value);
    Item {
        external_id: asked.as_ref().map_or(external_id, |it| Some(it.external_id.clone())),
        asked,
    }
}

impl From<BulkError> for Problem {
    fn from(error: BulkError) -> Self {
        match error {
            BulkError::Nameless(position) => Self::invalid_field(
                "items",
                format!("entry {position}: externalId is required, or nothing can be replaced"),
            ),
            BulkError::Call(error) => error.into(),
            BulkError::Limits(error) => error.into(),
            BulkError::SellerDeleted => Self::new(Code::NotSignedIn),
            BulkError::Repository(error) => error.into(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(errors) => Self::invalid(errors),
            Refused::Limited(limited) => limited.into(),
            Refused::NotListed(error) => error.into(),
            Refused::NotChanged(error) => error.into(),
        }
    }
}

impl From<Done> for BulkResult {
    fn from(Done { external_id, id, outcome }: Done) -> Self {
        let (outcome, code, detail, errors) = match outcome {
            Ok(outcome) => (outcome, None, None, Vec::<FieldError>::new()),
            Err(refused) => {
                let body = Problem::from(refused).body("");
                (BulkOutcome::Refused, Some(body.code), Some(body.detail), body.errors)
            }
        };
        Self { external_id, outcome, id, code, detail, errors }
    }
}
