//! What is on, and what one event offers.

use stubmart_contract::{UserId, api::TicketStatus};

use crate::{
    EVIL, market,
    support::{Fake, id},
};

#[tokio::test]
async fn home_shows_what_is_on_and_what_it_costs() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    let page = fake.get("/").await;
    assert_eq!(page.status, 200);
    page.has("The Paper Lanterns");
    page.has("The Cellar · Boston, MA");
    page.has("<small>listings from</small><b>$90</b><span>1 listing</span>");
    page.has("Log in");
}

#[tokio::test]
async fn an_empty_market_says_what_to_do() {
    let page = Fake::new().get("/").await;
    assert_eq!(page.status, 200);
    page.has("No events yet");
}

#[tokio::test]
async fn an_event_shows_its_tickets_and_what_each_visitor_can_do_with_them() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    fake.ticket(21, event, |it| {
        it.status = TicketStatus::Locked;
        it.locked_until = "2026-11-20T14:32:00Z".parse().ok();
        it.section = Some("Balcony".to_owned());
    });
    fake.ticket(22, event, |it| it.user_id = UserId(id(1)));
    let page = fake.get_as_ada(&format!("/events/{event}")).await;
    page.has(
        "<b data-f=\"place\">Section 102</b><span data-f=\"detail\">Row B · Seats 12, 13</span>",
    );
    page.has("$45 each");
    page.has(&format!("formaction=\"/tickets/{}/buy\" name=\"price\" value=\"9000\"", id(20)));
    page.has("In someone’s checkout, free again by <time datetime=\"2026-11-20T14:32:00.000Z\" data-local=\"time\">14:32 UTC</time> at the latest");
    page.has(&format!("href=\"/tickets/{}/edit\">Yours: edit", id(22)));
    page.has("Median");
    page.has(&format!("data-stream=\"/api/events/{event}/stream\""));
    assert_eq!(
        page.text().matches("\" form=\"buy\"").count(),
        2,
        "one button, and the blank row's"
    );
}

#[tokio::test]
async fn filters_reach_the_api_and_a_bad_one_is_marked() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    let page = fake.get(&format!("/events/{event}?qty=3&max=50")).await;
    page.has("No tickets like that right now");
    let page = fake.get(&format!("/events/{event}?max=cheap")).await;
    page.has("aria-invalid=\"true\"");
    page.has("Section 102");
    let page = fake.get("/events?q=lanterns&max=50").await;
    page.has("Nothing found");
    page.has("href=\"/events?q=lanterns\"");
    let page = fake.get("/events?q=lanterns&qty=2").await;
    page.has("The Paper Lanterns");
}

#[tokio::test]
async fn structured_data_is_json_that_cannot_end_its_script() {
    let fake = Fake::new();
    let event = fake.event(10, EVIL);
    fake.ticket(20, event, |_| {});
    let page = fake.get(&format!("/events/{event}")).await;
    let (_, rest) = page.text().split_once("<script type=\"application/ld+json\">").unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["name"], EVIL);
    assert_eq!(data["offers"]["lowPrice"], "90");
    assert_eq!(data["offers"]["priceCurrency"], "USD");
}

/// A visitor gets an event's page as it is for them, however often it was made for others before.
#[tokio::test]
async fn an_event_page_is_never_another_visitors_nor_older_than_the_market() {
    let (fake, event) = market();
    fake.ticket(20, event, |it| it.user_id = UserId(id(1)));
    let path = format!("/events/{event}");
    for _ in 0..2 {
        let own = fake.get_as_ada(&path).await;
        own.has("Yours: edit");
        own.has(">Ada</a>");
        let anybody = fake.get(&path).await;
        anybody.lacks("Yours: edit");
        anybody.lacks("Ada");
        anybody.has("name=\"key\" value=\"\"");
        let left = fake.get(&path).header("cookie", "stubmart_flash=left.0").await;
        left.has("You left the checkout");
        fake.get(&path).await.lacks("You left the checkout");
        let address = fake.get(&format!("{path}?utm=x")).await;
        address.has("next=%2Fevents%2F");
        address.has("%3Futm%3Dx");
        fake.get(&path).await.lacks("%3Futm");
        let gzip = fake.get(&path).header("accept-encoding", "gzip").await;
        assert_eq!(gzip.header("content-encoding"), "gzip");
        assert_eq!(fake.get(&path).await.header("content-encoding"), "");
    }
    for (price, shown) in [(12_300, "<b data-f=\"price\">$123"), (4500, "<b data-f=\"price\">$45")]
    {
        fake.market.lock().unwrap().tickets[0].price = price.try_into().unwrap();
        fake.get(&path).await.has(shown);
    }
    fake.market.lock().unwrap().events[0].name = "The Lanterns".to_owned();
    fake.get(&path).await.has("<h1>The Lanterns</h1>");
}

#[tokio::test]
async fn price_context_follows_the_offer_at_once() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let path = format!("/events/{event}?qty=2");
    fake.get(&path).await.has("<dd>$45</dd>");
    {
        let mut market = fake.market.lock().unwrap();
        let price = 6000.try_into().unwrap();
        market.tickets.iter_mut().find(|it| it.id == ticket).unwrap().price = price;
        market.events[0].min_price = Some(price);
    }
    fake.get(&path).await.has("<dd>$30</dd>");
}

#[tokio::test]
async fn a_page_of_tickets_that_has_become_empty_leads_to_the_first() {
    let (fake, event) = market();
    let page = fake.get(&format!("/events/{event}?cursor=YQ")).await;
    page.has("Nothing more on this page");
    page.has(&format!("<a href=\"/events/{event}\">first page</a>"));
}

#[tokio::test]
async fn a_full_event_page_stays_small() {
    let (fake, event) = market();
    for number in 0..50 {
        fake.ticket(100 + number, event, |it| {
            it.price = (4500 + i64::try_from(number).unwrap() * 130).try_into().unwrap();
            it.title = format!("Great view number {number}");
        });
    }
    let path = format!("/events/{event}");
    let plain = fake.get(&path).await;
    assert!(plain.bytes.len() < 60 * 1024, "{} bytes", plain.bytes.len());
    let small = fake.get(&path).header("accept-encoding", "gzip").await;
    assert_eq!(small.header("content-encoding"), "gzip");
    assert!(small.bytes.len() < 15 * 1024, "{} bytes compressed", small.bytes.len());
}
