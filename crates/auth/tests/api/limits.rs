//! Rate limits: who guesses is held up, and learns nothing by it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use stubmart_memory::Unlimited;
use stubmart_ports::host::{Busy, PasswordHasher};
use stubmart_suite::{
    fault::{Fault, FaultyLimits, Injector},
    host::FakeHasher,
};
use stubmart_testkit::Api;

use crate::market::{Account as _, ME, Market, PASSWORD};

/// After ten wrong guesses an account lets nobody in for a minute, whether there is such an account or
/// not and whether the guess is right or not; then one more guess is free each minute.
#[tokio::test]
async fn guessing_is_held_up_for_known_and_unknown_accounts_alike() {
    let hasher = Arc::new(FakeHasher::default());
    let passwords = Arc::clone(&hasher);
    let market = Market::with(|it| it.passwords = passwords);
    market.sign_up("ann@example.com").await;
    for email in ["ann@example.com", "nobody@example.com", "no address"] {
        for _ in 0..10 {
            let answer = market.try_log_in(email, "guess").await;
            assert_eq!(answer.outcome(), (401, "bad_credentials"), "{email}");
        }
        let verified = hasher.verified();
        let answer = market.try_log_in(&email.to_uppercase(), PASSWORD).await;
        assert_eq!(answer.outcome(), (429, "too_many_requests"), "{email}");
        assert_eq!(answer.header("retry-after"), "60", "{email}");
        assert_eq!(hasher.verified(), verified, "what is refused is not even looked at");
    }
    market.pass(60);
    let known = market.try_log_in("ann@example.com", "guess").await;
    assert_eq!(known.outcome(), (401, "bad_credentials"));
    assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome().0, 429);
    market.pass(60);
    assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome().0, 200);
}

/// A guesser holds up nobody outside the guesser's own network.
#[tokio::test]
async fn guessing_locks_nobody_out_elsewhere() {
    let market = Market::new();
    market.sign_up("ann@example.com").await;
    let log_in = async |address: &str, password: &str| {
        let body = json!({"email": "ann@example.com", "password": password});
        market.anonymous().from_address(address).post("/api/auth/login").json(&body).await
    };
    for _ in 0..10 {
        assert_eq!(log_in("192.0.2.1", "guess").await.outcome().0, 401);
    }
    assert_eq!(log_in("192.0.2.1", PASSWORD).await.outcome(), (429, "too_many_requests"));
    assert_eq!(log_in("192.0.2.2", PASSWORD).await.outcome(), (200, ""));
}

/// Guesses from many networks are held up after a hundred. A user who gave the right password
/// from a network before is not.
#[tokio::test]
async fn guessing_from_everywhere_is_held_up() {
    let market = Market::new();
    market.sign_up("ann@example.com").await;
    let log_in = async |address: &str, password: &str| {
        let body = json!({"email": "ann@example.com", "password": password});
        market.anonymous().from_address(address).post("/api/auth/login").json(&body).await
    };
    assert_eq!(log_in("192.0.2.1", PASSWORD).await.outcome(), (200, ""));
    for guess in 0..100 {
        let address = format!("2001:db8:0:{guess:x}::1");
        assert_eq!(log_in(&address, "guess").await.outcome().0, 401, "{guess}");
    }
    let answer = log_in("2001:db8:0:ffff::1", PASSWORD).await;
    assert_eq!(answer.outcome(), (429, "too_many_requests"));
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(log_in("192.0.2.1", PASSWORD).await.outcome(), (200, ""));
    assert_eq!(log_in("192.0.2.1", "guess").await.outcome().0, 401);
    market.pass(120);
    assert_eq!(log_in("2001:db8:0:ffff::1", PASSWORD).await.outcome(), (200, ""));
}

