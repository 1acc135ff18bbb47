//! What users do with orders: buy, pay, leave, and look at what became of them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use stubmart_contract::{
    OrderId, TicketId,
    api::{CancelReason, OrderStatus},
};
use stubmart_kernel::mark;
use stubmart_node::Service;
use stubmart_payments::charge::Stage;
use uuid::Uuid;

use super::{User, broken, items, pick};
use crate::{
    exec::{WORLD, lock},
    http::{Answer, Request},
    provider::{AUTHENTICATES, DECLINED, GOOD, SLOW, UNKNOWN},
};

impl User {
    pub(super) async fn buy(&mut self) {
        let ticket = {
            let board = lock(&self.board);
            let recent: Vec<_> = board.tickets.iter().rev().take(8).copied().collect();
            pick(&mut self.random, &recent)
        };
        let Some(ticket_id) = ticket else { return };
        if self.listings.contains(&ticket_id) && self.random.happens(900) {
            return;
        }
        self.check_out(ticket_id).await;
    }

    /// Has a place in a line: takes it when it is this user's turn, and gives it up now and then.
    pub(super) async fn wait_in_line(&mut self) {
        let Some(id) = pick(&mut self.random, &self.lines) else { return self.buy().await };
        let path = format!("/api/tickets/{id}/queue");
        if self.random.happens(150) {
            if let Some(answer) =
                self.send(Service::Tickets, Request::new("DELETE", &path), None).await
            {
                self.noticed(&answer);
            }
            return;
        }
        let Some(answer) = self.send(Service::Tickets, Request::new("GET", &path), None).await
        else {
            return;
        };
        self.noticed(&answer);
        if answer.body.get("turnUntil").is_some_and(|it| !it.is_null()) {
            mark!("somebody's turn in line has come");
            self.check_out(id).await;
        } else if answer.body.get("position").is_some_and(Value::is_null) {
            self.lines.retain(|it| *it != id);
        }
    }

    async fn check_out(&mut self, ticket_id: TicketId) {
        let body = json!({ "ticketId": ticket_id });
        let key = self.new_key();
        let request = Request::new("POST", "/api/orders").json(&body);
        let Some(answer) = self.send(Service::Orders, request, key.as_deref()).await else {
            return;
        };
        self.noticed(&answer);
        if answer.code() == "ticket_locked" {
            mark!("a second buyer met the lock");
        }
        if matches!(answer.code(), "ticket_locked" | "ticket_reserved") && self.random.happens(700)
        {
            let path = format!("/api/tickets/{ticket_id}/queue");
            let joined = self.send(Service::Tickets, Request::new("POST", &path), None).await;
            if joined.is_some_and(|joined| joined.status == 201) {
                self.lines.push(ticket_id);
            }
        }
        if answer.status != 201 {
            return;
        }
        let Some(id) = answer.id::<OrderId>("id") else {
            return broken(
                &self.world,
                "LOCK-1",
                &[],
                "an order was answered 201 without an id".to_owned(),
            );
        };
        self.is_my_order(&answer.body);
        if answer.id("ticketId") != Some(ticket_id) {
            let text = format!("an order for {ticket_id} was answered {}", answer.body);
            broken(&self.world, "LOCK-1", &[id.0, ticket_id.0], text);
        }
        self.orders.push(id);
        lock(&self.board).orders.push(id);
        if self.random.happens(700) {
            let think = Duration::from_millis(self.random.below(30_000));
            self.world.exec.sleep(think).await;
            self.pay(id).await;
        }
    }

    /// An order that is shown must be this user's, and ask what is stored.
    pub(super) fn is_my_order(&self, shown: &Value) {
        let text = |name: &str| shown.get(name).and_then(Value::as_str).unwrap_or_default();
        let amount = |name: &str| shown.get(name).and_then(Value::as_u64);
        let id: Option<OrderId> = text("id").parse().ok();
        let checker = lock(&self.world.checker);
        let stored = id.and_then(|id| checker.orders.get(&id));
        let is_so = stored.is_some_and(|order| {
            Some(order.user_id) == self.id
                && text("ticketId") == order.ticket_id.to_string()
                && amount("price") == Some(u64::from(order.price.minor()))
                && amount("total") == Some(u64::from(order.breakdown().total.minor()))
        });
        if !is_so {
            let text = format!("shown is the order {shown}, stored is {stored:?}");
            drop(checker);
            broken(&self.world, "AUTH-1", &[id.map_or(Uuid::nil(), |id| id.0)], text);
        }
    }

    pub(super) async fn pay_some(&mut self) {
        let Some(id) = self.recent_order() else { return };
        self.pay(id).await;
    }

    fn recent_order(&mut self) -> Option<OrderId> {
        let recent: Vec<_> = self.orders.iter().rev().take(4).copied().collect();
        pick(&mut self.random, &recent)
    }

    /// Pays around the time when the checkout runs out.
    pub(super) async fn pay_late(&mut self) {
        let Some(id) = self.recent_order() else { return };
        let expires = lock(&self.world.checker).orders.get(&id).map(|order| order.expires_at);
        let left = expires.map_or(Duration::ZERO, |at| at.since(self.world.now()));
        let early = Duration::from_millis(self.random.below(100));
        self.world.exec.sleep(left.saturating_sub(early)).await;
        self.pay(id).await;
    }

