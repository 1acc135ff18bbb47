//! `stubmart demo`: a small market in a throw-away directory, to look around in.

use std::{net::SocketAddr, time::Duration};

use stubmart_auth::SignUp;
use stubmart_client::Client;
use stubmart_contract::{
    Actor, Context, EventId, Price, TicketId, TimeZone, UserId,
    api::{
        CreateEventRequest, CreateOrderRequest, CreatePaymentRequest, CreateTicketRequest,
        LoginRequest, Venue,
    },
};
use stubmart_http_kit::{Ingress, Problem, layer};
use stubmart_kernel::worker::ShutdownTrigger;
use stubmart_node::{Market, Role};
use stubmart_os::Died;
use stubmart_ports::{Cause, host::Host};

use crate::{config::Config, engines::Opened, limit_settings::Limits, output, serve};

/// The accounts, and their one password.
const SELLERS: [&str; 3] = ["ada@example.com", "grace@example.com", "mary@example.com"];
const BUYER: &str = "buyer@example.com";
const PASSWORD: &str = "stubmart-demo";

/// Shows: name, category, venue, city, region, in how many days.
const SHOWS: [(&str, &str, &str, &str, &str, u32); 16] = [
    ("The Paper Lanterns", "Pop", "Harbour Hall", "Boston", "MA", 4),
    ("Northern Lights Orchestra", "Classical", "Symphony House", "Chicago", "IL", 6),
    ("A Midsummer Night's Dream", "Plays", "Old Globe", "San Diego", "CA", 9),
    ("River City Rovers v. Bay United", "Soccer", "Riverside Park", "Portland", "OR", 10),
    ("La Traviata", "Opera", "Grand Opera House", "New York City", "NY", 12),
    ("Blue Note Quartet", "Jazz", "The Cellar", "New Orleans", "LA", 13),
    ("Carousel of Stars", "Musicals", "Majestic Theatre", "New York City", "NY", 16),
    ("Velvet Static", "Pop", "The Foundry", "Seattle", "WA", 18),
    ("Harvest Moon Festival", "Pop", "Greenfield", "Austin", "TX", 21),
    ("The Cherry Orchard", "Plays", "Playhouse Square", "Cleveland", "OH", 24),
    ("Lake Hawks v. Iron Bears", "Basketball", "Lakefront Arena", "Milwaukee", "WI", 27),
    ("Brandenburg Concertos", "Classical", "Chapel of St. Anne", "Philadelphia", "PA", 30),
    ("Comedy at the Wharf", "Comedy", "Wharf Theatre", "San Francisco", "CA", 33),
    ("The Nutcracker", "Ballet", "Civic Center", "Denver", "CO", 36),
    ("Midnight Drive", "Pop", "Harbour Hall", "Boston", "MA", 41),
    ("Così fan tutte", "Opera", "Grand Opera House", "New York City", "NY", 55),
];

const SECTIONS: [&str; 5] = ["Stalls", "Circle", "Balcony", "Floor", "Box"];

/// Fills a throw-away directory and serves it until a signal, or the end of the terminal.
///
/// # Errors
/// As [`serve::serve`].
pub(crate) async fn demo(mut config: Config, host: Host, died: Died) -> Result<(), Cause> {
    let listener = serve::listen(&config).await?;
    let directory = tempfile::Builder::new().prefix("stubmart-demo-").tempdir()?;
    directory.path().clone_into(&mut config.data);
    // The accounts are opened all at once, which a limit on signups would not allow.
    let limits = Limits { are_on: false, ..config.limits };
    fill(&Config { limits, ..config.clone() }, &host).await?;
    output::say(&greeting(listener.local_addr()?))?;
    tokio::select! {
        served = serve::serve_on(listener, &config, host, died) => served,
        hung_up = hung_up() => hung_up,
    }
}

/// Waits for the end of the terminal, after which nobody would take the directory away.
async fn hung_up() -> Result<(), Cause> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup())?.recv().await;
        Ok(())
    }
    #[cfg(not(unix))]
    std::future::pending().await
}

fn greeting(address: SocketAddr) -> String {
    format!(
        "A demonstration market, gone when it stops: http://{address}\n  \
         buy as  {BUYER}, password {PASSWORD}\n  \
         sell as {}, password {PASSWORD}",
        SELLERS.join(" or ")
    )
}

