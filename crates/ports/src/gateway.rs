//! The payment gateway, in the terms of Stripe's `PaymentIntents` with manual capture
//! (<https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>).

use std::fmt;

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Currency, OrderId, Price, Timestamp};

use crate::Cause;

/// What to authorise. It is the same at every retry of the same charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoriseRequest {
    /// The charge; stored with the intent, so that the intent is found by it.
    pub charge_id: ChargeId,
    /// The order; stored with the intent.
    pub order_id: OrderId,
    /// The amount, in minor units.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// The payment method's id at the provider. `None` makes an intent that the buyer's browser
    /// confirms.
    pub payment_method: Option<String>,
}

/// Where an intent stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Its id at the provider.
    pub id: String,
    /// The charge it was made for.
    pub charge_id: ChargeId,
    /// Where it stands.
    pub state: IntentState,
}

/// The states of an intent that matter to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IntentState {
    /// The card was declined; nothing is held. `code` is Stripe's error code (`card_declined`,
    /// `expired_card`, …), `decline_code` the bank's reason.
    Declined {
        /// The provider's error code.
        code: String,
        /// The bank's reason, where it tells.
        decline_code: Option<String>,
    },
    /// It waits for the buyer: a payment method, or authentication.
    NeedsAction {
        /// Lets the buyer's browser go on.
        client_secret: String,
    },
    /// The provider has not decided yet.
    Processing,
    /// The amount is held on the card and nothing is taken: it can be captured or voided.
    Authorised,
    /// The amount was taken. `refund_id` when it was given back in full.
    Captured {
        /// The refund.
        refund_id: Option<String>,
    },
    /// Voided: nothing is held, nothing was or will be taken.
    Voided,
}

/// Why the gateway did not do what it was asked.
#[derive(Debug)]
pub enum GatewayError {
    /// The provider can not be reached, is overloaded, or says try later. Nothing happened.
    Unavailable(Cause),
    /// No answer came, or one that tells nothing. It may have happened: ask the same again.
    Indeterminate(Cause),
    /// The provider refuses the request as it stands (no such payment method, an amount it does not
    /// take). Nothing happened, and it never will.
    Refused {
        /// The provider's error code.
        code: String,
        /// What it says, fit for the buyer.
        message: String,
    },
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) => write!(f, "the payment provider is unavailable: {cause}"),
            Self::Indeterminate(cause) => {
                write!(f, "the payment provider's answer was lost: {cause}")
            }
            Self::Refused { code, message } => {
                write!(f, "the payment provider refuses: {code}: {message}")
            }
        }
    }
}

impl std::error::Error for GatewayError {}

/// What a provider's webhook says: look at this intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Names the notice; one that comes twice has one id.
    pub id: String,
    /// The intent it is about; `None` for notices that are about none of ours.
    pub intent_id: Option<String>,
    /// The charge named in the intent's metadata.
    pub charge_id: Option<ChargeId>,
}

/// Why a webhook was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNotice {
    /// The signature does not fit the body, or is too old.
    #[error("the signature does not fit")]
    Signature,
    /// Signed, and yet not understood.
    #[error("not a notice: {0}")]
    Malformed(String),
}

/// The payment provider. Every request that changes something carries an idempotency key derived from
/// the charge and the step, so that asking again has no second effect.
#[async_trait]
pub trait PaymentGateway: Send + Sync + 'static {
    /// Makes the charge's intent and authorises its card: holds the amount, takes nothing. Asked
    /// again for the same charge, it answers with the same intent as it stands.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Intent, GatewayError>;

    /// Takes the held amount. Asked again, answers as the first time. An intent that can not be
    /// captured is answered with the state it is in.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn capture(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError>;

    /// Gives up the hold, or the intent before there is one. An intent that can not be voided (it was
    /// captured) is answered with the state it is in.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn void(&self, charge_id: ChargeId, intent_id: &str)
    -> Result<IntentState, GatewayError>;

    /// Gives captured money back in full, once however often it is asked. An intent that holds no
    /// captured money is answered with the state it is in.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn refund(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError>;

    /// The intent as it stands.
    ///
    /// # Errors
    /// [`GatewayError`]; `Refused` when there is no such intent.
    async fn intent(&self, intent_id: &str) -> Result<Intent, GatewayError>;

    /// The intent that was made for this charge, if there is one: for a charge whose authorisation
    /// was asked for and never answered.
    ///
    /// # Errors
    /// [`GatewayError::Unavailable`] or [`GatewayError::Indeterminate`]: not known.
    async fn intent_of(&self, charge_id: ChargeId) -> Result<Option<Intent>, GatewayError>;

    /// The key a browser pays with; `None` in the sandbox, which is paid through the API.
    fn publishable_key(&self) -> Option<&str>;

    /// Checks and reads a webhook; no I/O.
    ///
    /// # Errors
    /// [`BadNotice`].
    fn notice(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice>;
}

/// The bank behind the sandbox: what a buyer does at their bank's page is done here by a call.
#[async_trait]
pub trait SandboxBank: Send + Sync + 'static {
    /// Ends the authentication that the intent with this client secret waits for, and answers with
    /// the intent as it stands then. Where it does not wait for authentication nothing changes.
    /// `None` when no intent has this client secret.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn authenticate(
        &self,
        client_secret: &str,
        succeed: bool,
    ) -> Result<Option<Intent>, GatewayError>;
}
