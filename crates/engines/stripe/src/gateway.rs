//! The payment gateway's port over Stripe.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Currency, Price, Timestamp};
use stubmart_ports::{
    Cause,
    gateway::{
        AuthoriseRequest, BadNotice, GatewayError, Notice, Payment, PaymentBooks, PaymentGateway,
        PaymentRecord, PaymentState, RefundRequest,
    },
    host::Host,
};

use crate::{
    amount,
    client::{Answer, Client, Endpoint, Failure, Request},
    config::Config,
    event,
    object::{Charge, Event, List, PaymentIntent, Refund},
    payment::{CHARGE_ID, ORDER_ID, REFUND_ID},
    secret::Secret,
    signature,
};

/// How many idempotency keys a change has. Another one is used where the answer that is kept for the last
/// one is out of date: it is an error, and the change was not made. That has no second effect, because
/// Stripe captures and cancels a payment only once, and a refund is looked for before it is made.
const KEYS_MAX: u32 = 4;

/// How many objects a page of a list has.
const PAGE: usize = 100;

/// Asks for the refunds with a payment.
const EXPAND: (&str, &str) = ("expand[]", "latest_charge.refunds");

/// Stripe, by the keys of one account. Clones are handles on the same client.
#[derive(Debug, Clone)]
pub struct Stripe(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: Client,
    webhook_secrets: Vec<Secret>,
    is_live: bool,
}

/// A change of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step<'a> {
    Capture,
    Cancel,
    /// The refund, and its amount in Stripe's unit.
    Refund(&'a RefundRequest, i64),
}

impl Step<'_> {
    const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Cancel => "cancel",
            Self::Refund(..) => "refund",
        }
    }

    /// Whether a payment can still take it.
    fn is_open(self, payment: &Payment) -> bool {
        let state = &payment.state;
        match self {
            Self::Capture => matches!(state, PaymentState::Authorised),
            Self::Cancel => matches!(
                state,
                PaymentState::Declined { .. }
                    | PaymentState::RequiresAction { .. }
                    | PaymentState::Authorised
            ),
            Self::Refund(request, _) => {
                let PaymentState::Captured { refunds } = state else { return false };
                let is_made = refunds.iter().any(|it| it.refund_id == Some(request.refund_id));
                let left = u64::from(payment.amount.minor()).saturating_sub(state.given_back());
                !is_made && u64::from(request.amount.minor()) <= left
            }
        }
    }
}

