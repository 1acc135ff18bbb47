//! Every state × command pair of a user document.

use stubmart_contract::SessionId;

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
        email_verified: false,
        role: Role::User,
        name: "Ann".to_owned(),
        is_name_shown: true,
        password_hash: "hash 1".to_owned(),
        password_number: 1,
        kept_session: None,
        recoveries: 0,
    };
    let created_at = Timestamp::from_millis(1_000);
    let language = Language::English;
    let (notices, links) = (Vec::new(), Vec::new());
    User {
        id: id(),
        created_at,
        account: Some(account),
        notices,
        language,
        second_factor: None,
        devices: Vec::new(),
        links,
    }
}

fn token(text: &str) -> TokenHash {
    TokenHash::of(text)
}

fn link(purpose: Purpose, text: &str) -> Link {
    Link::new(purpose, token(text), NOW)
}

/// The account with a link of each purpose.
fn linked() -> User {
    let links = vec![link(Purpose::VerifyEmail, "verify"), link(Purpose::ResetPassword, "reset")];
    User { links, ..active() }
}

fn verified() -> User {
    let account = active().account.map(|account| Account { email_verified: true, ..account });
    User { account, ..active() }
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
        notice_ids: [7, 8, 5].map(Uuid::from_u128),
    }
}

/// Every kind of command, by a word for the table.
#[expect(clippy::too_many_lines, reason = "a table: an entry a command")]
fn commands() -> Vec<(&'static str, Command)> {
    let sign_up = Command::SignUp(SignUp {
        id: id(),
        email: email("ann@example.com"),
        name: "Ann".to_owned(),
        password_hash: "hash 1".to_owned(),
        language: Language::English,
        device: None,
        notice_id: Some(Uuid::from_u128(4)),
    });
    let reset = |text: &str| Command::ResetPassword {
        link: token(text),
        password_hash: "hash 2".to_owned(),
        notice_id: Uuid::from_u128(3),
    };
    let add = |to: &str| Command::AddLink {
        purpose: Purpose::ResetPassword,
        to: email(to),
        token: token("new"),
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
        ("ask to verify", Command::AskVerification { notice_id: Uuid::from_u128(2) }),
        ("ask to reset", Command::AskReset { notice_id: Uuid::from_u128(1) }),
        ("add link", add("ANN@example.com")),
        ("add link to other address", add("anna@example.org")),
        ("verify", Command::VerifyEmail { link: token("verify") }),
        ("verify with other link", Command::VerifyEmail { link: token("reset") }),
        ("reset", reset("reset")),
        ("reset with other link", reset("verify")),
        ("grant role", Command::Grant { role: Role::Admin }),
        ("grant same role", Command::Grant { role: Role::User }),
        (
            "begin factor",
            Command::BeginSecondFactor { proof: "hash 1".to_owned(), secret: [7; 20] },
        ),
        (
            "begin factor with stale proof",
            Command::BeginSecondFactor { proof: "hash 0".to_owned(), secret: [7; 20] },
        ),
        (
            "confirm factor",
            Command::ConfirmSecondFactor {
                proof: "hash 1".to_owned(),
                code: "000000".to_owned(),
                recovery: Vec::new(),
                notice_id: Uuid::from_u128(2),
            },
        ),
        (
            "remove factor",
            Command::RemoveSecondFactor {
                proof: "hash 1".to_owned(),
                code: None,
                notice_id: Uuid::from_u128(2),
            },
        ),
        ("use code", Command::UseCode { code: "000000".to_owned(), login: Uuid::from_u128(2) }),
        ("log in", Command::SeeDevice { device: token("device"), notice_id: Uuid::from_u128(2) }),
        ("tell of token", Command::ReportToken { notice_id: Uuid::from_u128(6) }),
        ("notice claimed", Command::ClaimNotices { until: later().due }),
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

/// What becomes of an account that is open: of one that has links, or none, or is verified.
#[expect(clippy::too_many_lines, reason = "a table: an entry a command")]
fn expected_of_open(user: &User, command: &str) -> Decided {
    let before = user.account.clone().unwrap();
    let has_links = !user.links.is_empty();
    let with = |account: Account, notices: Vec<Notice>, links: Vec<Link>| {
        saved(User { account: Some(account), notices, links, ..user.clone() }, Some(changed()))
    };
    let told =
        |number, kind| saved(User { notices: vec![notice(number, kind)], ..user.clone() }, None);
    let left = |purpose| user.links.iter().filter(|it| it.purpose == purpose).cloned().collect();
    match command {
        "sign up" => Err(Refusal::Exists),
        "update name" => {
            with(Account { name: "Anna".to_owned(), ..before }, Vec::new(), user.links.clone())
        }
        "update email" => with(
            Account { email: email("anna@example.org"), email_verified: false, ..before },
            vec![
                notice(7, NoticeKind::EmailChanged),
                Notice { to: email("anna@example.org"), ..notice(5, NoticeKind::VerifyEmail) },
            ],
            Vec::new(),
        ),
        "update password" => with(
            Account {
                password_hash: "hash 2".to_owned(),
                password_number: 2,
                kept_session: Some(session(5)),
                ..before
            },
            vec![notice(8, NoticeKind::PasswordChanged)],
            left(Purpose::VerifyEmail),
        ),
        "delete" => saved(deleted(), Some(gone())),
        "ask to verify" if before.email_verified => Ok(Decision::Unchanged),
        "ask to verify" => told(2, NoticeKind::VerifyEmail),
        "ask to reset" => told(1, NoticeKind::ResetPassword),
        "tell of token" => told(6, NoticeKind::TokenCreated),
        "grant role" => saved(
            User { account: Some(Account { role: Role::Admin, ..before }), ..user.clone() },
            Some(DomainEvent::UserRoleChanged(UserRole { id: id(), role: Role::Admin })),
        ),
        "grant same role" => Ok(Decision::Unchanged),
        "log in" => saved(User { devices: vec![token("device")], ..user.clone() }, None),
        "add link" => {
            let mut links = user.links.clone();
            links.push(link(Purpose::ResetPassword, "new"));
            saved(User { links, ..user.clone() }, None)
        }
        _ if command.starts_with("verify") && before.email_verified => Ok(Decision::Unchanged),
        "verify" if has_links => with(
            Account { email_verified: true, ..before },
            Vec::new(),
            left(Purpose::ResetPassword),
        ),
        "reset" if has_links => with(
            Account {
                email_verified: true,
                password_hash: "hash 2".to_owned(),
                password_number: 2,
                kept_session: None,
                recoveries: 1,
                ..before
            },
            vec![notice(3, NoticeKind::PasswordChanged)],
            Vec::new(),
        ),
        "begin factor" => {
            let second_factor = Some(SecondFactor::begun(&[7; 20]));
            saved(User { second_factor, ..user.clone() }, None)
        }
        "confirm factor" | "use code" => Err(Refusal::WrongCode),
        "remove factor" => Ok(Decision::Unchanged),
        "begin factor with stale proof" => Err(Refusal::StaleProof),
        "add link to other address"
        | "verify"
        | "verify with other link"
        | "reset"
        | "reset with other link" => Err(Refusal::NoSuchLink),
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
        let signed_up = || User {
            created_at: NOW,
            notices: vec![notice(4, NoticeKind::VerifyEmail)],
            ..active()
        };
        let absent = match word {
            "sign up" => saved(signed_up(), Some(created())),
            _ => Err(Refusal::Gone),
        };
        assert_eq!(decide(None, &command), absent, "absent: {word}");

        for user in [active(), linked(), verified()] {
            assert_eq!(decide(Some(&user), &command), expected_of_open(&user, word), "{word}");
        }

        let tombstone = match word {
            "sign up" => Err(Refusal::Exists),
            "notice claimed" => {
                let claim = Later { failures: 0, ..later() };
                let claimed =
                    Notice { later: Some(claim), ..notice(9, NoticeKind::AccountDeleted) };
                saved(User { notices: vec![claimed], ..deleted() }, None)
            }
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

/// A link whose time is over does nothing.
#[test]
fn an_old_link_does_nothing() {
    let in_time = |command: &Command, seconds| {
        let now = NOW.after(std::time::Duration::from_secs(seconds));
        User::decide(Some(&linked()), command, now).is_ok()
    };
    let verify = Command::VerifyEmail { link: token("verify") };
    let reset = Command::ResetPassword {
        link: token("reset"),
        password_hash: "hash 2".to_owned(),
        notice_id: Uuid::from_u128(3),
    };
    assert!(in_time(&verify, 24 * 3600 - 1) && !in_time(&verify, 24 * 3600));
    assert!(in_time(&reset, 30 * 60 - 1) && !in_time(&reset, 30 * 60));
}

/// A change that happened, decided again because its answer was lost, changes nothing.
#[test]
fn a_change_that_happened_is_kept() {
    for (word, command) in commands() {
        let decided = decide(Some(&linked()), &command);
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
    let reports =
        |user: &User| user.notices.iter().filter(|notice| notice.kind.link().is_none()).count();
    let moved = move_to(&moved, "anna@example.org");
    assert_eq!(reports(&moved), 2, "in whatever case the address is written");
    let moved = move_to(&moved, "ann@example.com");
    assert_eq!(
        (reports(&moved), moved.notices.len()),
        (3, 4),
        "one asks to verify the last address"
    );
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
    // Its name was given when nobody else could see it.
    let account = active().account.map(|it| Account { is_name_shown: false, ..it });
    assert_eq!(user.account, account);
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