/// Fills the market: accounts, shows with tickets, and what people have begun to buy.
async fn fill(config: &Config, host: &Host) -> Result<(), Cause> {
    let (trigger, shutdown) = ShutdownTrigger::new();
    let opened = Opened::open(config, host.clone()).await?;
    let market = opened.start_all(config, &shutdown).await?;
    let background = opened.run(&market, shutdown);
    let filled = fill_market(market, host).await;
    trigger.shut_down();
    background.end().await;
    opened.close().await?;
    filled
}

async fn fill_market(role: Role<Market>, host: &Host) -> Result<(), Cause> {
    let market = &role.service;
    let context = Context::of(Actor::System);
    let open = async |email: &str, name: &str| {
        let (name, password) = (name.to_owned(), PASSWORD.to_owned());
        let sign_up = SignUp { email: email.parse()?, name, password };
        Ok::<_, Cause>(market.auth.open_account(&context, &sign_up).await?)
    };
    let mut sellers = Vec::new();
    for email in SELLERS {
        sellers.push(open(email, email.split('@').next().unwrap_or("")).await?);
    }
    open(BUYER, "Demo buyer").await?;
    let mut lots = Vec::new();
    for (number, show) in (0_u32..).zip(SHOWS) {
        let tickets = fill_show(market, host, &sellers, number, show).await;
        lots.extend(tickets.map_err(|problem| failed(&problem))?);
    }
    // The sellers list in turns: neither of these is the third one's, who is in checkout.
    let [bought, held, ..] = lots.as_slice() else { return Err("no tickets".into()) };
    let (api, _) = role.router.split_for_parts();
    let api = layer::apply(api, host.clone(), Ingress::default());
    trade(&Client::in_process(api), *bought, *held).await
}

/// The buyer buys one ticket, and somebody else is in checkout with another.
async fn trade(api: &Client, bought: TicketId, held: TicketId) -> Result<(), Cause> {
    let order = async |email: &str, ticket_id: TicketId| {
        let login =
            LoginRequest { email: email.to_owned(), password: PASSWORD.to_owned(), code: None };
        let buyer = api.with_session(&api.login(&login).await?.token);
        let order = buyer.create_order(&CreateOrderRequest { ticket_id, price: None }).await?;
        Ok::<_, Cause>((buyer, order.id))
    };
    let (buyer, order_id) = order(BUYER, bought).await?;
    let payment_method = "pm_card_visa".to_owned();
    buyer.pay(&CreatePaymentRequest { order_id, payment_method }).await?;
    let [.., other] = SELLERS;
    order(other, held).await?;
    Ok(())
}

/// Adds a show with some two dozen lots, at prices that differ by section and row. The answer is the
/// lots, in order.
async fn fill_show(
    market: &Market,
    host: &Host,
    sellers: &[UserId],
    number: u32,
    (name, category, venue, city, region, days): (&str, &str, &str, &str, &str, u32),
) -> Result<Vec<TicketId>, Problem> {
    let today = host.now();
    let day = Duration::from_secs(24 * 3600);
    let date = TimeZone::UTC.local(today.after(day * days)).day();
    let evening = format!("{date}T19:30").parse().map_err(Problem::internal)?;
    let venue = Venue { region: Some(region.to_owned()), ..Venue::new(venue, city) };
    let new = CreateEventRequest::new(name, category, venue, evening);
    let (id, context) = (EventId(host.uuid()), Context::of(Actor::System));
    let event = market.catalogue.add_show(&context, id, &new).await?.event;
    let mut tickets = Vec::new();
    let lots = 9 + (number * 7) % 23;
    for (lot, (section, seller)) in
        (0..lots).zip(SECTIONS.iter().cycle().zip(sellers.iter().cycle()))
    {
        let (row, quantity) = (1 + (lot * 5 + number) % 14, 1 + (lot + number) % 4);
        let first = 1 + (lot * 3) % 20;
        let each =
            i64::from(3_500 + (number * 1_117) % 6_000 + (15 - row) * 350 + (lot * 613) % 900);
        let price = Price::try_from(each * i64::from(quantity)).map_err(Problem::internal)?;
        let lot = CreateTicketRequest {
            title: format!("{name}, {section} row {row}"),
            price,
            currency: None,
            event_id: Some(event.id),
            section: Some((*section).to_owned()),
            row: Some(row.to_string()),
            seats: Some((first..first + quantity).map(|seat| seat.to_string()).collect()),
            quantity: Some(quantity),
            delivery_kind: None,
            external_id: None,
        };
        let id = TicketId(host.uuid());
        market.tickets.list_ticket(&context, id, *seller, lot).await?;
        tickets.push(id);
    }
    Ok(tickets)
}

fn failed(problem: &Problem) -> Cause {
    problem.body("").detail.into()
}
