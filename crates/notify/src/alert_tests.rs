//! Which tickets an alert tells of, and how often.

use uuid::Uuid;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn price(minor: i64) -> Price {
    Price::try_from(minor).unwrap()
}

fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

fn anything() -> Criteria {
    Criteria { quantity: None, max_total: None, currency: Currency::USD, sections: Vec::new() }
}

fn offer() -> Offer {
    Offer {
        seller: user(2),
        quantity: 2,
        total: price(5000),
        currency: Currency::USD,
        section: normal_section("Block 112"),
    }
}

fn alert(criteria: Criteria) -> Alert {
    let new = New {
        id: AlertId(Uuid::from_u128(9)),
        user_id: user(1),
        subject: Subject::performer("The Killers"),
        name: "The Killers".to_owned(),
        criteria,
        secret: "secret".to_owned(),
        ends_at: None,
    };
    after(None, &Command::Create(Box::new(new)), NOW).unwrap()
}

fn after(alert: Option<&Alert>, command: &Command, now: Timestamp) -> Result<Alert, Refusal> {
    match Alert::decide(alert, command, now)? {
        Decision::Changed { state, event: None } => Ok(state),
        Decision::Changed { .. } => panic!("an alert is nobody else's business"),
        Decision::Unchanged => Ok(alert.unwrap().clone()),
    }
}

#[test]
fn criteria_take_what_fits_all_of_them() {
    let sections = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
    for (criteria, is_wanted) in [
        (anything(), true),
        (Criteria { quantity: Some(2), ..anything() }, true),
        (Criteria { quantity: Some(1), ..anything() }, false),
        (Criteria { quantity: Some(3), ..anything() }, false),
        (Criteria { max_total: Some(price(5000)), ..anything() }, true),
        (Criteria { max_total: Some(price(4999)), ..anything() }, false),
        // Amounts of two currencies cannot be compared.
        (
            Criteria {
                max_total: Some(price(9000)),
                currency: "jpy".parse().unwrap(),
                ..anything()
            },
            false,
        ),
        (Criteria { currency: "jpy".parse().unwrap(), ..anything() }, true),
        (Criteria { sections: sections(&["Sec. 0112"]), ..anything() }, true),
        (Criteria { sections: sections(&["111", "section 112"]), ..anything() }, true),
        (Criteria { sections: sections(&["12"]), ..anything() }, false),
        (Criteria { quantity: Some(2), sections: sections(&["12"]), ..anything() }, false),
    ] {
        assert_eq!(criteria.take(&offer()), is_wanted, "{criteria:?}");
    }
}

#[test]
fn nobody_is_told_of_their_own_ticket() {
    let alert = alert(anything());
    assert!(alert.wants(&offer()));
    assert!(!alert.wants(&Offer { seller: alert.user_id, ..offer() }));
}

#[test]
fn a_performer_is_one_in_any_spelling() {
    for name in ["the killers", "THE  KILLERS", "The Killérs", "the-killers"] {
        assert_eq!(Subject::performer(name), Subject::performer("The Killers"), "{name}");
    }
    assert_ne!(Subject::performer("Killers").key(), Subject::performer("The Killers").key());
}

/// An alert tells of a ticket once, of ten tickets in a day, and of more the day after.
#[test]
fn an_alert_tells_of_ten_tickets_a_day() {
    let ticket = |number| Command::Tell(TicketId(Uuid::from_u128(number)));
    let mut told = alert(anything());
    for number in 0..10 {
        let next = after(Some(&told), &ticket(number), NOW).unwrap();
        assert_ne!(next, told);
        assert_eq!(after(Some(&next), &ticket(number), NOW), Ok(next.clone()));
        told = next;
    }
    let refused = after(Some(&told), &ticket(10), NOW.after(A_DAY - Duration::from_secs(1)));
    assert_eq!(refused, Err(Refusal::ToldEnough));
    let later = after(Some(&told), &ticket(10), NOW.after(A_DAY)).unwrap();
    assert_eq!(later.told.len(), 1);
}
