//! The emulator's payments, its idempotency table and its events.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use stubmart_contract::{ChargeId, Currency, OrderId, Price, RefundId, Timestamp};
use stubmart_kernel::aggregate::{Aggregate as _, Decision};
use stubmart_ports::{gateway::AuthoriseRequest, host::Host};
use uuid::Uuid;

use super::{
    answer::{Answer, Error, VERSION},
    form::Form,
    intent::{Charge, Expand, Intent, Refund, card_error},
};
use crate::{
    KEY_KEPT, SLOW,
    payment::{Authorise, Command, NewRefund, SandboxPayment, SlowBank, Status},
};

/// The smallest amount, in most currencies (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>).
const AMOUNT_MIN: i64 = 50;

/// What a request with an idempotency key came to.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// The request's method, path and form.
    pub(super) request: String,
    pub(super) answer: Answer,
    pub(super) at: Timestamp,
}

/// The state of the account.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// By id; ids that are made later sort later.
    pub(super) intents: BTreeMap<String, Intent>,
    pub(super) keys: HashMap<String, Kept>,
    /// Oldest first.
    pub(super) events: Vec<Value>,
    /// Requests as they came: method, path with query, and form; and how each was answered.
    pub(super) exchanges: Vec<([String; 3], Answer)>,
}

/// Who asks, and when.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    pub(super) host: &'a Host,
    /// Where the emulator is.
    pub(super) base: &'a str,
    pub(super) request_id: &'a str,
    pub(super) key: Option<&'a str>,
}

impl Asked<'_> {
    fn now(&self) -> Timestamp {
        self.host.now()
    }

    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}", self.host.uuid().simple())
    }

    fn slow_bank(&self) -> SlowBank {
        SlowBank { decides_at: self.now().after(SLOW), approves: true }
    }
}

pub(super) type Answered = Result<Answer, Error>;

impl Books {
    /// `POST /v1/payment_intents`.
    pub(super) fn create(&mut self, form: &Form, asked: &Asked<'_>) -> Answered {
        let amount = form.number("amount")?.ok_or_else(|| Error::missing("amount"))?;
        if amount < AMOUNT_MIN {
            let message = "Amount must convert to at least 50 cents.";
            return Err(Error::invalid("amount_too_small", Some("amount"), message));
        }
        let too_large = "Amount must be no more than 1,000,000.00.";
        let amount = Price::try_from(amount)
            .map_err(|_| Error::invalid("amount_too_large", Some("amount"), too_large))?;
        let currency = form.required("currency")?;
        let currency: Currency = currency.parse().map_err(|_| {
            Error::invalid("parameter_invalid_string", Some("currency"), "Invalid currency")
        })?;
        if form.get("capture_method") != Some("manual") {
            let message = "this emulator captures by hand alone";
            return Err(Error::invalid("parameter_invalid", Some("capture_method"), message));
        }
        let metadata = form.metadata();
        let id_of = |name: &str| metadata.get(name).and_then(|id| Uuid::try_parse(id).ok());
        let method = form.get("payment_method");
        let confirm = form.get("confirm") == Some("true");
        if confirm && method.is_none() {
            return Err(Error::missing("payment_method"));
        }
        let authorise = Command::Authorise(Authorise {
            request: AuthoriseRequest {
                charge_id: ChargeId(id_of("charge_id").unwrap_or_default()),
                order_id: OrderId(id_of("order_id").unwrap_or_default()),
                amount,
                currency,
                payment_method: method.filter(|_| confirm).map(ToOwned::to_owned),
            },
            payment_id: asked.id("pi"),
            secret: String::new(),
            slow_bank: asked.slow_bank(),
            key_kept: KEY_KEPT,
        });
        let decided = SandboxPayment::decide(None, &authorise, asked.now())?;
        let Decision::Changed { state: payment, .. } = decided else {
            return Err(Error::invalid("parameter_invalid", None, "nothing was made"));
        };
        let id = payment.id.clone();
        let secret = asked.host.ids.secret().map(|byte| format!("{byte:02x}")).concat();
        let intent = Intent {
            client_secret: format!("{id}_secret_{secret}"),
            unconfirmed: method.filter(|_| !confirm).map(ToOwned::to_owned),
            metadata,
            transfer_group: form.get("transfer_group").map(ToOwned::to_owned),
            return_url: form.get("return_url").map(ToOwned::to_owned),
            charges: Vec::new(),
            refunds: Vec::new(),
            canceled_at: None,
            cancellation_reason: None,
            payment,
        };
        self.intents.insert(id.clone(), intent);
        self.announce(&id, &["payment_intent.created"], asked);
        self.follow(&id, None, asked);
        self.answer_intent(&id, form, confirm, asked)
    }

