//! Takes the pictures in `docs/screenshots`: `scripts/screenshots.sh [DIRECTORY OF THE TICKIT FILES]`.
//! Without a catalogue a few made-up events are shown.
#![expect(clippy::unwrap_used, reason = "a script for developers")]
#![expect(clippy::print_stdout, reason = "it prints what it made")]

use std::{env, fs, path::PathBuf, time::Duration};

use stubmart_browser::{Browser, Look, Market, Member, root};
use stubmart_client::{EventQuery, EventSort};
use stubmart_contract::api::{CreateOrderRequest, CreateTicketRequest, Event, Ticket};

/// For how many of the coming events there are tickets.
const EVENTS_WITH_TICKETS: u32 = 24;

/// Section, row, first seat, seats, price of a seat in cents.
const LOTS: [(&str, &str, u32, u32, u32); 12] = [
    ("Floor", "A", 11, 2, 18_900),
    ("102", "C", 5, 2, 12_450),
    ("102", "F", 1, 4, 11_200),
    ("108", "B", 14, 2, 9_800),
    ("114", "K", 21, 3, 8_650),
    ("203", "D", 7, 2, 7_200),
    ("207", "A", 2, 1, 6_900),
    ("211", "H", 9, 4, 6_400),
    ("Balcony", "2", 16, 2, 5_850),
    ("Balcony", "5", 30, 2, 5_200),
    ("Balcony", "9", 4, 5, 4_700),
    ("Balcony", "11", 12, 2, 4_350),
];

#[tokio::main]
async fn main() {
    let market = match env::args_os().nth(1) {
        Some(catalogue) => Market::with_catalogue(&PathBuf::from(catalogue)).await,
        None => Market::serve(&[]).await,
    };
    let seller = market.member("Sally").await;
    let buyer = market.member("Bob").await;
    let rival = market.member("Rita").await;
    let (event, tickets) = fill(&market, &seller).await;
    let hold = |member: &Member, at: usize| {
        let request = CreateOrderRequest { ticket_id: tickets.get(at).unwrap().id, price: None };
        let api = member.api.clone();
        async move { api.create_order(&request).await.unwrap() }
    };
    hold(&rival, 9).await;
    hold(&rival, 6).await;

    let desk = Look { size: (1200, 860), ..Look::DESK };
    // Gradients weigh ten times as much in a PNG.
    picture(&market, None, desk, "/", "home.webp").await;
    let page = format!("/events/{}", event.id);
    picture(&market, None, desk, &page, "event.png").await;
    let order = hold(&buyer, 5).await;
    let checkout = format!("/orders/{}", order.id);
    picture(&market, Some(&buyer), Look::PHONE, &checkout, "checkout-phone.png").await;
    picture(&market, None, Look::PHONE.dark(), &page, "event-phone-dark.png").await;
}

/// Lists tickets for the coming events, and gives the one that is shown with its tickets.
async fn fill(market: &Market, seller: &Member) -> (Event, Vec<Ticket>) {
    let now = seller.api.current_user().await.unwrap().unwrap().created_at;
    let query = EventQuery {
        from: Some(now.after(Duration::from_secs(3 * 86_400)).into()),
        sort: Some(EventSort::Date),
        limit: Some(EVENTS_WITH_TICKETS),
        ..EventQuery::default()
    };
    let mut events = market.api.events(&query).await.unwrap().items;
    if events.is_empty() {
        for name in ["Quiet Storm", "Paper Lanterns", "Velvet Static", "Midnight Drive"] {
            events.push(seller.add_event(name).await);
        }
    }
    let mut shown = None;
    for (number, event) in (0_u32..).zip(events) {
        let mut tickets = Vec::new();
        for lot in LOTS.iter().skip(usize::try_from(number % 5).unwrap()) {
            tickets.push(list(seller, &event, lot, 100 + number * 37 % 60).await);
        }
        if shown.is_none() {
            shown = Some((event, tickets));
        }
    }
    shown.unwrap()
}

async fn list(
    seller: &Member,
    event: &Event,
    &(section, row, first, seats, cents): &(&str, &str, u32, u32, u32),
    percent: u32,
) -> Ticket {
    let request = CreateTicketRequest {
        title: event.name.clone(),
        price: i64::from(cents * seats * percent / 100).try_into().unwrap(),
        currency: None,
        event_id: Some(event.id),
        section: Some(section.to_owned()),
        row: Some(row.to_owned()),
        seats: Some((first..first + seats).map(|seat| seat.to_string()).collect()),
        quantity: None,
        delivery_kind: None,
        external_id: None,
    };
    seller.api.create_ticket(&request).await.unwrap()
}

async fn picture(market: &Market, member: Option<&Member>, look: Look, path: &str, name: &str) {
    let browser = Browser::open(market, look).await;
    if let Some(member) = member {
        browser.log_in(member).await;
    }
    browser.go(path).await;
    if path != "/" {
        browser.find(".live, .clock").await;
    }
    // Fonts and the first countdown tick.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let file = root().join(format!("docs/screenshots/{name}"));
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let picture = browser.picture(name.rsplit('.').next().unwrap_or_default()).await;
    fs::write(&file, &picture).unwrap();
    println!("{} ({} KB)", file.display(), picture.len() / 1024);
}
