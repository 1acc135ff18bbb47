//! Broken payment gateways.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use async_trait::async_trait;
use stubmart_contract::{ChargeId, Timestamp};
use stubmart_memory::MemoryStore;
use stubmart_ports::{
    gateway::{
        AuthoriseRequest, BadNotice, GatewayError, Notice, Payment, PaymentBooks, PaymentGateway,
        PaymentRecord, PaymentState, RefundRequest,
    },
    host::Host,
};
use stubmart_sandbox::Sandbox;
use stubmart_suite::{
    fault::{Fault, FaultyGateway, Injector},
    host,
    rules::gateway::{Bench, Trouble},
};

use crate::caught;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    MakesAnotherEachTime,
    AnswersAsTheFirstTime,
    TakesADeclineForAHold,
    TakesAChallengeForAHold,
    LosesTheReason,
    SaysLaterToAnUnknownCard,
    SaysLaterToAnUnknownPayment,
    FindsNoPaymentOfACharge,
    FindsAPaymentForEveryCharge,
    CapturesNothing,
    AlwaysSaysCaptured,
    VoidsNothing,
    SaysVoidedAfterACapture,
    RefundsEachTime,
    RefundsTheWholeAtOnce,
    ForgetsWhoseRefundItIs,
    VoidsWhenAskedToRefund,
    HidesALostAnswer,
    HidesAFailure,
    BooksEverythingInOneCurrency,
    ForgetsRefundsInItsBooks,
}

use Defect::*;

/// A gateway with one defect.
struct Broken {
    inner: Sandbox,
    host: Host,
    defect: Defect,
    first: Mutex<HashMap<ChargeId, Payment>>,
}

/// The trouble of the next call: 0 none, 1 its answer is lost, 2 it fails.
#[derive(Default)]
struct Next(AtomicU8);

impl Trouble for Next {
    fn lose_next_answer(&self) {
        self.0.store(1, Ordering::SeqCst);
    }

    fn fail_next(&self) {
        self.0.store(2, Ordering::SeqCst);
    }
}

impl Broken {
    fn two(defect: Defect) -> (Arc<dyn PaymentGateway>, Arc<dyn PaymentGateway>, Bench) {
        let (host, _) = host::manual(1);
        let inner = Sandbox::new(Arc::new(MemoryStore::new()), host.clone());
        let first = Mutex::default();
        let broken = Arc::new(Self { inner, host: host.clone(), defect, first });
        let trouble = Arc::new(Next::default());
        let next = Arc::clone(&trouble);
        let injector =
            Injector::new(move |_, _| match (next.0.swap(0, Ordering::SeqCst), defect) {
                (1, HidesALostAnswer) | (2, HidesAFailure) => Fault::None,
                (1, _) => Fault::LoseAnswer,
                (2, _) => Fault::Fail,
                _ => Fault::None,
            });
        let bench = Bench { ids: host.ids, trouble, books: broken.clone() };
        let troubled = FaultyGateway::new(broken.clone(), injector);
        (Arc::new(troubled), broken, bench)
    }
}

const CAPTURED: PaymentState = PaymentState::Captured { refunds: Vec::new() };

