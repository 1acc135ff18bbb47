use stubmart_kernel::repo::Document as _;
use uuid::Uuid;

use super::*;
use crate::charge::ATTEMPT;

const NOW: Timestamp = Timestamp::from_millis(60_000);
const SOON: Timestamp = Timestamp::from_millis(61_000);
const EARLIER: Timestamp = Timestamp::from_millis(10_000);

fn open(attempt: u32) -> Open {
    Open {
        id: ChargeId(Uuid::from_u128(1)),
        order_id: OrderId(Uuid::from_u128(2)),
        user_id: UserId(Uuid::from_u128(3)),
        attempt,
        amount: Price::try_from(12_550).unwrap(),
        currency: Currency::USD,
        payment_method: Some("pm_card_visa".to_owned()),
    }
}

/// A charge in some stage, due at some time.
fn charge(stage: Stage, due_at: Option<Timestamp>) -> Charge {
    let opened = decide(None, &Command::Open(open(1)), EARLIER).unwrap().unwrap();
    Charge { stage, due_at, ..opened.charge }
}

fn failed(reason: Reason, due_at: Option<Timestamp>) -> Charge {
    charge(Stage::Failed(Failure::of(reason)), due_at)
}

fn refunded(charge: Charge) -> Charge {
    Charge { stripe_refund_id: Some("re_1".to_owned()), ..charge }
}

fn fail(reason: Reason) -> Command {
    Command::Fail { failure: Failure::of(reason), payment_id: Some("pi_1".to_owned()) }
}

/// What a command led to, in words: the stage after it, `refunded`, whether the charge is at rest, and
/// the event; `-` for no change, and the refusal after an exclamation mark.
fn words(verdict: &Verdict) -> String {
    let change = match verdict {
        Err(Refusal::Missing) => return "!missing".to_owned(),
        Err(Refusal::Failed) => return "!failed".to_owned(),
        Err(Refusal::InProgress) => return "!in progress".to_owned(),
        Ok(None) => return "-".to_owned(),
        Ok(Some(change)) => change,
    };
    let mut words = vec![match &change.charge.stage {
        Stage::Asked => "asked",
        Stage::Waiting => "waiting",
        Stage::Held => "held",
        Stage::Failed(failure) if failure.ends_order => "ended",
        Stage::Failed(_) => "failed",
        Stage::Completed => "completed",
    }];
    if change.charge.stripe_refund_id.is_some() {
        words.push("refunded");
    }
    if change.charge.due_at.is_none() {
        words.push("rests");
    }
    words.extend(change.event.as_ref().map(|event| event.event_type().as_str()));
    words.join(" ")
}

