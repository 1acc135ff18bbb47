//! The pages of somebody who sells a lot: a file that is uploaded, prices that change together, an export.

use serde_json::{Value, json};

use crate::support::{Answer, Server, User};

const FILE: &str = "Ref;Event;Venue;Date;Section;Row;Seats;Qty;Unit Price\n\
    1;Hamlet;Old Globe;2031-03-01 11:30;Stalls;A;1-2;2;90,50\n\
    2;Hamlet;Old Globe;2031-03-01;Stalls;A;3;1;80\n\
    3;Macbeth;Old Globe;2031-03-01;Stalls;A;4;1;80\n";

/// Sends a form with a file as a browser does.
async fn upload(by: &User, path: &str, parts: &[(&str, &str)]) -> Answer {
    let part = |(name, content): &(&str, &str)| {
        let file = if *name == "file" { "; filename=\"a.csv\"" } else { "" };
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n")
    };
    let body: String = parts.iter().map(part).collect();
    let call = by.post(path).header("content-type", "multipart/form-data; boundary=x");
    call.body(body + "--x--\r\n").await
}

/// The value of a hidden field of a page.
fn hidden<'a>(page: &'a Answer, name: &str) -> &'a str {
    let text = page.text();
    let from = text.find(&format!("name=\"{name}\" value=\"")).unwrap();
    text[from..].split('"').nth(3).unwrap()
}

async fn prices(server: &Server, by: &User) -> Vec<(String, u64)> {
    let listed = server.read("/api/tickets?sellerId=me&limit=200", by).await;
    let mut prices: Vec<_> = listed["items"].as_array().unwrap().iter().map(price).collect();
    prices.sort();
    prices
}

fn price(ticket: &Value) -> (String, u64) {
    let name = ticket["externalId"].as_str().unwrap_or_default();
    (name.to_owned(), ticket["price"].as_u64().unwrap())
}

/// FOUND F: upload in the browser: what is not recognised is asked for, what would be done is shown, and only then
/// is it done. No page needs a script.
#[tokio::test]
async fn a_file_is_uploaded_looked_at_and_then_imported() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    server.event(&ann, "Hamlet").await;
    ann.get("/selling/import").await.has("name=\"file\"");
    let nothing = upload(&ann, "/selling/import", &[("mode", "upsert")]).await;
    assert_eq!(nothing.status, 400);
    nothing.has("Choose a file first.");

    let asked = upload(&ann, "/selling/import", &[("file", FILE)]).await;
    assert_eq!(asked.status, 400, "{asked:?}");
    asked.has("Which column is which?");
    asked.has("<option>Ref</option>");
    let data = hidden(&asked, "data").to_owned();
    let told =
        [("data", data.as_str()), ("externalId", "Ref"), ("mode", "replace"), ("step", "check")];
    let shown = upload(&ann, "/selling/import", &told).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    shown.has("3 lines: 2 new, 1 with a problem.");
    shown.has("there is no event with this name, venue and start");
    assert_eq!(prices(&server, &ann).await, [], "nothing is live yet");

    let report = hidden(&shown, "report").to_owned();
    let report = upload(&ann, "/selling/import/report", &[("report", &report)]).await;
    assert_eq!(
        report.header("content-disposition"),
        "attachment; filename=\"stubmart-import.csv\""
    );
    assert_eq!(report.text().lines().nth(1), Some("2,1,created,,"));

    let (data, key) = (hidden(&shown, "data").to_owned(), hidden(&shown, "key").to_owned());
    let sure = [("data", data.as_str()), ("externalId", "Ref"), ("key", &key), ("step", "import")];
    let done = upload(&ann, "/selling/import", &sure).await;
    done.has("Your listings are up to date");
    assert_eq!(prices(&server, &ann).await, [("1".to_owned(), 18_100), ("2".to_owned(), 8_000)]);
    upload(&ann, "/selling/import", &sure).await.has("2 new");
}

/// What a file says stands on the page as text.
#[tokio::test]
async fn a_hostile_file_is_shown_as_text() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let evil = "<script>alert(1)</script>";
    let file = format!("external_id,title,price,{evil}\n{evil},A,free,\n");
    let shown = upload(&ann, "/selling/import", &[("file", &file)]).await;
    assert_eq!(shown.status, 200, "{shown:?}");
    shown.lacks(evil);
    let broken = upload(&ann, "/selling/import", &[("file", &format!("{evil},b\n"))]).await;
    broken.lacks(evil);
    for wrong in ["AAAA", "not base64!"] {
        let report = upload(&ann, "/selling/import/report", &[("report", wrong)]).await;
        assert_eq!(report.status, 400, "{wrong}");
    }
    assert_eq!(server.get("/selling/import").await.status, 303, "only members");
}

