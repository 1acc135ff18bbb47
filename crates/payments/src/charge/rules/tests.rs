use super::*;
use crate::charge::ATTEMPT;
use stubmart_contract::api::RefundStatus;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_millis(60_000);
const SOON: Timestamp = Timestamp::from_millis(61_000);
const EARLIER: Timestamp = Timestamp::from_millis(10_000);

fn new(attempt: u32) -> NewCharge {
    NewCharge {
        id: ChargeId(Uuid::from_u128(1)),
        order_id: OrderId(Uuid::from_u128(2)),
        user_id: UserId(Uuid::from_u128(3)),
        attempt,
        amount: Price::try_from(12_550).unwrap(),
        currency: "eur".parse().unwrap(),
        payment_method: Some("pm_card_visa".to_owned()),
    }
}

/// The charge after a command, and its event; `None` for no change.
fn change(
    current: Option<&Charge>,
    command: &Command,
    now: Timestamp,
) -> Result<Option<(Charge, Option<DomainEvent>)>, Refusal> {
    Ok(match Charge::decide(current, command, now)? {
        Decision::Unchanged => None,
        Decision::Changed { state, event } => Some((state, event)),
    })
}

fn after(current: &Charge, command: &Command, now: Timestamp) -> Charge {
    change(Some(current), command, now).unwrap().unwrap().0
}

/// A charge in some stage, due at some time.
fn charge(stage: Stage, due_at: Option<Timestamp>) -> Charge {
    let (opened, _) = change(None, &Command::Open(new(1)), EARLIER).unwrap().unwrap();
    Charge { stage, due_at, ..opened }
}

fn failed(reason: FailureReason, due_at: Option<Timestamp>) -> Charge {
    charge(Stage::Failed(Failure::of(reason)), due_at)
}

/// All of it was given back.
fn refunded(charge: Charge) -> Charge {
    let (amount, cause) = (charge.amount, Cause::OrderEnded);
    let id = Some("re_1".to_owned());
    let refunds = with_refund(&charge, amount, cause, RefundStage::Succeeded, id, EARLIER).refunds;
    Charge { refunds, ..charge }
}

/// The provider says this of the charge's refund at this place.
fn said(charge: &Charge, place: usize, status: RefundStatus) -> Command {
    let said = SaidOfRefund {
        id: format!("re_{}", place + 1),
        refund_id: Some(Refund::id_at(charge.id, place)),
        amount: charge.refunds.get(place).map_or(charge.amount, |it| it.amount),
        status,
    };
    Command::NoteRefund { payment_id: "pi_1".to_owned(), said }
}

fn fail(reason: FailureReason) -> Command {
    Command::Fail { failure: Failure::of(reason), payment_id: Some("pi_1".to_owned()) }
}

/// What a command led to, in words: the stage after it, `refunded`, whether the charge is at rest, and
/// the event; `-` for no change, and the refusal after an exclamation mark.
fn words(changed: &Result<Option<(Charge, Option<DomainEvent>)>, Refusal>) -> String {
    let (charge, event) = match changed {
        Err(Refusal::Missing) => return "!missing".to_owned(),
        Err(Refusal::Failed) => return "!failed".to_owned(),
        Err(Refusal::InProgress) => return "!in progress".to_owned(),
        Err(Refusal::NotDue) => return "!not due".to_owned(),
        Err(Refusal::GivenBack) => return "!given back".to_owned(),
        Err(Refusal::TooMuch { .. }) => return "!too much".to_owned(),
        Err(Refusal::KeyReused) => return "!key reused".to_owned(),
        Err(Refusal::TooManyRefunds) => return "!too many".to_owned(),
        Ok(None) => return "-".to_owned(),
        Ok(Some(changed)) => changed,
    };
    let mut words = vec![match &charge.stage {
        Stage::Requested => "requested",
        Stage::RequiresAction => "requires action",
        Stage::Authorised => "authorised",
        Stage::Failed(failure) if failure.ends_order => "ended",
        Stage::Failed(_) => "failed",
        Stage::Completed => "completed",
    }];
    if charge.refunds.iter().any(Refund::stands) {
        words.push("refunded");
    }
    if charge.due_at.is_none() {
        words.push("rests");
    }
    words.extend(event.as_ref().map(|event| event.event_type().as_str()));
    words.join(" ")
}

