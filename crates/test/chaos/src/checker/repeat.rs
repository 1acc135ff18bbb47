//! What is asked twice with one idempotency key is done once.

use std::collections::HashMap;

use stubmart_contract::{Code, UserId};

use super::view::View;
use crate::{
    history::{Call, Outcome, Request},
    violation::Found,
};

pub(crate) fn check(view: &View<'_>, found: &mut Found) {
    same_answer(view, found);
    listed_once(view, found);
}

/// The same key gives the same answer, each time that it gives one.
fn same_answer(view: &View<'_>, found: &mut Found) {
    let mut answers: HashMap<(UserId, u8, &str), (String, &Call)> = HashMap::new();
    for call in &view.history.calls {
        let (Some(key), Some(answer)) = (&call.key, answer(&call.outcome)) else { continue };
        let operation = match call.request {
            Request::ListTicket { .. } => 0,
            Request::Order { .. } => 1,
            Request::Pay { .. } => 2,
            _ => continue,
        };
        let (first, other) =
            answers.entry((call.user, operation, key)).or_insert_with(|| (answer.clone(), call));
        if *first != answer {
            found.add("ONCE", format!("one key, two answers: {other:?} and {call:?}"));
        }
    }
}

/// What an answer says was done. "Not now" says nothing.
fn answer(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Tickets(_) => outcome.ticket().map(|it| it.id.to_string()),
        Outcome::Orders(_) => outcome.order().map(|it| it.id.to_string()),
        Outcome::Charges(charges) => charges.first().map(|it| it.id.to_string()),
        Outcome::Refused(Code::IdempotencyKeyInUse) => None,
        Outcome::Refused(code) if code.status() >= 500 => None,
        Outcome::Refused(code) => Some(code.to_string()),
        // A payment that was not decided yet may be answered otherwise when it is.
        Outcome::Pending(_) | Outcome::Done | Outcome::Unknown(_) | Outcome::Unreadable(_) => None,
    }
}

/// Each listing of a run has a title of its own: two tickets with one title are one listing done twice.
fn listed_once(view: &View<'_>, found: &mut Found) {
    let mut tickets = HashMap::new();
    for (id, sights) in &view.tickets {
        for seen in sights {
            let first = tickets.entry(&seen.doc.title).or_insert(*id);
            if first != id {
                found.add("ONCE", format!("tickets {first} and {id} are the same listing"));
                break;
            }
        }
    }
}
