//! Ticket files in a market in memory: what a seller uploads, who can open it, and what time does to it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Value, json};
use stubmart_contract::Timestamp;
use stubmart_keyring::Keyring;
use stubmart_memory::MemoryKeys;
use stubmart_node::{Config, Engines, Stores};
use stubmart_suite::fault::FaultyStore;
use stubmart_testkit::{Answer, Process, User, World, merge, text};

use crate::{
    HOUR, Market,
    mortal::{Mortal, Plan},
};

/// A market with a seller, a buyer and a show in ten days.
pub(crate) struct Fair {
    world: World,
    market: Market,
    seller: User,
    buyer: User,
    show: String,
}

impl Fair {
    async fn open() -> Self {
        let world = World::new(1);
        let market = Process::market(&world).await;
        let (seller, buyer) = (market.sign_up("seller").await, market.sign_up("buyer").await);
        let mut event = stubmart_testkit::event_body("Hamlet");
        merge(&mut event, json!({"startsAt": "2026-01-11T19:30:00Z"}));
        let show = text(&market.post("/api/events").by(&seller).json(&event).await.body, "id");
        Self { world, market, seller, buyer, show }
    }

    /// A listing of so many tickets, at no seat that is named.
    async fn listing(&self, seller: &User, quantity: u32) -> Value {
        let fields = json!({"eventId": self.show, "quantity": quantity});
        self.market.ticket_with(seller, fields).await
    }

    /// Uploads a file with these codes, one a page.
    async fn upload(&self, by: &User, ticket: &Value, codes: &[&str]) -> Answer {
        upload(&self.market, by, ticket, codes).await
    }

    async fn open_page(&self, by: &User, order: &Value, page: &str) -> Answer {
        let path = format!("/api/orders/{}/files/{page}", text(order, "id"));
        self.market.get(&path).by(by).await
    }

    async fn delivery(&self, order: &Value, by: &User) -> Value {
        self.market.read(&format!("/api/orders/{}/delivery", text(order, "id")), by).await
    }

    async fn pass(&self, time: Duration) {
        self.world.pass(time);
        for _ in 0..4 {
            self.market.work().await;
            self.world.pass(Duration::from_secs(1));
        }
    }
}

/// A form with such a file, and its boundary.
pub(crate) fn form(codes: &[&str]) -> (&'static str, Vec<u8>) {
    let content = format!("ticket\n{}", codes.join("\n"));
    let form = format!(
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"t.pdf\"\r\n\
         Content-Type: application/pdf\r\n\r\n{content}\r\n--x--\r\n"
    );
    ("multipart/form-data; boundary=x", form.into_bytes())
}

async fn upload(market: &Market, by: &User, ticket: &Value, codes: &[&str]) -> Answer {
    let (kind, form) = form(codes);
    let path = format!("/api/tickets/{}/files", text(ticket, "id"));
    market.call("PUT", &path).by(by).header("content-type", kind).body(form).await
}