    /// `POST /v1/payment_intents/{intent}/{action}`.
    pub(super) fn act(
        &mut self,
        id: &str,
        action: &str,
        form: &Form,
        asked: &Asked<'_>,
    ) -> Answered {
        let (command, confirms) = match action {
            "capture" => {
                let part = form.number("amount_to_capture")?;
                if part.is_some_and(|part| part != self.intent(id).map_or(part, Intent::amount)) {
                    let message = "this emulator captures the whole alone";
                    return Err(Error::invalid(
                        "parameter_invalid",
                        Some("amount_to_capture"),
                        message,
                    ));
                }
                (Command::Capture { payment_id: id.to_owned() }, false)
            }
            "cancel" => (Command::Void { payment_id: id.to_owned() }, false),
            _ => {
                let intent = self.intent(id)?;
                let known = form.get("payment_method").or(intent.unconfirmed.as_deref());
                let payment_method =
                    known.ok_or_else(|| Error::missing("payment_method"))?.to_owned();
                let slow_bank = asked.slow_bank();
                (Command::Enter { payment_id: id.to_owned(), payment_method, slow_bank }, true)
            }
        };
        let return_url = form.get("return_url").map(ToOwned::to_owned);
        if !self.apply(id, &command, asked)? {
            let status = self.intent(id)?.status(asked.now());
            let message = format!(
                "This PaymentIntent could not be used for {action} because it has a status of {status}."
            );
            return Err(Error::unexpected_state("payment_intent_unexpected_state", &message));
        }
        if let Some(intent) = self.intents.get_mut(id) {
            intent.return_url = return_url.or_else(|| intent.return_url.take());
            intent.cancellation_reason = form.get("cancellation_reason").map(ToOwned::to_owned);
        }
        self.answer_intent(id, form, confirms, asked)
    }

    /// What the buyer does at the bank's page.
    pub(super) fn authenticate(
        &mut self,
        id: &str,
        succeed: bool,
        asked: &Asked<'_>,
    ) -> Result<(), Error> {
        let command = Command::Authenticate { payment_id: id.to_owned(), succeed };
        self.apply(id, &command, asked).map(|_| ())
    }

    /// What the buyer does at the form in the browser; authentication is left to the bank's page.
    pub(super) fn enter(
        &mut self,
        id: &str,
        payment_method: &str,
        asked: &Asked<'_>,
    ) -> Result<(), Error> {
        let (payment_id, payment_method) = (id.to_owned(), payment_method.to_owned());
        let slow_bank = asked.slow_bank();
        let command = Command::Enter { payment_id, payment_method, slow_bank };
        self.apply(id, &command, asked).map(|_| ())
    }

    /// `POST /v1/refunds`.
    pub(super) fn refund(&mut self, form: &Form, asked: &Asked<'_>) -> Answered {
        let by_charge = |charge: &str| {
            let has_it = |it: &&Intent| it.charges.iter().any(|it| it.id == charge);
            self.intents.values().find(has_it).map(|it| it.payment.id.clone())
        };
        let id = match (form.get("payment_intent"), form.get("charge")) {
            (Some(id), _) => id.to_owned(),
            (None, Some(charge)) => {
                by_charge(charge).ok_or_else(|| Error::no_such("charge", charge))?
            }
            (None, None) => return Err(Error::missing("payment_intent")),
        };
        let intent = self.intent(&id)?;
        let left = intent.kept(asked.now());
        let amount = form.number("amount")?.unwrap_or(left);
        if !matches!(intent.payment.status, Status::Succeeded { .. }) {
            let message = "This PaymentIntent does not have a successful charge to refund.";
            return Err(Error::unexpected_state("payment_intent_unexpected_state", message));
        }
        if left == 0 {
            let message = "Charge has already been refunded.";
            return Err(Error::unexpected_state("charge_already_refunded", message));
        }
        if !(1..=left).contains(&amount) {
            let message = "Refund amount is greater than unrefunded amount on charge";
            return Err(Error::invalid("amount_too_large", Some("amount"), message));
        }
        let metadata = form.metadata();
        let refund_id = metadata.get("refund_id").and_then(|id| Uuid::try_parse(id).ok());
        let new = NewRefund {
            payment_id: id.clone(),
            id: asked.id("re"),
            refund_id: refund_id.map(RefundId),
            amount: Price::try_from(amount).ok(),
            bounces_at: None,
        };
        let refund = Refund {
            id: new.id.clone(),
            at: asked.now(),
            amount,
            reason: form.get("reason").map(ToOwned::to_owned),
            metadata,
        };
        self.change_refund(
            &id,
            &Command::Refund(new),
            |intent| intent.refunds.push(refund),
            asked,
        )?;
        let intent = self.intent(&id)?;
        let body = intent.refunds.last().map(|it| intent.refund_json(it, asked.now()));
        self.announce(&id, &["refund.created", "charge.refunded"], asked);
        Ok(Answer::ok(body.unwrap_or_default()))
    }