/// The end of an order gives no work to a charge that has nothing left to give back, however often it is told.
#[test]
fn a_cleared_charge_has_nothing_left_to_do_for_an_order_that_ended() {
    use FailureReason::{AuthorisationLost, OrderExpired};
    for (charge, is_cleared) in [
        (charge(Stage::Requested, Some(EARLIER)), false),
        (charge(Stage::RequiresAction, Some(EARLIER)), false),
        (charge(Stage::Authorised, Some(EARLIER)), false),
        (failed(OrderExpired, Some(EARLIER)), false),
        (failed(OrderExpired, None), true),
        (refunded(failed(AuthorisationLost, None)), true),
        (charge(Stage::Completed, None), false),
        (refunded(charge(Stage::Completed, None)), true),
    ] {
        assert_eq!(charge.is_cleared(), is_cleared, "{charge:?}");
    }
}

/// A charge does not come to rest while a refund of it is asked for or on its way.
#[test]
fn a_charge_with_an_open_refund_does_not_rest() {
    let refunded = refunded(charge(Stage::Completed, Some(EARLIER)));
    let stages = [
        (RefundStage::Requested, false),
        (RefundStage::Pending, false),
        (RefundStage::Succeeded, true),
        (RefundStage::Failed, true),
    ];
    for (stage, rests) in stages {
        let mut charge = refunded.clone();
        charge.refunds[0].stage = stage;
        let changed = change(Some(&charge), &Command::Rest { payment_id: None }, NOW).unwrap();
        assert_eq!(changed.is_some(), rests, "{stage:?}");
    }
}

/// Every state × every command. What failed is never completed; what rests has nothing to give back.
#[test]
fn every_command_on_every_state_has_one_outcome() {
    use FailureReason::{
        AuthorisationLost, Declined, InvalidRequest, OrderCancelled, OrderExpired,
        ProviderUnavailable, Replaced,
    };
    let states: [Option<Charge>; 9] = [
        None,
        Some(charge(Stage::Requested, Some(EARLIER))),
        Some(charge(Stage::RequiresAction, Some(EARLIER))),
        Some(charge(Stage::Authorised, Some(EARLIER))),
        Some(failed(OrderExpired, Some(EARLIER))),
        Some(failed(ProviderUnavailable, None)),
        Some(refunded(failed(AuthorisationLost, None))),
        Some(charge(Stage::Completed, None)),
        Some(refunded(charge(Stage::Completed, None))),
    ];
    let payment_id = || "pi_1".to_owned();
    let refund = said(&charge(Stage::Completed, None), 0, RefundStatus::Succeeded);
    let all = Command::RequestRefund { amount: None, cause: Cause::OrderEnded };
    let rest = Command::Rest { payment_id: Some(payment_id()) };
    const M: &str = "!missing";
    const F: &str = "!failed";
    const P: &str = "!in progress";
    const D: &str = "!not due";
    const N: &str = "-";
    const REQ: &str = "requested";
    const G: &str = "!given back";
    const ACT: &str = "requires action";
    const AUT: &str = "authorised";
    const FAILS: &str = "failed CHARGE_FAILED";
    const ENDS: &str = "ended CHARGE_FAILED";
    const NEVER_ASKED: &str = "failed rests CHARGE_FAILED";
    const OPENS: &str = "requested CHARGE_CREATED";
    const PAID: &str = "completed rests CHARGE_COMPLETED";
    const GIVEN: &str = "failed refunded CHARGE_REFUNDED";
    const BACK: &str = "failed refunded rests CHARGE_REFUNDED";
    const LATE: &str = "failed rests";
    const SOLD: &str = "completed rests";
    const REFUNDS: &str = "completed refunded rests CHARGE_REFUNDED";
    #[rustfmt::skip]
    let table: [(Command, [&str; 9]); 20] = [
        //                                                     none   requested    action authorised failed, due unavailable given back         completed    refunded
        (Command::Open(new(1)),                               [OPENS, N,           N,     N,         N,          OPENS,      N,                 N,           N]),
        (Command::RequireAction { payment_id: payment_id() }, [M,     ACT,         N,     N,         F,          F,          F,                 N,           N]),
        (Command::Authorise { payment_id: payment_id() },     [M,     AUT,         AUT,   N,         F,          F,          F,                 N,           N]),
        (Command::Complete { payment_id: payment_id() },      [M,     PAID,        PAID,  PAID,      F,          F,          F,                 N,           N]),
        (fail(Declined),                                      [M,     FAILS,       FAILS, P,         N,          N,          N,                 N,           N]),
        (fail(InvalidRequest),                                [M,     NEVER_ASKED, P,     P,         N,          N,          N,                 N,           N]),
        (fail(ProviderUnavailable),                           [M,     NEVER_ASKED, P,     P,         N,          N,          N,                 N,           N]),
        (fail(Replaced),                                      [M,     P,           FAILS, P,         N,          N,          N,                 N,           N]),
        (fail(AuthorisationLost),                             [M,     FAILS,       FAILS, ENDS,      N,          N,          N,                 N,           N]),
        (fail(OrderCancelled),                                [M,     FAILS,       FAILS, FAILS,     N,          N,          N,                 N,           N]),
        (refund,                                              [M,     P,           P,     P,         GIVEN,      BACK,       N,                 REFUNDS,     N]),
        (give_back("k", None),                                [M,     P,           P,     P,         P,          P,          P,                 "completed", G]),
        (all,                                                 [M,     P,           P,     P,         "failed",   LATE,       G,                 SOLD,        G]),
        (Command::Claim,                                      [M,     REQ,         ACT,   AUT,       "failed",   "failed",   "failed refunded", "completed", "completed refunded"]),
        (Command::ClaimIfDue,                                 [M,     REQ,         ACT,   AUT,       "failed",   D,          D,                 D,           D]),
        (Command::ScheduleBy { at: SOON },                    [M,     N,           N,     N,         N,          N,          "failed refunded", "completed", "completed refunded"]),
        (Command::ScheduleBy { at: Timestamp::EPOCH },        [M,     REQ,         ACT,   AUT,       "failed",   N,          "failed refunded", "completed", "completed refunded"]),
        (Command::Postpone { until: SOON },                   [M,     N,           N,     N,         "failed",   N,          N,                 N,           N]),
        (Command::Postpone { until: Timestamp::EPOCH },       [M,     N,           N,     N,         N,          N,          N,                 N,           N]),
        (rest,                                                [M,     P,           P,     P,         "failed rests", N,      N,                 N,           N]),
    ];
    for (command, expected) in &table {
        for (state, expected) in states.iter().zip(expected) {
            let changed = change(state.as_ref(), command, NOW);
            let stage = state.as_ref().map(|charge| &charge.stage);
            assert_eq!(words(&changed), *expected, "{command:?} on {stage:?}");
        }
    }
}

