//! Events: what tickets are for.

use serde_json::{Value, json};

use crate::support::{Server, event, merge, text, within_a_second};

fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|it| text(it, "name")).collect()
}

#[tokio::test]
async fn an_event_is_added_once_and_read_back() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let created = server.post("/api/events").by(&ann).json(&event("Hamlet")).await;
    assert_eq!(created.status, 201, "{created:?}");
    let created = created.json();
    let mut fields: Vec<_> = created.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let all = [
        "available",
        "category",
        "currency",
        "endsAt",
        "id",
        "localStart",
        "minPrice",
        "name",
        "performers",
        "startTimeKnown",
        "startsAt",
        "status",
        "url",
        "venue",
    ];
    assert_eq!(fields, all);
    assert_eq!((&created["available"], &created["minPrice"]), (&json!(0), &Value::Null));
    let again = server.post("/api/events").by(&bob).json(&event("Hamlet")).await;
    assert_eq!((again.status, again.json()), (200, created.clone()), "the existing one");
    let read = server.get(&format!("/api/events/{}", text(&created, "id"))).await;
    assert_eq!((read.status, read.json()), (200, created));
    server.get("/api/events/nothing").await.is(404, "not_found");
    server.get(&format!("/api/events/{}", ann.id)).await.is(404, "not_found");
}

/// FOUND D: an event is in its venue's time zone, however its start is given.
#[tokio::test]
async fn an_event_has_the_times_of_its_venue() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let add = async |fields: Value| {
        let mut body = event("Hamlet");
        merge(&mut body, fields);
        server.post("/api/events").by(&ann).json(&body).await
    };
    let local = json!({"startsAt": null, "localStart": "2031-07-02T19:30", "performers": ["Ann"]});
    let added = add(local).await;
    assert_eq!(added.status, 201, "{added:?}");
    let event = added.json();
    let venue = json!({"name": "Old Globe", "city": "San Diego", "region": "CA", "country": null,
        "timeZone": "America/Los_Angeles"});
    assert_eq!(event["venue"], venue);
    for (field, value) in [
        ("startsAt", json!("2031-07-03T02:30:00.000Z")),
        ("localStart", json!("2031-07-02T19:30")),
        ("endsAt", json!("2031-07-03T05:30:00.000Z")),
        ("startTimeKnown", json!(true)),
        ("status", json!("scheduled")),
        ("currency", json!("usd")),
        ("performers", json!(["Ann"])),
    ] {
        assert_eq!(event[field], value, "{field}");
    }
    assert!(text(&event, "url").ends_with(&format!("/events/{}", text(&event, "id"))));
    let same = add(json!({"name": " HAMLET ", "startsAt": "2031-07-02T19:30:00-07:00"})).await;
    assert_eq!((same.status, same.json()), (200, event), "the same moment");
    let day =
        add(json!({"startsAt": null, "localStart": "2031-07-02", "currency": "eur"})).await.json();
    assert_eq!((&day["startTimeKnown"], &day["localStart"]), (&json!(false), &json!("2031-07-02")));
    assert_eq!(
        (&day["startsAt"], &day["currency"]),
        (&json!("2031-07-02T07:00:00.000Z"), &json!("eur"))
    );
    let over = add(json!({"startsAt": "2001-03-01T19:30:00Z"})).await.json();
    assert_eq!(over["status"], "over");
}

/// RFC 5545: an event for one's calendar, under the same id.
#[tokio::test]
async fn an_event_can_be_put_into_a_calendar() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let id = server.event(&ann, "Hamlet").await;
    let answer = server.get(&format!("/api/events/{id}.ics")).await;
    assert_eq!(answer.status, 200);
    let calendar = answer.text();
    assert!(calendar.starts_with("BEGIN:VCALENDAR\r\n"), "{calendar}");
    assert!(calendar.contains("SUMMARY:Hamlet\r\n"), "{calendar}");
    server.get(&format!("/api/events/{}.ics", ann.id)).await.is(404, "not_found");
    server.get("/api/events/nothing.ics").await.is(404, "not_found");
}

/// FOUND D: what cannot be is refused, and nothing is guessed.
#[tokio::test]
async fn an_event_without_a_time_or_a_zone_is_refused() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    for (fields, bad) in [
        (json!({"startsAt": null}), "startsAt"),
        (json!({"localStart": "2031-03-01T19:30"}), "localStart"),
        (json!({"startsAt": "2031-03-01T19:30:00+25:00"}), "startsAt"),
        (json!({"startsAt": "0000-03-01T19:30:00Z"}), "startsAt"),
        (json!({"startsAt": "1850-03-01T19:30:00Z"}), "startsAt"),
        (json!({"startsAt": null, "localStart": "2031-03-01T19:30Z"}), "localStart"),
        (json!({"startsAt": null, "localStart": "1850-03-01"}), "localStart"),
        (json!({"endsAt": "2031-03-01T19:30:00Z"}), "endsAt"),
        (json!({"venue": {"name": "Hall", "city": "Springfield"}}), "venue.timeZone"),
        (
            json!({"venue": {"name": "Hall", "city": "London", "timeZone": "GMT+25"}}),
            "venue.timeZone",
        ),
        (json!({"currency": "xxx"}), "currency"),
    ] {
        let mut body = event("Hamlet");
        merge(&mut body, fields.clone());
        let answer = server.post("/api/events").by(&ann).json(&body).await;
        assert_eq!(answer.bad_fields(), [bad], "{fields}");
    }
}