#[async_trait]
impl PaymentGateway for Broken {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Payment, GatewayError> {
        let mut request = request.clone();
        let charge_id = request.charge_id;
        if self.defect == MakesAnotherEachTime {
            request.charge_id = ChargeId(self.host.uuid());
        }
        let mut payment = match self.inner.authorise(&request).await {
            Err(error @ GatewayError::Refused { .. })
                if self.defect == SaysLaterToAnUnknownCard =>
            {
                return Err(GatewayError::Unavailable(error.into()));
            }
            answer => answer?,
        };
        payment.charge_id = charge_id;
        match (self.defect, &mut payment.state) {
            (TakesADeclineForAHold, state @ PaymentState::Declined { .. })
            | (TakesAChallengeForAHold, state @ PaymentState::RequiresAction { .. }) => {
                *state = PaymentState::Authorised;
            }
            (LosesTheReason, PaymentState::Declined { decline_code, .. }) => *decline_code = None,
            (AnswersAsTheFirstTime, _) => {
                let mut first = self.first.lock().unwrap();
                return Ok(first.entry(charge_id).or_insert(payment).clone());
            }
            _ => {}
        }
        Ok(payment)
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        match self.defect {
            CapturesNothing => Ok(CAPTURED),
            AlwaysSaysCaptured => {
                drop(self.inner.capture(charge_id, payment_id).await);
                Ok(CAPTURED)
            }
            _ => self.inner.capture(charge_id, payment_id).await,
        }
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        match self.defect {
            VoidsNothing => Ok(PaymentState::Voided),
            SaysVoidedAfterACapture => {
                drop(self.inner.void(charge_id, payment_id).await);
                Ok(PaymentState::Voided)
            }
            _ => self.inner.void(charge_id, payment_id).await,
        }
    }

    async fn refund(&self, request: &RefundRequest) -> Result<PaymentState, GatewayError> {
        let mut request = request.clone();
        match self.defect {
            VoidsWhenAskedToRefund => {
                drop(self.inner.void(request.charge_id, &request.payment_id).await);
            }
            RefundsTheWholeAtOnce => {
                request.amount = self.inner.payment(&request.payment_id).await?.amount;
            }
            _ => {}
        }
        let state = self.inner.refund(&request).await?;
        let PaymentState::Captured { mut refunds } = state else { return Ok(state) };
        if self.defect == RefundsEachTime {
            let again = refunds.clone();
            refunds.extend(again);
        }
        Ok(PaymentState::Captured { refunds })
    }

    async fn payment(&self, payment_id: &str) -> Result<Payment, GatewayError> {
        match self.inner.payment(payment_id).await {
            Err(error) if self.defect == SaysLaterToAnUnknownPayment => {
                Err(GatewayError::Unavailable(error.into()))
            }
            Ok(mut payment) => {
                if let (ForgetsWhoseRefundItIs, PaymentState::Captured { refunds }) =
                    (self.defect, &mut payment.state)
                {
                    refunds.iter_mut().for_each(|it| it.refund_id = None);
                }
                Ok(payment)
            }
            answer => answer,
        }
    }

    async fn payment_of(&self, charge_id: ChargeId) -> Result<Option<Payment>, GatewayError> {
        match self.defect {
            FindsNoPaymentOfACharge => Ok(None),
            FindsAPaymentForEveryCharge => {
                let found = self.inner.payment_of(charge_id).await?;
                let id = self.host.uuid();
                Ok(Some(found.unwrap_or_else(|| Payment {
                    id: id.to_string(),
                    charge_id,
                    order_id: id.into(),
                    amount: 1.try_into().unwrap(),
                    currency: stubmart_contract::Currency::USD,
                    state: PaymentState::Processing,
                })))
            }
            _ => self.inner.payment_of(charge_id).await,
        }
    }

    fn notice(&self, signature: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice> {
        self.inner.notice(signature, body, now)
    }

    async fn undelivered_notices(&self, since: Timestamp) -> Result<Vec<Notice>, GatewayError> {
        self.inner.undelivered_notices(since).await
    }
}

#[async_trait]
impl PaymentBooks for Broken {
    async fn records(&self) -> Result<Vec<PaymentRecord>, GatewayError> {
        let mut records = self.inner.records().await?;
        for record in &mut records {
            match self.defect {
                BooksEverythingInOneCurrency => record.currency = stubmart_contract::Currency::USD,
                ForgetsRefundsInItsBooks if !record.is_open => {
                    record.kept = record.amount.minor().into();
                }
                _ => {}
            }
        }
        Ok(records)
    }
}

macro_rules! subject {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let (a, b, bench) = Broken::two($defect);
        stubmart_suite::rules::$port::$rule(a, b, bench)
    }};
}

