//! `POST /api/payments`: pays for an order.

use std::time::Duration;

use axum::http::StatusCode;
use stubmart_contract::{
    ChargeId, Code, OrderId, UserId,
    api::{NextAction, Order},
};
use stubmart_http_kit::{Answer, Problem};
use stubmart_kernel::{
    mark, mutant,
    repo::{ChangeError, Decision, RepoError, Trace, Versioned},
};
use uuid::Uuid;

use crate::{
    Payments,
    charge::{Change, Charge, Command, Failure, Open, Reason, Refusal, Stage, decide},
    orders::{Footing, footing},
    settle::{Standing, Unsettled},
};

/// How soon the reconciler looks after a payment whose outcome is not known.
const LOOK_SOON: Duration = Duration::from_secs(1);

/// How often opening a charge is tried while others open and end theirs for the same order.
const ROUNDS_MAX: u32 = 8;

/// What a buyer wants.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) buyer: UserId,
    pub(crate) order_id: OrderId,
    /// The payment method's id at the provider; `None` to pay in the browser.
    pub(crate) payment_method: Option<String>,
}

/// A charge that was opened, or one that stands in its place.
enum Opened {
    /// It is new: the provider is asked next.
    New(Versioned<Charge>),
    /// It was there already.
    There(Versioned<Charge>),
}

/// What an order's earlier charges mean for a new one.
#[derive(Debug, PartialEq, Eq)]
enum Place<'a> {
    /// It can be opened with this number.
    Free(u32),
    /// This one waits for the buyer.
    Waiting(&'a Versioned<Charge>),
    /// One is under way.
    InProgress,
    /// One took the money.
    Completed,
    /// No further try is allowed.
    UsedUp,
}

impl Payments {
    /// Pays with a charge of this id, and answers when order and ticket have followed it.
    pub(crate) async fn pay_and_answer(
        &self,
        id: ChargeId,
        wish: &Wish,
    ) -> Result<Answer, Problem> {
        let order = self.0.orders.order(wish.buyer, wish.order_id).await?;
        // Watching begins before anything happens that could be missed.
        let followed = self.watch(order.as_ref());
        let standing = self.pay(id, wish, order).await?;
        if let Some(followed) = followed
            && standing.charge.ends_order()
        {
            followed.await;
        }
        answer(standing)
    }

    /// Pays for `order`, the one that is wished to be paid for, with a charge of this id.
    pub(crate) async fn pay(
        &self,
        id: ChargeId,
        wish: &Wish,
        order: Option<Order>,
    ) -> Result<Standing, Problem> {
        // One id, and so one key, for all payments of an order.
        let same = ChargeId(Uuid::from_u128(!wish.order_id.0.as_u128()));
        let id = if mutant!("the same key after a decline") { same } else { id };
        let order = match payable(order) {
            Ok(order) => order,
            // It may be this very request that made it so.
            Err(problem) => match self.charge(id).await? {
                Some(charge) if !can_be_opened_again(&charge.doc) => {
                    return Ok(self.resume(charge).await);
                }
                Some(_) | None => return Err(problem),
            },
        };
        Ok(match self.open(id, &order, wish).await? {
            Opened::New(charge) => self.standing(charge.clone(), self.begin(charge).await).await,
            Opened::There(charge) => self.resume(charge).await,
        })
    }

    /// Goes on with a charge that is there already.
    async fn resume(&self, charge: Versioned<Charge>) -> Standing {
        if !charge.doc.is_open() {
            return charge.into();
        }
        let settled = match self.apply_to(charge.clone(), &Command::Look).await {
            Ok(looked) => self.settle(looked.charge).await,
            Err(error) => Err(error.into()),
        };
        self.standing(charge, settled).await
    }

    /// A charge as it stands, or as it was known `last` when its outcome is not known yet: once there
    /// is a charge, no failure of ours is an answer, for the money may be taken all the same.
    async fn standing(
        &self,
        last: Versioned<Charge>,
        settled: Result<Standing, Unsettled>,
    ) -> Standing {
        let error = match settled {
            Ok(standing) => return standing,
            Err(error) => error,
        };
        let id = last.doc.id;
        tracing::info!(charge.id = %id, %error, "payment not settled yet");
        let soon = self.0.host.now().after(LOOK_SOON);
        match self.look_by(last.clone(), soon).await {
            Ok(charge) => charge.into(),
            // It is due in any case, if not so soon.
            Err(error) => {
                tracing::warn!(charge.id = %id, %error, "payment looked at later");
                last.into()
            }
        }
    }