    /// The money of a payment's last refund did not reach the buyer.
    pub(super) fn fail_refund(&mut self, id: &str, asked: &Asked<'_>) -> Result<(), Error> {
        let last = self.intent(id)?.refunds.last().map(|it| it.id.clone());
        let last = last.ok_or_else(|| Error::no_such("refund", id))?;
        let command = Command::FailRefund { payment_id: id.to_owned(), id: last };
        self.change_refund(id, &command, |_| {}, asked)?;
        self.announce(id, &["refund.failed", "refund.updated"], asked);
        Ok(())
    }

    /// Has the sandbox's model decide about a refund. What comes of it is announced by the caller.
    fn change_refund(
        &mut self,
        id: &str,
        command: &Command,
        then: impl FnOnce(&mut Intent),
        asked: &Asked<'_>,
    ) -> Result<(), Error> {
        let intent =
            self.intents.get_mut(id).ok_or_else(|| Error::no_such("payment_intent", id))?;
        match SandboxPayment::decide(Some(&intent.payment), command, asked.now())? {
            Decision::Changed { state, .. } => {
                intent.payment = state;
                then(intent);
                Ok(())
            }
            Decision::Unchanged => {
                let message = "This refund is not in a state in which this can be done.";
                Err(Error::unexpected_state("charge_already_refunded", message))
            }
        }
    }

    /// An event was taken by its endpoint.
    pub(super) fn delivered(&mut self, id: Option<&Value>) {
        let event = self.events.iter_mut().find(|event| event.get("id") == id);
        if let Some(pending) = event.and_then(|event| event.get_mut("pending_webhooks")) {
            *pending = Value::from(0);
        }
    }

    pub(super) fn intent(&self, id: &str) -> Result<&Intent, Error> {
        self.intents.get(id).ok_or_else(|| Error::no_such("payment_intent", id))
    }

    /// Has the sandbox's model decide; whether anything changed.
    fn apply(&mut self, id: &str, command: &Command, asked: &Asked<'_>) -> Result<bool, Error> {
        let intent =
            self.intents.get_mut(id).ok_or_else(|| Error::no_such("payment_intent", id))?;
        let before = intent.payment.status_at(asked.now());
        let after = SandboxPayment::decide(Some(&intent.payment), command, asked.now())?;
        let Decision::Changed { state, .. } = after else { return Ok(false) };
        intent.payment = state;
        intent.unconfirmed = None;
        self.follow(id, Some(&before), asked);
        Ok(true)
    }

    /// Books what a change of status brings along, and announces it.
    fn follow(&mut self, id: &str, before: Option<&Status>, asked: &Asked<'_>) {
        let (charge_id, now) = (asked.id("ch"), asked.now());
        let Some(intent) = self.intents.get_mut(id) else { return };
        let charge = |error| Charge { id: charge_id, at: now, error };
        let kinds: &[&'static str] = match &intent.payment.status {
            Status::RequiresPaymentMethod { error: None } => &[],
            Status::RequiresPaymentMethod { error: Some(error) }
                if error.code == "payment_intent_authentication_failure" =>
            {
                &["payment_intent.payment_failed"]
            }
            Status::RequiresPaymentMethod { error: Some(error) } => {
                intent.charges.push(charge(Some(error.clone())));
                &["charge.failed", "payment_intent.payment_failed"]
            }
            Status::RequiresAction => &["payment_intent.requires_action"],
            Status::Processing(_) => {
                intent.charges.push(charge(None));
                &["payment_intent.processing"]
            }
            Status::RequiresCapture => {
                intent.charges.push(charge(None));
                &["charge.succeeded", "payment_intent.amount_capturable_updated"]
            }
            Status::Succeeded { .. } => &["charge.captured", "payment_intent.succeeded"],
            Status::Canceled => {
                intent.canceled_at = Some(now);
                if before == Some(&Status::RequiresCapture) {
                    &["charge.refunded", "payment_intent.canceled"]
                } else {
                    &["payment_intent.canceled"]
                }
            }
        };
        self.announce(id, kinds, asked);
    }

