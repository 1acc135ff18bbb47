//! EVT-1: what the events of a charge have to say of its changes.

use stubmart_contract::{DomainEvent, api::ChargeStatus, event::ChargeState};
use stubmart_payments::charge::{Charge, Refund};
use uuid::Uuid;

use crate::check::{Checker, Violation};

type Checked = Result<(), Violation>;

fn broken(invariant: &'static str, documents: &[Uuid], text: String) -> Checked {
    Err(Violation { invariant, text, documents: documents.to_vec() })
}

impl Checker {
    /// EVT-1: each change of a charge has an event of its own.
    pub(crate) fn charge_published(
        before: Option<&Charge>,
        next: &Charge,
        events: &[DomainEvent],
    ) -> Checked {
        let (id, state) = (next.id, next.to_event());
        let told = |status: ChargeStatus| {
            events.iter().any(|event| match (event, status) {
                (DomainEvent::ChargeCreated(it), ChargeStatus::Created)
                | (DomainEvent::ChargeFailed(it), ChargeStatus::Failed)
                | (DomainEvent::ChargeCompleted(it), ChargeStatus::Completed) => *it == state,
                _ => false,
            })
        };
        let is_new = before.is_none_or(|before| before.status() != next.status());
        if is_new && !told(next.status()) {
            let text = format!("charge {id} is {:?} now, without an event", next.status());
            broken("EVT-1", &[id.0, next.order_id.0], text)?;
        }
        let count = |charge: &Charge, what: fn(&Refund) -> bool| {
            charge.refunds.iter().filter(|it| what(it)).count()
        };
        let more = |what| count(next, what) > before.map_or(0, |before| count(before, what));
        let told = |wanted: fn(&DomainEvent) -> Option<&ChargeState>| {
            events.iter().filter_map(wanted).any(|it| *it == state)
        };
        let told_refund = told(|event| match event {
            DomainEvent::ChargeRefunded(it) => Some(it),
            _ => None,
        });
        let told_failure = told(|event| match event {
            DomainEvent::ChargeRefundFailed(it) => Some(it),
            _ => None,
        });
        for (what, is_so, told) in [
            ("was refunded", more(Refund::stands), told_refund),
            ("has a refund that failed", more(Refund::has_failed), told_failure),
        ] {
            if is_so && !told {
                let text = format!("charge {id} {what}, without an event");
                broken("EVT-1", &[id.0, next.order_id.0], text)?;
            }
        }
        Ok(())
    }
}
