//! EVT-1: every committed change is published, and no aggregate's versions have a gap.

use std::collections::HashMap;

use stubmart_contract::Envelope;
use stubmart_ports::{Cause, store::Store as _};
use uuid::Uuid;

use super::{
    rules::{Finding, Market},
    stored::Stored,
};

/// How many events are read at once.
const BATCH: usize = 5_000;

/// Reads the whole record of every service that publishes: what is broken, and how many events there are.
pub(crate) async fn audit(
    stored: &Stored,
    market: &Market,
) -> Result<(Vec<Finding>, usize), Cause> {
    let (mut found, mut count) = (Vec::new(), 0);
    let mut last: HashMap<Uuid, u64> = HashMap::new();
    for service in ["auth", "tickets", "orders", "payments"] {
        let mut after = 0;
        loop {
            let batch = stored.database.store().record(service, after, BATCH).await?;
            let Some(newest) = batch.last() else { break };
            after = newest.position;
            count += batch.len();
            for recorded in &batch {
                match Envelope::decode(&recorded.event.body) {
                    Ok(envelope) => found.extend(gap(&mut last, &envelope)),
                    Err(error) => found.push(broken(format!(
                        "event {} can not be read: {error}",
                        recorded.event.id
                    ))),
                }
            }
        }
    }
    let documents = market.tickets.keys().map(|id| id.0).chain(market.orders.keys().map(|id| id.0));
    for id in documents.chain(market.charges.keys().map(|id| id.0)) {
        if !last.contains_key(&id) {
            found.push(broken(format!("document {id} was saved and never published")));
        }
    }
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

fn broken(text: String) -> Finding {
    Finding { invariant: "EVT-1", text, mended_by: &[] }
}
