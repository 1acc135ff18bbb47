//! Why a charge fails.

use serde::{Deserialize, Serialize};

/// Why a charge failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What kind of failure it is.
    pub reason: FailureReason,
    /// The provider's error code, or ours.
    pub code: String,
    /// The bank's reason, where it gives one.
    pub decline_code: Option<String>,
    /// What the provider said, fit for the buyer.
    pub message: Option<String>,
    /// Whether the order ends with it.
    pub ends_order: bool,
}

/// The kinds of failure. The aliases are the names in documents of earlier versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The card was declined.
    Declined,
    /// The provider does not take the request as it stands: a payment method it does not know.
    #[serde(alias = "refused")]
    InvalidRequest,
    /// The provider could not be reached, and nothing happened.
    #[serde(alias = "unavailable")]
    ProviderUnavailable,
    /// The buyer took another payment method before this one was authorised.
    Replaced,
    /// The provider ended the payment: it was voided, or the capture was refused.
    #[serde(alias = "lost")]
    AuthorisationLost,
    /// The order's time ran out before the money was held.
    OrderExpired,
    /// The order was cancelled before the money was held.
    OrderCancelled,
    /// The order is paid for by another charge.
    OrderCompleted,
    /// The order is secured for another charge.
    OrderSecured,
    /// There is no such order.
    OrderMissing,
}

impl FailureReason {
    /// Whether it is the order's state for good, so that the order can never be secured for the charge.
    #[must_use]
    pub const fn is_of_the_order(self) -> bool {
        match self {
            Self::OrderExpired
            | Self::OrderCancelled
            | Self::OrderCompleted
            | Self::OrderSecured
            | Self::OrderMissing => true,
            Self::Declined
            | Self::InvalidRequest
            | Self::ProviderUnavailable
            | Self::Replaced
            | Self::AuthorisationLost => false,
        }
    }

    /// The failure code, where the provider gives none.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Declined => "card_declined",
            Self::InvalidRequest => "invalid_request",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::Replaced => "replaced",
            Self::AuthorisationLost => "authorisation_lost",
            Self::OrderExpired => "order_expired",
            Self::OrderCancelled => "order_cancelled",
            Self::OrderCompleted => "order_completed",
            Self::OrderSecured => "payment_in_progress",
            Self::OrderMissing => "order_not_found",
        }
    }
}

impl Failure {
    /// A failure with our own code, after which the order goes on, unless the rules say otherwise.
    #[must_use]
    pub fn of(reason: FailureReason) -> Self {
        Self {
            reason,
            code: reason.code().to_owned(),
            decline_code: None,
            message: None,
            ends_order: false,
        }
    }

    /// The same failure with the provider's code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Whether the attempt counts, so that its number is used up.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.ends_order
            || matches!(self.reason, FailureReason::Declined | FailureReason::AuthorisationLost)
    }
}
