//! Every state × command pair of a claim.

use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const BUYER: UserId = UserId(Uuid::from_u128(1));
const SELLER: UserId = UserId(Uuid::from_u128(2));

fn opening() -> Command {
    Command::Open(Box::new(NewClaim {
        id: ClaimId(Uuid::from_u128(3)),
        order_id: OrderId(Uuid::from_u128(4)),
        buyer_id: BUYER,
        seller_id: SELLER,
        kind: ClaimKind::Invalid,
        text: "The gate was red.".to_owned(),
    }))
}

fn answer(by: UserId) -> Command {
    Command::Answer { by, text: "It was green for me.".to_owned() }
}

fn verdict(outcome: ClaimOutcome) -> Command {
    Command::Decide { outcome, reason: "The gate's log says so.".to_owned() }
}

fn after(commands: &[Command]) -> Claim {
    let mut claim = None;
    for command in commands {
        if let Decision::Changed { state, event } =
            Claim::decide(claim.as_ref(), command, NOW).unwrap()
        {
            let text = format!("{event:?}");
            assert!(!text.contains("gate") && !text.contains("green"), "{text}");
            claim = Some(state);
        }
    }
    claim.unwrap()
}

#[test]
fn each_command_in_each_state_does_what_the_table_says() {
    use ClaimOutcome::{Refund, Rejected};
    use ClaimStatus::{Answered, Decided, Open};
    let (open, answered) = (after(&[opening()]), after(&[opening(), answer(SELLER)]));
    let refunded = after(&[opening(), verdict(Refund)]);
    let in_time = NOW.after(ANSWER).before(Duration::from_millis(1));
    let table = [
        (&open, answer(SELLER), in_time, Ok(Answered)),
        (&open, answer(BUYER), in_time, Err(Refusal::OtherSide)),
        (&open, answer(UserId(Uuid::max())), in_time, Err(Refusal::NotFound)),
        (&open, Command::Watch, in_time, Ok(Open)),
        (&open, Command::Watch, NOW.after(ANSWER), Ok(Decided)),
        (&open, verdict(Rejected), in_time, Ok(Decided)),
        (&open, opening(), in_time, Ok(Open)),
        (&answered, answer(SELLER), in_time, Ok(Answered)),
        (
            &answered,
            Command::Answer { by: SELLER, text: "No.".to_owned() },
            in_time,
            Err(Refusal::Answered),
        ),
        (&answered, Command::Watch, NOW.after(10 * ANSWER), Ok(Answered)),
        (&answered, verdict(Refund), in_time, Ok(Decided)),
        (&refunded, answer(SELLER), in_time, Err(Refusal::Decided(Refund))),
        (&refunded, verdict(Refund), in_time, Ok(Decided)),
        (&refunded, verdict(Rejected), in_time, Err(Refusal::Decided(Refund))),
        (&refunded, Command::Watch, NOW.after(10 * ANSWER), Ok(Decided)),
    ];
    for (claim, command, at, expected) in table {
        let status = Claim::decide(Some(claim), &command, at).map(|decision| match decision {
            Decision::Changed { state, .. } => state.status,
            Decision::Unchanged => claim.status,
        });
        assert_eq!(status, expected, "{command:?} in {:?}", claim.status);
    }
    assert_eq!(Claim::decide(None, &Command::Watch, NOW), Err(Refusal::NotFound));
}

/// A seller who does not answer loses: the buyer waits for nobody.
#[test]
fn a_silent_seller_has_nothing_to_say_against_it() {
    let open = after(&[opening()]);
    let Ok(Decision::Changed { state, event }) =
        Claim::decide(Some(&open), &Command::Watch, NOW.after(ANSWER))
    else {
        panic!("nothing happens");
    };
    assert_eq!(state.outcome, Some(ClaimOutcome::Refund));
    assert!(matches!(event, Some(DomainEvent::ClaimDecided(_))));
    assert_eq!(state.silent_at(), None);
}