    async fn open(&self, id: ChargeId, order: &Order, wish: &Wish) -> Result<Opened, Problem> {
        if let Some(latest) = self.used_up(order.id, id).await? {
            // Going on with one that waits for the buyer makes no further one.
            let waiting = latest.into_iter().find(|it| {
                it.doc.stage == Stage::Waiting && it.doc.payment_method == wish.payment_method
            });
            let left = order.expires_at.since(order.server_time);
            return waiting
                .map(Opened::There)
                .ok_or_else(|| Problem::new(Code::TooManyRequests).retry_after(left));
        }
        let mut attempt = 1;
        for _ in 0..ROUNDS_MAX {
            match self.try_open(id, order, wish, attempt).await {
                Ok(opened) => return Ok(opened),
                Err(RepoError::Taken { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let others = self.charges_of(order.id).await?;
            match place(&others, self.0.config.max_payment_attempts) {
                Place::Free(number) => attempt = number,
                Place::Waiting(other) if other.doc.payment_method == wish.payment_method => {
                    return Ok(Opened::There(other.clone()));
                }
                Place::Waiting(other) => self.replace(other).await?,
                Place::InProgress => return Err(Problem::new(Code::PaymentInProgress)),
                Place::Completed => return Err(Problem::new(Code::OrderCompleted)),
                Place::UsedUp => return Err(Problem::new(Code::OrderCancelled)),
            }
        }
        Err(Problem::new(Code::Contended))
    }

    /// Saves the charge as created, unless it is there already; before this, the provider hears nothing.
    async fn try_open(
        &self,
        id: ChargeId,
        order: &Order,
        wish: &Wish,
        attempt: u32,
    ) -> Result<Opened, RepoError> {
        let open = Command::Open(Open {
            id,
            order_id: order.id,
            user_id: wish.buyer,
            attempt,
            amount: order.price,
            currency: order.currency,
            payment_method: wish.payment_method.clone(),
        });
        let now = self.0.host.now();
        if mutant!("ask the provider before the charge is saved")
            && let Ok(Some(early)) = decide(None, &open, now)
        {
            drop(self.0.provider.authorise(&early.charge.request()).await);
        }
        let opened = self.0.charges.change_from(id.0, None, Trace::REQUEST, |current| {
            match (decide(current.map(|stored| &stored.doc), &open, now)?, current) {
                (Some(Change { charge, event }), _) => {
                    let events: Vec<_> = event.into_iter().collect();
                    let opened = Versioned::over(current, charge.clone(), &events);
                    Ok(Decision::Save { doc: charge, events, answer: Opened::New(opened) })
                }
                (None, Some(stored)) => Ok(Decision::Keep(Opened::There(stored.clone()))),
                (None, None) => Err(Refusal::Missing),
            }
        });
        opened.await.map_err(|error| match error {
            ChangeError::Repo(error) => error,
            ChangeError::Refused(refusal) => RepoError::Corrupt(refusal.into()),
        })
    }

    /// Ends a charge that waits for its buyer, who chose another payment method.
    async fn replace(&self, waiting: &Versioned<Charge>) -> Result<(), Problem> {
        mark!("a buyer took another payment method");
        let fail = Command::Fail { failure: Failure::of(Reason::Replaced), payment_id: None };
        let applied = self.apply_to(waiting.clone(), &fail).await?;
        self.0.reconcile.wake();
        match applied.refused {
            None => Ok(()),
            // The buyer authenticated in the meantime.
            Some(_) => Err(Problem::new(Code::PaymentInProgress)),
        }
    }
}

/// What the buyer is told.
pub(crate) fn answer(standing: Standing) -> Result<Answer, Problem> {
    let Standing { charge, client_secret } = standing;
    match &charge.stage {
        Stage::Asked | Stage::Waiting | Stage::Held => {
            let mut body = charge.to_api();
            body.next_action = client_secret.map(|client_secret| NextAction { client_secret });
            Answer::json(StatusCode::ACCEPTED, &body)
        }
        Stage::Completed => Answer::json(StatusCode::CREATED, &charge.to_api()),
        Stage::Failed(failure) => Err(problem(failure, "paymentMethod")),
    }
}

/// Whether the same request may open this charge again: the provider could not be reached, and the
/// buyer tries again with the same idempotency key.
fn can_be_opened_again(charge: &Charge) -> bool {
    charge.failure().is_some_and(|failure| match failure.reason {
        Reason::Declined => mutant!("the same key after a decline"),
        reason => reason == Reason::Unavailable,
    })
}

/// The order, if it can be paid for.
fn payable(order: Option<Order>) -> Result<Order, Problem> {
    let code = match (footing(order.as_ref()), order) {
        (Footing::Payable, Some(order)) => return Ok(order),
        (Footing::Secured, _) => Code::PaymentInProgress,
        (Footing::Completed, _) => Code::OrderCompleted,
        (Footing::Ended(reason), _) => return Err(problem(&Failure::of(reason), "orderId")),
        (Footing::Payable, None) => Code::NotFound,
    };
    Err(Problem::new(code))
}

/// What an order's earlier charges mean for a new one.
fn place(others: &[Versioned<Charge>], attempts_max: u32) -> Place<'_> {
    if let Some(open) = others.iter().find(|charge| charge.doc.is_open()) {
        return match open.doc.stage {
            Stage::Waiting => Place::Waiting(open),
            _ => Place::InProgress,
        };
    }
    if others.iter().any(|charge| charge.doc.stage == Stage::Completed) {
        return Place::Completed;
    }
    let failures = others.iter().filter_map(|charge| charge.doc.failure());
    if failures.clone().any(|failure| failure.ends_order) {
        return Place::UsedUp;
    }
    let counted = failures.filter(|failure| failure.is_counted()).count();
    match u32::try_from(counted).unwrap_or(u32::MAX) {
        counted if counted >= attempts_max => Place::UsedUp,
        counted => Place::Free(counted.saturating_add(1)),
    }
}

/// What a buyer is told whose charge failed. `field` is what they chose the provider by.
pub(crate) fn problem(failure: &Failure, field: &str) -> Problem {
    match failure.reason {
        Reason::Declined | Reason::Lost => {
            let why = failure.decline_code.as_ref().unwrap_or(&failure.code);
            Problem::new(Code::CardDeclined).declined(Some(why.clone()))
        }
        Reason::Refused => {
            let message = failure.message.as_deref().unwrap_or("is refused by the provider");
            Problem::invalid_field(field, message)
        }
        Reason::Unavailable => Problem::new(Code::PaymentProviderUnavailable),
        Reason::Replaced | Reason::OrderSecured => Problem::new(Code::PaymentInProgress),
        Reason::OrderExpired => Problem::new(Code::OrderExpired),
        Reason::OrderCancelled => Problem::new(Code::OrderCancelled),
        Reason::OrderCompleted => Problem::new(Code::OrderCompleted),
        Reason::OrderMissing => Problem::not_found(),
    }
}
