//! Takes the pictures in `docs/screenshots`: `scripts/screenshots.sh [DIRECTORY OF THE TICKIT FILES]`.
//! Without a catalogue a few made-up events are shown.
//!
//! `scripts/screenshots.sh --every DIRECTORY [DIRECTORY OF THE TICKIT FILES]` takes every page instead, from top to
//! bottom, on a desk and on a phone, light and dark, into that directory.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a script for developers")]
#![expect(clippy::print_stdout, reason = "it prints what it made")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use stubmart_browser::{Browser, Look, Market, Member, eventually, root};
use stubmart_client::{EventQuery, EventSort, SaleQuery};
use stubmart_contract::{
    OrderId, WebhookId,
    api::{
        ClaimKind, CreateAlertRequest, CreateClaimRequest, CreateOrderRequest,
        CreatePaymentRequest, CreateTicketRequest, CreateWebhookRequest, Event,
        SendDeliveryRequest, Ticket,
    },
};

/// A checkout is not left while a browser closes and the next one opens.
const SETTINGS: [(&str, &str); 1] = [("STUBMART_LEAVE_GRACE", "10m")];

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
    let mut arguments = env::args_os().skip(1).peekable();
    let every = arguments
        .next_if(|it| it == "--every")
        .map(|_| PathBuf::from(arguments.next().expect("--every takes a directory")));
    let market = match arguments.next() {
        Some(catalogue) => Market::with_catalogue(&PathBuf::from(catalogue), &SETTINGS).await,
        None => Market::serve(&SETTINGS).await,
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
    if let Some(directory) = every {
        fs::create_dir_all(&directory).unwrap();
        let pages = pages(&event, &tickets, &happen(&seller, &buyer, &tickets).await);
        return take_every(&market, &pages, [&seller, &buyer], &directory).await;
    }

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

/// Who looks at a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Viewer {
    Visitor,
    Buyer,
    Seller,
}

/// What has happened in the market that is shown.
struct Happened {
    /// Paid, and not sent yet.
    coming: OrderId,
    sent: OrderId,
    claimed: OrderId,
    left: OrderId,
    /// The buyer's bank asks.
    confirming: OrderId,
    /// In checkout.
    open: OrderId,
    webhook: WebhookId,
}

async fn happen(seller: &Member, buyer: &Member, tickets: &[Ticket]) -> Happened {
    let order = async |at: usize| {
        let request = CreateOrderRequest { ticket_id: tickets.get(at).unwrap().id, price: None };
        buyer.api.create_order(&request).await.unwrap().id
    };
    let pay = async |order_id: OrderId, card: &str| {
        let request = CreatePaymentRequest { order_id, payment_method: card.to_owned() };
        drop(buyer.api.pay(&request).await);
    };
    let (coming, sent, claimed) = (order(0).await, order(1).await, order(2).await);
    for order in [coming, sent, claimed] {
        pay(order, "pm_card_visa").await;
    }
    let left = order(3).await;
    buyer.api.cancel_order(left).await.unwrap();
    let confirming = order(4).await;
    pay(confirming, "pm_card_threeDSecure2Required").await;
    let open = order(5).await;
    for order in [sent, claimed] {
        let reference = Some("Confirmation 88-1024".to_owned());
        let request = SendDeliveryRequest { link: None, reference };
        eventually("the delivery", async || seller.api.send_delivery(order, &request).await.ok())
            .await;
    }
    let text = "The scanner at the door said that it had been used.".to_owned();
    let claim = CreateClaimRequest { kind: ClaimKind::Invalid, text };
    buyer.api.create_claim(claimed, &claim).await.unwrap();
    let url = "https://tickets.example/stubmart".to_owned();
    let request = CreateWebhookRequest { url, types: None };
    let webhook = seller.api.create_webhook(&request).await.unwrap().id;
    let request = CreateAlertRequest {
        event_id: tickets.first().unwrap().event_id,
        performer: None,
        quantity: Some(2),
        max_total: Some(20_000.try_into().unwrap()),
        currency: None,
        sections: Vec::new(),
    };
    buyer.api.create_alert(&request).await.unwrap();
    // Both are in the rival's checkout; the buyer stands in line for one of them.
    buyer.api.join_queue(tickets.get(6).unwrap().id).await.unwrap();
    eventually("the sales", async || {
        let sales = seller.api.sales(&SaleQuery::default()).await.ok()?;
        (sales.items.len() == 3).then_some(())
    })
    .await;
    Happened { coming, sent, claimed, left, confirming, open, webhook }
}

