//! DELIVERY-1: what was sold is delivered, or the money is given back.

use stubmart_contract::api::{ClaimOutcome, DeliveryStatus, OrderStatus};
use stubmart_payments::charge::Charge;
use stubmart_ports::bus::Consumer;

use super::rules::{Alive, Finding, GRACE, Market, broken, mended_by, state};

/// They begin the delivery of what was sold.
static SALES: &[&Consumer] =
    &[&stubmart_delivery::inbound::SALES, &stubmart_tickets::inbound::ORDERS];

/// They give the money back of what was not delivered, and end the delivery of what was given back.
static UNDELIVERED: &[&Consumer] =
    &[&stubmart_payments::inbound::UNDELIVERED, &stubmart_delivery::inbound::REFUNDS];

/// They give the money back of what was claimed rightly.
static CLAIMS: &[&Consumer] = &[&stubmart_payments::inbound::CLAIMS];

/// DELIVERY-1: a completed order has one delivery, between its buyer and its seller and of its ticket; no other
/// order has one. What ends without the ticket ends with the money back, and nothing stays late unseen.
pub(crate) fn audit(market: &Market, alive: Alive, found: &mut Vec<Finding>) {
    for order in market.orders.values().filter(|order| order.status == OrderStatus::Completed) {
        let Some(delivery) = market.deliveries.get(&order.id) else {
            let text = format!("order {} is completed and not delivered by anybody", order.id);
            found.push(mended_by(SALES, order.id, "DELIVERY-1", text));
            continue;
        };
        let is_its_own = (delivery.buyer_id, delivery.seller_id, delivery.ticket_id)
            == (order.user_id, order.seller_id, order.ticket_id);
        if !is_its_own {
            let text = format!(
                "the delivery of order {} is between others, or of another ticket",
                order.id
            );
            found.push(broken("DELIVERY-1", text));
        }
        let charge = order.charge_id.and_then(|id| market.charges.get(&id));
        let is_given_back = charge.is_some_and(|it| it.left() == 0);
        let is_cancelled = delivery.status == DeliveryStatus::Cancelled;
        if is_cancelled && !is_given_back {
            let text = format!("order {} was not delivered, and its money is kept", order.id);
            found.push(mended_by(UNDELIVERED, order.id, "DELIVERY-1", text));
        }
        if !is_cancelled && charge.is_some_and(Charge::was_given_back) {
            let text =
                format!("the money of order {} was given back, and it is delivered", order.id);
            found.push(mended_by(UNDELIVERED, order.id, "DELIVERY-1", text));
        }
    }
    for delivery in market.deliveries.values() {
        let id = delivery.order_id;
        let order = market.orders.get(&id);
        if order.is_none_or(|it| it.status != OrderStatus::Completed) {
            let text = format!("order {id} is delivered, which {}", state(order));
            found.push(broken("DELIVERY-1", text));
        }
        match (delivery.due(), alive) {
            (None, _) if !delivery.has_ended() => found
                .push(broken("DELIVERY-1", format!("nobody watches the delivery of order {id}"))),
            (Some(due), Alive::At(now)) if now > due.after(GRACE) => found.push(broken(
                "DELIVERY-1",
                format!("the delivery of order {id} was to be looked at by {due}"),
            )),
            _ => {}
        }
    }
}