/// Every state × every command. Money is asked about only in `held`; what failed is never completed;
/// what rests has nothing to give back.
#[test]
fn every_command_on_every_state_has_one_outcome() {
    let states: [Option<Charge>; 9] = [
        None,
        Some(charge(Stage::Asked, Some(EARLIER))),
        Some(charge(Stage::Waiting, Some(EARLIER))),
        Some(charge(Stage::Held, Some(EARLIER))),
        Some(failed(Reason::OrderExpired, Some(EARLIER))),
        Some(failed(Reason::Unavailable, None)),
        Some(refunded(failed(Reason::Lost, None))),
        Some(charge(Stage::Completed, None)),
        Some(refunded(charge(Stage::Completed, None))),
    ];
    let payment_id = "pi_1".to_owned();
    let refund = Command::Refund { payment_id: payment_id.clone(), refund_id: "re_2".to_owned() };
    let rest = Command::Rest { payment_id: Some(payment_id.clone()) };
    const M: &str = "!missing";
    const F: &str = "!failed";
    const P: &str = "!in progress";
    const N: &str = "-";
    const FAILS: &str = "failed CHARGE_FAILED";
    const ENDS: &str = "ended CHARGE_FAILED";
    const NEVER_ASKED: &str = "failed rests CHARGE_FAILED";
    const OPENS: &str = "asked CHARGE_CREATED";
    const GIVEN: &str = "failed refunded rests CHARGE_REFUNDED";
    const REFUNDS: &str = "completed refunded rests CHARGE_REFUNDED";
    #[rustfmt::skip]
    let table: [(Command, [&str; 9]); 16] = [
        //                                    none   asked        waiting  held         failed, due     unavailable  given back         completed    refunded
        (Command::Open(open(1)),             [OPENS, N,           N,       N,           N,              OPENS,       N,                 N,           N]),
        (Command::Wait { payment_id: payment_id.clone() }, [M, "waiting", N, N,           F,              F,           F,                 N,           N]),
        (Command::Hold { payment_id },        [M,     "held",      "held",  N,           F,              F,           F,                 N,           N]),
        (Command::Complete,                  [M,     P,           P,       "completed rests CHARGE_COMPLETED", F, F, F,                 N,           N]),
        (fail(Reason::Declined),             [M,     FAILS,       FAILS,   P,           N,              N,           N,                 N,           N]),
        (fail(Reason::Refused),              [M,     NEVER_ASKED, P,       P,           N,              N,           N,                 N,           N]),
        (fail(Reason::Unavailable),          [M,     NEVER_ASKED, P,       P,           N,              N,           N,                 N,           N]),
        (fail(Reason::Replaced),             [M,     P,           FAILS,   P,           N,              N,           N,                 N,           N]),
        (fail(Reason::Lost),                 [M,     FAILS,       FAILS,   ENDS,        N,              N,           N,                 N,           N]),
        (fail(Reason::OrderCancelled),       [M,     FAILS,       FAILS,   FAILS,       N,              N,           N,                 N,           N]),
        (refund,                             [M,     P,           P,       P,           GIVEN,          GIVEN,       N,                 REFUNDS,     N]),
        (Command::Look,                      [M,     "asked",     "waiting", "held",    "failed",       "failed",    "failed refunded", "completed", "completed refunded"]),
        (Command::LookIfDue,                 [M,     "asked",     "waiting", "held",    "failed",       P,           P,                 P,           P]),
        (Command::LookBy { at: SOON },       [M,     N,           N,       N,           N,              N,           N,                 "completed", N]),
        (Command::LookBy { at: Timestamp::EPOCH }, [M, "asked",   "waiting", "held",    "failed",       N,           N,                 "completed", N]),
        (rest,                               [M,     P,           P,       P,           "failed rests", N,           N,                 N,           N]),
    ];
    for (command, expected) in &table {
        for (state, expected) in states.iter().zip(expected) {
            let verdict = decide(state.as_ref(), command, NOW);
            let stage = state.as_ref().map(|charge| &charge.stage);
            assert_eq!(words(&verdict), *expected, "{command:?} on {stage:?}");
        }
    }
}

/// To decide again after a change changes nothing more, so that a change whose answer was lost, or that
/// two make at once, happens once.
#[test]
fn every_command_but_a_look_happens_once() {
    let failure = Failure { ends_order: true, ..Failure::of(Reason::Lost) };
    let commands = [
        (charge(Stage::Asked, Some(EARLIER)), Command::Wait { payment_id: "pi_1".to_owned() }),
        (charge(Stage::Asked, Some(EARLIER)), Command::Hold { payment_id: "pi_1".to_owned() }),
        (charge(Stage::Held, Some(EARLIER)), Command::Complete),
        (charge(Stage::Held, Some(EARLIER)), Command::Fail { failure, payment_id: None }),
        (charge(Stage::Completed, None), Command::LookBy { at: NOW }),
        (failed(Reason::Lost, Some(EARLIER)), Command::Rest { payment_id: None }),
        (
            charge(Stage::Completed, Some(EARLIER)),
            Command::Refund { payment_id: "pi_1".to_owned(), refund_id: "re_1".to_owned() },
        ),
    ];
    for (before, command) in commands {
        let after = decide(Some(&before), &command, NOW).unwrap().unwrap().charge;
        assert_eq!(decide(Some(&after), &command, SOON), Ok(None), "{command:?}");
    }
}

