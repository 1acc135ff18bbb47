//! Every state × command pair of a user document.

use super::*;

const NOW: Timestamp = Timestamp::from_millis(2_000);

fn id() -> UserId {
    UserId(Uuid::from_u128(1))
}

fn session(number: u128) -> SessionId {
    SessionId(Uuid::from_u128(number))
}

fn email(text: &str) -> Email {
    text.parse().unwrap()
}

fn active() -> User {
    let account = Account {
        email: email("ann@example.com"),
        name: "Ann".to_owned(),
        password_hash: "hash 1".to_owned(),
        password_number: 1,
        kept_session: None,
    };
    let created_at = Timestamp::from_millis(1_000);
    User { id: id(), created_at, account: Some(account), notices: Vec::new() }
}

fn deleted() -> User {
    User { account: None, notices: vec![notice(9, NoticeKind::AccountDeleted)], ..active() }
}

fn notice(number: u128, kind: NoticeKind) -> Notice {
    Notice::new(Uuid::from_u128(number), kind, email("ann@example.com"), NOW)
}

fn later() -> Later {
    Later { due: NOW.after(std::time::Duration::from_secs(60)), failures: 1 }
}

fn update(proof: &str) -> Update {
    Update {
        proof: proof.to_owned(),
        session: session(5),
        email: None,
        name: None,
        password_hash: None,
        notice_ids: [Uuid::from_u128(7), Uuid::from_u128(8)],
    }
}

/// Every kind of command, by a word for the table.
fn commands() -> Vec<(&'static str, Command)> {
    let sign_up = Command::SignUp {
        id: id(),
        email: email("ann@example.com"),
        name: "Ann".to_owned(),
        password_hash: "hash 1".to_owned(),
    };
    let delete =
        |proof: &str| Command::Delete { proof: proof.to_owned(), notice_id: Uuid::from_u128(9) };
    let tried = |number, again| {
        let id = Uuid::from_u128(number);
        let (done, later) = if again { (vec![], vec![(id, later())]) } else { (vec![id], vec![]) };
        Command::SettleNotices { done, later }
    };
    let name = Some("Anna".to_owned());
    let other_email = Some(email("anna@example.org"));
    let password_hash = Some("hash 2".to_owned());
    let proven = update("hash 1");
    vec![
        ("sign up", sign_up),
        ("update nothing", Command::Update(proven.clone())),
        ("update name", Command::Update(Update { name: name.clone(), ..proven.clone() })),
        ("update email", Command::Update(Update { email: other_email, ..proven.clone() })),
        ("update password", Command::Update(Update { password_hash, ..proven })),
        ("update with stale proof", Command::Update(Update { name, ..update("hash 0") })),
        ("delete", delete("hash 1")),
        ("delete with stale proof", delete("hash 0")),
        ("tell of token", Command::ReportToken { notice_id: Uuid::from_u128(6) }),
        ("notice sent", tried(9, false)),
        ("notice to be tried again", tried(9, true)),
        ("other notice sent", tried(99, false)),
        ("other notice to be tried again", tried(99, true)),
    ]
}

fn decide(user: Option<&User>, command: &Command) -> Decided {
    User::decide(user, command, NOW)
}

fn saved(state: User, event: Option<DomainEvent>) -> Decided {
    Ok(Decision::Changed { state, event })
}

/// The user that a command leads to.
fn becomes(user: &User, command: &Command) -> User {
    match decide(Some(user), command) {
        Ok(Decision::Changed { state, .. }) => state,
        other => panic!("{other:?}"),
    }
}

fn created() -> DomainEvent {
    DomainEvent::UserCreated(UserState { id: id() })
}

fn changed() -> DomainEvent {
    DomainEvent::UserUpdated(UserState { id: id() })
}

fn gone() -> DomainEvent {
    DomainEvent::UserDeleted(UserState { id: id() })
}

/// What becomes of an account that is open.
fn expected_of_active(command: &str) -> Decided {
    let user = active();
    let account = user.account.clone().unwrap();
    let with = |account: Account, notices: Vec<Notice>| {
        saved(User { account: Some(account), notices, ..user.clone() }, Some(changed()))
    };
    match command {
        "sign up" => Err(Refusal::Exists),
        "update name" => with(Account { name: "Anna".to_owned(), ..account }, Vec::new()),
        "update email" => with(
            Account { email: email("anna@example.org"), ..account },
            vec![notice(7, NoticeKind::EmailChanged)],
        ),
        "update password" => with(
            Account {
                password_hash: "hash 2".to_owned(),
                password_number: 2,
                kept_session: Some(session(5)),
                ..account
            },
            vec![notice(8, NoticeKind::PasswordChanged)],
        ),
        "delete" => saved(deleted(), Some(gone())),
        "tell of token" => {
            saved(User { notices: vec![notice(6, NoticeKind::TokenCreated)], ..user.clone() }, None)
        }
        "update with stale proof" | "delete with stale proof" => Err(Refusal::StaleProof),
        "update nothing" => Ok(Decision::Unchanged),
        _ if command.contains("notice") => Ok(Decision::Unchanged),
        other => panic!("no such command: {other}"),
    }
}

