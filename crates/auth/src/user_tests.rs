//! Every state × command pair of a user document.

use axum::{extract::FromRequestParts as _, http::Request};
use futures_util::FutureExt as _;

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
        version: 3,
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

/// A request's `If-Match`.
fn if_match(tag: Option<&str>) -> IfMatch {
    let request = tag.into_iter().fold(Request::get("/"), |it, tag| it.header("if-match", tag));
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    IfMatch::from_request_parts(&mut parts, &()).now_or_never().unwrap().unwrap()
}

fn later() -> Later {
    Later { due: NOW.after(std::time::Duration::from_secs(60)), failures: 1 }
}

fn update(proof: &str) -> Update {
    Update {
        proof: proof.to_owned(),
        if_match: if_match(None),
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
    let delete = |proof: &str, tag| Command::Delete {
        proof: proof.to_owned(),
        if_match: if_match(tag),
        notice_id: Uuid::from_u128(9),
    };
    let tried = |number, again| {
        let id = Uuid::from_u128(number);
        let (done, later) = if again { (vec![], vec![(id, later())]) } else { (vec![id], vec![]) };
        Command::NoticesTried { done, later }
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
        (
            "update this version",
            Command::Update(Update {
                name: name.clone(),
                if_match: if_match(Some("\"3\"")),
                ..update("hash 1")
            }),
        ),
        (
            "update other version",
            Command::Update(Update { if_match: if_match(Some("\"2\"")), ..update("hash 1") }),
        ),
        (
            "update with stale proof",
            Command::Update(Update { name, if_match: if_match(Some("\"2\"")), ..update("hash 0") }),
        ),
        ("delete", delete("hash 1", None)),
        ("delete this version", delete("hash 1", Some("\"3\""))),
        ("delete other version", delete("hash 1", Some("\"2\""))),
        ("delete with stale proof", delete("hash 0", Some("\"2\""))),
        ("tell of token", Command::TellOfToken { notice_id: Uuid::from_u128(6) }),
        ("notice sent", tried(9, false)),
        ("notice to be tried again", tried(9, true)),
        ("other notice sent", tried(99, false)),
        ("other notice to be tried again", tried(99, true)),
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
        "update name" | "update this version" => {
            with(Account { version: 4, name: "Anna".to_owned(), ..account }, Vec::new())
        }
        "update email" => with(
            Account { version: 4, email: email("anna@example.org"), ..account },
            vec![notice(7, NoticeKind::EmailChanged)],
        ),
        "update password" => with(
            Account {
                version: 4,
                password_hash: "hash 2".to_owned(),
                password_number: 2,
                kept_session: Some(session(5)),
                ..account
            },
            vec![notice(8, NoticeKind::PasswordChanged)],
        ),
        "delete" | "delete this version" => saved(deleted(), vec![gone()]),
        "update other version" | "delete other version" => Err(Refusal::OtherVersion),
        "tell of token" => saved(
            User { notices: vec![notice(6, NoticeKind::TokenCreated)], ..user.clone() },
            Vec::new(),
        ),
        "update with stale proof" | "delete with stale proof" => Err(Refusal::StaleProof),
        "update nothing" => Ok(Change::Keep),
        _ if command.contains("notice") => Ok(Change::Keep),
        other => panic!("no such command: {other}"),
    }
}

/// Every command does to a user in every state what the table says.
#[test]
fn every_command_in_every_state() {
    for (word, command) in commands() {
        let absent = match word {
            "sign up" => {
                let account = active().account.map(|it| Account { version: 1, ..it });
                saved(User { created_at: NOW, account, ..active() }, vec![created()])
            }
            _ if word.contains("notice") => Ok(Change::Keep),
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
            "notice sent" => saved(User { notices: Vec::new(), ..deleted() }, Vec::new()),
            "notice to be tried again" => {
                let waits =
                    Notice { later: Some(later()), ..notice(9, NoticeKind::AccountDeleted) };
                saved(User { notices: vec![waits], ..deleted() }, Vec::new())
            }
            _ if word.starts_with("delete") || word.starts_with("other") => Ok(Change::Keep),
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
        if word == "update this version" {
            // Whoever names a version is told that it is a later one by now.
            assert_eq!(decide(Some(&after), &command, NOW), Err(Refusal::OtherVersion));
            continue;
        }
        assert_eq!(decide(Some(&after), &command, NOW), Ok(Change::Keep), "{word}");
    }
}

/// A tombstone holds nothing of a person once its mail is sent, and no key that keeps others out.
#[test]
fn a_tombstone_is_empty() {
    let command = Command::NoticesTried { done: vec![Uuid::from_u128(9)], later: Vec::new() };
    let Ok(Change::Save(user, _)) = decide(Some(&deleted()), &command, NOW) else {
        panic!("the notice stays")
    };
    assert!(user.entries().is_empty());
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
        let command = Command::TellOfToken { notice_id: Uuid::from_u128(number) };
        match decide(Some(user), &command, NOW) {
            Ok(Change::Save(user, _)) => user,
            other => panic!("{other:?}"),
        }
    };
    let mut waiting = tell(&active(), 1);
    waiting.notices[0].later = Some(later());
    let again = tell(&waiting, 2);
    let last = Notice { later: Some(later()), ..notice(2, NoticeKind::TokenCreated) };
    assert_eq!(again.notices, std::slice::from_ref(&last));
    assert_eq!(again.next_notice(), Some(later().due));
    let move_to = |user: &User, address: &str| {
        let to = Some(email(address));
        let command = Command::Update(Update { email: to, ..update("hash 1") });
        match decide(Some(user), &command, NOW) {
            Ok(Change::Save(user, _)) => user,
            other => panic!("{other:?}"),
        }
    };
    let moved = move_to(&again, "ANN@example.com");
    assert_eq!(moved.notices, [last, notice(7, NoticeKind::EmailChanged)]);
    assert_eq!(moved.next_notice(), Some(NOW));
    let moved = move_to(&moved, "anna@example.org");
    assert_eq!(moved.notices.len(), 2, "in whatever case the address is written");
    assert_eq!(move_to(&moved, "ann@example.com").notices.len(), 3);
}

/// An account and a notice that were stored before they had a version and a next try can be read.
#[test]
fn what_was_stored_before_can_be_read() {
    let stored = serde_json::json!({
        "id": id(), "created_at": NOW,
        "account": {
            "email": "ann@example.com", "name": "Ann", "password_hash": "hash 1",
            "password_number": 1, "kept_session": null,
        },
        "notices": [{
            "id": Uuid::from_u128(9), "kind": "email_changed", "to": "ann@example.com", "at": NOW,
        }],
    });
    let user: User = serde_json::from_value(stored).unwrap();
    assert_eq!(user.view().unwrap().version, 1);
    assert_eq!(user.notices, [notice(9, NoticeKind::EmailChanged)]);
}

/// An account is found by its address until it is deleted, its notices until they are sent.
#[test]
fn index_entries_follow_the_state() {
    let indexes =
        |user: &User| -> Vec<_> { user.entries().into_iter().map(|(index, _)| index).collect() };
    assert_eq!(indexes(&active()), ["email"]);
    assert_eq!(indexes(&deleted()), ["notices"]);
}
