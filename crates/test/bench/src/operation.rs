//! The operations of the market, and the load that measures each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use clap::ValueEnum;
use futures_util::future::join_all;
use serde_json::json;

use crate::{
    failure::Failure,
    load::{self, Rate, Round},
    market::{self, Lot, Market, PER_EVENT, WORDS},
};

/// How many events' pages the load looks at: the few that everybody wants to see.
const HOT_EVENTS: usize = 16;

/// How many connections list tickets for another load at once.
const LISTERS: usize = 64;

/// An operation that users of the market wait for. A run measures them in this order: reads come first, because
/// writes make the market grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Operation {
    /// The 50 cheapest tickets of an event, as JSON
    Cheapest,
    /// An event's page, as HTML
    Page,
    /// Events by the beginning of a name, as JSON
    Search,
    /// A ticket is listed
    Listing,
    /// An order is placed and its ticket locked
    Hold,
    /// An order is placed and paid: two requests
    Purchase,
    /// A buyer's own newest orders, as JSON
    Orders,
}

/// The bare limit that bounds an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Saves,
    Http,
}

impl Operation {
    /// Its name in the report.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Cheapest => "an event's 50 cheapest tickets, JSON",
            Self::Page => "an event's page, HTML",
            Self::Search => "search, JSON",
            Self::Listing => "listings",
            Self::Hold => "holds: order placed, ticket locked",
            Self::Purchase => "purchases: hold, pay, sold",
            Self::Orders => "a buyer's newest orders, JSON",
        }
    }

    pub(crate) const fn bound(self) -> Bound {
        match self {
            Self::Cheapest | Self::Page | Self::Search | Self::Orders => Bound::Http,
            Self::Listing | Self::Hold | Self::Purchase => Bound::Saves,
        }
    }
}

/// The size of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) span: Duration,
    pub(crate) connections: usize,
    /// The most operations of a load whose operations each use up a ticket.
    pub(crate) most: usize,
}

impl Market {
    /// Measures one operation. The tickets that it uses up are listed before the time begins.
    pub(crate) async fn measure(&self, it: Operation, load: Load) -> Result<Rate, Failure> {
        let people = Arc::clone(&self.people);
        match it {
            Operation::Cheapest => {
                let path = |event: &str| format!("/api/tickets?eventId={event}&sort=price");
                self.read(load, move |n| path(nth(&people.events, n)), false).await
            }
            Operation::Page => {
                let hot = HOT_EVENTS.min(people.events.len());
                self.read(load, move |n| format!("/events/{}", nth(&people.events, n % hot)), false)
                    .await
            }
            Operation::Search => {
                let words = WORDS.map(|word| word.get(..4).unwrap_or(word).to_owned());
                self.read(
                    load,
                    move |n| format!("/api/events?q={}&limit=20", nth(&words, n)),
                    false,
                )
                .await
            }
            Operation::Orders => self.read(load, |_| "/api/orders".to_owned(), true).await,
            Operation::Listing => Ok(self.list(load).await?.0),
            Operation::Hold => self.hold(load).await,
            Operation::Purchase => self.purchase(load).await,
        }
    }

    async fn read(
        &self,
        load: Load,
        path: impl Fn(usize) -> String + Clone + Send + Sync + 'static,
        is_signed_in: bool,
    ) -> Result<Rate, Failure> {
        let asked = Arc::new(AtomicUsize::new(0));
        let clients = self.buyers(load.connections).await?;
        load::run(self.meter, load.span, clients, move |(mut client, token)| {
            let path = path(asked.fetch_add(1, Ordering::Relaxed));
            async move {
                let session = if is_signed_in { token.as_str() } else { "" };
                let is_there = client.get(&path, session).await?.status == 200;
                Ok(((client, token), Round::expected(is_there)))
            }
        })
        .await
    }

    /// Lists tickets of events that nothing else is measured with, and answers their ids.
    async fn list(&self, load: Load) -> Result<(Rate, Vec<String>), Failure> {
        let names = (0..load.most.div_ceil(PER_EVENT)).map(|_| extra_name());
        let events = market::make_events(self.address, &self.people.seller, names).await?;
        let (events, next) = (Arc::new(events), Arc::new(AtomicUsize::new(0)));
        let (listed, mut ids) = tokio::sync::mpsc::unbounded_channel();
        let clients = self.connections(load.connections).await?;
        let (people, most) = (Arc::clone(&self.people), load.most);
        let rate = load::run(self.meter, load.span, clients, move |mut client| {
            let (events, people, listed) =
                (Arc::clone(&events), Arc::clone(&people), listed.clone());
            let number = next.fetch_add(1, Ordering::Relaxed);
            async move {
                if number >= most {
                    return Ok((client, Round::Exhausted));
                }
                let body = Lot::numbered(number).body(nth(&events, number));
                listed.send(client.post("/api/tickets", &people.seller, &body).await?.id()?)?;
                Ok((client, Round::Expected))
            }
        })
        .await?;
        let ids = std::iter::from_fn(|| ids.try_recv().ok()).collect();
        Ok((rate, ids))
    }