/// FOUND F: several prices at once; one that somebody is buying keeps its price, and the page says why.
#[tokio::test]
async fn prices_are_changed_together() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let mut tickets = Vec::new();
    for (name, price) in [("A-1", 10_000), ("A-2", 999), ("B-1", 5_000)] {
        let fields = json!({"externalId": name, "price": price, "title": format!("Lot {name}")});
        tickets.push(server.ticket_with(&ann, fields).await);
    }
    let nameless = server.ticket_with(&ann, json!({"price": 2_000, "title": "Nameless"})).await;
    let id = |ticket: &Value| ticket["id"].as_str().unwrap().to_owned();
    let change = async |fields: &[(&str, &str)]| ann.post("/selling/prices").form(fields).await;
    let (first, second) = (id(&tickets[0]), id(&tickets[1]));
    let picked = [
        ("pick", first.as_str()),
        ("pick", second.as_str()),
        ("rule", "raise-percent"),
        ("value", "7.5"),
        ("key", "0123456789abcdef"),
    ];
    assert_eq!(change(&picked).await.status, 303);
    let raised = |a, b, c, nameless| {
        vec![
            (String::new(), nameless),
            ("A-1".to_owned(), a),
            ("A-2".to_owned(), b),
            ("B-1".to_owned(), c),
        ]
    };
    assert_eq!(prices(&server, &ann).await, raised(10_750, 1_074, 5_000, 2_000));
    assert_eq!(change(&picked).await.status, 303, "sent twice");
    assert_eq!(prices(&server, &ann).await, raised(10_750, 1_074, 5_000, 2_000), "it counts once");

    server.order(&bob, &tickets[0]).await;
    let all = [("all", "yes"), ("rule", "lower"), ("value", "15.00")];
    let page = change(&all).await;
    assert_eq!(page.status, 200, "{page:?}");
    page.has("A buyer is paying for it right now.");
    page.has("The lowest price is $0.50.");
    assert_eq!(prices(&server, &ann).await, raised(10_750, 1_074, 3_500, 500));
    let searched = [("all", "yes"), ("q", "lot b"), ("rule", "set"), ("value", "60")];
    change(&searched).await;
    assert_eq!(prices(&server, &ann).await, raised(10_750, 1_074, 6_000, 500), "those that match");
    let others = [("pick", second.as_str()), ("rule", "set"), ("value", "1")];
    bob.post("/selling/prices").form(&others).await;
    assert_eq!(prices(&server, &ann).await[2].1, 1_074, "nobody changes what is not theirs");
    let page = ann.get("/selling?q=LOT+a&sort=price").await;
    page.has("Lot A-1");
    page.lacks("Lot B-1");
    drop(nameless);
}

/// The export is what the import reads: read back, nothing is changed.
#[tokio::test]
async fn an_export_is_read_back_unchanged() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    for fields in [
        json!({"eventId": event, "section": "Stalls", "row": "A", "seats": ["1", "2"], "externalId": "=1+1"}),
        json!({"eventId": event, "section": "-1", "row": "@", "seats": ["A-1"], "deliveryKind": "paper"}),
        json!({"title": "Floor, \"front\";\nstanding", "price": 1_250_000, "quantity": 3}),
        json!({"title": "Floor", "price": 5_120, "currency": "kwd", "quantity": 1, "externalId": "007"}),
        json!({"title": "Gone", "price": 800, "currency": "jpy", "externalId": "gone"}),
    ] {
        let ticket = server.ticket_with(&ann, fields).await;
        if ticket["title"] == "Gone" {
            server
                .delete(&format!("/api/tickets/{}", ticket["id"].as_str().unwrap()))
                .by(&ann)
                .await;
        }
    }
    let export = ann.get("/selling/export.csv").await;
    assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
    let call = server.post("/api/tickets/import?mode=replace").by(&ann);
    let read = call.header("content-type", "text/csv").body(export.text().to_owned()).await.json();
    let counts = &read["counts"];
    assert_eq!(
        (&counts["unchanged"], &counts["refused"]),
        (&json!(4), &json!(0)),
        "{read}\n{}",
        export.text()
    );
    assert_eq!(
        (&counts["created"], &counts["withdrawn"]),
        (&json!(0), &json!(0)),
        "what is off sale stays"
    );
}