    async fn pay(&mut self, id: OrderId) {
        let method = match self.random.below(100) {
            0..52 => GOOD,
            52..66 => DECLINED,
            66..78 => AUTHENTICATES,
            78..87 => SLOW,
            87..91 => UNKNOWN,
            _ => return self.pay_in_browser(id).await,
        };
        let body = json!({ "orderId": id, "paymentMethod": method });
        let request = Request::new("POST", "/api/payments").json(&body);
        if self.random.happens(150) {
            // Pays twice at once.
            let again = request.clone().by(self.token.as_deref());
            let (world, delay) =
                (Arc::clone(&self.world), Duration::from_micros(self.random.below(20_000)));
            world.exec.clone().spawn(WORLD, async move {
                world.exec.sleep(delay).await;
                drop(world.request(Service::Payments, again).await);
            });
        }
        let key = self.new_key();
        let Some(answer) = self.send(Service::Payments, request, key.as_deref()).await else {
            return;
        };
        self.noticed(&answer);
        self.paid(id, &answer);
        let secret = answer.body.pointer("/nextAction/clientSecret").and_then(Value::as_str);
        if let Some(secret) = secret {
            self.confirm(secret.to_owned()).await;
        }
        // A buyer who does not know whether it worked does not always wait.
        if answer.status == 202 && self.random.happens(300) {
            self.leave_it(id).await;
        }
    }

    async fn pay_in_browser(&mut self, id: OrderId) {
        let request = Request::new("POST", "/api/payments/intents").json(&json!({ "orderId": id }));
        let Some(answer) = self.send(Service::Payments, request, None).await else { return };
        self.noticed(&answer);
        if answer.status == 201 {
            self.confirm(answer.text("clientSecret").to_owned()).await;
            if self.random.happens(300) {
                self.leave_it(id).await;
            }
        }
    }

    /// Does what the provider's form or the bank asks for, mostly.
    async fn confirm(&mut self, secret: String) {
        let think = Duration::from_millis(self.random.below(60_000));
        self.world.exec.sleep(think).await;
        if self.random.happens(850) {
            let succeed = self.random.happens(800);
            self.world.confirm(&secret, GOOD, succeed);
        }
    }

    /// What a payment was answered must be so.
    fn paid(&self, id: OrderId, answer: &Answer) {
        let checker = lock(&self.world.checker);
        let order = checker.orders.get(&id);
        let wrong = match (answer.status, answer.code()) {
            (201, _) => {
                let charge = answer.id("id").and_then(|id| checker.charges.get(&id));
                charge.is_none_or(|charge| charge.stage != Stage::Completed)
            }
            (409, "order_expired") => {
                mark!("a payment came after its checkout had expired");
                order.is_none_or(|order| order.cancel_reason != Some(CancelReason::Expired))
            }
            (409, "order_cancelled") => {
                order.is_none_or(|order| order.status == OrderStatus::Completed)
            }
            // The charge that took the money is ahead of its order, which follows by an event.
            (409, "order_completed") => !checker
                .charges
                .values()
                .any(|charge| charge.order_id == id && charge.stage == Stage::Completed),
            _ => false,
        };
        if wrong {
            let text = format!(
                "paying for order {id} was answered {} {}, and the order is {:?}",
                answer.status,
                answer.code(),
                order.map(|order| order.status)
            );
            drop(checker);
            broken(&self.world, "PAY-1", &[id.0], text);
        }
    }

    pub(super) async fn leave(&mut self) {
        let Some(id) = self.recent_order() else { return };
        self.leave_it(id).await;
    }

    async fn leave_it(&mut self, id: OrderId) {
        let request = Request::new("DELETE", format!("/api/orders/{id}"));
        let Some(answer) = self.send(Service::Orders, request, None).await else { return };
        self.noticed(&answer);
        let status = lock(&self.world.checker).orders.get(&id).map(|order| order.status);
        if answer.code() == "payment_in_progress" {
            mark!("leaving met a payment in progress");
        }
        if answer.status == 200 && status != Some(OrderStatus::Cancelled) {
            let text = format!("leaving order {id} was answered 200, and it is {status:?}");
            broken(&self.world, "PAY-3", &[id.0], text);
        }
    }

    /// Closes the page, and comes back or not.
    pub(super) async fn close(&mut self) {
        let Some(id) = self.recent_order() else { return };
        let request = Request::new("POST", format!("/api/orders/{id}/leave"));
        if let Some(answer) = self.send(Service::Orders, request, None).await {
            self.noticed(&answer);
        }
        if self.random.happens(500) {
            let away = Duration::from_millis(self.random.below(40_000));
            self.world.exec.sleep(away).await;
            self.look_at(id).await;
        }
    }

    pub(super) async fn look(&mut self) {
        let Some(id) = self.recent_order() else { return };
        self.look_at(id).await;
        let request = Request::new("GET", format!("/api/payments?orderId={id}"));
        if let Some(answer) = self.send(Service::Payments, request, None).await {
            self.noticed(&answer);
            for shown in items(&answer) {
                let charge = shown.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
                let checker = lock(&self.world.checker);
                let stored = charge.and_then(|id| checker.charges.get(&id));
                let is_so = stored.is_some_and(|charge| charge.order_id == id);
                drop(checker);
                if !is_so {
                    let text = format!("shown among the charges of order {id} is {shown}");
                    broken(&self.world, "AUTH-1", &[id.0], text);
                }
            }
        }
    }

    async fn look_at(&mut self, id: OrderId) {
        let request = Request::new("GET", format!("/api/orders/{id}"));
        let Some(answer) = self.send(Service::Orders, request, None).await else { return };
        self.noticed(&answer);
        if answer.status == 200 {
            self.is_my_order(&answer.body);
        }
        if answer.status == 404 {
            broken(
                &self.world,
                "LOCK-1",
                &[id.0],
                format!("order {id} was answered 201 and is not found"),
            );
        }
    }
}
