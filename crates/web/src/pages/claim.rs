//! Claims: the page on which a buyer says what was wrong, and what both sides see of it.

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use stubmart_contract::{
    Code, OrderId,
    api::{AnswerClaimRequest, Claim, ClaimKind, ClaimOutcome, ClaimStatus, CreateClaimRequest},
};

use super::{id, keyed, mendable};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form},
    format::When,
    hold::Member,
    layout::Layout,
    visitor::Visitor,
};

/// A claim, as both sides see it.
pub(crate) struct ClaimView {
    /// Whether its reader made it; the other reader is the seller.
    pub(crate) is_mine: bool,
    pub(crate) what: &'static str,
    pub(crate) text: String,
    pub(crate) answer: Option<String>,
    /// Where it stands.
    pub(crate) stands: &'static str,
    pub(crate) reason: Option<String>,
    /// While the seller is to answer: by when.
    pub(crate) answer_by: Option<When>,
    pub(crate) made: When,
}

impl ClaimView {
    pub(crate) fn new(claim: &Claim, is_mine: bool) -> Self {
        let is_open = claim.status == ClaimStatus::Open;
        Self {
            is_mine,
            what: words(claim.kind),
            text: claim.text.clone(),
            answer: claim.answer.clone(),
            stands: match (claim.status, claim.outcome) {
                (ClaimStatus::Open, _) if is_mine => "We’ve asked the seller for their side.",
                (ClaimStatus::Open, _) => "Tell us your side.",
                (ClaimStatus::Answered, _) => "We’re looking at both sides and will decide soon.",
                (ClaimStatus::Decided, Some(ClaimOutcome::Refund)) => {
                    "We decided for the buyer, who gets all of the money back."
                }
                (ClaimStatus::Decided, _) => "We decided for the seller. The sale stands.",
            },
            reason: claim.reason.clone(),
            answer_by: is_open.then(|| When::utc(claim.answer_by)),
            made: When::utc(claim.created_at),
        }
    }
}

const KINDS: [(ClaimKind, &str); 4] = [
    (ClaimKind::NotReceived, "not_received"),
    (ClaimKind::Invalid, "invalid"),
    (ClaimKind::NotAsDescribed, "not_as_described"),
    (ClaimKind::Cancelled, "cancelled"),
];

const fn words(kind: ClaimKind) -> &'static str {
    match kind {
        ClaimKind::NotReceived => "The ticket didn’t come",
        ClaimKind::Invalid => "It didn’t get me in",
        ClaimKind::NotAsDescribed => "It wasn’t what I bought",
        ClaimKind::Cancelled => "The event didn’t take place",
    }
}

#[derive(Template)]
#[template(path = "claim.html")]
struct ClaimPage {
    layout: Layout,
    order_id: String,
    number: String,
    key: String,
    fields: Fields,
}

fn fields() -> Fields {
    let options = KINDS.map(|(kind, word)| (word.to_owned(), words(kind).to_owned()));
    let kind = Field { kind: "choice", ..Field::text("kind", "What went wrong?", 0) };
    let text = Field { kind: "textarea", ..Field::text("text", "What happened?", 2000) }.must();
    Fields::new(vec![
        Field { options: options.into(), ..kind }.must(),
        text.hint(
            "Say when and where, and what the staff told you. The seller will read this too.",
        ),
    ])
}

fn page(
    visitor: &Visitor,
    user: Member,
    order: OrderId,
    fields: Fields,
    status: StatusCode,
) -> Result<Response, Failure> {
    visitor.page_with(
        status,
        &ClaimPage {
            layout: visitor.layout(Some(user), "Report a problem"),
            order_id: order.to_string(),
            number: order.number(),
            key: visitor.site.form_key(),
            fields,
        },
    )
}

/// `GET /orders/{id}/claim`.
pub(crate) async fn claim(
    visitor: Visitor,
    Path(order): Path<String>,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let user = visitor.member().await?;
    // Only a buyer has this page.
    visitor.api().order(order).await?;
    page(&visitor, user, order, fields(), StatusCode::OK)
}

/// `POST /orders/{id}/claim`.
pub(crate) async fn make(
    visitor: Visitor,
    Path(order): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let back = format!("/orders/{order}");
    let mut fields = fields().keep(&form);
    let kind = KINDS.iter().find(|(_, word)| *word == form.get("kind")).map(|(kind, _)| *kind);
    if let Some(kind) = kind {
        let request = CreateClaimRequest { kind, text: form.get("text").to_owned() };
        match keyed(visitor.api(), &form).create_claim(order, &request).await {
            Ok(_) => return Ok(visitor.tell(&back, Word::Claimed)),
            Err(error) => match error.code() {
                Some(Code::ClaimExists) => return Ok(visitor.tell(&back, Word::ClaimExists)),
                Some(Code::ClaimsClosed) => return Ok(visitor.tell(&back, Word::ClaimsClosed)),
                _ => fields.refused(&*mendable(error)?, &[]),
            },
        }
    } else {
        fields.wrong("kind", "Choose what went wrong.");
    }
    let user = visitor.member().await?;
    page(&visitor, user, order, fields, StatusCode::BAD_REQUEST)
}

/// `POST /orders/{id}/claim/answer`: the seller's side.
pub(crate) async fn answer(
    visitor: Visitor,
    Path(order): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let order: OrderId = id(&order)?;
    let back = format!("/orders/{order}/deliver");
    let request = AnswerClaimRequest { text: form.get("text").to_owned() };
    if request.text.is_empty() {
        return Ok(visitor.tell(&back, Word::AnswerEmpty));
    }
    match visitor.api().answer_claim(order, &request).await {
        Ok(_) => Ok(visitor.tell(&back, Word::Answered)),
        Err(error) if error.code() == Some(Code::ClaimAnswered) => {
            Ok(visitor.tell(&back, Word::DeliveryMoved))
        }
        Err(error) => Err(error.into()),
    }
}
