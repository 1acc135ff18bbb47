//! `--help`, settings, and `stubmart check`.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::Command,
};

use rusqlite::Connection;
use serde_json::{Value, json};
use stubmart_testkit::Api;
use tempfile::TempDir;

use crate::support::{Server, User, binary, run, run_in, text};

#[test]
fn help_names_every_flag_with_its_variable() {
    let help = run(&["serve", "--help"]);
    assert!(help.status.success());
    // Long lines are wrapped.
    let help = String::from_utf8(help.stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for flag in [
        "--config",
        "--listen",
        "--data",
        "--files-dir",
        "--keys-file",
        "--only",
        "--checkout-hold",
        "--leave-grace",
        "--rate-limits",
        "--max-payment-attempts",
        "--payout-after",
        "--public-url",
        "--trust-proxy",
        "--proxy-addresses",
        "--mongodb-url",
        "--nats-url",
        "--redis-url",
        "--namespace",
        "--internal-listen",
        "--internal-secret",
        "--internal-secret-file",
        "--auth-url",
        "--tickets-url",
        "--catalogue-url",
        "--orders-url",
        "--payments-url",
        "--api-url",
        "--auth-api-url",
        "--payments-api-url",
        "--delivery-api-url",
        "--notify-api-url",
        "--web-url",
        "--stripe-secret-key",
        "--stripe-publishable-key",
        "--stripe-webhook-secret",
        "--stripe-api-base",
        "--log",
        "--log-format",
    ] {
        let variable = format!("STUBMART_{}", flag[2..].to_uppercase().replace('-', "_"));
        assert!(help.contains(&format!("{flag} <")), "{flag}: {help}");
        assert!(help.contains(&format!("[env: {variable}")), "{variable}: {help}");
    }
    let top = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for command in ["serve", "demo", "import", "stripe-emulator", "keys", "check"] {
        assert!(top.contains(&format!("  {command}")), "{command}: {top}");
    }
    for (what, flags) in
        [("events", &["--venues", "--categories", "--upcoming"][..]), ("tickets", &["--seller"])]
    {
        let help = String::from_utf8(run(&["import", what, "--help"]).stdout).unwrap();
        for flag in flags {
            let variable = format!("[env: STUBMART_{}", flag[2..].to_uppercase());
            assert!(help.contains(flag) && help.contains(&variable), "{flag}: {help}");
        }
    }
}

/// One message reports everything that is wrong, wherever it comes from, and nothing starts.
#[test]
fn faulty_settings_are_all_reported_at_once() {
    let output = binary()
        .args(["serve", "--listen", "here", "--checkout-hold", "soon", "--only", "auth,kitchen"])
        .env("STUBMART_RATE_LIMITS", "perhaps")
        .env("STUBMART_STRIPE_SECRET_KEY", "sk-live-secret")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for name in ["--listen", "--checkout-hold", "--only", "--rate-limits", "--stripe-secret-key"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(!said.contains("sk-live-secret"), "a secret is not repeated: {said}");
    assert_eq!(run(&["serve", "--no-such-flag"]).status.code(), Some(2));
}

#[tokio::test]
async fn an_address_in_use_is_reported() {
    let server = Server::start();
    let market = TempDir::new().unwrap();
    let output = run_in(market.path(), &["serve", "--listen", &server.address]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&server.address), "{said}");
}

/// The outcome of `check`: its exit code and what it printed.
pub(crate) fn check(market: &Path) -> (Option<i32>, String) {
    let output = run_in(market, &["check"]);
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

/// A market with a sold ticket, a locked one and a failed payment.
async fn used_market(server: &Server) -> (User, Value) {
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    server.buy(&bob, &server.ticket(&ann).await).await;
    let declined = server.order(&bob, &server.ticket(&ann).await).await;
    for _ in 0..3 {
        let answer = server.pay(&bob, &declined, "pm_card_visa_chargeDeclined").await;
        assert_eq!(answer.status, 402);
    }
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    (bob, order)
}

#[tokio::test]
async fn check_passes_a_sound_market_also_beside_a_running_server() {
    let mut server = Server::start();
    used_market(&server).await;
    let (code, said) = check(server.data().path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 tickets, 3 orders, 4 charges, 1 postings"), "{said}");
    assert!(server.stop().success());
    assert_eq!(check(server.data().path()).0, Some(0));
    let nothing = TempDir::new().unwrap();
    let (code, said) = check(nothing.path());
    assert_eq!(code, Some(3), "that nothing is known is no violation: {said}");
    assert!(said.contains("no market"), "{said}");
}

/// A violation that is planted in the file is found, named by its invariant, and makes the exit code 1.
#[tokio::test]
async fn check_finds_what_was_broken() {
    let mut server = Server::start();
    used_market(&server).await;
    assert!(server.stop().success());
    let data = server.data();
    let sound = std::fs::read(data.path().join("stubmart.db")).unwrap();
    for (invariant, collection, from, to) in [
        ("LOCK-2", "tickets.ticket", "\"status\":\"sold\"", "\"status\":\"withdrawn\""),
        ("LOCK-1", "orders.order", "\"status\":\"cancelled\"", "\"status\":\"created\""),
        ("PRICE-1", "tickets.ticket", "12550", "12551"),
        ("PAY-1", "payments.charge", "\"completed\"", "\"asked\""),
        ("PAY-3", "orders.order", "\"status\":\"completed\"", "\"status\":\"cancelled\""),
    ] {
        let market = TempDir::new().unwrap();
        let file = market.path().join("stubmart.db");
        std::fs::write(&file, &sound).unwrap();
        let connection = Connection::open(&file).unwrap();
        let changed = connection
            .execute(
                "UPDATE document SET body = CAST(replace(CAST(body AS TEXT), ?2, ?3) AS BLOB)
                 WHERE collection = (SELECT id FROM name WHERE name = ?1)
                 AND instr(CAST(body AS TEXT), ?2) > 0",
                [collection, from, to],
            )
            .unwrap();
        assert!(changed > 0, "{invariant}: nothing was broken");
        drop(connection);
        let (code, said) = check(market.path());
        assert_eq!(code, Some(1), "{invariant}: {said}");
        assert!(said.contains(&format!("{invariant}: ")), "{invariant}: {said}");
    }
}

/// A market that was used and stopped, copied to be broken, and a connection to break it by.
struct Stopped(TempDir);

impl Stopped {
    async fn used() -> Self {
        let mut server = Server::start();
        used_market(&server).await;
        assert!(server.stop().success());
        let market = TempDir::new().unwrap();
        let file = |directory: &Path| directory.join("stubmart.db");
        std::fs::copy(file(server.data().path()), file(market.path())).unwrap();
        Self(market)
    }

    /// Runs a statement that must change one row.
    fn change(&self, sql: &str) {
        let connection = Connection::open(self.0.path().join("stubmart.db")).unwrap();
        assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
    }

    fn check(&self) -> (Option<i32>, String) {
        check(self.0.path())
    }
}

/// An event that is gone is missed, also when it was the newest of its aggregate.
#[tokio::test]
async fn check_finds_an_event_that_is_missing() {
    for (which, kind) in [
        ("min", "TICKET_UPDATED"),
        ("max", "TICKET_UPDATED"),
        ("max", "ORDER_COMPLETED"),
        ("max", "CHARGE_COMPLETED"),
        ("max", "USER_CREATED"),
    ] {
        let market = Stopped::used().await;
        market.change(&format!(
            "DELETE FROM event WHERE seq = (SELECT {which}(seq) FROM event WHERE type = '{kind}')"
        ));
        let (code, said) = market.check();
        assert_eq!(code, Some(1), "{which} {kind}: {said}");
        assert!(said.contains("EVT-1: "), "{which} {kind}: {said}");
    }
}

/// What an event of the very order will mend is on its way; an event of another order excuses nothing.
#[tokio::test]
async fn check_excuses_what_an_event_about_it_will_mend_and_nothing_else() {
    const UNSOLD: &str = "UPDATE document SET body = CAST(replace(CAST(body AS TEXT), \
        '\"status\":\"sold\"', '\"status\":\"available\"') AS BLOB) \
        WHERE collection = (SELECT id FROM name WHERE name = 'tickets.ticket') \
        AND instr(CAST(body AS TEXT), '\"status\":\"sold\"') > 0";
    for (waits, code, line) in
        [("ORDER_CANCELLED", 1, "LOCK-2: "), ("ORDER_COMPLETED", 0, "still on its way: LOCK-2: ")]
    {
        let market = Stopped::used().await;
        market.change(UNSOLD);
        market.change(&format!(
            "INSERT INTO retry(consumer, seq, attempt, due) \
             SELECT consumer.id, event.seq, 1, 0 FROM consumer, event \
             WHERE consumer.name = 'tickets.orders' AND event.type = '{waits}'"
        ));
        let (found, said) = market.check();
        assert_eq!(found, Some(code), "{waits}: {said}");
        assert!(said.starts_with(line), "{waits}: {said}");
    }
}

#[tokio::test]
async fn check_reports_deliveries_that_were_put_aside() {
    let market = Stopped::used().await;
    market.change(
        "INSERT INTO dead(consumer, seq, at, reason) \
         SELECT id, 1, 0, 'not an event envelope' FROM consumer WHERE name = 'tickets.users'",
    );
    let (code, said) = market.check();
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("tickets.users: not an event envelope"), "{said}");
}

/// An audit reads and changes nothing, and a closed pipe does not break it.
#[tokio::test]
async fn check_changes_nothing_and_minds_no_closed_pipe() {
    let market = Stopped::used().await;
    let before = std::fs::read(market.0.path().join("stubmart.db")).unwrap();
    let mut child = binary()
        .arg("check")
        .arg("--data")
        .arg(market.0.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(before == std::fs::read(market.0.path().join("stubmart.db")).unwrap());
    let is_ours = |name: &str| name.starts_with("stubmart.db");
    for entry in std::fs::read_dir(market.0.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(is_ours(&name), "{name} was made");
    }
}

/// The demo prints the address it listens at and whom to sign in as; something is sold and something is in
/// a checkout; what ends a terminal ends it.
#[tokio::test]
async fn the_demo_shows_a_market_at_the_address_it_prints() {
    let mut child = binary()
        .args(["demo", "--listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let greeting: Vec<_> = lines.by_ref().take(3).map(Result::unwrap).collect();
    let demo = Api::served_at(greeting[0].split_once("http://").unwrap().1);
    assert!(greeting[1].contains("buyer@example.com, password"), "{greeting:?}");
    for status in ["locked", "sold"] {
        let list = demo.get(&format!("/api/tickets?status={status}")).await.json();
        assert_eq!(list["items"].as_array().map(Vec::len), Some(1), "{status}: {list}");
    }
    let events = demo.get("/api/events?sort=price").await.json();
    assert!(events["items"].as_array().is_some_and(|items| items.len() > 9), "{events}");
    // By the shell's own kill: the program of that name is not on every machine.
    let hang_up = format!("kill -HUP {}", child.id());
    let hung_up = Command::new("/bin/sh").args(["-c", &hang_up]).status().unwrap();
    assert!(hung_up.success() && child.wait().unwrap().success());
    let refused = run(&["demo", "--data", "somewhere"]);
    assert_eq!(refused.status.code(), Some(2), "it keeps nothing");
}

/// The operator gives the money of a sale back beside the running server, in parts: the buyer sees each,
/// asking again gives nothing back twice, the ledger is empty again, and every invariant holds.
#[tokio::test]
async fn refund_gives_the_money_of_an_order_back_once() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    let market = server.data().path().to_owned();
    let (id, number) = (text(&order, "id"), text(&order, "number").to_lowercase());
    let refund = |order: &str, more: &[&str]| {
        let args = [&["refund", order, "--reason", "cancelled"], more].concat();
        let output = run_in(&market, &args);
        let said = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
        (output.status.code(), said)
    };
    let (code, said) = refund(&id, &[]);
    assert!(code == Some(1) && said.contains("no payment"), "{said}");
    assert_eq!(server.pay(&bob, &order, "pm_card_visa").await.status, 201);
    for (amount, text) in
        [("12551", "only 12550 is left"), ("0", "--amount must be a whole number")]
    {
        let (code, said) = refund(&id, &["--amount", amount]);
        assert!(code == Some(1) && said.contains(text), "{said}");
    }
    let charge = async || {
        let charges = server.read(&format!("/api/payments?orderId={id}"), &bob).await;
        charges["items"][0].clone()
    };
    for order in [&id, &number, &number.replace('-', "")] {
        let (code, said) = refund(order, &["--key", "claim-1", "--amount", "2550"]);
        assert!(code == Some(0) && said.contains("2550 of 12550 usd given back (re_"), "{said}");
        let (code, said) = check(&market);
        assert_eq!(code, Some(0), "{said}");
    }
    let part = charge().await;
    assert!(part["stripeRefundId"].is_null() && part["refunds"][1].is_null(), "{part}");
    let first = &part["refunds"][0];
    assert_eq!((&first["amount"], &first["status"]), (&json!(2_550), &json!("succeeded")));
    let (code, said) = refund(&id, &["--key", "claim-1", "--amount", "2551"]);
    assert!(code == Some(1) && said.contains("refund of another amount"), "{said}");
    let (code, said) = refund(&id, &["--key", "claim-2"]);
    assert!(code == Some(0) && said.contains("10000 of 12550 usd given back"), "{said}");
    let (code, said) = refund(&id, &["--key", "claim-3"]);
    assert!(code == Some(1) && said.contains("given back already"), "{said}");
    assert_eq!(refund("0000-0000-0000", &[]).0, Some(1));
    let whole = charge().await;
    assert_eq!(whole["stripeRefundId"], whole["refunds"][1]["stripeId"], "{whole}");
    let path = format!("/api/orders/{id}");
    assert_eq!(server.read(&path, &bob).await["status"], "completed");
    let (code, said) = check(&market);
    assert_eq!(code, Some(0), "{said}");
}
