//! What is done at the payment provider: by the services, by buyers, and by somebody at the dashboard. It
//! forgets idempotency keys after hours, and sends a notice of each change.

use std::{sync::Arc, time::Duration};

use stubmart_contract::{ChargeId, Price, RefundId, api::OrderStatus};
use stubmart_kernel::mark;
use stubmart_ports::gateway::{
    AuthoriseRequest, GatewayError, Payment, PaymentState, RefundRequest,
};
use stubmart_sandbox::payment::{Authorise, Command, NewRefund, Refusal, SlowBank};

use crate::{
    check::Violation,
    exec::{WORLD, lock},
    notices,
    provider::{Done, no_such_payment},
    world::World,
};

impl World {
    pub(crate) fn authorise(
        self: &Arc<Self>,
        request: &AuthoriseRequest,
    ) -> Result<Payment, GatewayError> {
        self.check(|checker| checker.asked(request));
        let now = self.now();
        let command = {
            let mut books = lock(&self.provider.books);
            let payment_id = format!("pi_{:016x}", books.random.draw());
            let secret = format!("{:016x}", books.random.draw());
            // The bank takes a while, and then agrees, mostly.
            let slow = Duration::from_secs(books.random.below(90));
            let slow_bank =
                SlowBank { decides_at: now.after(slow), approves: books.random.happens(800) };
            let (request, key_kept) = (request.clone(), self.scenario.key_kept);
            Command::Authorise(Authorise { request, payment_id, secret, slow_bank, key_kept })
        };
        let Done { payment, changed, .. } = self.apply_to(request.charge_id, None, &command)?;
        if changed && let Some(at) = self.provider.decides_at(request.charge_id) {
            let id = payment.id.clone();
            self.later(at.since(now), move |world| notices::tell(world, &id));
        }
        Ok(payment)
    }

    /// Does what is asked for a charge, and sends a notice of a change. The answer is about the payment
    /// with this id, or about the newest.
    fn apply_to(
        self: &Arc<Self>,
        charge_id: ChargeId,
        payment_id: Option<&str>,
        command: &Command,
    ) -> Result<Done, GatewayError> {
        let done = self.provider.write(charge_id, payment_id, command, self.now()).inspect_err(|refusal| {
            if *refusal == Refusal::KeyReused {
                let text = format!(
                    "the idempotency key of charge {charge_id} comes with two different requests"
                );
                let documents = vec![charge_id.0];
                self.violate(Violation { invariant: "PAY-2", text, documents });
            }
        })?;
        if done.changed {
            self.note(WORLD, "provider", "payment changed", charge_id.0);
            notices::tell(self, &done.payment.id);
        }
        Ok(done)
    }

    /// As [`Self::apply_to`], for a payment of which only the id is known.
    fn pay_step(
        self: &Arc<Self>,
        id: &str,
        command: impl FnOnce(String) -> Command,
    ) -> Result<Done, GatewayError> {
        let charge_id = self.provider.charge_of(id).ok_or_else(|| no_such_payment(id))?;
        self.apply_to(charge_id, Some(id), &command(id.to_owned()))
    }

    pub(crate) fn capture(
        self: &Arc<Self>,
        id: &str,
        by_human: bool,
    ) -> Result<PaymentState, GatewayError> {
        let done = self.pay_step(id, |payment_id| Command::Capture { payment_id })?;
        if done.changed {
            let charge_id = done.payment.charge_id;
            self.provider.count(charge_id, |moved| moved.captured += done.amount);
            if !by_human {
                self.check(|checker| checker.captured(charge_id, done.order_id));
            }
        }
        Ok(done.payment.state)
    }

    pub(crate) fn void(self: &Arc<Self>, id: &str) -> Result<PaymentState, GatewayError> {
        let done = self.pay_step(id, |payment_id| Command::Void { payment_id })?;
        Ok(done.payment.state)
    }

    pub(crate) fn refund(
        self: &Arc<Self>,
        asked: &RefundRequest,
    ) -> Result<PaymentState, GatewayError> {
        self.send_back(&asked.payment_id, Some((asked.refund_id, asked.amount)))
    }