impl Stripe {
    /// Stripe with these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// The cause: the key cannot be sent.
    pub fn new(config: &Config, host: Host) -> Result<Self, Cause> {
        Ok(Self(Arc::new(Inner {
            client: Client::new(config, host)?,
            webhook_secrets: config.webhook_secrets.clone(),
            is_live: config.secret_key.is_live(),
        })))
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        endpoint: Endpoint,
        path: String,
        fields: Vec<(&'static str, String)>,
    ) -> Result<T, GatewayError> {
        let request = Request { endpoint, path, fields, key: None };
        Ok(self.0.client.send(&request).await?.object)
    }

    /// The payment as it is now, with its refunds.
    async fn intent(&self, id: &str) -> Result<PaymentIntent, GatewayError> {
        let path = format!("/v1/payment_intents/{}", segment(id)?);
        self.get(Endpoint::Retrieve, path, vec![expand()]).await
    }

    /// Makes a payment take a step, unless it has taken it already.
    async fn change(
        &self,
        step: Step<'_>,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let mut last = None;
        for number in 0..KEYS_MAX {
            let (failure, replayed) = match self.attempt(step, charge_id, payment_id, number).await
            {
                Ok((Some(state), false)) => return Ok(state),
                Ok((_, replayed)) => (None, replayed),
                Err(Failure::Refused(refused)) => {
                    let replayed = refused.replayed;
                    (Some(Failure::Refused(refused)), replayed)
                }
                Err(Failure::Lost { cause, replayed: true }) => {
                    (Some(Failure::Lost { cause, replayed: true }), true)
                }
                Err(failure) => return Err(failure.into()),
            };
            let payment = self.intent(payment_id).await?.to_payment()?;
            if !step.is_open(&payment) {
                return Ok(payment.state);
            }
            last = failure;
            if !replayed {
                break;
            }
        }
        let no_effect =
            || GatewayError::Indeterminate(format!("{} had no effect", step.name()).into());
        Err(last.map_or_else(no_effect, Into::into))
    }

    /// Asks for a step with its key of this number. The answer is the payment's state, where it is known,
    /// and whether it is the answer to an earlier request.
    async fn attempt(
        &self,
        step: Step<'_>,
        charge_id: ChargeId,
        payment_id: &str,
        number: u32,
    ) -> Result<(Option<PaymentState>, bool), Failure> {
        let id = segment(payment_id).map_err(|_| Failure::Unavailable("no payment's id".into()))?;
        let name = step.name();
        let again = if number == 0 { String::new() } else { format!(":{number}") };
        let request = |endpoint, path, fields| Request {
            endpoint,
            path,
            fields,
            key: Some(format!("{charge_id}:{payment_id}:{name}{again}")),
        };
        let intent_step = |endpoint| {
            request(endpoint, format!("/v1/payment_intents/{id}/{name}"), vec![expand()])
        };
        let endpoint = match step {
            Step::Capture => Endpoint::Capture,
            Step::Cancel => Endpoint::Cancel,
            Step::Refund(refund, amount) => {
                let request = Request {
                    endpoint: Endpoint::Refund,
                    path: "/v1/refunds".to_owned(),
                    fields: refund_fields(refund, amount),
                    key: Some(format!("{charge_id}:{payment_id}:{}{again}", refund.refund_id)),
                };
                let Answer { replayed, .. } = self.0.client.send::<Refund>(&request).await?;
                return Ok((None, replayed));
            }
        };
        let Answer { object, replayed } =
            self.0.client.send::<PaymentIntent>(&intent_step(endpoint)).await?;
        Ok((object.state().ok(), replayed))
    }
}

fn expand() -> (&'static str, String) {
    (EXPAND.0, EXPAND.1.to_owned())
}

/// An id as a part of a path. What is no id of Stripe's is not sent.
///
/// # Errors
/// [`GatewayError::Refused`], as Stripe refuses an id that it does not know.
fn segment(id: &str) -> Result<&str, GatewayError> {
    let is_id = !id.is_empty() && id.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    let missing = || GatewayError::Refused {
        code: "resource_missing".to_owned(),
        message: format!("No such payment_intent: '{id}'"),
    };
    is_id.then_some(id).ok_or_else(missing)
}

/// Names a charge's payment in lists. One order may have several charges, of which one is captured.
fn transfer_group(charge_id: ChargeId) -> String {
    format!("charge_{charge_id}")
}

/// The form that makes a payment; the same at every retry.
///
/// # Errors
/// [`GatewayError::Refused`]: Stripe does not take such an amount.
fn creation(request: &AuthoriseRequest) -> Result<Vec<(&'static str, String)>, GatewayError> {
    let AuthoriseRequest { charge_id, order_id, amount, currency, payment_method } = request;
    let amount = to_stripe(*amount, *currency)?;
    debug_assert_eq!((CHARGE_ID, ORDER_ID), ("charge_id", "order_id"), "as in the fields below");
    let mut fields = vec![
        ("amount", amount.to_string()),
        ("currency", currency.to_string()),
        ("capture_method", "manual".to_owned()),
        // Its older name, payment_method_types, is gone from the next version of the API.
        ("allowed_payment_method_types[0]", "card".to_owned()),
        ("metadata[charge_id]", charge_id.to_string()),
        ("metadata[order_id]", order_id.to_string()),
        ("transfer_group", transfer_group(*charge_id)),
        expand(),
    ];
    if let Some(payment_method) = payment_method {
        fields.push(("payment_method", payment_method.clone()));
        fields.push(("confirm", "true".to_owned()));
        fields.push(("use_stripe_sdk", "true".to_owned()));
    }
    Ok(fields)
}

/// The form that gives money back, `amount` of it in Stripe's unit; the same at every retry.
fn refund_fields(request: &RefundRequest, amount: i64) -> Vec<(&'static str, String)> {
    let RefundRequest { charge_id, payment_id, refund_id, .. } = request;
    debug_assert_eq!(REFUND_ID, "refund_id", "as in the fields below");
    vec![
        ("payment_intent", payment_id.clone()),
        ("amount", amount.to_string()),
        ("metadata[charge_id]", charge_id.to_string()),
        ("metadata[refund_id]", refund_id.to_string()),
    ]
}

/// An amount in Stripe's unit.
///
/// # Errors
/// [`GatewayError::Refused`]: Stripe does not take it.
fn to_stripe(amount: Price, currency: Currency) -> Result<i64, GatewayError> {
    amount::to_stripe(amount, currency).ok_or_else(|| GatewayError::Refused {
        code: "amount_not_representable".to_owned(),
        message: format!("the payment provider takes no such amount in {currency}"),
    })
}

#[async_trait]
impl PaymentGateway for Stripe {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Payment, GatewayError> {
        let creation = Request {
            endpoint: Endpoint::Create,
            path: "/v1/payment_intents".to_owned(),
            fields: creation(request)?,
            key: Some(format!("{}:create", request.charge_id)),
        };
        let (intent, replayed) = match self.0.client.send::<PaymentIntent>(&creation).await {
            Ok(Answer { object, replayed }) => (object, replayed),
            // A declined card: the error brings the payment along.
            Err(Failure::Refused(mut refused)) => match refused.detail.payment_intent.take() {
                Some(intent) => (*intent, refused.replayed),
                None => return Err(Failure::Refused(refused).into()),
            },
            Err(failure) => return Err(failure.into()),
        };
        // An answer that is kept says how the payment was when it was made.
        if replayed { self.payment(&intent.id).await } else { intent.to_payment() }
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        self.change(Step::Capture, charge_id, payment_id).await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        self.change(Step::Cancel, charge_id, payment_id).await
    }

