//! A payment as Stripe shows it: the sandbox's own payment, and what its API keeps besides.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use stubmart_contract::{Timestamp, api::RefundStatus};
use stubmart_ports::gateway::PaymentState;

use crate::{
    methods::Decline,
    payment::{SandboxPayment, Status},
};

/// A payment intent.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    /// What becomes of it is the sandbox's.
    pub(super) payment: SandboxPayment,
    pub(super) client_secret: String,
    /// A payment method that is known and not confirmed yet.
    pub(super) unconfirmed: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) transfer_group: Option<String>,
    pub(super) return_url: Option<String>,
    pub(super) charges: Vec<Charge>,
    pub(super) refunds: Vec<Refund>,
    pub(super) canceled_at: Option<Timestamp>,
    pub(super) cancellation_reason: Option<String>,
}

/// A try to take the money.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    pub(super) id: String,
    pub(super) at: Timestamp,
    /// Why the bank refused.
    pub(super) error: Option<Decline>,
}

/// Money that was given back.
#[derive(Debug, Clone)]
pub(super) struct Refund {
    pub(super) id: String,
    pub(super) at: Timestamp,
    pub(super) amount: i64,
    pub(super) reason: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
}

/// Which ids are shown as the objects that they name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Expand {
    pub(super) charge: bool,
    pub(super) refunds: bool,
}

fn seconds(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000)
}

