//! Every state × command pair of a session document, and when a session is alive.

use stubmart_contract::{Language, Role};
use uuid::Uuid;

use super::*;
use crate::user::Account;

const START: Timestamp = Timestamp::from_millis(1_000_000);
const LIFE: Duration = Duration::from_secs(1000);

fn user(password_number: u32, kept_session: Option<SessionId>) -> User {
    let account = Account {
        email: "ann@example.com".parse().unwrap(),
        email_verified: false,
        role: Role::User,
        name: String::new(),
        is_name_shown: true,
        password_hash: String::new(),
        password_number,
        kept_session,
        recoveries: 1,
    };
    let id = UserId(Uuid::from_u128(1));
    let language = Language::English;
    let (account, notices, links) = (Some(account), Vec::new(), Vec::new());
    User {
        id,
        created_at: START,
        account,
        notices,
        language,
        second_factor: None,
        devices: Vec::new(),
        links,
    }
}

fn with(kind: Kind) -> Session {
    Session {
        id: SessionId(Uuid::from_u128(5)),
        user_id: UserId(Uuid::from_u128(1)),
        token_hash: TokenHash::of("secret"),
        created_at: START,
        last_seen_at: START,
        kind,
    }
}

fn browser() -> Session {
    let expires_at = START.after(LIFE);
    with(Kind::Browser { user_agent: "Browser".to_owned(), password_number: 2, expires_at })
}

fn token() -> Session {
    with(Kind::Token {
        name: "script".to_owned(),
        recoveries: 1,
        expires_at: None,
        scope: TokenScope::Full,
    })
}

/// `session` as it is when it was seen at `at`.
fn seen(session: &Session, at: Timestamp) -> Session {
    let mut session = session.clone();
    session.last_seen_at = at;
    if let Kind::Browser { expires_at, .. } = &mut session.kind {
        *expires_at = at.after(LIFE);
    }
    session
}

/// `session` as it is once it was ended.
fn ended(session: &Session, purge_at: Timestamp) -> Session {
    Session { kind: Kind::Ended { purge_at }, ..session.clone() }
}

/// Every command does to a session in every state what the table says: a use is noted once a minute
/// and lengthens the life of a browser's session, and what ran out or ended is never revived.
#[test]
fn every_command_in_every_state() {
    let second = START.after(Duration::from_secs(1));
    let almost = START.after(Duration::from_millis(59_999));
    let minute = START.after(SEEN_EVERY);
    let past = START.after(LIFE);
    let used = Command::Use { life: LIFE };
    let end = Command::End { life: LIFE };
    let (browser, token) = (browser(), token());
    let gone = ended(&browser, past);
    let begin = Command::Begin(Session { user_id: UserId(Uuid::from_u128(2)), ..browser.clone() });
    let table = [
        ("absent, begin", None, Command::Begin(browser.clone()), second, Some(browser.clone())),
        ("absent, use", None, used.clone(), minute, None),
        ("absent, end", None, end.clone(), minute, None),
        ("browser, begin", Some(&browser), begin.clone(), minute, None),
        ("browser, use at once", Some(&browser), used.clone(), second, None),
        ("browser, use before", Some(&browser), used.clone(), Timestamp::EPOCH, None),
        ("browser, use almost later", Some(&browser), used.clone(), almost, None),
        ("browser, use later", Some(&browser), used.clone(), minute, Some(seen(&browser, minute))),
        ("browser, end", Some(&browser), end.clone(), minute, Some(gone.clone())),
        ("expired, begin", Some(&browser), begin.clone(), past, None),
        ("expired, use", Some(&browser), used.clone(), past, None),
        ("expired, end", Some(&browser), end.clone(), past, Some(gone.clone())),
        ("token, begin", Some(&token), begin.clone(), past, None),
        ("token, use at once", Some(&token), used.clone(), second, None),
        ("token, use later", Some(&token), used.clone(), past, Some(seen(&token, past))),
        ("token, end", Some(&token), end.clone(), second, Some(ended(&token, second.after(LIFE)))),
        ("ended, begin", Some(&gone), begin, past, None),
        ("ended, use", Some(&gone), used, past, None),
        ("ended, end", Some(&gone), end, past, None),
    ];
    for (case, session, command, now, expected) in table {
        let expected = match (session, expected) {
            (None, None) => Err(Gone),
            (_, None) => Ok(Decision::Unchanged),
            (_, Some(session)) => Ok(Decision::silent(session)),
        };
        assert_eq!(Session::decide(session, &command, now), expected, "{case}");
    }
}