caught! {gateway, subject,
    a_gateway_that_makes_another_payment_each_time_is_caught: MakesAnotherEachTime => [
        authorising_again_answers_with_the_same_intent,
        concurrent_authorisations_make_one_intent,
    ];
    a_gateway_that_answers_as_the_first_time_is_caught: AnswersAsTheFirstTime => [
        authorising_again_answers_with_the_same_intent,
    ];
    a_gateway_that_takes_a_decline_for_a_hold_is_caught: TakesADeclineForAHold => [
        a_bad_card_is_declined_for_its_reason,
    ];
    a_gateway_that_takes_a_challenge_for_a_hold_is_caught: TakesAChallengeForAHold => [
        a_card_to_be_authenticated_waits_for_the_buyer,
    ];
    a_gateway_that_loses_the_reason_is_caught: LosesTheReason => [
        a_bad_card_is_declined_for_its_reason,
    ];
    a_gateway_that_says_later_to_an_unknown_card_is_caught: SaysLaterToAnUnknownCard => [
        an_unknown_card_is_refused,
    ];
    a_gateway_that_says_later_to_an_unknown_payment_is_caught: SaysLaterToAnUnknownPayment => [
        an_unknown_intent_is_refused,
    ];
    a_gateway_that_finds_no_payment_of_a_charge_is_caught: FindsNoPaymentOfACharge => [
        a_good_card_is_authorised,
        after_a_lost_answer_the_same_call_has_one_effect,
    ];
    a_gateway_that_finds_a_payment_for_every_charge_is_caught: FindsAPaymentForEveryCharge => [
        an_unknown_intent_is_refused,
        a_call_that_failed_can_be_made_again,
    ];
    a_gateway_that_captures_nothing_is_caught: CapturesNothing => [
        a_capture_takes_the_amount_once,
        the_books_say_what_was_asked_and_what_became_of_it,
    ];
    a_gateway_that_always_says_captured_is_caught: AlwaysSaysCaptured => [
        a_payment_that_cannot_be_captured_answers_its_state,
        of_a_capture_and_a_void_at_once_one_happens,
    ];
    a_gateway_that_voids_nothing_is_caught: VoidsNothing => [
        a_void_gives_up_the_hold,
        a_void_after_a_capture_answers_captured,
    ];
    a_gateway_that_says_voided_after_a_capture_is_caught: SaysVoidedAfterACapture => [
        a_void_after_a_capture_answers_captured,
    ];
    a_gateway_that_refunds_each_time_is_caught: RefundsEachTime => [
        a_refund_gives_the_money_back_once,
    ];
    a_gateway_that_refunds_the_whole_at_once_is_caught: RefundsTheWholeAtOnce => [
        money_is_given_back_in_parts,
        the_books_say_what_was_asked_and_what_became_of_it,
    ];
    a_gateway_that_forgets_whose_refund_it_is_is_caught: ForgetsWhoseRefundItIs => [
        money_is_given_back_in_parts,
    ];
    a_gateway_that_voids_when_asked_to_refund_is_caught: VoidsWhenAskedToRefund => [
        what_was_not_captured_is_not_refunded,
    ];
    a_gateway_that_hides_a_lost_answer_is_caught: HidesALostAnswer => [
        after_a_lost_answer_the_same_call_has_one_effect,
    ];
    a_gateway_that_hides_a_failure_is_caught: HidesAFailure => [
        a_call_that_failed_can_be_made_again,
    ];
    a_gateway_that_books_everything_in_one_currency_is_caught: BooksEverythingInOneCurrency => [
        the_books_say_what_was_asked_and_what_became_of_it,
    ];
    a_gateway_that_forgets_refunds_in_its_books_is_caught: ForgetsRefundsInItsBooks => [
        the_books_say_what_was_asked_and_what_became_of_it,
    ];
}