/// An operator's request to give money back.
fn give_back(key: &str, amount: Option<i64>) -> Command {
    let amount = amount.map(|amount| Price::try_from(amount).unwrap());
    let (reason, key) = ("a claim".to_owned(), Some(key.to_owned()));
    Command::RequestRefund { amount, cause: Cause::Operator { reason, key } }
}

/// A refund that is asked for twice with one key is one, before and after it is done, and its key names
/// its amount. More than is left is refused, and what failed is left.
#[test]
fn a_refund_is_asked_for_once() {
    let sold = charge(Stage::Completed, None);
    let part = after(&sold, &give_back("k", Some(100)), NOW);
    assert_eq!((part.due_at, part.left(), part.kept()), (Some(NOW), 12_450, 12_550));
    let done = after(&part, &said(&part, 0, RefundStatus::Succeeded), NOW);
    assert_eq!((done.left(), done.kept()), (12_450, 12_450));
    let lost = after(&done, &said(&done, 0, RefundStatus::Failed), NOW);
    assert_eq!((lost.left(), lost.kept()), (12_550, 12_550));
    for asked in [&part, &done, &lost] {
        for same in [give_back("k", Some(100)), give_back("k", None)] {
            assert_eq!(change(Some(asked), &same, SOON), Ok(None));
        }
        let other = change(Some(asked), &give_back("k", Some(99)), SOON);
        assert_eq!(other, Err(Refusal::KeyReused));
    }
    let refused = change(Some(&done), &give_back("l", Some(12_451)), SOON);
    assert_eq!(refused, Err(Refusal::TooMuch { left: 12_450 }));
    let rest = after(&done, &give_back("l", None), SOON);
    assert_eq!((rest.left(), rest.refunds[1].amount.minor()), (0, 12_450));
    assert_eq!(change(Some(&rest), &give_back("m", None), SOON), Err(Refusal::GivenBack));
}

/// What the provider says counts as far as it goes on. An answer that is old changes nothing.
#[test]
fn a_refund_never_goes_back() {
    use RefundStatus::{Failed, Pending, Succeeded};
    let asked = after(&charge(Stage::Completed, None), &give_back("k", Some(100)), NOW);
    let (refunded, failed) = (Some("CHARGE_REFUNDED"), Some("CHARGE_REFUND_FAILED"));
    for (order, expected) in [
        ([Pending, Succeeded, Failed], [Some(refunded), Some(None), Some(failed)]),
        ([Succeeded, Pending, Failed], [Some(refunded), None, Some(failed)]),
        ([Failed, Succeeded, Pending], [Some(failed), None, None]),
    ] {
        let mut charge = asked.clone();
        for (status, expected) in order.into_iter().zip(expected) {
            let changed = change(Some(&charge), &said(&charge, 0, status), NOW).unwrap();
            let event = changed.as_ref().map(|(_, event)| event.as_ref());
            let event = event.map(|it| it.map(|it| it.event_type().as_str()));
            assert_eq!(event, expected, "{status:?} in {order:?}");
            charge = changed.map_or(charge, |(charge, _)| charge);
        }
    }
}