/// Every command does to a user in every state what the table says.
#[test]
fn every_command_in_every_state() {
    for (word, command) in commands() {
        let absent = match word {
            "sign up" => saved(User { created_at: NOW, ..active() }, Some(created())),
            _ => Err(Refusal::Gone),
        };
        assert_eq!(decide(None, &command), absent, "absent: {word}");

        assert_eq!(decide(Some(&active()), &command), expected_of_active(word), "active: {word}");

        let tombstone = match word {
            "sign up" => Err(Refusal::Exists),
            "notice sent" => saved(User { notices: Vec::new(), ..deleted() }, None),
            "notice to be tried again" => {
                let waits =
                    Notice { later: Some(later()), ..notice(9, NoticeKind::AccountDeleted) };
                saved(User { notices: vec![waits], ..deleted() }, None)
            }
            _ if word.starts_with("delete") || word.starts_with("other") => Ok(Decision::Unchanged),
            _ => Err(Refusal::Gone),
        };
        assert_eq!(decide(Some(&deleted()), &command), tombstone, "deleted: {word}");
    }
}

/// A change that happened, decided again because its answer was lost, changes nothing.
#[test]
fn a_change_that_happened_is_kept() {
    for (word, command) in commands() {
        let decided = decide(Some(&active()), &command);
        let Ok(Decision::Changed { state: after, .. }) = decided else { continue };
        assert_eq!(decide(Some(&after), &command), Ok(Decision::Unchanged), "{word}");
    }
}

/// A tombstone holds nothing of a person once its mail is sent, and no key that keeps others out.
#[test]
fn a_tombstone_is_empty() {
    let command = Command::SettleNotices { done: vec![Uuid::from_u128(9)], later: Vec::new() };
    let user = becomes(&deleted(), &command);
    assert!(user.index_entries().is_empty());
    let stored = serde_json::to_string(&user).unwrap();
    for personal in ["ann", "Ann", "example", "hash"] {
        assert!(!stored.contains(personal), "{personal} in {stored}");
    }
}

/// Of one kind of notice to one address one waits at the most: the last, at the next try of the first.
/// Another kind and another address are told apart.
#[test]
fn notices_of_a_kind_are_one() {
    let tell = |user: &User, number| {
        becomes(user, &Command::ReportToken { notice_id: Uuid::from_u128(number) })
    };
    let mut waiting = tell(&active(), 1);
    waiting.notices[0].later = Some(later());
    let again = tell(&waiting, 2);
    let last = Notice { later: Some(later()), ..notice(2, NoticeKind::TokenCreated) };
    assert_eq!(again.notices, std::slice::from_ref(&last));
    assert_eq!(again.next_notice(), Some(later().due));
    let move_to = |user: &User, address: &str| {
        let to = Some(email(address));
        becomes(user, &Command::Update(Update { email: to, ..update("hash 1") }))
    };
    let moved = move_to(&again, "ANN@example.com");
    assert_eq!(moved.notices, [last, notice(7, NoticeKind::EmailChanged)]);
    assert_eq!(moved.next_notice(), Some(NOW));
    let moved = move_to(&moved, "anna@example.org");
    assert_eq!(moved.notices.len(), 2, "in whatever case the address is written");
    assert_eq!(move_to(&moved, "ann@example.com").notices.len(), 3);
}

/// A notice that was stored before it had a next try, and an account that had a version of its own, can be
/// read.
#[test]
fn what_was_stored_before_can_be_read() {
    let stored = serde_json::json!({
        "id": id(), "created_at": NOW,
        "account": {
            "email": "ann@example.com", "name": "Ann", "password_hash": "hash 1",
            "password_number": 1, "kept_session": null, "version": 7,
        },
        "notices": [{
            "id": Uuid::from_u128(9), "kind": "email_changed", "to": "ann@example.com", "at": NOW,
        }],
    });
    let user: User = serde_json::from_value(stored).unwrap();
    assert_eq!(user.account, active().account);
    assert_eq!(user.notices, [notice(9, NoticeKind::EmailChanged)]);
}

/// An account is found by its address until it is deleted, its notices until they are sent.
#[test]
fn index_entries_follow_the_state() {
    let indexes = |user: &User| -> Vec<_> {
        user.index_entries().into_iter().map(|(index, _)| index).collect()
    };
    assert_eq!(indexes(&active()), ["email"]);
    assert_eq!(indexes(&deleted()), ["notices"]);
}