/// Every page, and where it matters in several states.
fn pages(
    event: &Event,
    tickets: &[Ticket],
    happened: &Happened,
) -> Vec<(Viewer, &'static str, String)> {
    use Viewer::{Buyer, Seller, Visitor};
    let Happened { coming, sent, claimed, left, confirming, open, webhook } = happened;
    let (free, held) = (tickets.get(7).unwrap().id, tickets.get(9).unwrap().id);
    let slug = |name: &str| name.to_lowercase().replace(|it: char| !it.is_alphanumeric(), "-");
    let (city, venue) = (slug(&event.venue.city), slug(&event.venue.name));
    let on = |viewer: Viewer, pages: &[(&'static str, String)]| {
        pages.iter().map(|(name, path)| (viewer, *name, path.clone())).collect::<Vec<_>>()
    };
    let visitor = [
        ("home", "/".to_owned()),
        ("search", "/events".to_owned()),
        ("search-nothing", "/events?q=nothingofthekind".to_owned()),
        ("event", format!("/events/{}", event.id)),
        ("city", format!("/cities/{city}")),
        ("venue", format!("/venues/{city}/{venue}")),
        ("ticket", format!("/tickets/{free}")),
        ("ticket-held", format!("/tickets/{held}")),
        ("signup", "/signup".to_owned()),
        ("login", "/login".to_owned()),
        ("forgot-password", "/forgot-password".to_owned()),
        ("reset-password", "/reset-password?token=x".to_owned()),
        ("verify-email", "/verify-email?token=x".to_owned()),
        ("not-found", "/nowhere".to_owned()),
    ];
    let buyers = [
        ("checkout", format!("/orders/{open}")),
        ("confirm", format!("/orders/{confirming}")),
        ("receipt", format!("/orders/{coming}")),
        ("receipt-sent", format!("/orders/{sent}")),
        ("receipt-claimed", format!("/orders/{claimed}")),
        ("left", format!("/orders/{left}")),
        ("claim", format!("/orders/{sent}/claim")),
        ("orders", "/orders".to_owned()),
        ("orders-ended", "/orders?show=ended".to_owned()),
        ("listings-none", "/selling".to_owned()),
        ("alerts", "/account/alerts".to_owned()),
        ("alert-new", format!("/alerts/new?event={}", event.id)),
        ("ticket-in-line", format!("/tickets/{}", tickets.get(6).unwrap().id)),
    ];
    let sellers = [
        ("sell", "/sell".to_owned()),
        ("sell-event", "/sell/event".to_owned()),
        ("sell-seats", format!("/sell/{}", event.id)),
        ("import", "/selling/import".to_owned()),
        ("listings", "/selling".to_owned()),
        ("listings-sold", "/selling?status=sold".to_owned()),
        ("sales", "/selling/sales".to_owned()),
        ("payouts", "/selling/payouts".to_owned()),
        ("edit", format!("/tickets/{free}/edit")),
        ("deliver", format!("/orders/{coming}/deliver")),
        ("deliver-sent", format!("/orders/{sent}/deliver")),
        ("deliver-claimed", format!("/orders/{claimed}/deliver")),
        ("account", "/account".to_owned()),
        ("webhooks", "/account/webhooks".to_owned()),
        ("webhook", format!("/account/webhooks/{webhook}")),
        ("event-own", format!("/events/{}", event.id)),
    ];
    [on(Visitor, &visitor), on(Buyer, &buyers), on(Seller, &sellers)].concat()
}

/// Each page in each look, as `checkout-phone-dark.png`.
async fn take_every(
    market: &Market,
    pages: &[(Viewer, &'static str, String)],
    [seller, buyer]: [&Member; 2],
    directory: &Path,
) {
    let looks = [
        ("desk-light", Look::DESK),
        ("desk-dark", Look::DESK.dark()),
        ("phone-light", Look::PHONE),
        ("phone-dark", Look::PHONE.dark()),
    ];
    for (look_name, look) in looks {
        for viewer in [Viewer::Visitor, Viewer::Buyer, Viewer::Seller] {
            let browser = Browser::open(market, look).await;
            match viewer {
                Viewer::Visitor => {}
                Viewer::Buyer => browser.log_in(buyer).await,
                Viewer::Seller => browser.log_in(seller).await,
            }
            for (_, name, path) in pages.iter().filter(|(who, ..)| *who == viewer) {
                browser.go(path).await;
                let wide = browser.run("return document.documentElement.scrollWidth").await;
                let wide = wide.as_u64().unwrap_or_default();
                assert!(wide <= u64::from(look.size.0), "{path} is {wide} pixels wide");
                let picture = browser.whole_picture().await;
                fs::write(directory.join(format!("{name}-{look_name}.png")), picture).unwrap();
            }
        }
    }
    println!("{} pages, {} looks: {}", pages.len(), looks.len(), directory.display());
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