/// An attempt keeps its number while it is open, when it took the money and when it counts, and gives
/// it back when it does not: so no two charges of an order are open at once.
#[test]
fn an_attempt_holds_its_number_unless_it_does_not_count() {
    let holds = |charge: &Charge| charge.entries().iter().any(|(index, _)| *index == ATTEMPT);
    for stage in [Stage::Asked, Stage::Waiting, Stage::Held, Stage::Completed] {
        assert!(holds(&charge(stage.clone(), None)), "{stage:?}");
    }
    for (reason, counted) in [
        (Reason::Declined, true),
        (Reason::Lost, true),
        (Reason::Refused, false),
        (Reason::Unavailable, false),
        (Reason::Replaced, false),
        (Reason::OrderExpired, false),
    ] {
        assert_eq!(holds(&failed(reason, None)), counted, "{reason:?}");
        let ending = Failure { ends_order: true, ..Failure::of(reason) };
        assert!(holds(&charge(Stage::Failed(ending), None)), "{reason:?}");
    }
}

/// Looks come ever more seldom but never end, and the sooner, the more somebody waits for them.
#[test]
fn looks_come_ever_more_seldom_but_never_end() {
    let lost = Stage::Failed(Failure::of(Reason::Lost));
    for (stage, expected) in [
        (Stage::Asked, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]),
        (Stage::Waiting, [1, 2, 4, 8, 10, 10, 10, 10, 10, 10]),
        (Stage::Held, [1, 2, 4, 8, 16, 30, 30, 30, 30, 30]),
        (lost, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]),
    ] {
        let mut looked = charge(stage, Some(EARLIER));
        let mut waits = Vec::new();
        for _ in 0..10 {
            looked = decide(Some(&looked), &Command::Look, NOW).unwrap().unwrap().charge;
            waits.push(looked.due_at.unwrap().since(NOW).as_secs());
        }
        assert_eq!(waits, expected, "{:?}", looked.stage);
        looked.looks = u32::MAX;
        let again = decide(Some(&looked), &Command::Look, NOW).unwrap().unwrap().charge;
        assert_eq!(again.looks, u32::MAX);
    }
}

/// A new stage is looked at as soon as if nobody had looked at the one before.
#[test]
fn each_stage_is_looked_at_from_the_beginning() {
    let id = || "pi_1".to_owned();
    for (stage, command) in [
        (Stage::Asked, Command::Wait { payment_id: id() }),
        (Stage::Waiting, Command::Hold { payment_id: id() }),
        (Stage::Held, Command::Complete),
        (Stage::Held, fail(Reason::Lost)),
    ] {
        let looked = Charge { looks: 9, ..charge(stage, Some(EARLIER)) };
        let after = decide(Some(&looked), &command, NOW).unwrap().unwrap().charge;
        assert_eq!(after.looks, 0, "{command:?}");
    }
}

/// That nothing happened is believed of the first question alone. After another look there may have
/// been a second: what that did is watched for, and a provider that is down is asked again.
#[test]
fn that_nothing_happened_is_believed_of_the_first_question_alone() {
    let looked = Charge { looks: 1, ..charge(Stage::Asked, Some(EARLIER)) };
    let refused = decide(Some(&looked), &fail(Reason::Refused), NOW);
    assert_eq!(words(&refused), "failed CHARGE_FAILED");
    assert_eq!(refused.unwrap().unwrap().charge.due_at, Some(NOW));
    let unavailable = decide(Some(&looked), &fail(Reason::Unavailable), NOW);
    assert_eq!(unavailable, Err(Refusal::InProgress));
}

#[test]
fn a_stored_charge_reads_back() {
    let failure =
        Failure { decline_code: Some("lost_card".to_owned()), ..Failure::of(Reason::Declined) };
    for stage in
        [Stage::Asked, Stage::Waiting, Stage::Held, Stage::Failed(failure), Stage::Completed]
    {
        let stored = charge(stage, Some(NOW));
        let text = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<Charge>(&text).unwrap(), stored, "{text}");
    }
}