/// A network stays known for thirty days after the last right password, not after the first.
#[tokio::test]
async fn a_network_that_is_used_stays_known() {
    const DAY: u64 = 24 * 3600;
    let market = Market::new();
    market.sign_up("ann@example.com").await;
    let log_in = async |address: &str, password: &str| {
        let body = json!({"email": "ann@example.com", "password": password});
        market.anonymous().from_address(address).post("/api/auth/login").json(&body).await
    };
    for _ in 0..2 {
        assert_eq!(log_in("192.0.2.1", PASSWORD).await.outcome(), (200, ""));
        market.pass(20 * DAY);
    }
    for guess in 0..100 {
        let address = format!("2001:db8:0:{guess:x}::1");
        assert_eq!(log_in(&address, "guess").await.outcome().0, 401, "{guess}");
    }
    assert_eq!(log_in("2001:db8:0:ffff::1", PASSWORD).await.outcome().0, 429);
    assert_eq!(log_in("192.0.2.1", PASSWORD).await.outcome(), (200, ""));
    market.pass(70 * DAY);
    for guess in 0..100 {
        let address = format!("2001:db8:0:{guess:x}::1");
        assert_eq!(log_in(&address, "guess").await.outcome().0, 401, "{guess}");
    }
    assert_eq!(log_in("192.0.2.1", PASSWORD).await.outcome().0, 429, "it is known no longer");
}

/// Who knows the password is never held up, however often they log in.
#[tokio::test]
async fn logins_that_succeed_do_not_count_as_guesses() {
    let market = Market::new();
    market.sign_up("ann@example.com").await;
    for _ in 0..50 {
        assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome().0, 200);
    }
}

/// A hasher that lets everybody else go on while it works, as a real one does.
#[derive(Default)]
struct Slow(FakeHasher);

#[async_trait]
impl PasswordHasher for Slow {
    async fn hash(&self, password: String) -> Result<String, Busy> {
        self.0.hash(password).await
    }

    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.0.verify(password, hash).await
    }
}

/// Many guesses at the same moment are counted one by one: not more than ten are looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn guesses_at_once_do_not_slip_through() {
    let hasher = Arc::new(Slow::default());
    let passwords: Arc<dyn PasswordHasher> = hasher.clone();
    let market = Market::with(|it| it.passwords = passwords);
    for round in 0..20 {
        let before = hasher.0.verified();
        let guesses: Vec<_> = (0..40)
            .map(|_| {
                let market = market.anonymous();
                let email = format!("u{round}@example.com");
                tokio::spawn(async move { market.try_log_in(&email, "guess").await.status })
            })
            .collect();
        let mut looked_at = 0;
        for guess in guesses {
            looked_at += u32::from(guess.await.unwrap() == 401);
        }
        assert_eq!((looked_at, hasher.0.verified() - before), (10, 10), "round {round}");
    }
}

/// Somebody who holds a session cannot guess its owner's password either.
#[tokio::test]
async fn guessing_the_present_password_is_held_up() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let bob = market.sign_up("bob@example.com").await;
    for _ in 0..5 {
        let body = json!({"currentPassword": "guess"});
        assert_eq!(ann.patch(ME).json(&body).await.outcome(), (401, "bad_credentials"));
        assert_eq!(ann.delete_account("guess").await.outcome(), (401, "bad_credentials"));
    }
    let answer = ann.patch(ME).json(&json!({"currentPassword": PASSWORD})).await;
    assert_eq!(answer.outcome(), (429, "too_many_requests"));
    assert!(!answer.header("retry-after").is_empty());
    assert_eq!(ann.delete_account(PASSWORD).await.outcome(), (429, "too_many_requests"));
    assert_eq!(bob.patch(ME).json(&json!({"currentPassword": PASSWORD})).await.outcome().0, 200);
    market.pass(60);
    assert_eq!(ann.delete_account(PASSWORD).await.outcome().0, 204);
}

/// Somebody who is signed in changes the account 30 times at once and once a minute from then on, with
/// the right password too: each change costs a password check.
#[tokio::test]
async fn changes_are_limited_by_user() {
    let hasher = Arc::new(FakeHasher::default());
    let passwords = Arc::clone(&hasher);
    let market = Market::with(|it| it.passwords = passwords);
    let ann = market.sign_up("ann@example.com").await;
    let bob = market.sign_up("bob@example.com").await;
    let change = async |who: &Api, address: &str| {
        who.from_address(address).patch(ME).json(&json!({"currentPassword": PASSWORD})).await
    };
    for number in 0..30 {
        assert_eq!(change(&ann, &format!("192.0.2.{number}")).await.outcome(), (200, ""));
    }
    let verified = hasher.verified();
    let answer = change(&ann, "192.0.2.99").await;
    assert_eq!(answer.outcome(), (429, "too_many_requests"));
    assert_eq!(answer.header("retry-after"), "60");
    assert_eq!(ann.delete_account(PASSWORD).await.outcome(), (429, "too_many_requests"));
    assert_eq!(hasher.verified(), verified);
    assert_eq!(change(&bob, "192.0.2.99").await.outcome(), (200, ""));
    market.pass(60);
    assert_eq!(change(&ann, "192.0.2.99").await.outcome(), (200, ""));
}

