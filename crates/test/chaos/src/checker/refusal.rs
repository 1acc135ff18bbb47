//! A refusal has a reason: a ticket is only locked or sold to somebody who asked for it, and no call is
//! answered with a code that it cannot have earned, or with what is no answer of the API.

use stubmart_contract::{Code, TicketId};

use super::view::View;
use crate::{
    history::{Call, Outcome, Request},
    violation::Found,
};

pub(crate) fn check(view: &View<'_>, found: &mut Found) {
    for call in &view.history.calls {
        if let Outcome::Unreadable(_) = call.outcome {
            found.add("ANSWER", format!("not as the contract says: {call:?}"));
        }
        let Outcome::Refused(code) = &call.outcome else { continue };
        let is_fault = *code == Code::Unavailable || *code == Code::PaymentProviderUnavailable;
        if is_fault && view.history.faults {
            continue;
        }
        if !is_possible(&call.request, *code) {
            found.add("ANSWER", format!("nothing in the run explains {call:?}"));
        }
        let (Request::Order { ticket }
        | Request::EditPrice { ticket, .. }
        | Request::Withdraw { ticket }) = &call.request
        else {
            continue;
        };
        let is_explained = match code {
            Code::TicketLocked => was_asked_for(view, *ticket, call),
            Code::TicketSold => was_paid_for(view, *ticket, call),
            Code::NotFound | Code::TicketWithdrawn => was_withdrawn(view, *ticket, call),
            _ => true,
        };
        if !is_explained {
            found.add("ANSWER", format!("nobody gave a reason for {call:?}"));
        }
    }
}

/// Whether the call can be refused so at all.
fn is_possible(request: &Request, code: Code) -> bool {
    let is_keyed =
        matches!(request, Request::ListTicket { .. } | Request::Order { .. } | Request::Pay { .. });
    if code == Code::IdempotencyKeyInUse {
        return is_keyed;
    }
    match request {
        Request::Order { .. } => matches!(
            code,
            // Expired: asked again with its key, long after.
            Code::TicketLocked | Code::TicketSold | Code::NotFound | Code::OrderExpired
        ),
        Request::EditPrice { .. } | Request::Withdraw { .. } => {
            matches!(code, Code::TicketLocked | Code::TicketSold | Code::TicketWithdrawn)
        }
        Request::Leave { .. } => matches!(code, Code::PaymentInProgress | Code::OrderCompleted),
        Request::Pay { .. } => matches!(
            code,
            Code::CardDeclined
                | Code::OrderExpired
                | Code::OrderCancelled
                | Code::OrderCompleted
                | Code::PaymentInProgress
        ),
        Request::ListTicket { .. }
        | Request::ClosePage { .. }
        | Request::ReadTicket { .. }
        | Request::ReadOrder { .. }
        | Request::ReadCharges { .. }
        | Request::ReadList => false,
    }
}

/// Whether somebody else had asked for the ticket before this call was answered.
fn was_asked_for(view: &View<'_>, ticket: TicketId, refused: &Call) -> bool {
    view.calls_of_ticket(ticket).any(|call| {
        matches!(call.request, Request::Order { .. })
            && call.start < refused.end
            && !(call.outcome.is_known() && matches!(call.outcome, Outcome::Refused(_)))
    })
}

/// Whether somebody had tried to pay for an order of the ticket before this call was answered.
fn was_paid_for(view: &View<'_>, ticket: TicketId, refused: &Call) -> bool {
    let orders = view.orders_of.get(&ticket).into_iter().flatten();
    orders.into_iter().any(|order| {
        view.calls_of_order(*order)
            .any(|call| matches!(call.request, Request::Pay { .. }) && call.start < refused.end)
    })
}

/// Whether the seller had tried to withdraw the ticket before this call was answered.
fn was_withdrawn(view: &View<'_>, ticket: TicketId, refused: &Call) -> bool {
    view.calls_of_ticket(ticket)
        .any(|call| matches!(call.request, Request::Withdraw { .. }) && call.start < refused.end)
}
