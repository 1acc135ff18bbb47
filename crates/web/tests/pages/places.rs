//! Pages of cities, venues and performers, and the first page.

use serde_json::Value;
use stubmart_contract::api::EventStatus;
use stubmart_web::WebConfig;

use crate::support::Fake;

fn fake() -> Fake {
    let public_url = Some("https://tickets.example".to_owned());
    let fake = Fake::with(WebConfig { public_url, ..WebConfig::default() });
    let event = fake.event(10, "The Paper Lanterns");
    fake.ticket(20, event, |_| {});
    fake
}

fn structured(page: &stubmart_testkit::Answer) -> Value {
    let (_, rest) = page.text().split_once("<script type=\"application/ld+json\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// A city, a venue and a performer have a page each, which names its own address and where it belongs.
#[tokio::test]
async fn a_place_has_a_page_with_what_is_on_there() {
    let fake = fake();
    for (path, title, crumb) in [
        ("/cities/boston", "<h1>Events in Boston</h1>", "href=\"/events\">Events</a>"),
        ("/venues/boston/the-cellar", "<h1>The Cellar, Boston</h1>", "href=\"/cities/boston\""),
        (
            "/performers/the-paper-lanterns",
            "<h1>The Paper Lanterns tickets</h1>",
            "href=\"/events\"",
        ),
    ] {
        let page = fake.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        page.has(title);
        page.has(crumb);
        page.has("class=\"stub\"");
        page.has(&format!("<link rel=\"canonical\" href=\"https://tickets.example{path}\">"));
        let data = structured(&page);
        let crumbs = data["@graph"][0]["itemListElement"].as_array().unwrap();
        let last = &crumbs[crumbs.len() - 1];
        assert_eq!(last["item"], format!("https://tickets.example{path}"));
        assert_eq!(data["@graph"][2]["itemListElement"][0]["name"], "The Paper Lanterns");
        // Another spelling is the same page, and names the one address.
        let other = fake.get(&path.replace("boston", "BOSTON")).await;
        other.has(&format!("href=\"https://tickets.example{path}\">"));
    }
    for path in ["/cities/nowhere", "/venues/boston/nowhere", "/performers/nobody", "/cities/%20"] {
        assert_eq!(fake.get(path).await.status, 404, "{path}");
    }
}

/// A place where something was, and nothing is to come, says so and leads on.
#[tokio::test]
async fn a_place_without_dates_leads_on() {
    let fake = fake();
    let past = fake.event(11, "Long Gone");
    fake.market.lock().unwrap().events.iter_mut().filter(|it| it.id == past).for_each(|it| {
        it.status = EventStatus::Over;
        "Bath".clone_into(&mut it.venue.city);
    });
    let page = fake.get("/cities/bath").await;
    assert_eq!(page.status, 200);
    page.has("No dates right now");
    page.has("Popular right now");
    page.has("The Paper Lanterns");
}

/// An event leads to its city and venue, a search to what its words name, and the sitemap names them all.
#[tokio::test]
async fn pages_lead_to_places() {
    let fake = fake();
    let event = fake.market.lock().unwrap().events[0].id;
    let page = fake.get(&format!("/events/{event}")).await;
    for path in ["/cities/boston", "/venues/boston/the-cellar"] {
        page.has(&format!("href=\"{path}\""));
    }
    fake.get("/events?q=the+paper+lanterns").await.has("href=\"/performers/the-paper-lanterns\"");
    fake.get("/events?q=paper").await.lacks("href=\"/performers/");
    let sitemap = fake.get("/sitemap.xml").await;
    for path in ["/cities/boston", "/venues/boston/the-cellar", "/performers/the-paper-lanterns"] {
        sitemap.has(&format!("<loc>https://tickets.example{path}</loc>"));
    }
}

/// The first page keeps the city that was chosen, on the visitor's own device, and forgets it when asked.
#[tokio::test]
async fn a_city_is_chosen_and_never_guessed() {
    let fake = fake();
    let home = fake.get("/").await;
    home.has("Pick your city");
    home.has("<button name=\"city\" value=\"Boston\">");
    home.has("Popular right now");
    assert!(home.cookies().is_empty(), "{home:?}");
    let chosen = fake.post("/city", &[("city", "Boston")]).await;
    assert_eq!(chosen.location(), "/");
    let cookie = chosen.cookies()[0].split(';').next().unwrap().to_owned();
    assert_eq!(cookie, "stubmart_city=boston");
    let near = fake.get("/").header("cookie", &cookie).await;
    near.has("<h2 id=\"near\">In Boston</h2>");
    near.has("href=\"/cities/boston\"");
    let asked = fake.calls("GET /api/events");
    assert!(
        asked.iter().any(|call| call.query.contains("city=boston")),
        "the list is the city's own"
    );
    let forgotten = fake.post("/city", &[]).await;
    assert!(forgotten.cookies()[0].contains("Max-Age=0"));
    for odd in ["stubmart_city=%22%3E", "stubmart_city=a%20b", "stubmart_city=%FF"] {
        fake.get("/").header("cookie", odd).await.has("Pick your city");
    }
    let quiet = fake.get("/").header("cookie", "stubmart_city=bath").await;
    quiet.has("Nothing is coming up in bath right now");
}