/// A file that was uploaded before the sale is the buyer's the moment they have paid, and nobody else's at any time.
#[tokio::test]
async fn the_buyer_opens_the_file_at_once_and_nobody_else_ever() {
    let fair = Fair::open().await;
    let ticket = fair.listing(&fair.seller, 2).await;
    let uploaded = fair.upload(&fair.seller, &ticket, &["A", "", "B"]).await;
    assert_eq!(uploaded.status, 200, "{uploaded:?}");
    assert_eq!((&uploaded.body["pages"], &uploaded.body["codes"]), (&json!(3), &json!(2)));
    assert_eq!(uploaded.body["read"][0]["symbology"], "qr");
    assert_eq!(uploaded.body["read"][1]["symbology"], Value::Null);
    let path = format!("/api/tickets/{}/files", text(&ticket, "id"));
    assert_eq!(fair.market.read(&path, &fair.seller).await, uploaded.body);

    let order = fair.market.order(&fair.buyer, &ticket).await;
    let early = fair.open_page(&fair.buyer, &order, "1").await;
    assert_eq!(early.outcome(), (404, "not_found"), "not paid yet");
    fair.market.pay(&fair.buyer, &order, "pm_card_visa").await;

    let delivery = fair.delivery(&order, &fair.buyer).await;
    assert_eq!((&delivery["status"], &delivery["kind"]), (&json!("sent"), &json!("file")));
    assert_eq!(delivery["pages"], 3);
    let page = fair.open_page(&fair.buyer, &order, "1").await;
    assert_eq!((page.status, page.text()), (200, "ticket\nA"));
    assert_eq!(page.header("content-type"), "application/pdf");
    assert!(page.header("content-disposition").starts_with("attachment; filename=\"ticket-"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert!(page.header("content-security-policy").contains("sandbox"));
    assert_eq!(fair.open_page(&fair.buyer, &order, "3").await.text(), "ticket\nB");
    let other = fair.market.sign_up("other").await;
    for (by, page) in [
        (&fair.seller, "1"),
        (&other, "1"),
        (&fair.buyer, "0"),
        (&fair.buyer, "4"),
        (&fair.buyer, "x"),
        (&fair.buyer, "-1"),
    ] {
        let refused = fair.open_page(by, &order, page).await;
        assert_eq!(refused.outcome(), (404, "not_found"), "page {page}");
    }
    fair.market.work().await;
    let mails = fair.world.mailer.mails();
    let mails: Vec<_> = mails.iter().map(|it| (it.to.as_str(), it.subject.as_str())).collect();
    assert!(
        mails.contains(&("buyer@example.com", "Your ticket is here: Stalls, row F")),
        "{mails:?}"
    );
}

/// Nothing of a ticket is where it is kept: neither its code nor its page, in a blob or in a document.
#[tokio::test]
async fn what_is_kept_is_sealed() {
    let fair = Fair::open().await;
    let ticket = fair.listing(&fair.seller, 1).await;
    assert_eq!(fair.upload(&fair.seller, &ticket, &["SECRETCODE"]).await.status, 200);
    let blobs = fair.world.blobs.all();
    assert_eq!(blobs.len(), 1);
    let holds = |bytes: &[u8]| bytes.windows(10).any(|it| it == b"SECRETCODE");
    assert!(blobs.iter().all(|(_, content)| !holds(content)));
    for document in fair.world.store.bodies() {
        assert!(!holds(&document), "{}", String::from_utf8_lossy(&document));
    }
}

/// No two listings that are on sale or sold carry one code or one file; a listing that is withdrawn gives its codes up,
/// and who bought a code, and nobody else, may list it again.
#[tokio::test]
async fn a_code_is_in_one_listing() {
    let fair = Fair::open().await;
    let other = fair.market.sign_up("other").await;
    let first = fair.listing(&fair.seller, 1).await;
    assert_eq!(fair.upload(&fair.seller, &first, &["A"]).await.status, 200);
    let second = fair.listing(&other, 1).await;
    for codes in [&["A"][..], &["B", "A"], &["A", ""]] {
        let refused = fair.upload(&other, &second, codes).await;
        assert_eq!(refused.outcome(), (409, "code_listed"), "{codes:?}");
    }
    let own = fair.listing(&fair.seller, 1).await;
    assert_eq!(fair.upload(&fair.seller, &own, &["A"]).await.outcome(), (409, "code_listed"));
    assert_eq!(fair.upload(&other, &second, &["B"]).await.status, 200, "B was never stored");
    // A file without codes is one listing's, too.
    let (plain, copy) = (fair.listing(&fair.seller, 1).await, fair.listing(&other, 1).await);
    assert_eq!(fair.upload(&fair.seller, &plain, &["", ""]).await.status, 200);
    assert_eq!(fair.upload(&other, &copy, &["", ""]).await.outcome(), (409, "code_listed"));

    // Withdrawn, it is free; replaced, its old codes are.
    let path = format!("/api/tickets/{}", text(&first, "id"));
    assert_eq!(fair.market.delete(&path).by(&fair.seller).await.status, 204);
    assert_eq!(fair.upload(&other, &second, &["A"]).await.status, 200);
    assert_eq!(fair.upload(&fair.seller, &own, &["B"]).await.status, 200);

    // Sold, it is its buyer's.
    let order = fair.market.buy(&fair.buyer, &own).await;
    let again = fair.listing(&fair.seller, 1).await;
    assert_eq!(fair.upload(&fair.seller, &again, &["B"]).await.outcome(), (409, "code_listed"));
    let relisted = fair.listing(&fair.buyer, 1).await;
    assert_eq!(fair.upload(&fair.buyer, &relisted, &["B"]).await.status, 200);
    assert_eq!(fair.open_page(&fair.buyer, &order, "1").await.status, 200, "it is theirs still");
    let path = format!("/api/tickets/{}", text(&relisted, "id"));
    assert_eq!(fair.market.delete(&path).by(&fair.buyer).await.status, 204);
    assert_eq!(fair.upload(&fair.seller, &again, &["B"]).await.outcome(), (409, "code_listed"));
}

/// The same file is the same answer, whatever became of the ticket; another one is refused while somebody pays and once
/// it is delivered.
#[tokio::test]
async fn a_file_is_replaced_while_nobody_pays() {
    let fair = Fair::open().await;
    let ticket = fair.listing(&fair.seller, 1).await;
    let first = fair.upload(&fair.seller, &ticket, &["A"]).await.json();
    assert_eq!(fair.upload(&fair.seller, &ticket, &["A"]).await.json(), first);
    assert_eq!(fair.upload(&fair.seller, &ticket, &["B"]).await.status, 200);
    fair.market.work().await;
    assert_eq!(fair.world.blobs.all().len(), 1, "the old pages are deleted");
    let order = fair.market.order(&fair.buyer, &ticket).await;
    assert_eq!(fair.upload(&fair.seller, &ticket, &["C"]).await.outcome(), (409, "ticket_locked"));
    assert_eq!(fair.upload(&fair.seller, &ticket, &["B"]).await.status, 200, "the same");
    fair.market.pay(&fair.buyer, &order, "pm_card_visa").await;
    let late = fair.upload(&fair.seller, &ticket, &["C"]).await;
    assert_eq!(late.outcome(), (409, "delivery_ended"));
    assert_eq!(fair.upload(&fair.seller, &ticket, &["B"]).await.status, 200, "the same");
    assert_eq!(fair.open_page(&fair.buyer, &order, "1").await.text(), "ticket\nB");
    let withdrawn = fair.listing(&fair.seller, 1).await;
    fair.market.delete(&format!("/api/tickets/{}", text(&withdrawn, "id"))).by(&fair.seller).await;
    let refused = fair.upload(&fair.seller, &withdrawn, &["D"]).await;
    assert_eq!(refused.outcome(), (409, "ticket_withdrawn"));
}

/// Uploaded after the sale, the file is delivered at that moment; also by a seller who promised something else.
#[tokio::test]
async fn a_file_that_comes_after_the_sale_is_delivered_at_once() {
    let fair = Fair::open().await;
    let ticket = fair.listing(&fair.seller, 1).await;
    let order = fair.market.buy(&fair.buyer, &ticket).await;
    assert_eq!(fair.delivery(&order, &fair.buyer).await["status"], "pending");
    assert_eq!(fair.open_page(&fair.buyer, &order, "1").await.outcome(), (404, "not_found"));
    assert_eq!(fair.upload(&fair.seller, &ticket, &["A"]).await.status, 200);
    let delivery = fair.delivery(&order, &fair.buyer).await;
    assert_eq!((&delivery["status"], &delivery["kind"]), (&json!("sent"), &json!("file")));
    assert_eq!(fair.open_page(&fair.buyer, &order, "1").await.text(), "ticket\nA");
    let steps: Vec<_> = fair.delivery(&order, &fair.seller).await["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(it, "what"))
        .collect();
    assert_eq!(steps, ["sold", "sent", "opened"]);
}

/// A listing by file that is sold without one waits for it: to say that it was sent is not enough.
#[tokio::test]
async fn a_promised_file_has_to_come() {
    let fair = Fair::open().await;
    let fields = json!({"eventId": fair.show, "deliveryKind": "file"});
    let ticket = fair.market.ticket_with(&fair.seller, fields).await;
    let order = fair.market.buy(&fair.buyer, &ticket).await;
    assert_eq!(fair.delivery(&order, &fair.buyer).await["kind"], "file");
    let path = format!("/api/orders/{}/delivery/send", text(&order, "id"));
    let said = fair.market.post(&path).by(&fair.seller).json(&json!({})).await;
    assert_eq!(said.outcome(), (400, "validation_failed"));
    assert_eq!(fair.upload(&fair.seller, &ticket, &["A"]).await.status, 200);
    assert_eq!(fair.delivery(&order, &fair.buyer).await["status"], "sent");
}

/// Each ticket of a listing needs a code of its own, or a page where there are no codes; and what is no ticket is told.
#[tokio::test]
async fn what_is_wrong_with_a_file_is_told() {
    let fair = Fair::open().await;
    let ticket = fair.listing(&fair.seller, 2).await;
    for (codes, said) in [
        (&["A"][..], "has 1 of the 2 different codes that it needs"),
        (&["A", "A", ""], "has 1 of the 2 different codes"),
        (&[""], "has 1 of the 2 pages that it needs"),
    ] {
        let refused = fair.upload(&fair.seller, &ticket, codes).await;
        assert_eq!(refused.outcome(), (400, "validation_failed"), "{codes:?}");
        refused.has(said);
    }
    let many = vec![""; 21];
    fair.upload(&fair.seller, &ticket, &many).await.has("more than 20 pages");
    let path = format!("/api/tickets/{}/files", text(&ticket, "id"));
    let put = |kind: &'static str, body: Vec<u8>| {
        fair.market.call("PUT", &path).by(&fair.seller).header("content-type", kind).body(body)
    };
    let (kind, form) = form(&["A", "B"]);
    let text_form = String::from_utf8(form.clone()).unwrap();
    let no_ticket = text_form.replace("ticket\n", "hello\n").into_bytes();
    put(kind, no_ticket).await.has("is no PDF, PNG, JPEG or WebP");
    let other = text_form.replace("name=\"file\"", "name=\"photo\"").into_bytes();
    put(kind, other).await.has("is required");
    assert_eq!(
        put("application/pdf", form.clone()).await.outcome(),
        (415, "unsupported_media_type")
    );
    let huge = [form.as_slice(), &vec![b'x'; 11 * 1024 * 1024]].concat();
    assert_eq!(put(kind, huge).await.outcome(), (413, "body_too_large"));
    let other = fair.market.sign_up("other").await;
    assert_eq!(fair.upload(&other, &ticket, &["A", "B"]).await.outcome(), (403, "not_owner"));
    assert_eq!(fair.market.get(&path).by(&other).await.outcome(), (403, "not_owner"));
    assert_eq!(fair.market.get(&path).by(&fair.seller).await.outcome(), (404, "not_found"));
    fair.pass(2 * HOUR).await;
    assert_eq!(fair.world.blobs.all(), [], "nothing of what was refused is kept");
}

/// FILE-1: of two sellers who upload one ticket at the same moment, one has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_upload_one_code_at_once_one_has_it() {
    let fair = Fair::open().await;
    let other = fair.market.sign_up("other").await;
    let mut winners = BTreeSet::new();
    for round in 0..40 {
        let (mine, theirs) = (fair.listing(&fair.seller, 1).await, fair.listing(&other, 1).await);
        let code = format!("code {round}");
        // The files differ, and the codes come in another order.
        let (a, b) = ([&*code, "", "x"], ["y", &*code]);
        let a = a.map(|it| if it == "x" { format!("x{round}") } else { it.to_owned() });
        let b = b.map(|it| if it == "y" { format!("x{round}") } else { it.to_owned() });
        let a: Vec<&str> = a.iter().map(String::as_str).collect();
        let b: Vec<&str> = b.iter().map(String::as_str).collect();
        let both = (fair.upload(&fair.seller, &mine, &a), fair.upload(&other, &theirs, &b));
        let (a, b) = futures_util::future::join(both.0, both.1).await;
        let outcomes = [a.outcome(), b.outcome()];
        let won: Vec<_> = outcomes.iter().map(|(status, _)| *status == 200).collect();
        assert_eq!(won.iter().filter(|it| **it).count(), 1, "{outcomes:?}");
        assert!(outcomes.contains(&(409, "code_listed")), "{outcomes:?}");
        winners.insert(won[0]);
    }
    assert!(!winners.is_empty());
}

/// A buyer who got all of the money back opens nothing more; one who got a part back does.
#[tokio::test]
async fn who_has_the_money_back_has_no_ticket() {
    let fair = Fair::open().await;
    let ticket = fair.listing(&fair.seller, 1).await;
    fair.upload(&fair.seller, &ticket, &["A"]).await;
    let order = fair.market.buy(&fair.buyer, &ticket).await;
    assert_eq!(fair.open_page(&fair.buyer, &order, "1").await.status, 200);
    fair.market.work().await;
    let claims = format!("/api/orders/{}/claims", text(&order, "id"));
    let body = json!({"kind": "invalid", "text": "It was red."});
    assert_eq!(fair.market.post(&claims).by(&fair.buyer).json(&body).await.status, 201);
    // The seller is silent.
    fair.pass(49 * HOUR).await;
    assert_eq!(fair.delivery(&order, &fair.buyer).await["status"], "cancelled");
    let refused = fair.open_page(&fair.buyer, &order, "1").await;
    assert_eq!(refused.outcome(), (404, "not_found"));
    assert_eq!(fair.delivery(&order, &fair.buyer).await["pages"], 0);
}

/// A file goes a day after its listing ended, and when a sale can be disputed no longer; until then it stays.
#[tokio::test]
async fn files_are_kept_for_as_long_as_they_are_needed() {
    let fair = Fair::open().await;
    let (withdrawn, sold) =
        (fair.listing(&fair.seller, 1).await, fair.listing(&fair.seller, 1).await);
    fair.upload(&fair.seller, &withdrawn, &["A"]).await;
    fair.upload(&fair.seller, &sold, &["B"]).await;
    fair.market.delete(&format!("/api/tickets/{}", text(&withdrawn, "id"))).by(&fair.seller).await;
    let order = fair.market.buy(&fair.buyer, &sold).await;
    fair.pass(25 * HOUR).await;
    assert_eq!(fair.world.blobs.all().len(), 1);
    for _ in 0..4 {
        fair.pass(30 * 24 * HOUR).await;
    }
    assert_eq!(fair.world.blobs.all().len(), 1, "a bank can still ask for it");
    let buyer = fair.market.log_in(&fair.buyer).await;
    assert_eq!(fair.open_page(&buyer, &order, "1").await.status, 200);
    fair.pass(30 * 24 * HOUR).await;
    assert_eq!(fair.world.blobs.all(), []);
    let buyer = fair.market.log_in(&fair.buyer).await;
    assert_eq!(fair.open_page(&buyer, &order, "1").await.outcome(), (404, "not_found"));
}

/// A new key takes over what the old one sealed, and a backup from before is opened by the keys from before.
#[tokio::test]
async fn keys_are_rotated_and_old_ones_open_backups() {
    let fair = Fair::open().await;
    let ticket = fair.listing(&fair.seller, 1).await;
    fair.upload(&fair.seller, &ticket, &["A"]).await;
    let order = fair.market.buy(&fair.buyer, &ticket).await;
    fair.market.work().await;
    let backup = fair.world.store.copy();

    let old = Keyring::new([1; 32], [2; 32], Timestamp::EPOCH);
    let new = old.rotated([9; 32], Timestamp::EPOCH);
    fair.world.keys.set(new.clone());
    assert_eq!(fair.open_page(&fair.buyer, &order, "1").await.text(), "ticket\nA");
    fair.pass(Duration::from_secs(61)).await;
    fair.world.keys.set(old.clone());
    let sealed = fair.open_page(&fair.buyer, &order, "1").await;
    assert_eq!(sealed.outcome(), (503, "unavailable"), "the old key is needed no more");
    fair.world.keys.set(new.clone());
    assert_eq!(fair.open_page(&fair.buyer, &order, "1").await.text(), "ticket\nA");

    // Fingerprints stay the same: the code is known for what it is.
    let other = fair.market.sign_up("other").await;
    let copy = fair.listing(&other, 1).await;
    assert_eq!(fair.upload(&other, &copy, &["A", ""]).await.outcome(), (409, "code_listed"));

    for (keys, opens) in
        [(old, true), (new, true), (Keyring::new([1; 32], [5; 32], Timestamp::EPOCH), false)]
    {
        let keys = MemoryKeys::new(keys);
        let mut restored = fair.world.clone();
        (restored.store, restored.keys) = (backup.copy(), keys);
        let market = Process::market(&restored).await;
        let path = format!("/api/orders/{}/files/1", text(&order, "id"));
        let page = market.get(&path).by(&fair.buyer).await;
        assert_eq!(page.status == 200, opens, "{page:?}");
    }
}

/// Whatever an upload dies of, between any two of its steps: the same file is taken when it is sent again, another
/// seller of the code is not kept from it for ever, and nothing that nobody uses stays.
#[tokio::test]
async fn an_upload_may_die_anywhere() {
    for dies_at in 0..12 {
        let fair = Fair::open().await;
        let ticket = fair.listing(&fair.seller, 1).await;
        let plan = Arc::new(Plan::new(dies_at));
        let engines = Engines {
            blobs: Arc::new(Mortal(fair.world.blobs.clone(), Arc::clone(&plan))),
            stores: Stores {
                delivery: Arc::new(FaultyStore::new(
                    Arc::new(fair.world.store.clone()),
                    plan.clone(),
                )),
                ..fair.world.engines().stores
            },
            ..fair.world.engines()
        };
        let market = Process::market_on(&fair.world, &engines, &Config::default()).await;
        plan.begin();
        let died = upload(&market, &fair.seller, &ticket, &["A", "B"]).await;
        drop(market);
        assert!(matches!(died.status, 200 | 503), "{died:?}");
        let other = fair.market.sign_up("other").await;
        let theirs = fair.listing(&other, 1).await;
        let taken = fair.upload(&other, &theirs, &["B"]).await;
        let again = fair.upload(&fair.seller, &ticket, &["A", "B"]).await;
        assert!(
            (taken.status == 200) != (again.status == 200),
            "dies at {dies_at}: {} {} {}",
            died.status,
            taken.status,
            again.status
        );
        fair.pass(2 * HOUR).await;
        let pages = if again.status == 200 { 2 } else { 1 };
        assert_eq!(fair.world.blobs.all().len(), pages, "dies at {dies_at}");
    }
}