    /// Gives money back: for a refund of ours, or at the dashboard all that is left. The first refund of a
    /// payment may bounce: the bank sends its money back.
    fn send_back(
        self: &Arc<Self>,
        id: &str,
        asked: Option<(RefundId, Price)>,
    ) -> Result<PaymentState, GatewayError> {
        let provider_id = format!("re_{:016x}", lock(&self.provider.books).random.draw());
        let before = self.provider.payment(id, self.now())?.state;
        let is_first = before == PaymentState::Captured { refunds: Vec::new() };
        let bounces = is_first && asked.is_some() && self.below(8) == 0;
        let bounces_at =
            bounces.then(|| self.now().after(self.time_below(Duration::from_secs(60))));
        let done = self.pay_step(id, |payment_id| {
            let (refund_id, amount) = asked.unzip();
            let id = provider_id;
            Command::Refund(NewRefund { payment_id, id, refund_id, amount, bounces_at })
        })?;
        if let (true, PaymentState::Captured { refunds }) = (done.changed, &done.payment.state) {
            let charge_id = done.payment.charge_id;
            let amount = refunds.last().map_or(0, |it| u64::from(it.amount.minor()));
            if bounces {
                mark!("the money of a refund came back");
            }
            let amount = if bounces { 0 } else { amount };
            let moved = self.provider.count(charge_id, |moved| moved.refunded += amount);
            let left = moved.captured.checked_sub(moved.refunded);
            self.check(|checker| checker.refunded(charge_id, done.order_id, left));
        }
        Ok(done.payment.state)
    }

    /// What a buyer does at the provider's form or at the bank's page. `method` is for a payment that
    /// has none yet.
    pub fn confirm(self: &Arc<Self>, client_secret: &str, method: &str, succeed: bool) {
        let id = client_secret.split("_secret_").next().unwrap_or_default();
        let payment_method = method.to_owned();
        let confirmed = self.pay_step(id, |payment_id| Command::Confirm {
            payment_id,
            payment_method,
            succeed,
        });
        drop(confirmed);
    }

    /// Somebody at the dashboard captures or cancels a payment that is held.
    pub fn meddle(self: &Arc<Self>) {
        let held = {
            let mut books = lock(&self.provider.books);
            let now = self.now();
            let records = books.payments.values().flat_map(|it| it.records(now));
            let held: Vec<_> = records.filter(|it| it.held > 0).map(|it| it.id).collect();
            let place = books.random.below(u64::try_from(held.len()).unwrap_or(0));
            held.into_iter().nth(usize::try_from(place).unwrap_or(0))
        };
        let Some(id) = held else { return };
        if self.below(2) == 0 {
            mark!("somebody captured a payment at the dashboard");
            drop(self.capture(&id, true));
            // They notice, and give it back by themselves when nothing is sold for it.
            self.later(self.time_below(Duration::from_secs(20)), move |world| {
                world.give_back_by_hand(&id);
            });
        } else {
            mark!("somebody cancelled a payment at the dashboard");
            drop(self.void(&id));
        }
    }

    /// Somebody at the dashboard refunds a payment whose order is cancelled.
    fn give_back_by_hand(self: &Arc<Self>, id: &str) {
        let records = self.provider.records(self.now());
        let order_id = records.into_iter().find(|it| it.id == id).map(|it| it.order_id);
        let status =
            order_id.and_then(|id| lock(&self.checker).orders.get(&id).map(|order| order.status));
        if status == Some(OrderStatus::Cancelled) {
            mark!("somebody refunded a payment at the dashboard");
            drop(self.send_back(id, None));
        }
    }

    /// Somebody at the dashboard captures everything that is held.
    pub fn capture_all(self: &Arc<Self>) {
        let ids: Vec<_> = lock(&self.provider.books).charges.keys().cloned().collect();
        for id in ids {
            drop(self.capture(&id, true));
        }
    }
}
