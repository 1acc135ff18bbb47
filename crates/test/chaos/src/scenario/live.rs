//! What has to arrive within a second: the news of a hold that ran out, and the end of a session.

use std::{fmt, time::Duration};

use axum::http::Method;
use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::json;
use stubmart_client::sse::{EventStream, SseEvent};
use stubmart_contract::{
    Code,
    api::{Ticket, TicketStatus},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Failure,
    actor::{Account, Actor},
    history::{Moment, Outcome},
    report::Durations,
    scenario::Cast,
    system::System,
};

/// How late news may be.
const LATE_MAX: Duration = Duration::from_secs(1);

/// How long news is waited for before it counts as lost.
const NEWS_MAX: Duration = Duration::from_secs(20);

/// How late the news of expired holds was.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Behind the end of the hold.
    pub late: Durations,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expiry to stream: {}", self.late)
    }
}

/// Lets the holds of `tickets` run out, all at about the same time: the stream of each ticket tells of
/// the lock, and within a second of its end that the ticket is free.
///
/// # Errors
/// [`Failure::Unmet`] for news that is late, early or missing; whatever [`Cast::judge`] finds.
pub async fn expiries(system: &dyn System, tickets: usize) -> Result<Report, Failure> {
    let cast = Cast::sign_up(&system.base(), 4).await?;
    let actors = cast.actors(&system.base())?;
    let watches = (0..tickets).map(|number| watch_expiry(&cast, &actors, number));
    let mut report = Report::default();
    for late in join_all(watches).await {
        report.late.add(late?);
    }
    cast.all_answered()?;
    cast.judge(system, NEWS_MAX).await?;
    Ok(report)
}

async fn watch_expiry(cast: &Cast, actors: &[Actor], number: usize) -> Result<Duration, Failure> {
    let mut around = actors.iter().cycle().skip(number);
    let (Some(seller), Some(buyer)) = (around.next(), around.next()) else {
        return Err(Failure::Unmet("an expiry needs two accounts".into()));
    };
    let ticket = listed(seller, &format!("Watched {number}")).await?;
    let mut stream = seller.client.anonymous().ticket_stream(ticket.id, None).await?;
    let ordered = buyer.order(ticket.id, None).await;
    let Some(order) = ordered.order() else {
        return Err(Failure::Unmet(format!("no order to let expire: {ordered:?}")));
    };
    status(&mut stream, TicketStatus::Locked).await?;
    status(&mut stream, TicketStatus::Available).await?;
    let now = cast.recorder.now();
    let late = Duration::from_micros(now.0.saturating_sub(order.expires.0));
    // Times of the API are whole milliseconds.
    if now < Moment(order.expires.0.saturating_sub(2_000)) {
        return Err(Failure::Unmet(format!("free before the hold had ended: {order:?}")));
    }
    if late > LATE_MAX {
        return Err(Failure::Unmet(format!("the news of an expiry came {late:?} late")));
    }
    Ok(late)
}

async fn listed(seller: &Actor, title: &str) -> Result<crate::history::TicketSeen, Failure> {
    let listed = seller.list_ticket(title, 1_000, None).await;
    let none = || Failure::Unmet(format!("no ticket to watch: {listed:?}"));
    listed.ticket().cloned().ok_or_else(none)
}

/// The next event of a stream, and the ticket it carries.
async fn news(stream: &mut EventStream) -> Result<(SseEvent, Ticket), Failure> {
    let event = match timeout(NEWS_MAX, stream.next()).await {
        Ok(event) => event?,
        Err(_) => return Err(Failure::Unmet("no news came by the stream".into())),
    };
    let event = event.ok_or_else(|| Failure::Unmet("the stream ended".into()))?;
    let ticket = event.ticket()?;
    Ok((event, ticket))
}

async fn status(stream: &mut EventStream, expected: TicketStatus) -> Result<(), Failure> {
    let (_, ticket) = news(stream).await?;
    if ticket.status == expected {
        return Ok(());
    }
    Err(Failure::Unmet(format!("the stream should tell of {expected:?}: {ticket:?}")))
}