/// `available` and `minPrice` count what can be bought now: a locked ticket cannot.
#[tokio::test]
async fn an_event_counts_what_can_be_bought_now() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let id = server.event(&ann, "Hamlet").await;
    let path = format!("/api/events/{id}");
    let cheap = server.ticket_with(&ann, json!({"eventId": id, "price": 500})).await;
    let dear = server.ticket_with(&ann, json!({"eventId": id, "price": 900})).await;
    let counts = async || {
        let event = server.read(&path, &ann).await;
        (event["available"].as_u64().unwrap(), event["minPrice"].as_u64())
    };
    within_a_second((2, Some(500)), counts).await;
    let order = server.order(&bob, &cheap).await;
    within_a_second((1, Some(900)), counts).await;
    let left = server.delete(&format!("/api/orders/{}", text(&order, "id"))).by(&bob).await;
    assert_eq!(left.status, 200);
    within_a_second((2, Some(500)), counts).await;
    server.buy(&bob, &cheap).await;
    server.delete(&format!("/api/tickets/{}", text(&dear, "id"))).by(&ann).await;
    within_a_second((0, None), counts).await;
}

/// Prices are per ticket, fees included, and over all listings in the event's currency.
#[tokio::test]
async fn an_event_tells_what_its_tickets_cost() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let id = server.event(&ann, "Hamlet").await;
    let prices = async || server.read(&format!("/api/events/{id}/prices"), &bob).await;
    let nothing =
        json!({"count": 0, "min": null, "p25": null, "median": null, "p75": null, "max": null});
    let none = prices().await;
    assert_eq!((&none["currency"], &none["onSale"]), (&Value::Null, &nothing));
    let lot = async |price: u32, quantity: u32, currency: &str| {
        let fields =
            json!({"eventId": id, "price": price, "quantity": quantity, "currency": currency});
        server.ticket_with(&ann, fields).await
    };
    for (price, quantity, currency) in [(9000, 2, "usd"), (4000, 1, "usd")] {
        lot(price, quantity, currency).await;
    }
    let sold = lot(700, 1, "usd").await;
    server.buy(&bob, &sold).await;
    let on_sale =
        json!({"count": 2, "min": 4000, "p25": 4000, "median": 4000, "p75": 4500, "max": 4500});
    let expected = (json!("usd"), on_sale, json!({"count": 1, "median": 700}), 2);
    within_a_second(expected, async || {
        let prices = prices().await;
        let steps = prices["histogram"].as_array().unwrap();
        let counted = steps.iter().map(|step| step["count"].as_u64().unwrap()).sum();
        let part = |name: &str| prices[name].clone();
        (part("currency"), part("onSale"), part("sold"), counted)
    })
    .await;
}

/// Facets count what is to come, in any case.
#[tokio::test]
async fn coming_events_are_counted_by_category_and_city() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    for (name, category, starts_at) in [
        ("Hamlet", "Plays", "2031-05-01T19:00:00Z"),
        ("Faust", "plays", "2031-04-01T19:00:00Z"),
        ("Tosca", "Opera", "2031-04-01T19:00:00Z"),
        ("Old", "Musicals", "2021-04-01T19:00:00Z"),
    ] {
        let mut body = event(name);
        merge(&mut body, json!({"category": category, "startsAt": starts_at}));
        assert_eq!(server.post("/api/events").by(&ann).json(&body).await.status, 201);
    }
    let facets = server.read("/api/facets", &ann).await;
    let counts = |name: &str| -> Vec<_> {
        let facets = facets[name].as_array().unwrap().iter();
        facets.map(|it| (text(it, "name").to_lowercase(), it["count"].clone())).collect()
    };
    let counted = |name: &str, count: u32| (name.to_owned(), json!(count));
    assert_eq!(counts("categories"), [counted("plays", 2), counted("opera", 1)]);
    assert_eq!(counts("cities"), [counted("san diego", 3)]);
}

