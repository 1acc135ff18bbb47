//! `stubmart demo`: a small market in a throw-away directory, to look around in.

use std::time::Duration;

use stubmart_contract::{Price, TicketId, Timestamp, UserId, api::Venue};
use stubmart_embedded::system::Died;
use stubmart_http_kit::Problem;
use stubmart_ports::{Cause, host::Host};
use stubmart_tickets::{NewShow, NewTicket};

use crate::{config::Config, import::Shop, market, serve};

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

/// Fills a throw-away directory and serves it until a signal.
///
/// # Errors
/// As [`serve::serve`].
pub(crate) async fn demo(mut config: Config, host: Host, died: Died) -> Result<(), Cause> {
    let directory = tempfile::Builder::new().prefix("stubmart-demo-").tempdir()?;
    directory.path().clone_into(&mut config.data);
    fill(&config, &host).await?;
    greet(&config);
    serve::serve(&config, host, died).await
}

#[expect(clippy::print_stdout, reason = "the demo tells how to look around")]
fn greet(config: &Config) {
    println!("A demonstration market, gone when it stops: http://{}", config.listen);
    println!("  buy as  {BUYER}, password {PASSWORD}");
    println!("  sell as {}, password {PASSWORD}", SELLERS.join(" or "));
}

async fn fill(config: &Config, host: &Host) -> Result<(), Cause> {
    let shop = Shop::open(config, host.clone()).await?;
    let auth = market::auth(config, host, shop.database.store())?;
    let mut sellers = Vec::new();
    for email in SELLERS {
        sellers.push(
            auth.open_account(email, PASSWORD, email.split('@').next().unwrap_or(""))
                .await
                .map_err(|problem| failed(&problem))?,
        );
    }
    auth.open_account(BUYER, PASSWORD, "Demo buyer").await.map_err(|problem| failed(&problem))?;
    let today = host.now();
    for (number, show) in (0_u32..).zip(SHOWS) {
        fill_show(&shop, &sellers, today, number, show)
            .await
            .map_err(|problem| failed(&problem))?;
    }
    shop.database.close().await
}

/// Adds a show with some two dozen lots, at prices that differ by section and row.
async fn fill_show(
    shop: &Shop,
    sellers: &[UserId],
    today: Timestamp,
    number: u32,
    (name, category, venue, city, region, days): (&str, &str, &str, &str, &str, u32),
) -> Result<(), Problem> {
    let day = Duration::from_secs(24 * 3600);
    let evening = Timestamp::from_millis(today.millis() / 86_400_000 * 86_400_000 + 70_200_000);
    let new = NewShow {
        name: name.to_owned(),
        category: category.to_owned(),
        venue: Venue {
            name: venue.to_owned(),
            city: city.to_owned(),
            region: Some(region.to_owned()),
        },
        starts_at: evening.after(day * days),
    };
    let (event, _) = shop.tickets.add_show(shop.host.uuid(), new).await?;
    let lots = 9 + (number * 7) % 23;
    for (lot, (section, seller)) in
        (0..lots).zip(SECTIONS.iter().cycle().zip(sellers.iter().cycle()))
    {
        let (row, quantity) = (1 + (lot * 5 + number) % 14, 1 + (lot + number) % 4);
        let first = 1 + (lot * 3) % 20;
        let each =
            i64::from(3_500 + (number * 1_117) % 6_000 + (15 - row) * 350 + (lot * 613) % 900);
        let price = Price::try_from(each * i64::from(quantity)).map_err(Problem::internal)?;
        let lot = NewTicket {
            title: format!("{name}, {section} row {row}"),
            price,
            currency: stubmart_contract::Currency::USD,
            event_id: Some(event.id),
            section: Some((*section).to_owned()),
            row: Some(row.to_string()),
            seats: (first..first + quantity).map(|seat| seat.to_string()).collect(),
            quantity,
        };
        shop.tickets.list_ticket(TicketId(shop.host.uuid()), *seller, lot).await?;
    }
    Ok(())
}

fn failed(problem: &Problem) -> Cause {
    problem.body("").detail.into()
}