/// Edits a ticket `rounds` times ten times. The client is away for some of the edits, and once in three
/// rounds the server is killed meanwhile; each time it resumes with its `Last-Event-ID` and gets every
/// change exactly once, in order.
///
/// # Errors
/// [`Failure::Unmet`] for a change that is missing, repeated or out of order.
pub async fn resumption(system: &mut dyn System, rounds: usize) -> Result<(), Failure> {
    let cast = Cast::sign_up(&system.base(), 1).await?;
    let mut seller = only(cast.actors(&system.base())?)?;
    let ticket = listed(&seller, "Followed").await?;
    let mut random = Rng::with_seed(1);
    let mut last_id: Option<String> = None;
    let (mut version, mut seen) = (ticket.version, ticket.version);
    for round in 0..rounds {
        let mut stream = seller.client.ticket_stream(ticket.id, last_id.as_deref()).await?;
        version = edit(&seller, &ticket, version, random.u64(1..=5)).await?;
        let stop_at = if last_id.is_none() { version } else { random.u64(seen..=version) };
        while seen < stop_at {
            seen = follow(&mut stream, &mut last_id, seen).await?;
        }
        drop(stream);
        version = edit(&seller, &ticket, version, random.u64(0..=5)).await?;
        if round % 3 == 2 {
            system.kill(&mut random).await?;
            system.start().await?;
            seller = only(cast.actors(&system.base())?)?;
        }
        let mut stream = seller.client.ticket_stream(ticket.id, last_id.as_deref()).await?;
        while seen < version {
            seen = follow(&mut stream, &mut last_id, seen).await?;
        }
    }
    system.inspect_log()
}

fn only(actors: Vec<Actor>) -> Result<Actor, Failure> {
    actors.into_iter().next().ok_or_else(|| Failure::Unmet("there is no account".into()))
}

async fn edit(
    seller: &Actor,
    ticket: &crate::history::TicketSeen,
    mut version: u64,
    times: u64,
) -> Result<u64, Failure> {
    for _ in 0..times {
        let price = u32::try_from(1_000 + version).unwrap_or(1_000);
        let edited = seller.edit_price(ticket.id, price).await;
        let Some(edited) = edited.ticket() else {
            return Err(Failure::Unmet(format!("an edit was not made: {edited:?}")));
        };
        version = edited.version;
    }
    Ok(version)
}

/// Takes the next change, which has to be the one behind `seen`.
async fn follow(
    stream: &mut EventStream,
    last_id: &mut Option<String>,
    seen: u64,
) -> Result<u64, Failure> {
    let (event, ticket) = news(stream).await?;
    if ticket.version != seen + 1 {
        let text = format!("version {} came behind {seen}, resumed at {last_id:?}", ticket.version);
        return Err(Failure::Unmet(text));
    }
    *last_id = Some(event.id);
    Ok(ticket.version)
}

/// Logs sessions out while others use them: a second later each service refuses them.
///
/// # Errors
/// [`Failure::Unmet`] when a service still takes the session.
pub async fn logouts(system: &dyn System, sessions: usize) -> Result<Durations, Failure> {
    let cast = Cast::sign_up(&system.base(), sessions).await?;
    let ends = cast.accounts.iter().map(|account| logout(system.base(), account));
    let mut refused = Durations::default();
    for took in join_all(ends).await {
        refused.add(took?);
    }
    Ok(refused)
}

/// A request to each service that only a session may make.
const ASKED: &[(Method, &str)] = &[
    (Method::GET, "/api/auth/sessions"),
    (Method::GET, "/api/tickets?sellerId=me"),
    (Method::GET, "/api/orders"),
    (Method::GET, "/api/payments"),
];

async fn logout(base: String, account: &Account) -> Result<Duration, Failure> {
    let client = stubmart_client::Client::http(&base)?.with_session(&account.token);
    for (method, path) in ASKED {
        let answer = client.raw(method.clone(), path, None::<&()>).await?;
        if !answer.status.is_success() {
            return Err(Failure::Unmet(format!("{path} refused a session: {answer:?}")));
        }
    }
    // Other connections than the one that logs out.
    let other = stubmart_client::Client::http(&base)?.with_session(&account.token);
    other.logout().await?;
    let began = Instant::now();
    loop {
        let asked = began.elapsed();
        let mut taken = Vec::new();
        for (method, path) in ASKED {
            let answer = client.raw(method.clone(), path, None::<&()>).await?;
            if answer.status != 401 {
                taken.push(*path);
            }
        }
        if taken.is_empty() {
            let body = Some(&json!({"title": "Afterwards", "price": 100}));
            let answer = client.raw(Method::POST, "/api/tickets", body).await?;
            let refused = answer.success().err().and_then(|error| error.code());
            if refused != Some(Code::NotSignedIn) {
                return Err(Failure::Unmet(format!("a dead session was answered {refused:?}")));
            }
            return Ok(asked);
        }
        if asked > LATE_MAX {
            return Err(Failure::Unmet(format!("a session lived {asked:?} for {taken:?}")));
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a user can list a ticket and look at it.
pub(crate) async fn serves(actor: &Actor, title: &str) -> Result<(), Failure> {
    let ticket = listed(actor, title).await?;
    match actor.read_ticket(ticket.id).await {
        Outcome::Tickets(_) => Ok(()),
        outcome => Err(Failure::Unmet(format!("a fresh ticket cannot be read: {outcome:?}"))),
    }
}
