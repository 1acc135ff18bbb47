//! `POST /api/tickets/import`: inventories that are sent as files.

use serde_json::{Value, json};

use crate::support::{Answer, Server, User};

const FILE: &str = "Inventory ID;Event;Venue;Date;Section;Row;Seats;Qty;Unit Price\n\
    1;Hamlet;Old Globe;2031-03-01 11:30;Stalls;A;1-2;2;90,50\n\
    2;Hamlet;Old Globe;2031-03-01;Stalls;A;3;1;80\n\
    3;Macbeth;Old Globe;2031-03-01;Stalls;A;4;1;80\n";

async fn send(server: &Server, by: &User, query: &str, file: &str) -> Answer {
    let call = server.post(&format!("/api/tickets/import{query}")).by(by);
    call.header("content-type", "text/csv").body(file.to_owned()).await
}

fn counts(answer: &Answer) -> Value {
    let counts = answer.json()["counts"].clone();
    let count = |name: &str| counts[name].as_u64().unwrap();
    json!([
        count("created"),
        count("changed"),
        count("unchanged"),
        count("withdrawn"),
        count("refused")
    ])
}

async fn prices(server: &Server, by: &User) -> Vec<(String, u64)> {
    let listed = server.read("/api/tickets?sellerId=me&status=available", by).await;
    let items = listed["items"].as_array().unwrap().clone();
    let price =
        |it: Value| (it["externalId"].as_str().unwrap().to_owned(), it["price"].as_u64().unwrap());
    let mut prices: Vec<_> = items.into_iter().map(price).collect();
    prices.sort();
    prices
}

/// A file is tried, done, sent again and replaced, and the answer has each of its lines.
#[tokio::test]
async fn a_file_is_tried_and_then_done() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    server.event(&ann, "Hamlet").await;
    let tried = send(&server, &ann, "?dryRun=true", FILE).await;
    assert_eq!((tried.status, counts(&tried)), (200, json!([2, 0, 0, 0, 1])), "{tried:?}");
    assert_eq!(tried.json()["dryRun"], true);
    assert_eq!(prices(&server, &ann).await, [], "nothing was saved");

    let done = send(&server, &ann, "", FILE).await.json();
    assert_eq!(done["dryRun"], false);
    assert_eq!(
        done["columns"][8],
        json!({"heading": "Unit Price", "field": "pricePerTicket"}),
        "{done}"
    );
    let line = &done["lines"][2];
    assert_eq!(
        (&line["line"], &line["externalId"], &line["outcome"]),
        (&json!(4), &json!("3"), &json!("refused"))
    );
    assert_eq!(line["errors"][0]["field"], "Event", "by its heading: {line}");
    let both = [("1".to_owned(), 18_100), ("2".to_owned(), 8_000)];
    assert_eq!(prices(&server, &ann).await, both);
    assert_eq!(counts(&send(&server, &ann, "", FILE).await), json!([0, 0, 2, 0, 1]));

    let whole = FILE.lines().take(2).collect::<Vec<_>>().join("\n").replace("90,50", "70,00");
    let replaced = send(&server, &ann, "?mode=replace", &whole).await;
    assert_eq!(counts(&replaced), json!([0, 1, 0, 1, 0]));
    assert_eq!(
        replaced.json()["lines"][1]["line"],
        Value::Null,
        "no line names what was withdrawn"
    );
    assert_eq!(prices(&server, &ann).await, [("1".to_owned(), 14_000)]);
}

/// A browser's form has the file as its part `file`.
#[tokio::test]
async fn a_file_may_come_in_a_form() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    server.event(&ann, "Hamlet").await;
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"inventory.csv\"\r\n\r\n{FILE}\r\n--x--\r\n"
    );
    let send = async |form: String| {
        let call = server.post("/api/tickets/import").by(&ann);
        call.header("content-type", "multipart/form-data; boundary=x").body(form).await
    };
    assert_eq!(counts(&send(form).await), json!([2, 0, 0, 0, 1]));
    assert_eq!(send("--x--\r\n".to_owned()).await.bad_fields(), ["file"]);
    let json = server.post("/api/tickets/import").by(&ann).json(&json!({})).await;
    assert_eq!(json.problem(), (415, "unsupported_media_type".to_owned()));
}

/// What is not certain is refused, and the answer says what has to be told.
#[tokio::test]
async fn what_has_to_be_told_is_asked_for() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    server.event(&ann, "Hamlet").await;
    let other = FILE
        .replace("Inventory ID", "Ref")
        .replace("2031-03-01 11:30", "3/1/2031")
        .replace("2031-03-01", "3/1/2031");
    let refused = send(&server, &ann, "", &other).await;
    assert_eq!(refused.bad_fields(), ["file"]);
    let message = refused.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("externalId=HEADING") && message.contains("Ref"), "{message}");
    let refused = send(&server, &ann, "?columns=externalId%3DRef", &other).await;
    assert_eq!(counts(&refused), json!([0, 0, 0, 0, 3]), "the dates");
    let told = "?columns=externalId%3DRef&dates=mdy&currency=USD";
    assert_eq!(counts(&send(&server, &ann, told, &other).await), json!([2, 0, 0, 0, 1]));
    let wrong = send(
        &server,
        &ann,
        "?columns=colour%3DRed&dates=ydm&currency=zzz&mode=all&dryRun=yes",
        FILE,
    )
    .await;
    assert_eq!(wrong.bad_fields().len(), 5, "{wrong:?}");
    let nameless = FILE.replace("\n2;", "\n;");
    let refused = send(&server, &ann, "?mode=replace", &nameless).await;
    assert_eq!(refused.bad_fields(), ["file"], "nothing can be replaced");
    assert_eq!(prices(&server, &ann).await.len(), 2, "nothing was withdrawn");
}

#[tokio::test]
async fn a_file_has_at_most_so_many_lines_and_bytes() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let lines: String = (0..20_001).map(|it| format!("{it},A,free\n")).collect();
    let large = send(&server, &ann, "", &format!("external_id,title,price\n{lines}")).await;
    assert_eq!(large.bad_fields(), ["file"]);
    assert!(large.json()["errors"][0]["message"].as_str().unwrap().contains("20000"), "{large:?}");
    let large = send(&server, &ann, "", &"x".repeat(4 * 1024 * 1024 + 64 * 1024 + 1)).await;
    assert_eq!(large.problem(), (413, "body_too_large".to_owned()));
}

/// The first answer is given again, also of a file.
#[tokio::test]
async fn a_file_under_one_key_is_answered_once() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    server.event(&ann, "Hamlet").await;
    let send = async |query: &str, file: &str| {
        let call = server.post(&format!("/api/tickets/import{query}")).by(&ann).key("k1");
        call.header("content-type", "text/csv").body(file.to_owned()).await
    };
    let first = send("", FILE).await.json();
    assert_eq!(send("", FILE).await.json(), first);
    let reused = (422, "idempotency_key_reused".to_owned());
    assert_eq!(send("?mode=replace", FILE).await.problem(), reused);
    assert_eq!(send("", &FILE.replace("80", "81")).await.problem(), reused);
}
