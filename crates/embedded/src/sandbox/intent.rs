//! An intent of the sandbox: its document, and what may happen to it.

use serde::{Deserialize, Serialize};
use stubmart_contract::{ChargeId, Currency, OrderId, Price, Timestamp};
use stubmart_kernel::repo::Document;
use stubmart_ports::{
    gateway::{AuthoriseRequest, GatewayError, Intent, IntentState},
    key::Key,
    store::{Collection, Index},
};
use uuid::Uuid;

use super::methods::{Decline, Outcome, outcome};

/// The intents. An intent's document has the id of the charge that it was made for, so that there is
/// one for each charge, however often it is asked for.
pub static INTENTS: Collection =
    Collection { name: "sandbox.intent", indexes: &[Index { name: INTENT, unique: true }] };

/// By the intent's own id.
pub(super) const INTENT: &str = "intent";

/// A payment at the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxIntent {
    /// Its id: `pi_…`.
    pub id: String,
    /// The charge it was made for.
    pub charge_id: ChargeId,
    /// The order the charge pays for.
    pub order_id: OrderId,
    /// The amount that is held, captured or given back: always all of it.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// The test payment method; `None` for an intent that a browser is to confirm.
    pub payment_method: Option<String>,
    /// Opens the intent to the buyer's browser: `pi_…_secret_…`.
    pub client_secret: String,
    /// Where it stands.
    pub status: Status,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Where an intent stands, by Stripe's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No card yet, or the last one was declined.
    RequiresPaymentMethod {
        /// Why the last card was declined.
        error: Option<Decline>,
    },
    /// The buyer has to authenticate.
    RequiresAction,
    /// The amount is held.
    RequiresCapture,
    /// The amount was captured.
    Succeeded {
        /// The refund, when it was given back.
        refund_id: Option<String>,
    },
    /// Voided.
    Canceled,
}

/// What becomes of an intent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It stays where it is.
    Stays,
    /// It goes on to this.
    Becomes(Status),
}

impl Document for SandboxIntent {
    const COLLECTION: &'static Collection = &INTENTS;

    fn id(&self) -> Uuid {
        self.charge_id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        vec![(INTENT, Key::new().text(&self.id))]
    }
}

impl SandboxIntent {
    /// A new intent with the outcome that its payment method stands for.
    ///
    /// # Errors
    /// [`GatewayError::Refused`] when there is no such test payment method.
    pub(super) fn new(
        request: &AuthoriseRequest,
        id: &str,
        client_secret: &str,
        created_at: Timestamp,
    ) -> Result<Self, GatewayError> {
        let status = match request.payment_method.as_deref() {
            None => Status::RequiresPaymentMethod { error: None },
            Some(method) => match outcome(method) {
                Some(Outcome::Succeeds) => Status::RequiresCapture,
                Some(Outcome::Authenticates(_)) => Status::RequiresAction,
                Some(Outcome::Declined(decline)) => {
                    Status::RequiresPaymentMethod { error: Some(decline) }
                }
                None => {
                    return Err(GatewayError::Refused {
                        code: "resource_missing".to_owned(),
                        message: format!("No such PaymentMethod: '{method}'"),
                    });
                }
            },
        };
        Ok(Self {
            id: id.to_owned(),
            charge_id: request.charge_id,
            order_id: request.order_id,
            amount: request.amount,
            currency: request.currency,
            payment_method: request.payment_method.clone(),
            client_secret: client_secret.to_owned(),
            status,
            created_at,
        })
    }

    /// What was captured of it and not given back, in minor units.
    #[must_use]
    pub fn kept(&self) -> u32 {
        match self.status {
            Status::Succeeded { refund_id: None } => self.amount.minor(),
            _ => 0,
        }
    }

    /// What is held of it and not captured, in minor units.
    #[must_use]
    pub fn held(&self) -> u32 {
        match self.status {
            Status::RequiresCapture => self.amount.minor(),
            _ => 0,
        }
    }

    /// Takes the held amount.
    pub(super) fn capture(&self) -> Next {
        match self.status {
            Status::RequiresCapture => Next::Becomes(Status::Succeeded { refund_id: None }),
            _ => Next::Stays,
        }
    }

    /// Gives up the hold, or the attempt to get one.
    pub(super) fn void(&self) -> Next {
        match self.status {
            Status::RequiresPaymentMethod { .. }
            | Status::RequiresAction
            | Status::RequiresCapture => Next::Becomes(Status::Canceled),
            Status::Succeeded { .. } | Status::Canceled => Next::Stays,
        }
    }

    /// Gives captured money back.
    pub(super) fn refund(&self, refund_id: &str) -> Next {
        match self.status {
            Status::Succeeded { refund_id: None } => {
                Next::Becomes(Status::Succeeded { refund_id: Some(refund_id.to_owned()) })
            }
            _ => Next::Stays,
        }
    }

