//! Stripe's test payment methods, and what a payment with each comes to
//! (<https://docs.stripe.com/testing>, <https://docs.stripe.com/payments/3d-secure/authentication-flow>).
//!
//! Cards whose effect depends on an account's own settings are taken as Stripe takes them by default.
//! Disputes, days after a payment, are not simulated. The money of a refund that fails comes back after
//! seconds instead of days, and is pending until then: nobody tells of it later. One method is ours and not
//! Stripe's: `pm_card_slow`, whose bank takes its time.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

/// How long a bank takes that takes its time.
pub(super) const SLOW: Duration = Duration::from_secs(5);

/// Why a card was declined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decline {
    /// Stripe's error code.
    pub code: Cow<'static, str>,
    /// The bank's reason, where it tells.
    pub decline_code: Option<Cow<'static, str>>,
}

impl Decline {
    pub(super) const fn of(code: &'static str, decline_code: Option<&'static str>) -> Self {
        let decline_code = match decline_code {
            Some(decline_code) => Some(Cow::Borrowed(decline_code)),
            None => None,
        };
        Self { code: Cow::Borrowed(code), decline_code }
    }
}

/// What a payment comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The amount is held.
    Succeeds,
    /// The card is declined.
    Declined(Decline),
    /// The buyer has to authenticate; after that the card is declined, or else the amount is held.
    Authenticates(Option<Decline>),
    /// The bank decides later.
    TakesTime,
}

/// What the refunds of a payment come to, after a while in which they are pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RefundOutcome {
    /// The money reaches the buyer.
    Succeeds,
    /// It does not.
    Fails,
}

/// What the refunds of a payment with this method come to; `None` where they succeed at once.
pub(super) fn refund_outcome(id: &str) -> Option<RefundOutcome> {
    match id {
        "pm_card_pendingRefund" => Some(RefundOutcome::Succeeds),
        "pm_card_refundFail" => Some(RefundOutcome::Fails),
        _ => None,
    }
}

/// A test payment method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Its id: `pm_card_…`.
    pub id: &'static str,
    /// What a payment with it comes to.
    pub outcome: Outcome,
}

/// What a payment with this method comes to; `None` when there is no such method.
pub(super) fn outcome(id: &str) -> Option<Outcome> {
    let special = METHODS.iter().find(|method| method.id == id);
    special.map(|method| method.outcome.clone()).or_else(|| {
        let country = id.strip_prefix("pm_card_")?;
        COUNTRIES.contains(&country).then_some(Outcome::Succeeds)
    })
}

const fn succeeds(id: &'static str) -> Method {
    Method { id, outcome: Outcome::Succeeds }
}

const fn declined(id: &'static str, decline_code: &'static str) -> Method {
    let decline = Decline::of("card_declined", Some(decline_code));
    Method { id, outcome: Outcome::Declined(decline) }
}

const fn fails(id: &'static str, code: &'static str) -> Method {
    Method { id, outcome: Outcome::Declined(Decline::of(code, None)) }
}

const fn authenticates(id: &'static str, then: Option<Decline>) -> Method {
    Method { id, outcome: Outcome::Authenticates(then) }
}

