//! Ticket files: what their seller uploads and sees, and what their buyer opens.

use serde_json::{Value, json};
use stubmart_contract::{
    Code, UserId,
    api::{OrderStatus, Ticket, TicketStatus},
};
use stubmart_testkit::Answer;

use crate::{
    EVIL, market,
    support::{Fake, cookie, delivered, id},
};

/// Makes a ticket Ada's.
fn mine(ticket: &mut Ticket) {
    ticket.user_id = UserId(id(1));
}

/// What was read of a file of two pages, one without a code.
fn read() -> Value {
    let page = |page: u32, symbology: Value, section: Value| {
        json!({
            "page": page, "symbology": symbology, "section": section, "row": null, "seat": "12",
            "date": null, "orderNumber": null,
        })
    };
    json!({
        "ticketId": id(20), "kind": "pdf", "pages": 2, "codes": 1, "uploadedAt": "2026-11-20T12:00:00Z",
        "read": [page(1, json!("qr"), json!(EVIL)), page(2, Value::Null, Value::Null)],
    })
}

async fn send(fake: &Fake, path: &str, file: &str) -> Answer {
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"t.pdf\"\r\n\r\n{file}\r\n--x--\r\n"
    );
    let call = fake.call("POST", path).header("cookie", &cookie());
    call.header("content-type", "multipart/form-data; boundary=x").body(form).await
}

/// The seller uploads it by a plain form, and sees what was read: never the file itself.
#[tokio::test]
async fn a_seller_uploads_and_sees_what_was_read() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, mine);
    let path = format!("/tickets/{ticket}/files");
    let page = fake.get_as_ada(&path).await;
    page.has("enctype=\"multipart/form-data\"");
    page.has("Upload the ticket");
    page.lacks("What we read");
    fake.get_as_ada("/selling").await.has(&format!("href=\"{path}\""));

    fake.market.lock().unwrap().files = Some(read());
    assert_eq!(send(&fake, &path, "%PDF-1.7").await.location(), path);
    assert_eq!(fake.calls(&format!("PUT /api{path}")).len(), 1);
    let page = fake.get_as_ada(&path).await;
    page.has("2 pages, 1 code found.");
    page.has("QR code");
    page.has("No code found");
    page.has("Seat 12");
    page.has("Replace the file");
    page.lacks("<script>alert");
}

/// What is wrong is said at the form, in words that say what to do.
#[tokio::test]
async fn a_file_that_is_not_taken_is_explained() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, mine);
    let path = format!("/tickets/{ticket}/files");
    let line = format!("PUT /api{path}");
    for (code, errors, status, said) in [
        (Code::CodeListed, &[][..], 409, "This ticket is in another listing already"),
        (Code::TicketLocked, &[], 409, "A buyer is paying for this ticket"),
        (Code::BodyTooLarge, &[], 413, "larger than 10 MB"),
        (
            Code::ValidationFailed,
            &[("file", "is protected by a password")],
            400,
            "Your file is protected by a password.",
        ),
    ] {
        fake.refuse(&line, code, errors);
        let refused = send(&fake, &path, "%PDF-1.7").await;
        assert_eq!(refused.status, status, "{code}");
        refused.has(said);
        refused.has("enctype=\"multipart/form-data\"");
    }
    let empty = send(&fake, &path, "").await;
    assert!(matches!(empty.status, 400 | 413), "{empty:?}");
}

/// While a buyer pays nothing is uploaded, and after the sale it leads to the sale.
#[tokio::test]
async fn what_is_sold_is_delivered_by_it() {
    let (fake, event) = market();
    let held = fake.ticket(20, event, |it| {
        mine(it);
        it.status = TicketStatus::Locked;
    });
    let page = fake.get_as_ada(&format!("/tickets/{held}/files")).await;
    page.has("A buyer is paying for this ticket");
    page.lacks("enctype");
    let mut sale = delivered("seller", "file", "pending");
    sale["ticketId"] = json!(id(20));
    fake.market.lock().unwrap().delivery = Some(sale);
    let page = fake.get_as_ada(&format!("/orders/{}/deliver", id(70))).await;
    page.has(&format!("action=\"/tickets/{}/files\"", id(20)));
    page.lacks("I’ve sent it");
    fake.market.lock().unwrap().delivery = Some(delivered("seller", "file", "sent"));
    let page = fake.get_as_ada(&format!("/orders/{}/deliver", id(70))).await;
    page.has("The buyer has your file.");
    page.lacks("enctype");
}

/// The buyer's page shows images at once and offers each page; a page of it comes as the API gives it.
#[tokio::test]
async fn a_buyer_opens_the_pages() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |it| it.status = OrderStatus::Completed);
    let mut delivery = delivered("buyer", "file", "sent");
    (delivery["pages"], delivery["fileKind"]) = (json!(2), json!("png"));
    fake.market.lock().unwrap().delivery = Some(delivery.clone());
    let page = fake.get_as_ada(&format!("/orders/{order}")).await;
    page.has(&format!("<img src=\"/orders/{order}/files/2\""));
    page.has("Save page 1 of 2");
    delivery["fileKind"] = json!("pdf");
    fake.market.lock().unwrap().delivery = Some(delivery);
    let page = fake.get_as_ada(&format!("/orders/{order}")).await;
    page.lacks("<img src=\"/orders/");
    page.has(&format!("href=\"/orders/{order}/files/1\" download"));

    let opened = fake.get_as_ada(&format!("/orders/{order}/files/1")).await;
    assert_eq!((opened.status, opened.text()), (200, "a picture"));
    assert_eq!(opened.header("content-disposition"), "attachment; filename=\"ticket-1.png\"");
    assert_eq!(opened.header("content-security-policy"), "default-src 'none'; sandbox");
    assert_eq!(opened.header("cache-control"), "private, no-store");
    let nobody = fake.get(&format!("/orders/{order}/files/1")).await;
    assert!(nobody.location().starts_with("/login"));
}
