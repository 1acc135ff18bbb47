//! What is on, and what one event offers.

use stubmart_contract::{
    UserId,
    api::{EventStatus, Seller, SellerLevel, TicketStatus},
};
use stubmart_web::WebConfig;

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
    page.has("<small>from</small> <b>$90.00</b>");
    page.has("<h2 id=\"popular\">Popular right now</h2>");
    page.has("src=\"/posters/waves-");
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
    page.has("<b data-f=\"each\">$45.00</b> <small>each</small><span data-f=\"price\">$90.00 total</span>");
    page.has(&format!("formaction=\"/tickets/{}/buy\" name=\"price\" value=\"9000\"", id(20)));
    page.has("Someone’s buying this until <time datetime=\"2026-11-20T14:32:00.000Z\" data-local=\"time\">2:32 PM UTC</time>");
    page.has(&format!("href=\"/tickets/{}/edit\">Edit yours", id(22)));
    page.has("Typical");
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
    page.has("No events found");
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
    assert_eq!(data["offers"]["lowPrice"], "90.00");
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
        own.has("Edit yours");
        own.has("Account: Ada");
        let anybody = fake.get(&path).await;
        anybody.lacks("Edit yours");
        anybody.lacks("Ada");
        anybody.has("name=\"key\" value=\"\"");
        let left = fake.get(&path).header("cookie", "stubmart_flash=left.0").await;
        left.has("You left checkout");
        fake.get(&path).await.lacks("You left checkout");
        let address = fake.get(&format!("{path}?utm=x")).await;
        address.has("next=%2Fevents%2F");
        address.has("%3Futm%3Dx");
        fake.get(&path).await.lacks("%3Futm");
        let gzip = fake.get(&path).header("accept-encoding", "gzip").await;
        assert_eq!(gzip.header("content-encoding"), "gzip");
        assert_eq!(fake.get(&path).await.header("content-encoding"), "");
    }
    for (price, shown) in
        [(12_300, "<b data-f=\"each\">$61.50"), (4500, "<b data-f=\"each\">$22.50")]
    {
        {
            let ticket = &mut fake.market.lock().unwrap().tickets[0];
            (ticket.price, ticket.total) = (price.try_into().unwrap(), price.try_into().unwrap());
            ticket.total_per_ticket = (price / 2).try_into().unwrap();
        }
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
    fake.get(&path).await.has("<dd>$45.00</dd>");
    {
        let mut market = fake.market.lock().unwrap();
        let price = 6000.try_into().unwrap();
        market.tickets.iter_mut().find(|it| it.id == ticket).unwrap().price = price;
        market.events[0].min_price = Some(price);
    }
    fake.get(&path).await.has("<dd>$30.00</dd>");
}

#[tokio::test]
async fn a_page_of_tickets_that_has_become_empty_leads_to_the_first() {
    let (fake, event) = market();
    let page = fake.get(&format!("/events/{event}?cursor=YQ")).await;
    page.has("That’s all of them");
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

/// A poster is a picture that browsers keep for ever, made for addresses of ours and no others.
#[tokio::test]
async fn every_event_has_a_poster() {
    let (fake, event) = market();
    let page = fake.get(&format!("/events/{event}")).await;
    let poster = page.text().split('"').find(|part| part.starts_with("/posters/")).unwrap();
    let picture = fake.get(poster).await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert_eq!(picture.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(picture.text().starts_with("<svg "));
    let small = fake.get(poster).header("accept-encoding", "gzip").await;
    assert_eq!(small.header("content-encoding"), "gzip");
    for astray in ["/posters/x.svg", "/posters/waves-1.svg", "/posters/..%2Fx-1-1.svg"] {
        assert_eq!(fake.get(astray).await.status, 404, "{astray}");
    }
}

/// How many tickets one wants is asked first, of what is on offer, and the other filters stay as they are.
#[tokio::test]
async fn the_number_of_tickets_is_a_click_away() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    let page = fake.get(&format!("/events/{event}?max=99&sort=newest")).await;
    page.has(&format!("href=\"/events/{event}?qty=2&#38;max=99&#38;sort=newest\">2</a>"));
    page.has(&format!("href=\"/events/{event}?max=99&#38;sort=newest\" aria-current=\"true\">Any"));
    page.lacks(&format!("href=\"/events/{event}?qty=8"));
    let page = fake.get(&format!("/events/{event}?qty=12")).await;
    page.has(&format!("href=\"/events/{event}?qty=12\" aria-current=\"true\">12</a>"));
}

/// Search engines are told of every event by its whole address, once the operator has set the site's.
#[tokio::test]
async fn a_sitemap_lists_the_events() {
    let (fake, _) = market();
    assert_eq!(fake.get("/sitemap.xml").await.status, 404);
    fake.get("/robots.txt").await.lacks("Sitemap:");
    let fake = Fake::with(WebConfig {
        public_url: Some("https://tickets.example/".to_owned()),
        ..WebConfig::default()
    });
    let event = fake.event(10, "The Paper Lanterns");
    let map = fake.get("/sitemap.xml").await;
    assert_eq!(map.header("content-type"), "application/xml");
    map.has(&format!("<loc>https://tickets.example/events/{event}</loc>"));
    fake.get("/robots.txt").await.has("Sitemap: https://tickets.example/sitemap.xml\n");
    let asked = fake.calls("GET /api/events").len();
    fake.get("/sitemap.xml").await;
    assert_eq!(fake.calls("GET /api/events").len(), asked, "it is made once an hour");
}

/// Times are those at the venue, whatever the year, and search engines get them with their offset.
#[tokio::test]
async fn an_event_begins_by_the_clocks_of_its_venue() {
    let (fake, event) = market();
    {
        let mut market = fake.market.lock().unwrap();
        let show = &mut market.events[0];
        show.venue.time_zone = "America/New_York".parse().ok();
        show.local_start = "2027-01-02T19:30".parse().unwrap();
        show.starts_at = "2027-01-03T00:30:00Z".parse().unwrap();
    }
    let path = format!("/events/{event}");
    let page = fake.get(&path).await;
    page.has("Sat, Jan 2, 2027 · 7:30 PM</time>");
    page.has("\"startDate\":\"2027-01-02T19:30:00-05:00\"");
    fake.market.lock().unwrap().events[0].local_start = "2027-01-02".parse().unwrap();
    let page = fake.get(&path).await;
    page.has("Sat, Jan 2, 2027 · Time to be announced</time>");
    page.has("\"startDate\":\"2027-01-02\"");
}

/// What is over or canceled says so, and nothing of it is sold.
#[tokio::test]
async fn an_event_that_is_over_sells_nothing() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    for (status, words) in [
        (EventStatus::Over, "This event is over."),
        (EventStatus::Cancelled, "This event is canceled."),
    ] {
        fake.market.lock().unwrap().events[0].status = status;
        let page = fake.get(&format!("/events/{event}")).await;
        page.has(words);
        page.has("No longer on sale");
        page.lacks(&format!("/tickets/{ticket}/buy"));
        page.lacks("data-stream");
        fake.get(&format!("/tickets/{ticket}")).await.lacks("Buy for");
    }
    fake.market.lock().unwrap().events[0].status = EventStatus::Postponed;
    let page = fake.get(&format!("/events/{event}")).await;
    page.has("This event is postponed.");
    page.has(&format!("/tickets/{ticket}/buy"));
}