/// A browser's session lives until it is not used for long, its password is replaced by another
/// session or its account goes; an access token until its account goes.
#[test]
fn what_is_alive() {
    let now = START.after(Duration::from_secs(1));
    let past = START.after(LIFE);
    let deleted = User { account: None, ..user(2, None) };
    let (same, replaced) = (user(2, None), user(3, Some(SessionId(Uuid::from_u128(6)))));
    let kept = user(3, Some(browser().id));
    let before = user(1, None);
    let table = [
        ("its own password", Some(&same), now, true, true),
        ("just before it runs out", Some(&same), past.before(Duration::from_millis(1)), true, true),
        ("run out", Some(&same), past, false, true),
        ("another session set a password", Some(&replaced), now, false, true),
        ("it set the password itself", Some(&kept), now, true, true),
        ("opened with a password that was set since", Some(&before), now, true, true),
        ("it set the password itself and ran out", Some(&kept), past, false, true),
        ("deleted account", Some(&deleted), now, false, false),
        ("no account", None, now, false, false),
    ];
    for (case, user, now, browser_lives, token_lives) in table {
        assert_eq!(browser().is_alive(user, now), browser_lives, "browser: {case}");
        assert_eq!(token().is_alive(user, now), token_lives, "token: {case}");
        assert!(!ended(&browser(), past).is_alive(user, now), "ended: {case}");
    }
}

/// An access token ends when its account is recovered by mail; one that was made afterwards, and one of an
/// account that never was recovered, lives.
#[test]
fn a_recovery_ends_access_tokens() {
    let user = user(2, None);
    for (recoveries, lives) in [(0, false), (1, true), (2, true)] {
        let mut token = token();
        if let Kind::Token { recoveries: of_its_time, .. } = &mut token.kind {
            *of_its_time = recoveries;
        }
        assert_eq!(token.is_alive(Some(&user), START), lives, "{recoveries}");
    }
    let stored = serde_json::json!({"type": "token", "name": "script"});
    let before: Kind = serde_json::from_value(stored).unwrap();
    let (name, scope) = ("script".to_owned(), TokenScope::Full);
    assert_eq!(before, Kind::Token { name, recoveries: 0, expires_at: None, scope });
}

/// An access token that has an end is dead from then on, and its document is dropped.
#[test]
fn an_access_token_may_have_an_end() {
    let end = START.after(LIFE);
    let mut token = token();
    if let Kind::Token { expires_at, .. } = &mut token.kind {
        *expires_at = Some(end);
    }
    let user = user(2, None);
    assert!(token.is_alive(Some(&user), end.before(Duration::from_millis(1))));
    assert!(!token.is_alive(Some(&user), end));
    assert_eq!(token.purge_at(), Some(end));
}

/// Neither the token nor anything it could be guessed from is stored.
#[test]
fn a_stored_session_does_not_hold_its_token() {
    assert!(!serde_json::to_string(&browser()).unwrap().contains("secret"));
    assert_ne!(TokenHash::of("a"), TokenHash::of("b"));
}

/// A living session is found by its token and its user, and dropped only when it has run out; an ended
/// one is found by nothing but the worker that drops it.
#[test]
fn index_entries_follow_the_state() {
    let indexes = |session: Session| -> Vec<_> {
        session.index_entries().into_iter().map(|(index, _)| index).collect()
    };
    assert_eq!(indexes(browser()), ["token", "user", "purge"]);
    assert_eq!(indexes(token()), ["token", "user"]);
    assert_eq!(indexes(ended(&token(), START)), ["purge"]);
}
