//! `stubmart import tickets`: sellers' inventories, whatever system wrote them.

use std::path::Path;

use tempfile::TempDir;

use crate::support::{Server, User, run_in, text};

/// What an import printed, line by line, and its exit code.
fn import(server: &Server, file: &Path, options: &[&str]) -> (Vec<String>, Option<i32>) {
    let file = file.to_str().unwrap();
    let args = ["import", "tickets", file, "--seller", "ANN@example.com"];
    let args: Vec<&str> = args.into_iter().chain(options.iter().copied()).collect();
    let output = run_in(server.data().path(), &args);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (said.lines().map(ToOwned::to_owned).collect(), output.status.code())
}

/// A file with these lines.
fn file(directory: &TempDir, name: &str, lines: &[&str]) -> std::path::PathBuf {
    let file = directory.path().join(name);
    std::fs::write(&file, lines.join("\r\n")).unwrap();
    file
}

async fn on_sale(server: &Server, by: &User) -> Vec<(String, u64, String)> {
    let listed = server.read("/api/tickets?sellerId=me&status=available&limit=200", by).await;
    let mut listed: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let seats = it["seats"].as_array().unwrap().iter().filter_map(|it| it.as_str());
            (
                text(it, "externalId"),
                it["price"].as_u64().unwrap(),
                seats.collect::<Vec<_>>().join(" "),
            )
        })
        .collect();
    listed.sort();
    listed
}

fn lot(name: &str, price: u64, seats: &str) -> (String, u64, String) {
    (name.to_owned(), price, seats.to_owned())
}

/// Our own form, sent again and changed: what differs is changed, the rest is left alone.
#[tokio::test]
async fn an_inventory_is_imported_and_brought_up_to_date() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tickets.csv");
    let (said, code) = import(&server, &own, &[]);
    assert_eq!(
        said,
        [
            "line 3 (A-2): price \"free\" is no amount: write it as 1234.50",
            "line 4 (A-3): quantity is 3, but 2 seats are named",
            "tickets: 5 read, 3 created, 0 changed, 0 unchanged, 0 withdrawn, 2 refused",
        ]
    );
    assert_eq!(code, Some(3), "lines were refused");
    assert_eq!(
        on_sale(&server, &ann).await,
        [lot("A-1", 12_550, "11 12"), lot("A-4", 800, ""), lot("A-5", 800, "")]
    );
    let again = std::fs::read_to_string(&own).unwrap().replace("125.50", "99");
    let directory = TempDir::new().unwrap();
    let again = file(&directory, "again.csv", &again.lines().collect::<Vec<_>>());
    let (said, _) = import(&server, &again, &[]);
    assert_eq!(
        said[2], "tickets: 5 read, 0 created, 1 changed, 2 unchanged, 0 withdrawn, 2 refused",
        "FOUND F: a new price was taken for nothing new"
    );
    assert_eq!(on_sale(&server, &ann).await[0], lot("A-1", 9_900, "11 12"));
}

const BROKERS: &str = "Inventory ID;Event Name;Event Date;Venue Name;Section;Row;Low Seat;High Seat;Qty;Cost;Ask;Notes";

/// FOUND F: the file of a broker's system, whose events are named and whose columns have other names; seats move
/// between its lines, and what it does not name is withdrawn.
#[tokio::test]
async fn a_brokers_whole_file_replaces_what_is_listed() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    server.event(&ann, "Hamlet").await;
    let directory = TempDir::new().unwrap();
    let options = ["--columns", "pricePerTicket=ask", "--dates", "mdy", "--replace"];
    let first = file(
        &directory,
        "first.csv",
        &[
            BROKERS,
            "1;HAMLET;3/1/2031 11:30 AM;Old Globe;Stalls;A;1;2;2;50,00;90,00;\"aisle\r\nnear the bar\"",
            "2;Hamlet;3/1/2031;Old Globe;Stalls;A;3;4;2;50,00;1.090,50;",
            "3;Hamlet;3/1/2031;Old Globe;Floor;;GA;GA;4;;20,00;",
        ],
    );
    let report = directory.path().join("report.csv");
    let tried = [&options[..], &["--dry-run", "--report", report.to_str().unwrap()]].concat();
    let (said, code) = import(&server, &first, &tried);
    assert_eq!(
        said,
        [
            "tickets: 3 read, 3 created, 0 changed, 0 unchanged, 0 withdrawn, 0 refused (dry run: nothing was saved)"
        ]
    );
    assert_eq!(code, Some(0));
    let report = std::fs::read_to_string(report).unwrap();
    assert_eq!(
        report.lines().nth(2),
        Some("4,2,created,,"),
        "the number of its first line: {report}"
    );
    assert!(on_sale(&server, &ann).await.is_empty(), "nothing was saved");

    import(&server, &first, &options);
    assert_eq!(
        on_sale(&server, &ann).await,
        [lot("1", 18_000, "1 2"), lot("2", 218_100, "3 4"), lot("3", 8_000, "")]
    );
    let swapped = file(
        &directory,
        "swapped.csv",
        &[
            BROKERS,
            "2;Hamlet;3/1/2031;Old Globe;Stalls;A;1;2;2;50,00;90,00;",
            "1;Hamlet;3/1/2031;Old Globe;Stalls;A;3;4;2;50,00;90,00;",
        ],
    );
    let (said, _) = import(&server, &swapped, &options);
    assert_eq!(
        said,
        ["tickets: 2 read, 0 created, 2 changed, 0 unchanged, 1 withdrawn, 0 refused"]
    );
    assert_eq!(on_sale(&server, &ann).await, [lot("1", 18_000, "3 4"), lot("2", 18_000, "1 2")]);
}

