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
    Notice { id: Uuid::from_u128(number), kind, to: email("ann@example.com"), at: NOW }
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
        ("drop notices", Command::DropNotices(vec![Uuid::from_u128(9)])),
        ("drop other notices", Command::DropNotices(vec![Uuid::from_u128(99)])),
    ]
}

fn saved(user: User, events: Vec<DomainEvent>) -> Result<Change, Refusal> {
    Ok(Change::Save(user, events))
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
fn expected_of_active(command: &str) -> Result<Change, Refusal> {
    let user = active();
    let account = user.account.clone().unwrap();
    let with = |account: Account, notices: Vec<Notice>| {
        saved(User { account: Some(account), notices, ..user.clone() }, vec![changed()])
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
        "delete" => saved(deleted(), vec![gone()]),
        "update with stale proof" | "delete with stale proof" => Err(Refusal::StaleProof),
        "update nothing" | "drop notices" | "drop other notices" => Ok(Change::Keep),
        other => panic!("no such command: {other}"),
    }
}

/// Every command does to a user in every state what the table says.
#[test]
fn every_command_in_every_state() {
    for (word, command) in commands() {
        let absent = match word {
            "sign up" => saved(User { created_at: NOW, ..active() }, vec![created()]),
            "drop notices" | "drop other notices" => Ok(Change::Keep),
            _ => Err(Refusal::Gone),
        };
        assert_eq!(decide(None, &command, NOW), absent, "absent: {word}");

        assert_eq!(
            decide(Some(&active()), &command, NOW),
            expected_of_active(word),
            "active: {word}"
        );

        let tombstone = match word {
            "sign up" => Err(Refusal::Exists),
            "drop notices" => saved(User { notices: Vec::new(), ..deleted() }, Vec::new()),
            "delete" | "delete with stale proof" | "drop other notices" => Ok(Change::Keep),
            _ => Err(Refusal::Gone),
        };
        assert_eq!(decide(Some(&deleted()), &command, NOW), tombstone, "deleted: {word}");
    }
}

/// A change that happened, decided once more because its answer was lost, changes nothing.
#[test]
fn a_change_that_happened_is_kept() {
    for (word, command) in commands() {
        let Ok(Change::Save(after, _)) = decide(Some(&active()), &command, NOW) else { continue };
        assert_eq!(decide(Some(&after), &command, NOW), Ok(Change::Keep), "{word}");
    }
}

/// A tombstone holds nothing of a person once its mail is sent, and no key that keeps others out.
#[test]
fn a_tombstone_is_empty() {
    let command = Command::DropNotices(vec![Uuid::from_u128(9)]);
    let Ok(Change::Save(user, _)) = decide(Some(&deleted()), &command, NOW) else {
        panic!("the notice stays")
    };
    assert!(user.entries().is_empty());
    let stored = serde_json::to_string(&user).unwrap();
    for personal in ["ann", "Ann", "example", "hash"] {
        assert!(!stored.contains(personal), "{personal} in {stored}");
    }
}

/// An account is found by its address until it is deleted, its notices until they are sent.
#[test]
fn index_entries_follow_the_state() {
    let indexes =
        |user: &User| -> Vec<_> { user.entries().into_iter().map(|(index, _)| index).collect() };
    assert_eq!(indexes(&active()), ["email"]);
    assert_eq!(indexes(&deleted()), ["notices"]);
}