/// A charge takes ten refunds. Those that the market makes by itself end sooner.
#[test]
fn a_charge_takes_so_many_refunds() {
    let sold = charge(Stage::Completed, None);
    let by_itself = Command::RequestRefund { amount: None, cause: Cause::OrderEnded };
    let mut tried = sold.clone();
    for place in 0..TRIES_MAX {
        tried = after(&tried, &by_itself, NOW);
        tried = after(&tried, &said(&tried, place, RefundStatus::Failed), NOW);
    }
    assert_eq!(change(Some(&tried), &by_itself, NOW), Err(Refusal::TooManyRefunds));
    for place in TRIES_MAX..REFUNDS_MAX {
        tried = after(&tried, &give_back(&place.to_string(), Some(1)), NOW);
    }
    let more = change(Some(&tried), &give_back("more", Some(1)), NOW);
    assert_eq!(more, Err(Refusal::TooManyRefunds));
    let by_hand = after(&tried, &said(&tried, REFUNDS_MAX, RefundStatus::Succeeded), NOW);
    assert_eq!(by_hand.refunds.len(), REFUNDS_MAX + 1, "what happened is noted in any case");
}

/// To decide again after a change changes nothing more, so that a change whose answer was lost, or that
/// two make at once, happens once.
#[test]
fn every_command_but_a_claim_happens_once() {
    let failure = Failure { ends_order: true, ..Failure::of(FailureReason::AuthorisationLost) };
    let payment_id = || "pi_1".to_owned();
    let commands = [
        (
            charge(Stage::Requested, Some(EARLIER)),
            Command::RequireAction { payment_id: payment_id() },
        ),
        (
            charge(Stage::RequiresAction, Some(EARLIER)),
            Command::Authorise { payment_id: payment_id() },
        ),
        (charge(Stage::Requested, Some(EARLIER)), Command::Complete { payment_id: payment_id() }),
        (charge(Stage::Authorised, Some(EARLIER)), Command::Fail { failure, payment_id: None }),
        (charge(Stage::Completed, None), Command::ScheduleBy { at: NOW }),
        (failed(FailureReason::Declined, Some(EARLIER)), Command::Postpone { until: SOON }),
        (
            failed(FailureReason::AuthorisationLost, Some(EARLIER)),
            Command::Rest { payment_id: None },
        ),
        (
            charge(Stage::Completed, Some(EARLIER)),
            said(&charge(Stage::Completed, None), 0, RefundStatus::Succeeded),
        ),
    ];
    for (before, command) in commands {
        let after = after(&before, &command, NOW);
        assert_eq!(change(Some(&after), &command, SOON), Ok(None), "{command:?}");
    }
}

/// An attempt keeps its number while it is open, when it took the money and when it counts, and gives
/// it back when it does not: so no two charges of an order are open at once.
#[test]
fn an_attempt_holds_its_number_unless_it_does_not_count() {
    let holds = |charge: &Charge| charge.index_entries().iter().any(|(it, _)| *it == ATTEMPT);
    for stage in [Stage::Requested, Stage::RequiresAction, Stage::Authorised, Stage::Completed] {
        assert!(holds(&charge(stage.clone(), None)), "{stage:?}");
    }
    for (reason, counted) in [
        (FailureReason::Declined, true),
        (FailureReason::AuthorisationLost, true),
        (FailureReason::InvalidRequest, false),
        (FailureReason::ProviderUnavailable, false),
        (FailureReason::Replaced, false),
        (FailureReason::OrderExpired, false),
    ] {
        assert_eq!(holds(&failed(reason, None)), counted, "{reason:?}");
        let ending = Failure { ends_order: true, ..Failure::of(reason) };
        assert!(holds(&charge(Stage::Failed(ending), None)), "{reason:?}");
    }
}

