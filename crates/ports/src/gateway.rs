//! The payment gateway: a provider that holds an amount on a card, and takes it or lets it go later.
//!
//! Its terms are those of Stripe's `PaymentIntents` with manual capture
//! (<https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>). A [`Payment`] is one such intent.

use async_trait::async_trait;
use stubmart_contract::{
    ChargeId, Currency, OrderId, Price, RefundId, Timestamp, api::RefundStatus,
};

use crate::Cause;

/// What to authorise. It is the same at every retry of the same charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoriseRequest {
    /// The charge. The provider keeps it with the payment, which is found by it.
    pub charge_id: ChargeId,
    /// The order. The provider keeps it with the payment.
    pub order_id: OrderId,
    /// The amount, in minor units.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// The payment method's id at the provider. `None` makes a payment that the buyer's browser
    /// confirms.
    pub payment_method: Option<String>,
}

/// A payment at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Its id at the provider.
    pub id: String,
    /// The charge it was made for.
    pub charge_id: ChargeId,
    /// The order that the provider keeps with it.
    pub order_id: OrderId,
    /// The amount that the provider was asked for.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// Its state.
    pub state: PaymentState,
}

/// The states of a payment that matter to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentState {
    /// The card was declined; nothing is held. `code` is Stripe's error code (`card_declined`,
    /// `expired_card`, …), `decline_code` the bank's reason.
    Declined {
        /// The provider's error code.
        code: String,
        /// The bank's reason, where it gives one.
        decline_code: Option<String>,
    },
    /// It waits for the buyer: for a payment method, or for authentication.
    RequiresAction {
        /// Lets the buyer's browser go on.
        client_secret: String,
    },
    /// The provider has not decided yet.
    Processing,
    /// The amount is held on the card and nothing is taken: it can be captured or voided.
    Authorised,
    /// The amount was taken.
    Captured {
        /// What was given back of it since, oldest first; also what failed.
        refunds: Vec<Refund>,
    },
    /// Voided: nothing is held, nothing was or will be taken.
    Voided,
}

impl PaymentState {
    /// What was given back of it, in minor units.
    #[must_use]
    pub fn given_back(&self) -> u64 {
        let Self::Captured { refunds } = self else { return 0 };
        refunds.iter().filter(|it| it.stands()).map(|it| u64::from(it.amount.minor())).sum()
    }
}

/// A refund at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id at the provider.
    pub id: String,
    /// The refund that it was made for; `None` for one that somebody made at the provider's dashboard.
    pub refund_id: Option<RefundId>,
    /// The amount.
    pub amount: Price,
    /// Where it stands. One that succeeded may fail later.
    pub status: RefundStatus,
}

impl Refund {
    /// Whether the money goes back to the buyer, or has.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.status != RefundStatus::Failed
    }
}

/// What to give back. It is the same at every retry of the same refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundRequest {
    /// The charge.
    pub charge_id: ChargeId,
    /// Its payment at the provider.
    pub payment_id: String,
    /// The refund. The provider keeps it with the money that it gives back.
    pub refund_id: RefundId,
    /// The amount, in minor units.
    pub amount: Price,
}

/// Why the gateway did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The provider cannot be reached, is overloaded, or says try later. Nothing happened.
    #[error("the payment provider is unavailable: {0}")]
    Unavailable(Cause),
    /// No answer came, or one without meaning. The request may have had its effect: ask the same again.
    #[error("the payment provider's answer was lost: {0}")]
    Indeterminate(Cause),
    /// The provider refuses the request as it stands (no such payment method, an amount it does not
    /// take). Nothing happened, and it never will.
    #[error("the payment provider refuses: {code}: {message}")]
    Refused {
        /// The provider's error code.
        code: String,
        /// What it says, fit for the buyer.
        message: String,
    },
}

/// What a provider's webhook says: look at this payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Names the notice; one that comes twice has one id.
    pub id: String,
    /// What happened, by the provider's name for it.
    pub kind: String,
    /// When it happened.
    pub at: Timestamp,
    /// The payment it is about; `None` for notices that are about none of ours.
    pub payment_id: Option<String>,
    /// The charge that the provider keeps with the payment.
    pub charge_id: Option<ChargeId>,
}

/// Why a webhook was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadNotice {
    /// The signature does not fit the body, or is too old.
    #[error("the signature does not fit")]
    Signature,
    /// The signature fits, and the body is no notice.
    #[error("not a notice: {0}")]
    Malformed(String),
}

/// The payment provider. Every request that changes something carries an idempotency key derived from
/// the charge and the step, so that asking again has no second effect.
#[async_trait]
pub trait PaymentGateway: Send + Sync + 'static {
    /// Makes the charge's payment and authorises its card: holds the amount, takes nothing. Asked
    /// again for the same charge, it answers with the same payment in its present state.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Payment, GatewayError>;

    /// Takes the held amount. Asked again, it answers as the first time. For a payment that cannot be
    /// captured it answers with the present state.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn capture(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError>;

    /// Gives up the hold, or the payment before there is one. For a payment that cannot be voided
    /// (it was captured) it answers with the present state.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn void(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError>;

    /// Gives captured money back, once for each refund however often it is asked. Where not so much is
    /// left it gives nothing back. It answers with the present state, which says what was given back.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn refund(&self, request: &RefundRequest) -> Result<PaymentState, GatewayError>;

    /// The payment in its present state.
    ///
    /// # Errors
    /// [`GatewayError`]; `Refused` when there is no such payment.
    async fn payment(&self, payment_id: &str) -> Result<Payment, GatewayError>;

    /// The payment that was made for this charge, if there is one: for a charge whose authorisation
    /// was asked for and never answered.
    ///
    /// # Errors
    /// [`GatewayError::Unavailable`] or [`GatewayError::Indeterminate`]: not known.
    async fn payment_of(&self, charge_id: ChargeId) -> Result<Option<Payment>, GatewayError>;

    /// Checks and reads a webhook; no I/O.
    ///
    /// # Errors
    /// [`BadNotice`].
    fn notice(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice>;

    /// The notices since then that were sent and not taken yet, oldest first: for what was sent while nobody
    /// could take it. Empty where the provider sends none.
    ///
    /// # Errors
    /// [`GatewayError::Unavailable`] or [`GatewayError::Indeterminate`]: not known.
    async fn undelivered_notices(&self, since: Timestamp) -> Result<Vec<Notice>, GatewayError>;
}

/// What the provider's books say of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentRecord {
    /// Its id at the provider.
    pub id: String,
    /// The charge it was made for.
    pub charge_id: ChargeId,
    /// The order that the charge pays for.
    pub order_id: OrderId,
    /// The amount that was asked for.
    pub amount: Price,
    /// The currency of every amount here.
    pub currency: Currency,
    /// Whether an amount is held, or may yet be.
    pub is_open: bool,
    /// What is held and not captured, in minor units.
    pub held: u64,
    /// What was captured and not given back, in minor units.
    pub kept: u64,
}

/// The provider's own books, for audits: the market's charges are compared with them.
#[async_trait]
pub trait PaymentBooks: Send + Sync + 'static {
    /// Every payment there ever was.
    ///
    /// # Errors
    /// [`GatewayError::Unavailable`] or [`GatewayError::Indeterminate`]: not known.
    async fn records(&self) -> Result<Vec<PaymentRecord>, GatewayError>;
}
