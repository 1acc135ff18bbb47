//! `stubmart import`.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Server, leave_out, run_in};

fn data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name).to_str().unwrap().to_owned()
}

/// What an import printed, line by line; it must have succeeded.
fn import(market: &Path, args: &[&str]) -> Vec<String> {
    let args: Vec<_> = ["import"].iter().chain(args).copied().collect();
    let output = run_in(market, &args);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().map(ToOwned::to_owned).collect()
}

/// A bad line costs that line only, and is named with the reason; what is the same is there once.
#[test]
fn a_tickit_catalogue_is_imported_once_however_often() {
    let market = TempDir::new().unwrap();
    let report = import(market.path(), &["events", &data("allevents_pipe.txt")]);
    let refused: Vec<_> = report.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(refused, ["line 3", "line 4", "line 5", "line 6", "events"], "{report:#?}");
    for (line, reason) in [(0, "venue 999"), (1, "category 99"), (2, "next Tuesday"), (3, "fields")]
    {
        assert!(report[line].contains(reason), "{report:#?}");
    }
    assert_eq!(report[4], "events: 8 read, 3 created, 1 already there, 4 refused");
    let again = import(market.path(), &["events", &data("")]);
    assert_eq!(
        again[4], "events: 8 read, 0 created, 4 already there, 4 refused",
        "by its directory"
    );
}

#[test]
fn a_csv_of_events_is_imported_once_however_often() {
    let market = TempDir::new().unwrap();
    let first = import(market.path(), &["events", &data("events.csv")]);
    assert_eq!(first.last().unwrap(), "events: 5 read, 2 created, 0 already there, 3 refused");
    let refused: Vec<_> = first.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(refused, ["line 3", "line 4", "line 5", "events"]);
    let again = import(market.path(), &["events", &data("events.csv")]);
    assert_eq!(again.last().unwrap(), "events: 5 read, 0 created, 2 already there, 3 refused");
}

/// Importing beside a running server is seen by it, and `--upcoming` moves dates that have passed.
#[tokio::test]
async fn what_is_imported_is_served() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let market = server.data();
    import(market.path(), &["events", &data("allevents_pipe.txt"), "--upcoming"]);
    let mut found = serde_json::Value::Null;
    for _ in 0..500 {
        found = server.read("/api/events?q=gotterdammerung", &ann).await;
        if found["items"][0]["name"] == "Gotterdammerung" {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let event = &found["items"][0];
    assert_eq!(event["venue"]["name"], "Old Opera", "{found}");
    assert_eq!(event["category"], "Opera");
    let starts_at = event["localStart"].as_str().unwrap();
    assert!(starts_at > "2026" && starts_at.ends_with("T14:30"), "{starts_at}");
    assert_eq!(event["venue"]["timeZone"], "America/Los_Angeles", "San Diego, CA");
}

/// A file from another system: a byte-order mark, CRLF, blank lines, a byte of Windows-1252, a quote that
/// is never closed. Each bad line costs itself and is named by the number an editor shows.
#[test]
fn a_file_from_another_system_is_read_line_by_line() {
    let market = TempDir::new().unwrap();
    let file = market.path().join("events.csv");
    let mut text = b"\xef\xbb\xbfCity,Name,Category,Venue,Starts_At\r\n\r\n\
        London,Hamlet,Plays,Globe,2031-01-01T19:30:00Z\r\n\
        Paris,Caf\xe9,Plays,Globe,2031-01-01T19:30:00Z\r\n\
        \"Paris,Faust,Opera,Garnier,2031-01-01T19:30:00Z\r\n\r\n\
        \"Milan, Italy\",Tosca,Opera,Scala,2031-01-01T19:30:00Z\r\n"
        .to_vec();
    for _ in 0..25 {
        text.extend_from_slice(b",Nabucco,Opera,Scala,tomorrow\r\n");
    }
    std::fs::write(&file, text).unwrap();
    let report = import(market.path(), &["events", file.to_str().unwrap()]);
    let numbers: Vec<_> = report.iter().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(numbers[..3], ["line 4", "line 5", "line 8"], "{report:#?}");
    assert!(report[0].contains("UTF-8") && report[1].contains("quote"), "{report:#?}");
    assert!(report[2].contains("city is required; starts_at"), "every reason: {report:#?}");
    assert_eq!(report.len(), 28, "every refused line is listed: {report:#?}");
    assert_eq!(report[27], "events: 29 read, 2 created, 0 already there, 27 refused");
}

#[test]
fn an_import_that_fails_says_why() {
    let market = TempDir::new().unwrap();
    let fails = |args: &[&str], reason: &str| {
        let output = run_in(market.path(), args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(reason), "{said}");
    };
    fails(&["import", "events", "nowhere.csv"], "nowhere.csv");
    fails(&["import", "events", &data("tickets.csv")], "no column name");
    let args = ["import", "tickets", &data("tickets.csv"), "--seller", "nobody@example.com"];
    fails(&args, "there is no market in ");
    import(market.path(), &["events", &data("events.csv")]);
    fails(&args, "nobody@example.com");
}

/// The whole public catalogue, where it is at hand.
#[test]
fn the_whole_tickit_catalogue_is_imported() {
    let catalogue: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/tickit");
    if !catalogue.exists() {
        return leave_out(
            "the import of the whole TICKIT catalogue, which is not part of the project",
        );
    }
    let market = TempDir::new().unwrap();
    // Four of its lines name a show that an earlier line names: the same name, venue and start.
    let report = import(market.path(), &["events", catalogue.to_str().unwrap()]);
    assert_eq!(report, ["events: 8798 read, 8794 created, 4 already there, 0 refused"]);
}
