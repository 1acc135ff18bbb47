//! What Stripe's objects mean in the terms of the port.

use stubmart_contract::{ChargeId, Currency, Price, api::RefundStatus};
use stubmart_ports::gateway::{GatewayError, Payment, PaymentRecord, PaymentState, Refund};

use crate::{
    amount,
    object::{self, Charge, Expandable, PaymentIntent, Status},
};

/// The names under which Stripe keeps our ids with a payment.
pub(crate) const CHARGE_ID: &str = "charge_id";
pub(crate) const ORDER_ID: &str = "order_id";
pub(crate) const REFUND_ID: &str = "refund_id";

/// A payment that the account has and the market did not make: somebody used the dashboard.
fn not_ours(intent: &PaymentIntent) -> GatewayError {
    GatewayError::Refused {
        code: "resource_missing".to_owned(),
        message: format!("payment '{}' belongs to no charge", intent.id),
    }
}

fn not_understood(what: &str) -> GatewayError {
    GatewayError::Indeterminate(format!("Stripe's answer is not understood: {what}").into())
}

impl object::Refund {
    fn to_refund(&self, currency: Currency) -> Result<Refund, GatewayError> {
        let amount = amount::from_stripe(self.amount, currency).map(Price::try_from);
        // Earlier versions made one refund for each charge, whose id it has.
        let id = self.metadata.get(REFUND_ID).or_else(|| self.metadata.get(CHARGE_ID));
        Ok(Refund {
            id: self.id.clone(),
            refund_id: id.and_then(|id| id.parse().ok()),
            amount: amount.and_then(Result::ok).ok_or_else(|| not_understood("a refund"))?,
            status: match self.status.as_deref() {
                Some("failed" | "canceled") => RefundStatus::Failed,
                Some("succeeded") | None => RefundStatus::Succeeded,
                Some(_) => RefundStatus::Pending,
            },
        })
    }
}

impl PaymentIntent {
    pub(crate) fn charge_id(&self) -> Option<ChargeId> {
        self.metadata.get(CHARGE_ID)?.parse().ok()
    }

    /// The payment.
    ///
    /// # Errors
    /// [`GatewayError::Refused`] for one that is not the market's; [`GatewayError::Indeterminate`] where it
    /// is not understood.
    pub(crate) fn to_payment(&self) -> Result<Payment, GatewayError> {
        let charge_id = self.charge_id().ok_or_else(|| not_ours(self))?;
        let order_id = self.metadata.get(ORDER_ID).and_then(|id| id.parse().ok());
        let (amount, currency) = self.asked()?;
        Ok(Payment {
            id: self.id.clone(),
            charge_id,
            order_id: order_id.ok_or_else(|| not_ours(self))?,
            amount,
            currency,
            state: self.state()?,
        })
    }

    fn asked(&self) -> Result<(Price, Currency), GatewayError> {
        let currency: Currency = self.currency.parse().map_err(|_| not_understood("a currency"))?;
        let amount = amount::from_stripe(self.amount, currency).map(Price::try_from);
        Ok((amount.and_then(Result::ok).ok_or_else(|| not_understood("an amount"))?, currency))
    }

    /// Its state.
    ///
    /// # Errors
    /// [`GatewayError::Indeterminate`]: a status that is not known.
    pub(crate) fn state(&self) -> Result<PaymentState, GatewayError> {
        Ok(match (&self.status, &self.last_payment_error) {
            (Status::RequiresPaymentMethod, Some(error)) => PaymentState::Declined {
                code: error.code.clone().unwrap_or_else(|| error.kind.clone()),
                decline_code: error.decline_code.clone(),
            },
            (
                Status::RequiresPaymentMethod
                | Status::RequiresConfirmation
                | Status::RequiresAction,
                _,
            ) => PaymentState::RequiresAction {
                client_secret: self.client_secret.clone().unwrap_or_default(),
            },
            (Status::Processing, _) => PaymentState::Processing,
            (Status::RequiresCapture, _) => PaymentState::Authorised,
            (Status::Succeeded, _) => PaymentState::Captured { refunds: self.refunds()? },
            (Status::Canceled, _) => PaymentState::Voided,
            (Status::Unknown(status), _) => return Err(not_understood(status)),
        })
    }

    fn charge(&self) -> Option<&Charge> {
        match &self.latest_charge {
            Some(Expandable::Object(charge)) => Some(charge),
            Some(Expandable::Id(_)) | None => None,
        }
    }

    /// What was given back, oldest first.
    ///
    /// # Errors
    /// [`GatewayError::Indeterminate`]: an amount that is none.
    fn refunds(&self) -> Result<Vec<Refund>, GatewayError> {
        let (_, currency) = self.asked()?;
        let listed = self.charge().and_then(|charge| charge.refunds.as_ref());
        let oldest_first = listed.into_iter().flat_map(|list| list.data.iter().rev());
        oldest_first.map(|refund| refund.to_refund(currency)).collect()
    }

    /// What the books say; `None` for a payment that is not the market's.
    ///
    /// # Errors
    /// [`GatewayError::Indeterminate`] where it is not understood.
    pub(crate) fn to_record(&self) -> Result<Option<PaymentRecord>, GatewayError> {
        if self.charge_id().is_none() {
            return Ok(None);
        }
        let Payment { id, charge_id, order_id, amount, currency, state } = self.to_payment()?;
        let kept = self.charge().map_or(0, |it| it.amount_captured - it.amount_refunded);
        let kept = amount::from_stripe(kept, currency).and_then(|kept| u64::try_from(kept).ok());
        let (captured, held) = match state {
            PaymentState::Captured { .. } => (true, false),
            PaymentState::Authorised => (false, true),
            _ => (false, false),
        };
        Ok(Some(PaymentRecord {
            id,
            charge_id,
            order_id,
            amount,
            currency,
            is_open: !captured && state != PaymentState::Voided,
            held: if held { amount.minor().into() } else { 0 },
            kept: if captured { kept.ok_or_else(|| not_understood("a refund"))? } else { 0 },
        }))
    }
}