/// The sections on offer can be picked without a script; what is picked reaches the API as it is.
#[tokio::test]
async fn a_section_is_picked_from_what_is_on_offer() {
    let (fake, event) = market();
    fake.ticket(20, event, |_| {});
    fake.get(&format!("/events/{event}")).await.lacks("name=\"section\"");
    fake.ticket(21, event, |it| it.section = Some("Stalls, left".to_owned()));
    fake.ticket(22, event, |it| it.section = None);
    let page = fake.get(&format!("/events/{event}?qty=2&section=Stalls%2C+left")).await;
    page.has("<option value=\"\">Any section</option>");
    page.has("<option value=\"102\">Section 102 · from $45.00</option>");
    page.has("<option value=\"Stalls, left\" selected>Stalls, left · from $45.00</option>");
    page.has("<option value=\"-\">General admission · from $45.00</option>");
    page.has(&format!("href=\"/events/{event}?section=Stalls%2C+left\">Any</a>"));
    let query = &fake.calls("GET /api/tickets").pop().unwrap().query;
    assert!(query.contains("section=Stalls%2C+left"), "{query}");
    let page = fake.get(&format!("/events/{event}?section=Balcony")).await;
    page.has("<option value=\"Balcony\" selected>Balcony</option>");
    page.has("No tickets like that right now");
}

/// An amount is in the event's own currency.
#[tokio::test]
async fn an_event_has_its_own_currency() {
    let (fake, event) = market();
    {
        let mut market = fake.market.lock().unwrap();
        market.events[0].currency = "jpy".parse().unwrap();
        market.events[0].min_price = 12_000.try_into().ok();
        market.events[0].available = 1;
    }
    fake.get("/events").await.has("<b>¥12,000</b>");
    fake.get(&format!("/events/{event}?max=9000")).await;
    let query = &fake.calls("GET /api/tickets").pop().unwrap().query;
    assert!(query.contains("maxPrice=9000"), "yen have no cents: {query}");
    fake.get("/events?max=200").await.has("No events found");
}

/// Who sells stands at every listing, by the name that was chosen, and on the listing's own page.
#[tokio::test]
async fn every_listing_says_who_sells_it() {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let closed = SellerLevel::Closed;
    fake.ticket(21, event, |it| {
        it.seller = Some(Seller { name: None, since: None, sold: 3, level: closed });
    });
    let unknown = fake.ticket(22, event, |it| it.seller = None);
    let page = fake.get(&format!("/events/{event}")).await;
    page.has("<bdi>Sold by Grace</bdi> · 12 sales");
    page.has("<bdi>Sold by a former member</bdi> · 3 sales");
    let page = fake.get(&format!("/tickets/{ticket}")).await;
    page.has("Trusted seller");
    page.has("On Stubmart since Mar 2025");
    fake.get(&format!("/tickets/{unknown}")).await.lacks("<dt>Seller</dt>");
}
