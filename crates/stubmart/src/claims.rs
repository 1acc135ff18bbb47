//! `stubmart claim`: what buyers claim, and how it is decided.

use stubmart_contract::{
    Actor, ClaimId, Context, OrderId,
    api::{ClaimKind, ClaimOutcome, ClaimStatus},
};
use stubmart_delivery::claim::{CLAIMS, Claim, Refusal};
use stubmart_kernel::{ApplyError, worker::ShutdownTrigger};
use stubmart_ports::{Cause, host::Host};

use crate::{
    config::{Config, operator},
    engines::Opened,
    output,
    whole::Whole,
};

/// Prints the claims that are not decided, or all.
///
/// # Errors
/// The cause: there is no market, or it cannot be read.
pub(crate) async fn list(config: &Config, host: &Host, all: bool) -> Result<(), Cause> {
    let claims = stored(config, host).await?;
    let shown = claims.iter().filter(|it| all || it.status != ClaimStatus::Decided);
    let texts: Vec<String> = shown.map(describe).collect();
    if texts.is_empty() {
        return output::say("nothing is claimed");
    }
    output::say(&texts.join("\n"))
}

fn describe(claim: &Claim) -> String {
    let what = match claim.kind {
        ClaimKind::NotReceived => "it did not come",
        ClaimKind::Invalid => "it did not open the gate",
        ClaimKind::NotAsDescribed => "it was not what was offered",
        ClaimKind::Cancelled => "the event did not take place",
    };
    let stands = match (claim.status, claim.outcome) {
        (ClaimStatus::Open, _) => format!("the seller has until {}", claim.answer_by),
        (ClaimStatus::Answered, _) => "to be decided".to_owned(),
        (ClaimStatus::Decided, Some(ClaimOutcome::Refund)) => "decided: refund".to_owned(),
        (ClaimStatus::Decided, _) => "decided: rejected".to_owned(),
    };
    let Claim { id, order_id, created_at, text, answer, reason, .. } = claim;
    let mut lines = vec![
        format!("claim {id} of {created_at}, order {}: {what}; {stands}", order_id.number()),
        format!("  buyer: {text}"),
    ];
    lines.extend(answer.as_ref().map(|answer| format!("  seller: {answer}")));
    lines.extend(reason.as_ref().map(|reason| format!("  decided: {reason}")));
    lines.join("\n")
}

/// Decides a claim, and prints what became of it.
///
/// # Errors
/// The cause: there is no such claim, or it was decided otherwise before. Nothing happened, unless the store
/// failed.
pub(crate) async fn decide(
    config: &Config,
    host: Host,
    claim: &str,
    outcome: ClaimOutcome,
    reason: &str,
) -> Result<(), Cause> {
    let (id, number) = find(stored(config, &host).await?, claim)?;
    let opened = Opened::open(config, host).await?;
    let (_trigger, shutdown) = ShutdownTrigger::new();
    let market = opened.start_all(config, &shutdown).await?;
    let deliveries = market.service.deliveries.clone();
    let context = Context::of(Actor::Operator(operator()));
    let decided = deliveries.decide_claim(&context, id, outcome, reason).await;
    drop(market);
    opened.close().await?;
    match decided {
        Ok(_) if outcome == ClaimOutcome::Refund => {
            output::say(&format!("order {number}: the buyer gets the money back"))
        }
        Ok(_) => output::say(&format!("order {number}: the sale stands")),
        Err(ApplyError::Refused { refusal: Refusal::Decided(_), .. }) => {
            Err(format!("the claim about order {number} was decided otherwise before").into())
        }
        Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
            Err(format!("there is no claim {claim}").into())
        }
        Err(ApplyError::Repository(error)) => Err(error.into()),
    }
}

/// Every claim, the oldest first.
async fn stored(config: &Config, host: &Host) -> Result<Vec<Claim>, Cause> {
    let mut claims: Vec<Claim> = Whole::of(config, host).await?.all(&CLAIMS).await?;
    claims.sort_by_key(|it| it.created_at);
    Ok(claims)
}

/// The claim with this id, or about the order with this id or number.
fn find(claims: Vec<Claim>, text: &str) -> Result<(ClaimId, String), Cause> {
    let plain = |number: &str| number.replace('-', "").to_ascii_uppercase();
    let (id, order, number) =
        (text.parse::<ClaimId>().ok(), text.parse::<OrderId>().ok(), plain(text));
    let mut found = claims.into_iter().filter(|it| {
        Some(it.id) == id || Some(it.order_id) == order || plain(&it.order_id.number()) == number
    });
    match (found.next(), found.next()) {
        (Some(claim), None) => Ok((claim.id, claim.order_id.number())),
        (Some(_), Some(_)) => Err("two orders have this number: name the claim by its id".into()),
        (None, _) => Err(format!("there is no claim {text}").into()),
    }
}