#[tokio::test]
async fn events_are_found_by_words_category_city_and_dates_and_sorted() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    for (name, category, city, starts_at) in [
        ("Hamlet", "Plays", "London", "2031-05-01T19:00:00Z"),
        ("Faust", "Opera", "Paris", "2031-04-01T19:00:00Z"),
        ("Mamma Mia!", "Musicals", "London", "2031-06-01T19:00:00Z"),
    ] {
        let mut body = event(name);
        merge(&mut body, json!({"category": category, "startsAt": starts_at}));
        body["venue"]["city"] = json!(city);
        assert_eq!(server.post("/api/events").by(&ann).json(&body).await.status, 201);
    }
    let find = async |query: &str| names(&server.read(&format!("/api/events?{query}"), &ann).await);
    assert_eq!(find("").await, ["Faust", "Hamlet", "Mamma Mia!"], "soonest first");
    assert_eq!(find("q=mam").await, ["Mamma Mia!"], "the beginning of a word");
    assert_eq!(find("q=hamlte").await, ["Hamlet"], "a small typo");
    assert_eq!(find("q=london").await, ["Hamlet", "Mamma Mia!"], "a city");
    assert_eq!(find("category=opera").await, ["Faust"], "in any case");
    assert_eq!(find("city=london&category=Plays").await, ["Hamlet"]);
    assert_eq!(find("from=2031-05-01T00:00:00Z").await, ["Hamlet", "Mamma Mia!"]);
    assert_eq!(find("to=2031-05-01T00:00:00Z").await, ["Faust"]);
    assert_eq!(find("from=2031-05-01").await, ["Hamlet", "Mamma Mia!"], "a day from its beginning");
    assert_eq!(find("to=2031-05-01").await, ["Faust", "Hamlet"], "and to its end");
    assert_eq!(find("from=2031-05-01&to=2031-05-01").await, ["Hamlet"]);
    assert_eq!(find("q=nothing-of-the-kind").await, Vec::<String>::new());
    let hamlet = server.read("/api/events?q=hamlet", &ann).await["items"][0].clone();
    let faust = server.read("/api/events?q=faust", &ann).await["items"][0].clone();
    server.ticket_with(&ann, json!({"eventId": hamlet["id"], "price": 100})).await;
    server.ticket_with(&ann, json!({"eventId": faust["id"], "price": 200})).await;
    let cheapest_first = ["Hamlet", "Faust"].map(str::to_owned).to_vec();
    within_a_second(cheapest_first, async || find("sort=price").await[..2].to_vec()).await;
    let bad = server.get("/api/events?sort=name&from=yesterday&limit=0").await;
    assert_eq!(bad.bad_fields(), ["from", "limit", "sort"]);
    let bad = server.get("/api/events?from=2031-02-29&to=2031-5-01&cursor=%21").await;
    assert_eq!(bad.bad_fields(), ["cursor", "from", "to"]);
    let foreign = server.get("/api/events?cursor=AAAA").send().await;
    assert_eq!(foreign.bad_fields(), ["cursor"], "it is of another list");
}

/// Venues of one name and city in two regions are two: the same show there is another event.
#[tokio::test]
async fn events_in_venues_of_different_regions_are_different() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let mut body = event("Hamlet");
    for (region, status) in [("CA", 201), ("TX", 201), ("ca", 200)] {
        body["venue"]["region"] = json!(region);
        let answer = server.post("/api/events").by(&ann).json(&body).await;
        assert_eq!(answer.status, status, "{region}");
    }
}

/// Events of one house and of one performer are listed in any spelling, also in that of an address; an event that
/// names nobody is found by its own name. The most popular come first where they are asked for.
#[tokio::test]
async fn events_are_listed_by_venue_by_performer_and_by_what_there_is_to_buy() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let add = async |name: &str, fields: Value| {
        let mut body = event(name);
        merge(&mut body, fields);
        text(&server.post("/api/events").by(&ann).json(&body).await.json(), "id")
    };
    let house = json!({"name": "St. Mary’s Hall", "city": "London"});
    add("Hamlet", json!({"venue": house})).await;
    let faust = add("Faust", json!({"venue": house, "performers": ["The Killers", "Ada"]})).await;
    add("Ada", json!({"venue": {"name": "St. Mary’s Hall", "city": "Paris"}})).await;
    let find = async |query: &str| names(&server.get(&format!("/api/events?{query}")).await.json());
    for venue in ["St.%20Mary%E2%80%99s%20Hall", "st-marys-hall", "ST%20MARYS%20HALL"] {
        assert_eq!(find(&format!("venue={venue}")).await.len(), 3, "{venue}");
        assert_eq!(find(&format!("venue={venue}&city=paris")).await, ["Ada"], "{venue}");
    }
    assert_eq!(find("venue=marys").await, Vec::<String>::new(), "a whole name");
    assert_eq!(find("performer=the-killers").await, ["Faust"]);
    assert_eq!(find("performer=hamlet").await, ["Hamlet"]);
    assert_eq!(find("performer=faust").await, Vec::<String>::new(), "others perform it");
    let mut ada = find("performer=ada").await;
    ada.sort();
    assert_eq!(ada, ["Ada", "Faust"]);
    server.ticket_with(&ann, json!({"eventId": faust})).await;
    within_a_second("Faust".to_owned(), async || find("sort=popular").await.remove(0)).await;
    assert_eq!(find("sort=popular&limit=1").await, ["Faust"]);
    server.get("/api/events?sort=best").await.is(400, "validation_failed");
}