/// How an error of a card reads.
pub(super) fn card_error(decline: &Decline) -> Map<String, Value> {
    let page = decline.code.replace('_', "-");
    let decline_code =
        decline.decline_code.as_ref().map(|code| ("decline_code", Value::from(code.as_ref())));
    [
        ("type", Value::from("card_error")),
        ("code", Value::from(decline.code.as_ref())),
        ("message", Value::from("Your card was declined.")),
        ("doc_url", Value::from(format!("https://stripe.com/docs/error-codes/{page}"))),
    ]
    .into_iter()
    .chain(decline_code)
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

impl Intent {
    pub(super) fn amount(&self) -> i64 {
        i64::from(self.payment.amount.minor())
    }

    /// What was captured and not given back.
    pub(super) fn kept(&self, now: Timestamp) -> i64 {
        i64::try_from(self.payment.kept(now)).unwrap_or(0)
    }

    /// The status by Stripe's name.
    pub(super) fn status(&self, now: Timestamp) -> &'static str {
        match self.payment.status_at(now) {
            Status::RequiresPaymentMethod { error: None } if self.unconfirmed.is_some() => {
                "requires_confirmation"
            }
            Status::RequiresPaymentMethod { .. } => "requires_payment_method",
            Status::RequiresAction => "requires_action",
            Status::Processing(_) => "processing",
            Status::RequiresCapture => "requires_capture",
            Status::Succeeded { .. } => "succeeded",
            Status::Canceled => "canceled",
        }
    }

    /// The payment intent, for a client that may read all of it. `base` is where the emulator is.
    pub(super) fn to_json(&self, expand: Expand, base: &str, now: Timestamp) -> Value {
        let status = self.payment.status_at(now);
        let amount = self.amount();
        let held = if status == Status::RequiresCapture { amount } else { 0 };
        let taken = if matches!(status, Status::Succeeded { .. }) { amount } else { 0 };
        let error = match &status {
            Status::RequiresPaymentMethod { error: Some(decline) } => card_error(decline).into(),
            _ => Value::Null,
        };
        let declined = !error.is_null();
        let method = self.unconfirmed.clone().or_else(|| self.payment.payment_method.clone());
        let charge = self.charges.last().map(|charge| {
            if expand.charge {
                self.charge_json(charge, expand.refunds, now)
            } else {
                Value::from(charge.id.clone())
            }
        });
        json!({
            "id": self.payment.id,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": held,
            "amount_received": taken,
            "allowed_payment_method_types": ["card"],
            "application": null,
            "automatic_payment_methods": null,
            "canceled_at": self.canceled_at.map(seconds),
            "cancellation_reason": self.cancellation_reason,
            "capture_method": "manual",
            "client_secret": self.client_secret,
            "confirmation_method": "automatic",
            "created": seconds(self.payment.created_at),
            "currency": self.payment.currency.as_str(),
            "description": null,
            "last_payment_error": error,
            "latest_charge": charge,
            "livemode": false,
            "metadata": self.metadata,
            "next_action": self.next_action(&status, base),
            "payment_method": method.filter(|_| !declined),
            "payment_method_types": ["card"],
            "processing": null,
            "receipt_email": null,
            "status": self.status(now),
            "transfer_data": null,
            "transfer_group": self.transfer_group,
        })
    }

    fn next_action(&self, status: &Status, base: &str) -> Value {
        let page = format!("{base}/emulator/authenticate/{}", self.payment.id);
        match (status, &self.return_url) {
            (Status::RequiresAction, Some(return_url)) => json!({
                "type": "redirect_to_url",
                "redirect_to_url": { "url": page, "return_url": return_url },
            }),
            (Status::RequiresAction, None) => json!({
                "type": "use_stripe_sdk",
                "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": page },
            }),
            _ => Value::Null,
        }
    }

    pub(super) fn charge_json(&self, charge: &Charge, refunds: bool, now: Timestamp) -> Value {
        let status = self.payment.status_at(now);
        let amount = self.amount();
        let is_latest = self.charges.last().is_some_and(|latest| latest.id == charge.id);
        let is_good = charge.error.is_none() && is_latest;
        let is_captured = is_good && matches!(status, Status::Succeeded { .. });
        // A hold that was given up is shown as refunded.
        let is_released = is_good && status == Status::Canceled;
        let refunded = if is_released {
            amount
        } else if is_captured {
            amount.saturating_sub(self.kept(now))
        } else {
            0
        };
        let url = format!("/v1/charges/{}/refunds", charge.id);
        let list = self.refunds.iter().rev().map(|refund| self.refund_json(refund, now));
        let list = json!({
            "object": "list", "data": list.collect::<Vec<_>>(), "has_more": false, "url": url,
        });
        json!({
            "id": charge.id,
            "object": "charge",
            "amount": amount,
            "amount_captured": if is_captured { amount } else { 0 },
            "amount_refunded": refunded,
            "billing_details": {
                "address": null, "email": null, "name": null, "phone": null, "tax_id": null,
            },
            "captured": is_captured,
            "created": seconds(charge.at),
            "currency": self.payment.currency.as_str(),
            "disputed": false,
            "failure_code": charge.error.as_ref().map(|error| error.code.clone()),
            "livemode": false,
            "metadata": self.metadata,
            "paid": charge.error.is_none(),
            "payment_intent": self.payment.id,
            "payment_method": self.payment.payment_method,
            "refunded": refunded == amount,
            "refunds": if refunds { list } else { Value::Null },
            "status": if charge.error.is_none() { "succeeded" } else { "failed" },
            "transfer_group": self.transfer_group,
        })
    }

    pub(super) fn refund_json(&self, refund: &Refund, now: Timestamp) -> Value {
        let status = match self.payment.state(now) {
            PaymentState::Captured { refunds } => refunds.into_iter().find(|it| it.id == refund.id),
            _ => None,
        };
        let status = status.map_or(RefundStatus::Succeeded, |it| it.status);
        json!({
            "id": refund.id,
            "object": "refund",
            "amount": refund.amount,
            "balance_transaction": null,
            "charge": self.charges.last().map(|charge| charge.id.clone()),
            "created": seconds(refund.at),
            "currency": self.payment.currency.as_str(),
            "metadata": refund.metadata,
            "payment_intent": self.payment.id,
            "reason": refund.reason,
            "receipt_number": null,
            "status": status,
        })
    }
}