    /// Looks first: a refund of money that is only held would give up the hold.
    async fn refund(&self, request: &RefundRequest) -> Result<PaymentState, GatewayError> {
        let payment = self.intent(&request.payment_id).await?.to_payment()?;
        let step = Step::Refund(request, to_stripe(request.amount, payment.currency)?);
        if !step.is_open(&payment) {
            return Ok(payment.state);
        }
        self.change(step, request.charge_id, &request.payment_id).await
    }

    async fn payment(&self, payment_id: &str) -> Result<Payment, GatewayError> {
        self.intent(payment_id).await?.to_payment()
    }

    /// Found by the attempts to take its money, which are listed exactly and at once; Stripe's search lags
    /// behind. A payment that was never tried with a card is not found: nothing is held for it, and to
    /// authorise it again answers with it.
    async fn payment_of(&self, charge_id: ChargeId) -> Result<Option<Payment>, GatewayError> {
        let fields =
            vec![("transfer_group", transfer_group(charge_id)), ("limit", PAGE.to_string())];
        let found: List<Charge> =
            self.get(Endpoint::List, "/v1/charges".to_owned(), fields).await?;
        let newest = found.data.into_iter().find_map(|charge| charge.payment_intent);
        let Some(id) = newest else { return Ok(None) };
        let payment = self.payment(&id).await?;
        Ok((payment.charge_id == charge_id).then_some(payment))
    }

    fn notice(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice> {
        if !signature::is_signed(signature, body, &self.0.webhook_secrets, now) {
            return Err(BadNotice::Signature);
        }
        event::read(body, self.0.is_live)
    }

    async fn undelivered_notices(&self, since: Timestamp) -> Result<Vec<Notice>, GatewayError> {
        let mut fields = vec![
            ("created[gte]", since.millis().div_euclid(1000).to_string()),
            ("delivery_success", "false".to_owned()),
            ("limit", PAGE.to_string()),
        ];
        fields.extend(event::EVENT_TYPES.iter().map(|kind| ("types[]", (*kind).to_owned())));
        let events = self.pages("/v1/events", fields, |event: &Event| event.id.clone()).await?;
        let notices = events.into_iter().filter_map(|it| event::notice(it, self.0.is_live).ok());
        let mut notices: Vec<Notice> = notices.collect();
        notices.reverse();
        Ok(notices)
    }
}

impl Stripe {
    /// All of a list, newest first.
    async fn pages<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        fields: Vec<(&'static str, String)>,
        id: impl Fn(&T) -> String,
    ) -> Result<Vec<T>, GatewayError> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let mut fields = fields.clone();
            fields.extend(next.take().map(|id| ("starting_after", id)));
            let List { data, has_more } =
                self.get::<List<T>>(Endpoint::List, path.to_owned(), fields).await?;
            next = data.last().map(&id);
            all.extend(data);
            if !has_more || next.is_none() {
                return Ok(all);
            }
        }
    }
}

#[async_trait]
impl PaymentBooks for Stripe {
    async fn records(&self) -> Result<Vec<PaymentRecord>, GatewayError> {
        let fields =
            vec![("limit", PAGE.to_string()), ("expand[]", "data.latest_charge".to_owned())];
        let path = "/v1/payment_intents";
        let intents = self.pages(path, fields, |it: &PaymentIntent| it.id.clone()).await?;
        let mut records = Vec::with_capacity(intents.len());
        for intent in intents {
            records.extend(intent.to_record()?);
        }
        Ok(records)
    }
}