    fn announce(&mut self, id: &str, kinds: &[&'static str], asked: &Asked<'_>) {
        let Some(intent) = self.intents.get(id) else { return };
        let now = asked.now();
        for kind in kinds {
            let charge = intent.charges.last();
            let object = match kind.split('.').next() {
                Some("charge") => charge.map(|it| intent.charge_json(it, true, now)),
                Some("refund") => intent.refunds.last().map(|it| intent.refund_json(it, now)),
                _ => Some(intent.to_json(Expand::default(), asked.base, now)),
            };
            self.events.push(json!({
                "id": asked.id("evt"),
                "object": "event",
                "api_version": VERSION,
                "created": now.millis().div_euclid(1000),
                "data": { "object": object },
                "livemode": false,
                "pending_webhooks": 1,
                "request": { "id": asked.request_id, "idempotency_key": asked.key },
                "type": kind,
            }));
        }
    }

    /// The payment as an answer; a card that was declined by this very request is an error.
    fn answer_intent(&self, id: &str, form: &Form, confirms: bool, asked: &Asked<'_>) -> Answered {
        let intent = self.intent(id)?;
        let body = intent.to_json(expand(form, ""), asked.base, asked.now());
        let Status::RequiresPaymentMethod { error: Some(decline) } = &intent.payment.status else {
            return Ok(Answer::ok(body));
        };
        if !confirms {
            return Ok(Answer::ok(body));
        }
        let mut error = card_error(decline);
        let charge = intent.charges.last().map_or(Value::Null, |it| it.id.clone().into());
        error.insert("charge".to_owned(), charge);
        error.insert("payment_intent".to_owned(), body);
        let answer = Answer { status: 402, body: json!({ "error": error }) };
        Err(Error { answer, is_kept: true })
    }

    /// `GET /v1/payment_intents/{intent}`.
    pub(super) fn retrieve(&self, id: &str, form: &Form, asked: &Asked<'_>) -> Answered {
        Ok(Answer::ok(self.intent(id)?.to_json(expand(form, ""), asked.base, asked.now())))
    }

    /// `GET /v1/payment_intents`, `/v1/charges`, `/v1/events`.
    pub(super) fn list(&self, what: &str, form: &Form, asked: &Asked<'_>) -> Answered {
        let now = asked.now();
        let intents = self.intents.values().rev();
        let objects: Vec<Value> = match what {
            "payment_intents" => {
                let expand = expand(form, "data.");
                intents.map(|it| it.to_json(expand, asked.base, now)).collect()
            }
            "charges" => {
                let group = form.get("transfer_group");
                let of = form.get("payment_intent");
                let chosen = intents.filter(|it| {
                    group.is_none_or(|group| it.transfer_group.as_deref() == Some(group))
                        && of.is_none_or(|id| it.payment.id == id)
                });
                let charges = chosen.flat_map(|it| {
                    it.charges.iter().rev().map(move |charge| it.charge_json(charge, false, now))
                });
                charges.collect()
            }
            _ => {
                let kinds: Vec<&str> = form.all("types[").collect();
                let since = form.number("created[gte]")?.unwrap_or_default();
                let pending = form.get("delivery_success").map(|success| success == "false");
                let chosen = self.events.iter().rev().filter(|event| {
                    let kind = event["type"].as_str().unwrap_or_default();
                    let is_pending = event["pending_webhooks"] != 0;
                    (kinds.is_empty() || kinds.contains(&kind))
                        && pending.is_none_or(|pending| pending == is_pending)
                        && event["created"].as_i64().is_some_and(|at| at >= since)
                });
                chosen.cloned().collect()
            }
        };
        page(what, objects, form)
    }
}

/// A page of a list that is newest first.
fn page(what: &str, objects: Vec<Value>, form: &Form) -> Answered {
    let limit = form.number("limit")?.unwrap_or(10);
    let Some(limit) = usize::try_from(limit).ok().filter(|limit| (1..=100).contains(limit)) else {
        let message = "This value must be between 1 and 100.";
        return Err(Error::invalid("parameter_invalid_integer", Some("limit"), message));
    };
    let mut behind = objects;
    if let Some(after) = form.get("starting_after") {
        let is_it = |it: &Value| it["id"] == after;
        let at = behind.iter().position(is_it).ok_or_else(|| Error::no_such(what, after))?;
        behind = behind.split_off(at.saturating_add(1));
    }
    let has_more = behind.len() > limit;
    behind.truncate(limit);
    Ok(Answer::ok(json!({
        "object": "list", "data": behind, "has_more": has_more, "url": format!("/v1/{what}"),
    })))
}

/// What is to be expanded; `within` is where the objects stand in the answer.
fn expand(form: &Form, within: &str) -> Expand {
    let asks = |path: &str| {
        form.all("expand[").any(|it| it.strip_prefix(within).is_some_and(|it| it == path))
    };
    let refunds = asks("latest_charge.refunds");
    Expand { charge: refunds || asks("latest_charge"), refunds }
}