/// Claims last ever longer but end, and the sooner, the more somebody waits for them.
#[test]
fn claims_last_ever_longer_but_end() {
    let lost = Stage::Failed(Failure::of(FailureReason::AuthorisationLost));
    for (stage, expected) in [
        (Stage::Requested, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]),
        (Stage::RequiresAction, [1, 2, 4, 8, 10, 10, 10, 10, 10, 10]),
        (Stage::Authorised, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]),
        (lost, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]),
    ] {
        let mut claimed = charge(stage, Some(EARLIER));
        let mut waits = Vec::new();
        for _ in 0..10 {
            claimed = after(&claimed, &Command::Claim, NOW);
            waits.push(claimed.due_at.unwrap().since(NOW).as_secs());
        }
        assert_eq!(waits, expected, "{:?}", claimed.stage);
        claimed.claims = u32::MAX;
        assert_eq!(after(&claimed, &Command::Claim, NOW).claims, u32::MAX);
    }
}

/// A new stage is claimed as soon as if nobody had claimed the charge in the one before.
#[test]
fn each_stage_is_claimed_from_the_beginning() {
    let payment_id = || "pi_1".to_owned();
    for (stage, command) in [
        (Stage::Requested, Command::RequireAction { payment_id: payment_id() }),
        (Stage::RequiresAction, Command::Authorise { payment_id: payment_id() }),
        (Stage::Authorised, Command::Complete { payment_id: payment_id() }),
        (Stage::Authorised, fail(FailureReason::AuthorisationLost)),
    ] {
        let claimed = Charge { claims: 9, ..charge(stage, Some(EARLIER)) };
        assert_eq!(after(&claimed, &command, NOW).claims, 0, "{command:?}");
    }
}

/// That nothing happened is believed of the first request alone. After a claim there may have been a
/// second: what that did is watched for, and a provider that is down is asked again.
#[test]
fn that_nothing_happened_is_believed_of_the_first_request_alone() {
    let claimed = Charge { claims: 1, ..charge(Stage::Requested, Some(EARLIER)) };
    let refused = change(Some(&claimed), &fail(FailureReason::InvalidRequest), NOW);
    assert_eq!(words(&refused), "failed CHARGE_FAILED");
    assert_eq!(refused.unwrap().unwrap().0.due_at, Some(NOW));
    let unavailable = change(Some(&claimed), &fail(FailureReason::ProviderUnavailable), NOW);
    assert_eq!(unavailable, Err(Refusal::InProgress));
}

#[test]
fn a_stored_charge_reads_back() {
    let failure = Failure {
        decline_code: Some("lost_card".to_owned()),
        ..Failure::of(FailureReason::Declined)
    };
    for stage in [
        Stage::Requested,
        Stage::RequiresAction,
        Stage::Authorised,
        Stage::Failed(failure),
        Stage::Completed,
    ] {
        let stored = charge(stage, Some(NOW));
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<Charge>(&text).unwrap(), stored, "{text}");
    }
}

/// Documents of earlier versions, with the names they had, are read.
#[test]
fn charges_of_earlier_versions_are_read() {
    let failed = |reason: &str| {
        format!(
            r#"{{"failed":{{"reason":"{reason}","code":"x","declineCode":null,"message":null,
                "endsOrder":true}}}}"#
        )
    };
    let reason =
        |reason| Stage::Failed(Failure { ends_order: true, ..Failure::of(reason).code("x") });
    for (written, stage) in [
        (r#""asked""#.to_owned(), Stage::Requested),
        (r#""waiting""#.to_owned(), Stage::RequiresAction),
        (r#""held""#.to_owned(), Stage::Authorised),
        (r#""completed""#.to_owned(), Stage::Completed),
        (failed("declined"), reason(FailureReason::Declined)),
        (failed("refused"), reason(FailureReason::InvalidRequest)),
        (failed("unavailable"), reason(FailureReason::ProviderUnavailable)),
        (failed("replaced"), reason(FailureReason::Replaced)),
        (failed("lost"), reason(FailureReason::AuthorisationLost)),
        (failed("order_secured"), reason(FailureReason::OrderSecured)),
    ] {
        let id = "00000000-0000-0000-0000-000000000001";
        let text = format!(
            r#"{{"id":"{id}","orderId":"{id}","userId":"{id}","attempt":1,"amount":500,
                "currency":"usd","paymentMethod":null,"stage":{written},"stripeId":"pi_1",
                "stripeRefundId":"re_1","dueAt":null,"looks":3,
                "createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z"}}"#
        );
        let read: Charge = serde_json::from_str(&text).unwrap();
        assert_eq!(read.stage, stage, "{written}");
        assert_eq!((read.payment_id.as_deref(), read.claims), (Some("pi_1"), 3));
        let [refund] = &read.refunds[..] else { panic!("one refund") };
        assert_eq!(
            (refund.id.0, refund.amount, refund.stage),
            (read.id.0, read.amount, RefundStage::Succeeded)
        );
        assert_eq!(refund.provider_id.as_deref(), Some("re_1"));
    }
}
