//! What is measured.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::{join_all, try_join_all};
use serde_json::json;

use crate::{
    Failure,
    http::Connection,
    load::{self, Rate, Round},
};

/// Tickets of one event.
const PER_EVENT: u32 = 500;

/// How many events' pages are looked at: those that everybody wants to see.
const HOT_EVENTS: usize = 16;

/// How many buyers there are; a signup costs tens of milliseconds of password hashing.
const BUYERS: usize = 64;

/// How many fresh tickets a second of holds or purchases gets: more than there can be of them.
const FRESH_PER_SECOND: u64 = 10_000;

/// How many connections list tickets at once.
const LISTERS: usize = 64;

/// Names to search for.
const WORDS: [&str; 8] =
    ["Hamlet", "Tosca", "Rovers", "Quartet", "Carmen", "Macbeth", "Lanterns", "Nutcracker"];

/// A filled market.
#[derive(Clone)]
pub(crate) struct Market {
    address: SocketAddr,
    seller: String,
    events: Arc<Vec<String>>,
    buyers: Arc<Vec<String>>,
}

impl Market {
    /// Signs users up and lists `count` tickets, over HTTP.
    pub(crate) async fn fill(address: SocketAddr, count: u32) -> Result<Self, Failure> {
        let seller = sign_up(address, "seller".to_owned()).await?;
        let buyers =
            try_join_all((0..BUYERS).map(|n| sign_up(address, format!("buyer{n}")))).await?;
        let mut events = Vec::new();
        let mut connection = Connection::open(address).await?;
        for (number, word) in (0..count.div_ceil(PER_EVENT)).zip(WORDS.iter().cycle()) {
            let body = json!({
                "name": format!("{word} {number}"), "category": "Plays",
                "venue": {"name": format!("Hall {}", number % 90), "city": "Boston", "region": "MA"},
                "startsAt": "2030-06-01T19:30:00Z",
            });
            let answer = connection.post("/api/events", &seller, &body.to_string()).await?;
            events.push(id(&answer)?);
        }
        let (events, buyers) = (Arc::new(events), Arc::new(buyers));
        let market = Self { address, seller, events, buyers };
        market.list(usize::try_from(count)?).await?;
        Ok(market)
    }

    /// Lists `count` tickets, and tells their ids.
    async fn list(&self, count: usize) -> Result<Vec<String>, Failure> {
        let next = Arc::new(AtomicUsize::new(0));
        let listed = (0..LISTERS).map(|_| list(self.clone(), Arc::clone(&next), count));
        let listed = try_join_all(listed.map(tokio::spawn)).await?;
        let listed: Result<Vec<_>, _> = listed.into_iter().collect();
        Ok(listed?.into_iter().flatten().collect())
    }

    /// Fresh tickets for a load of `span`, listed before its time begins: what a load has taken, the next
    /// can not have.
    async fn fresh(&self, span: Duration) -> Result<Fresh, Failure> {
        let count = usize::try_from(FRESH_PER_SECOND.saturating_mul(span.as_secs().max(1)))?;
        Ok(Fresh { tickets: Arc::new(self.list(count).await?), next: Arc::default() })
    }

    /// The same market at another address.
    pub(crate) fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    async fn connections(&self, count: usize) -> Result<Vec<Connection>, Failure> {
        try_join_all((0..count).map(|_| Connection::open(self.address))).await
    }

    async fn read(
        &self,
        span: Duration,
        connections: usize,
        path: impl Fn(usize) -> String + Clone + Send + Sync + 'static,
    ) -> Result<Rate, Failure> {
        let asked = Arc::new(AtomicUsize::new(0));
        load::run(span, self.connections(connections).await?, move |mut client: Connection| {
            let path = path(asked.fetch_add(1, Ordering::Relaxed));
            async move {
                let answer = client.get(&path).await?;
                Ok((client, expected(answer.status == 200)))
            }
        })
        .await
    }

    pub(crate) async fn event_tickets(
        &self,
        span: Duration,
        connections: usize,
    ) -> Result<Rate, Failure> {
        let events = Arc::clone(&self.events);
        self.read(span, connections, move |n| {
            format!("/api/tickets?eventId={}&sort=price", nth(&events, n))
        })
        .await
    }

    pub(crate) async fn event_page(
        &self,
        span: Duration,
        connections: usize,
    ) -> Result<Rate, Failure> {
        let events = Arc::new(self.events.iter().take(HOT_EVENTS).cloned().collect::<Vec<_>>());
        self.read(span, connections, move |n| format!("/events/{}", nth(&events, n))).await
    }

    pub(crate) async fn search(&self, span: Duration, connections: usize) -> Result<Rate, Failure> {
        self.read(span, connections, |n| {
            let word = WORDS.get(n % WORDS.len()).copied().unwrap_or_default();
            format!("/api/events?q={}&limit=20", word.get(..4).unwrap_or(word))
        })
        .await
    }