/// A file that is broken withdraws nothing, whatever is broken in it.
#[tokio::test]
async fn a_broken_file_replaces_nothing() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let directory = TempDir::new().unwrap();
    let heading = "external_id,event_id,section,row,seats,price";
    let row = |name: &str, seat: &str| format!("{name},{event},Stalls,A,{seat},50");
    let whole = [heading, &row("1", "1"), &row("2", "2"), &row("3", "3")];
    import(&server, &file(&directory, "whole.csv", &whole), &["--replace"]);
    let before = on_sale(&server, &ann).await;
    assert_eq!(before.len(), 3);
    let cut_off = [heading, &row("1", "1"), "2,019"];
    let nameless = [heading, &row("1", "1"), &row("", "2")];
    let open = [heading, &row("1", "\"1"), &row("2", "2"), &row("3", "3")];
    let swallowed = [heading, &row("1", "\"1"), &row("2", "2"), &row("3", "\"3")];
    for (what, lines, reason) in [
        ("a file that was cut off", &cut_off[..], "line 3 has no id"),
        ("a line without an id", &nameless, "line 3 has no id"),
        ("an open quote", &open, "line 2: a quote that opens here is never closed"),
        (
            "a quote that closes two lines later",
            &swallowed,
            "line 2: a quote that opens here closes",
        ),
    ] {
        let (said, code) = import(&server, &file(&directory, "broken.csv", lines), &["--replace"]);
        assert!(said[0].contains(reason), "{what}: {said:#?}");
        assert_eq!((code, &on_sale(&server, &ann).await), (Some(1), &before), "{what}");
    }
}

/// What the file does not say for certain is asked for, with the option that says it.
#[tokio::test]
async fn what_is_not_certain_is_asked_for() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let directory = TempDir::new().unwrap();
    for (lines, options, reason) in [
        (
            vec![BROKERS, "1;Hamlet;3/1/2031;Old Globe;A;A;1;2;2;;5;"],
            vec![],
            "pricePerTicket=HEADING",
        ),
        (
            vec![BROKERS, "1;Hamlet;3/1/2031;Old Globe;A;A;1;2;2;;5;"],
            vec!["--columns", "pricePerTicket=Ask"],
            "Event Date \"3/1/2031\" could be two dates: say dates dmy or mdy",
        ),
        (
            vec!["TicketID,Event,Venue,Date,Price", "1,A,B,2031-03-01,5"],
            vec![],
            "pricePerTicket=Price",
        ),
        (
            vec!["external_id,event_id,price", &format!("1,{event},\"1,250\"")],
            vec![],
            "could be thousands or decimals",
        ),
        (
            vec!["external_id,event_id,price", &format!("1,{event},50")],
            vec!["--currency", "eur"],
            "currency tickets of this event are sold in usd",
        ),
        (
            vec!["Ref,Event,Venue,Date,UnitPrice", "1,Macbeth,Old Globe,2031-03-01,5"],
            vec!["--columns", "externalId=Ref"],
            "Event there is no event with this name, venue and start",
        ),
    ] {
        let (said, code) = import(&server, &file(&directory, "file.csv", &lines), &options);
        assert!(said[0].contains(reason), "{reason}: {said:#?}");
        assert!(matches!(code, Some(1 | 3)), "{said:#?}");
    }
    let own = file(&directory, "own.csv", &["external_id,title,price", "1,A,5"]);
    let (said, code) = import(&server, &own, &["--report", own.to_str().unwrap()]);
    assert!(code == Some(1) && said[0].contains("written over the file"), "{said:#?}");
    for wrong in [["--columns", "colour=Red"], ["--dates", "ydm"], ["--currency", "dollars"]] {
        assert_eq!(import(&server, &own, &wrong).1, Some(2), "{wrong:?}");
    }
    assert!(on_sale(&server, &ann).await.is_empty());
}