    /// The bank is satisfied that the buyer is who they say they are, or is not.
    pub(super) fn authenticate(&self, succeed: bool) -> Next {
        if self.status != Status::RequiresAction {
            return Next::Stays;
        }
        let then = match self.payment_method.as_deref().and_then(outcome) {
            Some(Outcome::Authenticates(then)) => then,
            Some(Outcome::Succeeds | Outcome::Declined(_)) | None => None,
        };
        Next::Becomes(match (succeed, then) {
            (true, None) => Status::RequiresCapture,
            (true, Some(decline)) => Status::RequiresPaymentMethod { error: Some(decline) },
            (false, _) => {
                let error = Decline::of("payment_intent_authentication_failure", None);
                Status::RequiresPaymentMethod { error: Some(error) }
            }
        })
    }

    pub(super) fn state(&self) -> IntentState {
        match &self.status {
            Status::RequiresPaymentMethod { error: Some(decline) } => IntentState::Declined {
                code: decline.code.clone().into_owned(),
                decline_code: decline.decline_code.clone().map(Into::into),
            },
            Status::RequiresPaymentMethod { error: None } | Status::RequiresAction => {
                IntentState::NeedsAction { client_secret: self.client_secret.clone() }
            }
            Status::RequiresCapture => IntentState::Authorised,
            Status::Succeeded { refund_id } => {
                IntentState::Captured { refund_id: refund_id.clone() }
            }
            Status::Canceled => IntentState::Voided,
        }
    }

    pub(super) fn to_intent(&self) -> Intent {
        Intent { id: self.id.clone(), charge_id: self.charge_id, state: self.state() }
    }
}

/// A client secret as Stripe makes them: the intent's id, and what only its buyer knows.
pub(super) fn client_secret(intent_id: &str, secret: &[u8; 32]) -> String {
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{intent_id}_secret_{secret}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(status: Status, method: &str) -> SandboxIntent {
        SandboxIntent {
            id: "pi_1".to_owned(),
            charge_id: ChargeId(Uuid::nil()),
            order_id: OrderId(Uuid::nil()),
            amount: Price::try_from(500).unwrap(),
            currency: Currency::USD,
            payment_method: Some(method.to_owned()),
            client_secret: "pi_1_secret_2".to_owned(),
            status,
            created_at: Timestamp::EPOCH,
        }
    }

    /// Every status and every step: what moves money moves it from one status only.
    #[test]
    fn a_step_is_taken_from_the_status_that_allows_it_and_changes_nothing_elsewhere() {
        let declined = Status::RequiresPaymentMethod { error: Some(Decline::of("x", None)) };
        let refunded = Status::Succeeded { refund_id: Some("re_1".to_owned()) };
        let succeeded = Status::Succeeded { refund_id: None };
        let again = Status::Succeeded { refund_id: Some("re_2".to_owned()) };
        let table = [
            // status, capture, void, refund, authenticate
            (
                Status::RequiresPaymentMethod { error: None },
                None,
                Some(Status::Canceled),
                None,
                None,
            ),
            (declined, None, Some(Status::Canceled), None, None),
            (
                Status::RequiresAction,
                None,
                Some(Status::Canceled),
                None,
                Some(Status::RequiresCapture),
            ),
            (Status::RequiresCapture, Some(succeeded.clone()), Some(Status::Canceled), None, None),
            (succeeded, None, None, Some(again), None),
            (refunded, None, None, None, None),
            (Status::Canceled, None, None, None, None),
        ];
        let next = |status: Option<Status>| status.map_or(Next::Stays, Next::Becomes);
        for (status, capture, void, refund, authenticate) in table {
            let intent = intent(status, "pm_card_threeDSecure2Required");
            assert_eq!(intent.capture(), next(capture), "{:?}", intent.status);
            assert_eq!(intent.void(), next(void), "{:?}", intent.status);
            assert_eq!(intent.refund("re_2"), next(refund), "{:?}", intent.status);
            assert_eq!(intent.authenticate(true), next(authenticate), "{:?}", intent.status);
        }
    }

    #[test]
    fn who_fails_to_authenticate_is_declined_and_some_cards_are_declined_all_the_same() {
        let failed = intent(Status::RequiresAction, "pm_card_threeDSecure2Required");
        let Next::Becomes(Status::RequiresPaymentMethod { error: Some(error) }) =
            failed.authenticate(false)
        else {
            panic!("not declined")
        };
        assert_eq!(error.code, "payment_intent_authentication_failure");

        let poor = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds";
        let Next::Becomes(Status::RequiresPaymentMethod { error: Some(error) }) =
            intent(Status::RequiresAction, poor).authenticate(true)
        else {
            panic!("not declined")
        };
        assert_eq!(error.decline_code.as_deref(), Some("insufficient_funds"));
    }
}
