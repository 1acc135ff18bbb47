//! `--help`, settings, and `stubmart check`.

use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Server, User, binary, run, run_in};

#[test]
fn help_names_every_flag_with_its_variable() {
    let help = run(&["serve", "--help"]);
    assert!(help.status.success());
    // Long lines are wrapped.
    let help = String::from_utf8(help.stdout).unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for flag in [
        "--listen",
        "--data",
        "--only",
        "--checkout-hold",
        "--leave-grace",
        "--rate-limits",
        "--max-payment-attempts",
        "--public-url",
        "--mongodb-url",
        "--nats-url",
        "--redis-url",
        "--stripe-secret-key",
        "--stripe-webhook-secret",
        "--stripe-api-base",
        "--log",
    ] {
        let variable = format!("STUBMART_{}", flag[2..].to_uppercase().replace('-', "_"));
        assert!(help.contains(&format!("{flag} <")), "{flag}: {help}");
        assert!(help.contains(&format!("[env: {variable}")), "{variable}: {help}");
    }
    let top = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for command in ["serve", "demo", "import", "check"] {
        assert!(top.contains(&format!("  {command}")), "{command}: {top}");
    }
    let import = String::from_utf8(run(&["import", "events", "--help"]).stdout).unwrap();
    for flag in ["--venues", "--categories", "--upcoming"] {
        assert!(import.contains(flag), "{import}");
    }
}

/// All that is wrong is told at once, wherever it comes from, and nothing is started.
#[test]
fn faulty_settings_are_all_told_at_once() {
    let output = binary()
        .args(["serve", "--listen", "here", "--checkout-hold", "soon", "--only", "auth,kitchen"])
        .env("STUBMART_RATE_LIMITS", "perhaps")
        .env("STUBMART_STRIPE_SECRET_KEY", "sk_live_secret")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for name in ["--listen", "--checkout-hold", "--only", "--rate-limits", "--stripe-secret-key"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(!said.contains("sk_live_secret"), "a secret is not repeated: {said}");
    assert_eq!(run(&["serve", "--no-such-flag"]).status.code(), Some(2));
}

#[tokio::test]
async fn an_address_that_is_taken_is_told() {
    let server = Server::start();
    let market = TempDir::new().unwrap();
    let output = run_in(market.path(), &["serve", "--listen", &server.address]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&server.address), "{said}");
}

/// The outcome of `check`: its exit code and what it printed.
fn check(market: &Path) -> (Option<i32>, String) {
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
    let answer = server.pay(&bob, &declined, "pm_card_visa_chargeDeclined").await;
    assert_eq!(answer.status, 402);
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    (bob, order)
}

#[tokio::test]
async fn check_passes_a_sound_market_also_beside_a_running_server() {
    let mut server = Server::start();
    used_market(&server).await;
    let (code, said) = check(server.data().path());
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 tickets, 3 orders, 2 charges"), "{said}");
    assert!(server.stop().success());
    assert_eq!(check(server.data().path()).0, Some(0));
    let nothing = TempDir::new().unwrap();
    let (code, said) = check(nothing.path());
    assert_eq!(code, Some(1), "{said}");
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

/// An event that is gone leaves a gap, which is found.
#[tokio::test]
async fn check_finds_an_event_that_is_missing() {
    let mut server = Server::start();
    used_market(&server).await;
    assert!(server.stop().success());
    let data = server.data();
    let connection = Connection::open(data.path().join("stubmart.db")).unwrap();
    let sql =
        "DELETE FROM event WHERE seq = (SELECT min(seq) FROM event WHERE type = 'TICKET_UPDATED')";
    assert_eq!(connection.execute(sql, []).unwrap(), 1);
    drop(connection);
    let (code, said) = check(data.path());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("EVT-1: "), "{said}");
}