/// CLAIM-1: a claim is about a completed order, and made by its buyer; one that is decided for the buyer ends
/// with the money back, and no seller is waited for longer than they have.
pub(crate) fn audit_claims(market: &Market, alive: Alive, found: &mut Vec<Finding>) {
    for claim in &market.claims {
        let (id, order_id) = (claim.id, claim.order_id);
        let order = market.orders.get(&order_id);
        let completed = order.filter(|it| it.status == OrderStatus::Completed);
        let Some(order) = completed.filter(|it| it.user_id == claim.buyer_id) else {
            found.push(broken("CLAIM-1", format!("claim {id} is about no order of its buyer")));
            continue;
        };
        let charge = order.charge_id.and_then(|id| market.charges.get(&id));
        let is_given_back = charge.is_some_and(|it| it.left() == 0);
        if claim.outcome == Some(ClaimOutcome::Refund) && !is_given_back {
            let text = format!("claim {id} was decided for the buyer, and the money is kept");
            found.push(mended_by(CLAIMS, order_id, "CLAIM-1", text));
        }
        if let (Some(at), Alive::At(now)) = (claim.silent_at(), alive)
            && now > at.after(GRACE)
        {
            let text = format!("claim {id} was to be answered by {at}, and still waits");
            found.push(broken("CLAIM-1", text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use stubmart_contract::{
        ChargeId, ClaimId, Currency, OrderId, Price, TicketId, Timestamp, UserId,
        api::{ClaimKind, ClaimStatus, DeliveryKind, OrderTicket},
        fees::SaleFees,
    };
    use stubmart_delivery::{claim::Claim, delivery::Delivery};
    use stubmart_orders::order::Order;
    use stubmart_payments::charge::{Cause, Refund, RefundStage, Stage};
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);
    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn ticket() -> OrderTicket {
        let (title, seats) = ("Stalls".to_owned(), Vec::new());
        OrderTicket { title, event_id: None, section: None, row: None, seats, quantity: 1 }
    }

    /// A sale that is to be delivered.
    fn market() -> Market {
        let id = Uuid::from_u128;
        let (user_id, seller_id, ticket_id) = (UserId(id(1)), UserId(id(2)), TicketId(id(3)));
        let (order_id, charge_id, price) =
            (OrderId(id(4)), ChargeId(id(5)), Price::try_from(12_550).unwrap());
        let order = Order {
            id: order_id,
            user_id,
            seller_id,
            status: OrderStatus::Completed,
            ticket_id,
            price,
            fees: SaleFees::NONE,
            currency: Currency::USD,
            expires_at: NOW,
            cancel_reason: None,
            charge_id: Some(charge_id),
            leaving_at: None,
            ticket: ticket(),
            created_at: NOW,
            updated_at: NOW,
        };
        let charge = Charge {
            id: charge_id,
            order_id,
            user_id,
            attempt: 1,
            amount: price,
            currency: Currency::USD,
            payment_method: None,
            stage: Stage::Completed,
            payment_id: None,
            refunds: Vec::new(),
            due_at: None,
            claims: 0,
            created_at: NOW,
            updated_at: NOW,
        };
        let delivery = Delivery {
            order_id,
            ticket_id,
            buyer_id: user_id,
            seller_id,
            ticket: ticket(),
            kind: DeliveryKind::Transfer,
            status: DeliveryStatus::Pending,
            began_at: NOW,
            show: None,
            deliver_by: NOW.after(3 * DAY),
            is_reminded: false,
            is_awaited: false,
            sent_at: None,
            link: None,
            reference: None,
            file: None,
            opened: Vec::new(),
            cancel_reason: None,
            steps: Vec::new(),
        };
        Market {
            orders: HashMap::from([(order_id, order)]),
            charges: HashMap::from([(charge_id, charge)]),
            deliveries: HashMap::from([(order_id, delivery)]),
            ..Market::default()
        }
    }

    fn found(alive: Alive, change: impl FnOnce(&mut Market)) -> usize {
        let (mut market, mut found) = (market(), Vec::new());
        change(&mut market);
        audit(&market, alive, &mut found);
        found.len()
    }

    fn delivery(market: &mut Market) -> &mut Delivery {
        market.deliveries.values_mut().next().unwrap()
    }

    fn give_back(market: &mut Market) {
        let charge = market.charges.values_mut().next().unwrap();
        charge.refunds.push(Refund {
            id: Refund::id_at(charge.id, 0),
            amount: charge.amount,
            cause: Cause::Operator { reason: "late".to_owned(), key: None },
            stage: RefundStage::Succeeded,
            provider_id: Some("re_1".to_owned()),
            created_at: NOW,
            updated_at: NOW,
        });
    }

    #[test]
    fn a_sale_is_delivered_or_its_money_given_back() {
        let runs = Alive::At(NOW);
        assert_eq!(found(runs, |_| {}), 0);
        assert_eq!(found(runs, |it| it.deliveries.clear()), 1, "nobody delivers");
        assert_eq!(found(runs, |it| it.orders.clear()), 1, "nothing was sold");
        assert_eq!(found(runs, |it| delivery(it).buyer_id = UserId(Uuid::max())), 1, "to another");
        let cancelled = |it: &mut Market| delivery(it).status = DeliveryStatus::Cancelled;
        assert_eq!(found(runs, cancelled), 1, "the money is kept");
        assert_eq!(found(runs, give_back), 1, "it is given back and delivered");
        let both = |it: &mut Market| {
            cancelled(it);
            give_back(it);
        };
        assert_eq!(found(runs, both), 0);
    }

    /// What was decided for the buyer is paid back, and nobody waits for a silent seller.
    #[test]
    fn a_claim_ends_as_it_was_decided() {
        let claim = |market: &Market| {
            let order = market.orders.values().next().unwrap();
            Claim {
                id: ClaimId(Uuid::from_u128(9)),
                order_id: order.id,
                buyer_id: order.user_id,
                seller_id: order.seller_id,
                kind: ClaimKind::Invalid,
                status: ClaimStatus::Open,
                text: "It was red.".to_owned(),
                answer_by: NOW,
                answer: None,
                outcome: None,
                reason: None,
                created_at: NOW,
                updated_at: NOW,
            }
        };
        let found = |now: Timestamp, change: fn(&mut Claim), paid_back: bool| {
            let (mut market, mut found) = (market(), Vec::new());
            let mut claim = claim(&market);
            change(&mut claim);
            market.claims.push(claim);
            if paid_back {
                give_back(&mut market);
            }
            audit_claims(&market, Alive::At(now), &mut found);
            found.len()
        };
        let refund: fn(&mut Claim) =
            |it| (it.status, it.outcome) = (ClaimStatus::Decided, Some(ClaimOutcome::Refund));
        assert_eq!(found(NOW, |_| {}, false), 0);
        assert_eq!(found(NOW.after(DAY), |_| {}, false), 1, "the seller is silent");
        assert_eq!(found(NOW, refund, false), 1, "the money is kept");
        assert_eq!(found(NOW, refund, true), 0);
        assert_eq!(found(NOW, |it| it.buyer_id = UserId(Uuid::max()), false), 1, "a stranger's");
    }

    #[test]
    fn nobody_is_late_unseen() {
        let overdue = Alive::At(NOW.after(3 * DAY));
        assert_eq!(found(overdue, |_| {}), 1, "the seller was to be reminded");
        assert_eq!(found(Alive::AtLastOrder, |_| {}), 0, "when the services run again");
        assert_eq!(found(overdue, |it| delivery(it).status = DeliveryStatus::Accepted), 0);
    }
}