/// The test payment methods, but for those that stand for a card of some country.
pub static METHODS: &[Method] = &[
    // By brand.
    succeeds("pm_card_visa"),
    succeeds("pm_card_visa_debit"),
    succeeds("pm_card_mastercard"),
    succeeds("pm_card_mastercard_debit"),
    succeeds("pm_card_mastercard_prepaid"),
    succeeds("pm_card_amex"),
    succeeds("pm_card_discover"),
    succeeds("pm_card_diners"),
    succeeds("pm_card_jcb"),
    succeeds("pm_card_unionpay"),
    succeeds("pm_card_visa_cartesBancaires"),
    succeeds("pm_card_mastercard_cartesBancaires"),
    succeeds("pm_card_visa_debit_eftposAuCoBranded"),
    succeeds("pm_card_mastercard_debit_eftposAuCoBranded"),
    // Declined. Stripe's documentation writes some with the brand and has written them without.
    declined("pm_card_visa_chargeDeclined", "generic_decline"),
    declined("pm_card_chargeDeclined", "generic_decline"),
    declined("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    declined("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    declined("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    declined("pm_card_chargeDeclinedLostCard", "lost_card"),
    declined("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
    declined("pm_card_chargeDeclinedStolenCard", "stolen_card"),
    declined("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
    declined("pm_card_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
    declined("pm_card_chargeDeclinedFraudulent", "fraudulent"),
    declined("pm_card_chargeCustomerFail", "generic_decline"),
    fails("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    fails("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    fails("pm_card_chargeDeclinedProcessingError", "processing_error"),
    // Fraud prevention: the highest risk is blocked, checks of what was not given are not made.
    declined("pm_card_radarBlock", "fraudulent"),
    declined("pm_card_riskLevelHighest", "fraudulent"),
    succeeds("pm_card_riskLevelElevated"),
    succeeds("pm_card_cvcCheckFail"),
    succeeds("pm_card_avsFail"),
    succeeds("pm_card_avsLine1Fail"),
    succeeds("pm_card_avsZipFail"),
    succeeds("pm_card_avsUnchecked"),
    // Authentication (3-D Secure).
    authenticates("pm_card_threeDSecure2Required", None),
    authenticates("pm_card_threeDSecureRequired", None),
    authenticates(
        "pm_card_threeDSecureRequiredChargeDeclined",
        Some(Decline::of("card_declined", Some("generic_decline"))),
    ),
    fails("pm_card_threeDSecureRequiredProcessingError", "card_declined"),
    succeeds("pm_card_threeDSecureOptional"),
    succeeds("pm_card_threeDSecureOptionalProcessingError"),
    succeeds("pm_card_amex_threeDSecureNotSupported"),
    authenticates("pm_card_authenticationRequired", None),
    authenticates("pm_card_authenticationRequiredOnSetup", None),
    authenticates("pm_card_authenticationRequiredSetupForOffSession", None),
    authenticates(
        "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
        Some(Decline::of("card_declined", Some("insufficient_funds"))),
    ),
    // Of what happens after the payment, refunds alone are simulated; the payment itself succeeds.
    succeeds("pm_card_createDispute"),
    succeeds("pm_card_createDisputeProductNotReceived"),
    succeeds("pm_card_createDisputeInquiry"),
    succeeds("pm_card_createIssuerFraudRecord"),
    succeeds("pm_card_createMultipleDisputes"),
    succeeds("pm_card_pendingRefund"),
    succeeds("pm_card_refundFail"),
    succeeds("pm_card_bypassPending"),
    succeeds("pm_card_bypassPendingInternational"),
    succeeds("pm_card_domesticPricing"),
    // Ours: the payment is `processing` for a while.
    Method { id: "pm_card_slow", outcome: Outcome::TakesTime },
];

/// Cards by country of issue (`pm_card_us`, …); payments with all of them succeed.
const COUNTRIES: &[&str] = &[
    "us",
    "ar",
    "br",
    "ca",
    "cl",
    "co",
    "cr",
    "ec",
    "mx",
    "pa",
    "py",
    "pe",
    "uy",
    "ae",
    "at",
    "be",
    "bg",
    "by",
    "hr",
    "cy",
    "cz",
    "dk",
    "ee",
    "fi",
    "fr",
    "de",
    "gi",
    "gr",
    "hu",
    "ie",
    "it",
    "lv",
    "li",
    "lt",
    "lu",
    "mt",
    "nl",
    "no",
    "pl",
    "pt",
    "ro",
    "sa",
    "si",
    "sk",
    "es",
    "se",
    "ch",
    "gb",
    "gb_debit",
    "gb_mastercard",
    "au",
    "cn",
    "hk",
    "in",
    "jp",
    "my",
    "nz",
    "sg",
    "tw",
    "th_credit",
    "th_debit",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_listed_once() {
        let mut ids: Vec<_> = METHODS.iter().map(|method| method.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), METHODS.len());
    }

    #[test]
    fn the_documented_declines_have_the_documented_codes() {
        for (id, code, decline_code) in [
            ("pm_card_visa_chargeDeclined", "card_declined", Some("generic_decline")),
            (
                "pm_card_visa_chargeDeclinedInsufficientFunds",
                "card_declined",
                Some("insufficient_funds"),
            ),
            ("pm_card_visa_chargeDeclinedLostCard", "card_declined", Some("lost_card")),
            ("pm_card_visa_chargeDeclinedStolenCard", "card_declined", Some("stolen_card")),
            (
                "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
                "card_declined",
                Some("card_velocity_exceeded"),
            ),
            ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
            ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
            ("pm_card_chargeDeclinedProcessingError", "processing_error", None),
            ("pm_card_radarBlock", "card_declined", Some("fraudulent")),
        ] {
            let expected = Outcome::Declined(Decline::of(code, decline_code));
            assert_eq!(outcome(id), Some(expected), "{id}");
        }
    }

    #[test]
    fn what_stripe_does_not_document_is_no_method() {
        for id in ["", "pm_card_", "pm_card_xx", "pm_card_Visa", "us", "tok_visa", "pm_1"] {
            assert_eq!(outcome(id), None, "{id:?}");
        }
    }
}