    /// `count` tickets that nobody holds or has bought.
    pub(crate) async fn fresh(&self, count: usize) -> Result<Fresh, Failure> {
        let load = Load { span: Duration::MAX, connections: LISTERS, most: count };
        let (_, tickets) = self.list(load).await?;
        Ok(Fresh { tickets: Arc::new(tickets), next: Arc::default() })
    }

    async fn hold(&self, load: Load) -> Result<Rate, Failure> {
        let fresh = self.fresh(load.most).await?;
        let clients = self.buyers(load.connections).await?;
        load::run(self.meter, load.span, clients, move |(mut client, token)| {
            let ticket = fresh.take();
            async move {
                let Some(ticket) = ticket else { return Ok(((client, token), Round::Exhausted)) };
                let answer = client.post("/api/orders", &token, &order(&ticket)).await?;
                let is_held = answer.status == 201;
                Ok(((client, token), Round::expected(is_held)))
            }
        })
        .await
    }

    async fn purchase(&self, load: Load) -> Result<Rate, Failure> {
        self.buy(self.fresh(load.most).await?, load).await
    }

    /// Buys tickets that are `fresh`.
    pub(crate) async fn buy(&self, fresh: Fresh, load: Load) -> Result<Rate, Failure> {
        let clients = self.buyers(load.connections).await?;
        load::run(self.meter, load.span, clients, move |(mut client, token)| {
            let ticket = fresh.take();
            async move {
                let Some(ticket) = ticket else { return Ok(((client, token), Round::Exhausted)) };
                let Ok(order) = client.post("/api/orders", &token, &order(&ticket)).await?.id()
                else {
                    return Ok(((client, token), Round::Unexpected));
                };
                let body = json!({"orderId": order, "paymentMethod": "pm_card_visa"}).to_string();
                let is_paid = client.post("/api/payments", &token, &body).await?.status == 201;
                Ok(((client, token), Round::expected(is_paid)))
            }
        })
        .await
    }

    /// `count` buyers ask for one ticket at once.
    pub(crate) async fn one_ticket(&self, count: usize) -> Result<Rush, Failure> {
        let ticket = self.fresh(1).await?.take().ok_or("no ticket was listed")?;
        let body = order(&ticket);
        let clients = self.buyers(count).await?;
        let started = Instant::now();
        let asked = clients.into_iter().map(|(mut client, token)| {
            let body = body.clone();
            tokio::spawn(async move {
                let status = client.post("/api/orders", &token, &body).await?.status;
                Ok::<_, Failure>((status, started.elapsed()))
            })
        });
        let answers: Result<Vec<_>, Failure> =
            join_all(asked).await.into_iter().map(|it| it?).collect();
        let answers = answers?;
        let last = answers.iter().map(|(_, time)| *time).max().unwrap_or_default();
        let winners = answers.iter().filter(|(status, _)| *status == 201).count();
        Ok(Rush { last, winners })
    }

    /// `load.most` logins with a wrong password.
    pub(crate) async fn failed_logins(&self, load: Load) -> Result<Rate, Failure> {
        let next = Arc::new(AtomicUsize::new(0));
        let clients = self.connections(load.connections).await?;
        let wrong = format!("not {}", market::PASSWORD);
        load::run(self.meter, load.span, clients, move |mut client| {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let email = market::buyer_email(number % market::BUYERS);
            let body = json!({"email": email, "password": wrong}).to_string();
            async move {
                if number >= load.most {
                    return Ok((client, Round::Exhausted));
                }
                let is_refused = client.post("/api/auth/login", "", &body).await?.status == 401;
                Ok((client, Round::expected(is_refused)))
            }
        })
        .await
    }
}

/// The outcome of many buyers asking for one ticket.
#[derive(Debug)]
pub(crate) struct Rush {
    /// The time until the last of them had an answer.
    pub(crate) last: Duration,
    /// How many got the ticket.
    pub(crate) winners: usize,
}

/// Tickets that nobody holds or has bought. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    tickets: Arc<Vec<String>>,
    next: Arc<AtomicUsize>,
}

impl Fresh {
    fn take(&self) -> Option<String> {
        self.tickets.get(self.next.fetch_add(1, Ordering::Relaxed)).cloned()
    }
}

/// The name of an event that no search asks for, another one each time.
fn extra_name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("Extra {}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn order(ticket: &str) -> String {
    format!("{{\"ticketId\":\"{ticket}\"}}")
}

fn nth(all: &[String], n: usize) -> &str {
    all.get(n % all.len().max(1)).map_or("", String::as_str)
}