/// With the limits off there are none.
#[tokio::test]
async fn limits_can_be_off() {
    let market = Market::with(|it| it.limits = Arc::new(Unlimited));
    let ann = market.sign_up("ann@example.com").await.from_address("192.0.2.1");
    for _ in 0..400 {
        assert_eq!(ann.patch(ME).json(&json!({"currentPassword": "guess"})).await.outcome().0, 401);
        assert_eq!(market.try_log_in("ann@example.com", "guess").await.outcome().0, 401);
    }
    assert_eq!(ann.patch(ME).json(&json!({"currentPassword": PASSWORD})).await.outcome().0, 200);
    assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome().0, 200);
}

/// Of any number of checks of one account's password at the same moment a bounded number waits; the
/// others are told to come back, and another account is not concerned.
#[tokio::test]
async fn few_wait_for_their_turn() {
    let hasher = Arc::new(Slow::default());
    let market = Market::with(|it| it.passwords = hasher);
    market.sign_up("ann@example.com").await;
    market.sign_up("bob@example.com").await;
    let logins = (0..100).map(|_| market.try_log_in("ann@example.com", PASSWORD));
    let (answers, bobs) = tokio::join!(
        futures_util::future::join_all(logins),
        market.try_log_in("bob@example.com", PASSWORD)
    );
    assert_eq!(bobs.outcome(), (200, ""));
    let served = answers.iter().filter(|answer| answer.outcome() == (200, "")).count();
    assert_eq!(served, 65, "one at a time, and 64 wait");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.outcome(), (429, "too_many_requests"));
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome(), (200, ""));
}

/// One address logs in 300 times at once and five times a second from then on; others are not
/// concerned, and a server that does not know addresses does not limit by them.
#[tokio::test]
async fn logins_are_limited_by_address() {
    let market = Market::new();
    market.sign_up("ann@example.com").await;
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let log_in = async |address: &str| {
        let client = market.anonymous().from_address(address);
        client.post("/api/auth/login").json(&body).await
    };
    for _ in 0..300 {
        assert_eq!(log_in("192.0.2.1").await.outcome().0, 200);
    }
    let answer = log_in("192.0.2.1").await;
    assert_eq!(answer.outcome(), (429, "too_many_requests"));
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(log_in("192.0.2.2").await.outcome().0, 200);
    assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome().0, 200);
    market.pass(1);
    for _ in 0..5 {
        assert_eq!(log_in("192.0.2.1").await.outcome().0, 200);
    }
    assert_eq!(log_in("192.0.2.1").await.outcome().0, 429);
}

/// One address opens 100 accounts a day: 100 at once, and then one each 864 seconds.
#[tokio::test]
async fn signups_are_limited_by_address() {
    let market = Market::new();
    let sign_up = async |number: u32, address: &str| {
        let body = json!({"email": format!("u{number}@example.com"), "password": PASSWORD});
        market.anonymous().from_address(address).post("/api/auth/signup").json(&body).await
    };
    for number in 0..100 {
        assert_eq!(sign_up(number, "2001:db8::1").await.outcome().0, 201);
    }
    let answer = sign_up(100, "2001:db8::2").await;
    assert_eq!(answer.outcome(), (429, "too_many_requests"));
    assert_eq!(answer.header("retry-after"), "864");
    assert_eq!(sign_up(101, "2001:db8:0:1::1").await.outcome().0, 201);
    market.pass(864);
    assert_eq!(sign_up(100, "2001:db8::3").await.outcome().0, 201);
}

/// While the limits cannot be asked nobody can guess unseen: logins are refused for the moment, and
/// users who are signed in notice nothing.
#[tokio::test]
async fn without_limits_there_are_no_logins() {
    let up = Market::new();
    let ann = up.sign_up("ann@example.com").await;
    let down = Market::on(up.world.machine(2), |it| {
        let fails = Injector::new(|_, _| Fault::Fail);
        it.limits = Arc::new(FaultyLimits::new(Arc::clone(&it.limits), fails));
    });
    let answer = down.try_log_in("ann@example.com", PASSWORD).await;
    assert_eq!(answer.outcome(), (503, "unavailable"));
    assert_eq!(answer.header("retry-after"), "1");
    assert!(down.with_token(ann.token()).is_signed_in().await);
}
