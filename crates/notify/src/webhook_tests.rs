//! What may happen to a webhook.

use super::*;

const NOW: Timestamp = Timestamp::EPOCH;

fn user() -> UserId {
    UserId(Uuid::from_u128(1))
}

fn create() -> Command {
    Command::Create(New {
        id: WebhookId(Uuid::from_u128(2)),
        user_id: user(),
        url: "https://example.com/hook".to_owned(),
        types: None,
        secret: "whsec_a".to_owned(),
    })
}

fn enable(enabled: bool) -> Command {
    Command::Update { user_id: user(), url: None, types: None, enabled: Some(enabled) }
}

/// What commands lead to, each at its time in seconds after the first.
fn after(commands: &[(u64, Command)]) -> Webhook {
    let mut webhook = None;
    for (seconds, command) in commands {
        let now = NOW.after(Duration::from_secs(*seconds));
        if let Decision::Changed { state, .. } =
            Webhook::decide(webhook.as_ref(), command, now).unwrap()
        {
            webhook = Some(state);
        }
    }
    webhook.unwrap()
}

/// A receiver that fails is left alone for a while, longer each time; three days without one delivery disable
/// the webhook, and one delivery in between does not.
#[test]
fn three_days_of_failures_disable_a_webhook() {
    let end = TRIED_FOR.as_secs();
    let mut commands = vec![(0, create())];
    for (at, pause) in [(10, 5), (20, 10), (40, 20), (80, 40), (900, 80), (1000, 160), (2000, 300)]
    {
        commands.push((at, Command::Failed));
        let paused_until = after(&commands).failing.unwrap().paused_until;
        assert_eq!(paused_until, NOW.after(Duration::from_secs(at + pause)));
    }
    commands.push((10 + end - 1, Command::Failed));
    assert!(after(&commands).is_enabled());
    let mut broken = commands.clone();
    broken.push((10 + end, Command::Failed));
    let disabled = after(&broken);
    let at = NOW.after(Duration::from_secs(10 + end));
    assert_eq!(disabled.status, Status::Disabled { at, told: false });
    assert_eq!(disabled.due(), Some(at));
    broken.push((10 + end, Command::Told));
    assert_eq!(after(&broken).due(), None);
    broken.push((11 + end, enable(true)));
    let enabled = after(&broken);
    assert!(enabled.is_enabled() && enabled.failing.is_none());
    commands.push((10 + end - 1, Command::Worked));
    commands.push((10 + end, Command::Failed));
    assert!(after(&commands).is_enabled());
}

/// A new secret signs at once, and the one before it for a day more; asked twice it is one rotation.
#[test]
fn the_old_secret_signs_for_a_day() {
    let rotate = Command::Rotate { user_id: user(), secret: "whsec_b".to_owned() };
    let webhook = after(&[(0, create()), (100, rotate.clone()), (200, rotate)]);
    let secrets = |seconds| -> Vec<_> {
        webhook.secrets(NOW.after(Duration::from_secs(seconds))).map(ToOwned::to_owned).collect()
    };
    assert_eq!(secrets(100), ["whsec_b", "whsec_a"]);
    assert_eq!(secrets(99 + 24 * 3600), ["whsec_b", "whsec_a"]);
    assert_eq!(secrets(100 + 24 * 3600), ["whsec_b"]);
}

/// Nobody but its owner changes it.
#[test]
fn a_webhook_is_its_owners() {
    let other = UserId(Uuid::from_u128(9));
    let webhook = after(&[(0, create())]);
    for command in [
        Command::Update { user_id: other, url: None, types: None, enabled: Some(false) },
        Command::Rotate { user_id: other, secret: "x".to_owned() },
        Command::Replay { user_id: other, id: Uuid::nil(), since: NOW },
    ] {
        assert_eq!(Webhook::decide(Some(&webhook), &command, NOW), Err(NotFound));
        assert_eq!(Webhook::decide(None, &command, NOW), Err(NotFound));
    }
    assert!(!after(&[(0, create()), (1, enable(false))]).takes(WebhookEventType::TicketSold));
}

/// A replay goes on where it was; another one begins again, from the earlier moment of both.
#[test]
fn a_replay_ends_and_another_begins_again() {
    let replay = |id, seconds| Command::Replay {
        user_id: user(),
        id: Uuid::from_u128(id),
        since: NOW.after(Duration::from_secs(seconds)),
    };
    let came = |id, behind| Command::Replayed { id: Uuid::from_u128(id), behind };
    let mut commands = vec![(0, create()), (1, replay(1, 50)), (2, came(1, Some(7)))];
    let webhook = after(&commands);
    assert_eq!(webhook.replay.unwrap().behind, 7);
    assert!(webhook.due().is_some());
    commands.push((3, replay(2, 80)));
    commands.push((4, came(1, None)));
    let replay = after(&commands).replay.unwrap();
    assert_eq!((replay.behind, replay.since), (0, NOW.after(Duration::from_secs(50))));
    commands.push((5, came(2, None)));
    assert_eq!(after(&commands).due(), None);
}
