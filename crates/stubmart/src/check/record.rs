//! EVT-1: every committed change is published, no aggregate's versions have a gap, and what was
//! published was handled.

use std::collections::HashMap;

use stubmart_contract::Envelope;

use stubmart_ports::{Cause, bus::Event};
use stubmart_sqlite::snapshot::{Dead, Listed};
use uuid::Uuid;

use super::rules::Finding;
use crate::whole::Whole;

/// The collections whose every document has published something.
const PUBLISHING: &[&str] = &[
    "auth.user",
    "tickets.ticket",
    "orders.order",
    "payments.charge",
    "delivery.delivery",
    "delivery.claim",
];

/// Reads the whole record: what is broken, and how many events there are.
pub(crate) async fn audit(market: &Whole) -> Result<(Vec<Finding>, usize), Cause> {
    let (mut found, mut count) = (Vec::new(), 0);
    let mut last: HashMap<Uuid, u64> = HashMap::new();
    // Documents come first: an event that is saved meanwhile is not missed then.
    let documents = market.documents().await?;
    let see = |name: String, event: Event| {
        count += 1;
        match event {
            Ok(envelope) => found.extend(gap(&mut last, &envelope)),
            Err(error) => found.push(broken(format!("event {name}: {error}"))),
        }
    };
    market.record(see).await?;
    for document in documents {
        found.extend(unpublished(&document, last.remove(&document.id)));
    }
    let gone = last.into_keys().map(|id| format!("{id} has published events and is not stored"));
    found.extend(gone.map(broken));
    found.extend(market.dead().await?.into_iter().map(put_aside));
    Ok((found, count))
}

/// A version that does not follow the one before.
fn gap(last: &mut HashMap<Uuid, u64>, envelope: &Envelope) -> Option<Finding> {
    let before = last.insert(envelope.aggregate_id, envelope.version).unwrap_or(0);
    let id = envelope.aggregate_id;
    (envelope.version != before + 1).then(|| {
        broken(format!("the events of {id} go from version {before} to {}", envelope.version))
    })
}

/// A document that has published more, or less, than is on record.
fn unpublished(document: &Listed, last: Option<u64>) -> Option<Finding> {
    let Listed { collection, id, version } = document;
    match last {
        None if *version == 0 && PUBLISHING.contains(&collection.as_str()) => {
            Some(broken(format!("{collection} {id} was saved and never published")))
        }
        last if last.unwrap_or(0) != *version => Some(broken(format!(
            "{collection} {id} has published {version} events, and the last one on record is {}",
            last.unwrap_or(0)
        ))),
        _ => None,
    }
}

/// A delivery that waits for a human: nobody else will ever handle it.
fn put_aside(dead: Dead) -> Finding {
    let Dead { consumer, position, kind, reason } = dead;
    broken(format!("event {position} ({kind}) was put aside by {consumer}: {reason}"))
}

fn broken(text: String) -> Finding {
    Finding { invariant: "EVT-1", text, order: None, mended_by: &[] }
}