    async fn clients(&self, count: usize) -> Result<Vec<(Connection, String)>, Failure> {
        let connections = self.connections(count).await?;
        Ok(connections.into_iter().zip(self.buyers.iter().cycle().cloned()).collect())
    }

    pub(crate) async fn holds(&self, span: Duration, connections: usize) -> Result<Rate, Failure> {
        let fresh = self.fresh(span).await?;
        load::run(span, self.clients(connections).await?, move |(mut client, token)| {
            let ticket = fresh.take();
            async move {
                let Some(ticket) = ticket else { return Ok(((client, token), Round::Exhausted)) };
                let body = format!("{{\"ticketId\":\"{ticket}\"}}");
                let answer = client.post("/api/orders", &token, &body).await?;
                Ok(((client, token), expected(answer.status == 201)))
            }
        })
        .await
    }

    pub(crate) async fn purchases(
        &self,
        span: Duration,
        connections: usize,
    ) -> Result<Rate, Failure> {
        let fresh = self.fresh(span).await?;
        load::run(span, self.clients(connections).await?, move |(mut client, token)| {
            let ticket = fresh.take();
            async move {
                let Some(ticket) = ticket else { return Ok(((client, token), Round::Exhausted)) };
                let body = format!("{{\"ticketId\":\"{ticket}\"}}");
                let order = id(&client.post("/api/orders", &token, &body).await?)?;
                let body =
                    format!("{{\"orderId\":\"{order}\",\"paymentMethod\":\"pm_card_visa\"}}");
                let answer = client.post("/api/payments", &token, &body).await?;
                Ok(((client, token), expected(answer.status == 201)))
            }
        })
        .await
    }

    /// `count` buyers ask for one ticket at once: the first and the last answer's time, and how many
    /// got it.
    pub(crate) async fn one_ticket(
        &self,
        count: usize,
    ) -> Result<(Duration, Duration, usize), Failure> {
        let ticket = self.list(1).await?.pop().ok_or("no ticket was listed")?;
        let body = format!("{{\"ticketId\":\"{ticket}\"}}");
        let clients = self.clients(count).await?;
        let started = Instant::now();
        let asked = clients.into_iter().map(|(mut client, token)| {
            let body = body.clone();
            tokio::spawn(async move {
                let answer = client.post("/api/orders", &token, &body).await?;
                Ok::<_, Failure>((answer.status, started.elapsed()))
            })
        });
        let answers: Result<Vec<_>, Failure> =
            join_all(asked).await.into_iter().map(|it| it?).collect();
        let answers = answers?;
        let times = answers.iter().map(|(_, time)| *time);
        let winners = answers.iter().filter(|(status, _)| *status == 201).count();
        Ok((times.clone().min().unwrap_or_default(), times.max().unwrap_or_default(), winners))
    }
}

/// Tickets that nobody holds or has bought. Clones share them.
#[derive(Clone)]
struct Fresh {
    tickets: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
}

impl Fresh {
    fn take(&self) -> Option<String> {
        self.tickets.get(self.next.fetch_add(1, Ordering::Relaxed)).cloned()
    }
}

fn expected(is: bool) -> Round {
    if is { Round::Expected } else { Round::Unexpected }
}

fn nth(all: &[String], n: usize) -> &str {
    all.get(n % all.len().max(1)).map_or("", String::as_str)
}

fn id(answer: &crate::http::Answer) -> Result<String, Failure> {
    let body = answer.json()?;
    let id = body.get("id").and_then(serde_json::Value::as_str);
    Ok(id.ok_or_else(|| format!("unexpected answer: {body}"))?.to_owned())
}

async fn sign_up(address: SocketAddr, name: String) -> Result<String, Failure> {
    let mut connection = Connection::open(address).await?;
    let body = json!({"email": format!("{name}@example.com"), "password": "correct horse"});
    let answer = connection.post("/api/auth/signup", "", &body.to_string()).await?;
    answer.session().ok_or_else(|| format!("no session: {}", answer.head).into())
}

/// Lists tickets until `count` are.
async fn list(
    market: Market,
    next: Arc<AtomicUsize>,
    count: usize,
) -> Result<Vec<String>, Failure> {
    let mut connection = Connection::open(market.address).await?;
    let mut listed = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(listed);
        }
        let body = json!({
            "title": format!("Stalls row {}, two together", number % 40), "price": 2_000 + (number * 7_919) % 40_000,
            "eventId": nth(&market.events, number), "section": "Stalls", "row": (number % 40).to_string(),
            "seats": [(number % 60).to_string(), (number % 60 + 1).to_string()],
        });
        listed
            .push(id(&connection.post("/api/tickets", &market.seller, &body.to_string()).await?)?);
    }
}
