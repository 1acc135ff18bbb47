//! One address, or one account, does what would shut the market to everybody else. All of it on loopback, where
//! each attack has an account and an address of its own, 127.0.1.1 and so on, and the other visitors come from
//! 127.0.0.2.

use std::{
    fmt,
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use futures_util::future::join_all;
use stubmart_contract::{Code, TicketId};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};

use crate::{
    Failure,
    actor::{Account, Actor},
    history::{Outcome, Recorder},
    report::Durations,
    scenario::Cast,
    system::System,
};

/// Where the other visitors come from.
const VISITORS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Where one looks how many tickets an attacker holds: the attacker may ask for nothing more.
const WATCH: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// What they look at.
const LOOKED_AT: &[&str] = &["/", "/api/events", "/api/tickets", "/healthz"];

/// How long a visitor waits at the most.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often they look at something.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How many times as long as in an idle market an answer may take, of 99 in a hundred.
const SLOWER_MAX: u32 = 5;

/// No answer is too slow that takes no longer: attacker and market share the machine's processors here, and the
/// turns that a scheduler gives are as long.
const NEVER_TOO_SLOW: Duration = Duration::from_millis(50);

/// What an address tries to have open at once.
const CROWD: usize = 2_000;

/// How many connections an attacker asks on.
const ASKING: usize = 64;

/// What a buyer tries to lock.
const WANTED: usize = 40;

/// How many cards of an account are declined, with what an hour gives back in the meantime.
const DECLINED_MAX: u32 = 10 + 2;

/// How many tickets a new account lists in a day, with what it gets back in the meantime.
const LISTED_MAX: usize = 200 + 2;

/// The attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attack {
    /// Takes every connection there is, and says nothing.
    Connections,
    /// Takes every live stream there is.
    Streams,
    /// Asks for the largest answer, without waiting for the last one.
    Pipelining,
    /// The same, and never reads what comes.
    Deaf,
    /// Searches for something else each time.
    Searching,
    /// Guesses passwords.
    Guessing,
    /// Locks everything, and locks it again when it runs out or is left.
    Hoarding,
    /// Tries out cards that are declined.
    Declining,
    /// Lists what does not exist.
    Flooding,
}

const ATTACKS: &[Attack] = &[
    Attack::Connections,
    Attack::Streams,
    Attack::Pipelining,
    Attack::Deaf,
    Attack::Searching,
    Attack::Guessing,
    Attack::Hoarding,
    Attack::Declining,
    Attack::Flooding,
];

/// How long the visitors' answers took.
#[derive(Debug, Clone, Default)]
pub struct Report {
    idle: Durations,
    attacked: Vec<(Attack, Durations, String)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "visitors of an idle market: {}", self.idle)?;
        self.attacked.iter().try_for_each(|(attack, answers, what)| {
            write!(f, "\nwhile one is {attack:?} ({what}): {answers}")
        })
    }
}

/// Measures what visitors wait in an idle market and during each attack, of `span` each.
///
/// # Errors
/// [`Failure::Unmet`] when a visitor is not served, or one in a hundred waits too long; or when the attacker got
/// more than one may have.
pub async fn run(system: &dyn System, span: Duration) -> Result<Report, Failure> {
    let base = system.base();
    let Cast { accounts, recorder } = Cast::sign_up(&base, ATTACKS.len().saturating_add(1)).await?;
    let [seller, attackers @ ..] = accounts.as_slice() else {
        return Err(Failure::Unmet("there are no accounts".into()));
    };
    let stage = Stage::set(base, seller, recorder).await?;
    let mut report = Report::default();
    // What is looked at for the first time is built then.
    visit(&stage, Instant::now() + span / 5).await?;
    report.idle = visit(&stage, Instant::now() + span).await?;
    for ((number, &attack), account) in (1..).zip(ATTACKS).zip(attackers) {
        let until = Instant::now() + span;
        let from = Ipv4Addr::new(127, 0, 1, number);
        let attacker = Attacker { account: account.clone(), from, stage: stage.clone() };
        let attacked = tokio::spawn(attacker.attack(attack, until));
        let waited = visit(&stage, until).await?;
        let what = attacked.await.map_err(|error| Failure::Unmet(error.to_string()))??;
        report.attacked.push((attack, waited, what));
    }
    let most = (report.idle.percentile(99) * SLOWER_MAX).max(NEVER_TOO_SLOW);
    for (attack, waited, _) in &report.attacked {
        if waited.percentile(99) > most {
            let text = format!("visitors wait more than {most:.1?} while one is {attack:?}");
            return Err(Failure::Unmet(format!("{text}\n{report}")));
        }
    }
    system.inspect_log()?;
    Ok(report)
}

/// The market that is attacked.
#[derive(Debug, Clone)]
struct Stage {
    base: String,
    address: SocketAddr,
    recorder: Arc<Recorder>,
    tickets: Vec<TicketId>,
}

impl Stage {
    async fn set(base: String, seller: &Account, recorder: Arc<Recorder>) -> Result<Self, Failure> {
        let seller = seller.at(&base, &recorder)?;
        let mut tickets = Vec::new();
        for number in 0..WANTED {
            let listed = seller.list_ticket(&format!("Wanted {number}"), 5_000, None).await;
            let listed = listed.ticket().map(|ticket| ticket.id);
            tickets.extend(listed);
        }
        let address = base.trim_start_matches("http://").parse();
        let address = address.map_err(|error| Failure::Unmet(format!("{base}: {error}")))?;
        Ok(Self { base, address, recorder, tickets })
    }
}

/// One that attacks.
struct Attacker {
    account: Account,
    from: Ipv4Addr,
    stage: Stage,
}

impl Attacker {
    /// The account, on connections that begin at `from`.
    fn at(&self, from: Ipv4Addr) -> Result<Actor, Failure> {
        self.account.at_from(&self.stage.base, from.into(), &self.stage.recorder)
    }

    /// A connection of the attacker's.
    async fn connect(&self) -> io::Result<TcpStream> {
        connect_from(self.from, self.stage.address).await
    }

    /// Attacks until then; the answer is what the attacker got.
    async fn attack(self, attack: Attack, until: Instant) -> Result<String, Failure> {
        match attack {
            Attack::Connections => self.take_connections(until).await,
            Attack::Streams => self.take_streams(until).await,
            Attack::Pipelining => self.pipeline(until, true).await,
            Attack::Deaf => self.pipeline(until, false).await,
            Attack::Searching => {
                self.ask(until, |random| {
                    let word: String = (0..6).map(|_| random.lowercase()).collect();
                    format!("GET /api/events?q={word} HTTP/1.1\r\nHost: localhost\r\n\r\n")
                })
                .await
            }
            Attack::Guessing => {
                self.ask(until, |random| {
                    let body = format!(
                        r#"{{"email":"user0@example.com","password":"{:016x}"}}"#,
                        random.u64(..)
                    );
                    format!(
                        "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\n\
                         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    )
                })
                .await
            }
            Attack::Hoarding => self.hoard(until).await,
            Attack::Declining => self.decline(until).await,
            Attack::Flooding => self.flood(until).await,
        }
    }

    async fn take_connections(&self, until: Instant) -> Result<String, Failure> {
        let taken = join_all((0..CROWD).map(|_| timeout(PATIENCE, self.connect()))).await;
        let taken: Vec<_> = taken.into_iter().flatten().flatten().collect();
        tokio::time::sleep_until(until).await;
        Ok(format!("{} connections", taken.len()))
    }

    async fn take_streams(&self, until: Instant) -> Result<String, Failure> {
        let Some(ticket) = self.stage.tickets.first() else {
            return Err(Failure::Unmet("no ticket is listed".into()));
        };
        let request =
            format!("GET /api/tickets/{ticket}/stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let open = async |_| {
            let mut stream = self.connect().await.ok()?;
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut head = [0; 12];
            timeout(PATIENCE, stream.read_exact(&mut head)).await.ok()?.ok()?;
            (head == *b"HTTP/1.1 200").then_some(stream)
        };
        let taken = join_all((0..CROWD).map(open)).await.into_iter().flatten().count();
        tokio::time::sleep_until(until).await;
        if taken == 0 || taken == CROWD {
            return Err(Failure::Unmet(format!("{taken} streams of {CROWD} were open at once")));
        }
        Ok(format!("{taken} streams of {CROWD}"))
    }

    /// Asks for the description of the API as fast as it is taken.
    async fn pipeline(&self, until: Instant, reads: bool) -> Result<String, Failure> {
        let requests = b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(64);
        let asked = AtomicUsize::new(0);
        self.each_connection(until, async |stream: TcpStream, _| {
            let (mut reader, mut writer) = stream.into_split();
            let writing = async {
                while writer.write_all(&requests).await.is_ok() {
                    asked.fetch_add(64, Ordering::Relaxed);
                }
            };
            let reading = async {
                let mut buffer = vec![0; 64 * 1024];
                while reads && reader.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
                if !reads {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! { () = writing => {}, () = reading => {} }
        })
        .await;
        Ok(format!("{} requests sent", asked.load(Ordering::Relaxed)))
    }

    /// Asks, reads the answer, and asks for something else.
    async fn ask(
        &self,
        until: Instant,
        request: impl Fn(&mut Rng) -> String + Copy,
    ) -> Result<String, Failure> {
        let asked = AtomicUsize::new(0);
        self.each_connection(until, async |mut stream: TcpStream, number| {
            let mut random = Rng::with_seed(number);
            let mut buffer = vec![0; 64 * 1024];
            while stream.write_all(request(&mut random).as_bytes()).await.is_ok()
                && stream.read(&mut buffer).await.is_ok_and(|read| read > 0)
            {
                asked.fetch_add(1, Ordering::Relaxed);
            }
        })
        .await;
        Ok(format!("{} answered requests", asked.load(Ordering::Relaxed)))
    }

    /// Uses connections, and opens another one for each that is closed, until then.
    async fn each_connection<F: Future<Output = ()>>(
        &self,
        until: Instant,
        using: impl Fn(TcpStream, u64) -> F,
    ) {
        let connections = (0..ASKING).map(async |number| {
            let number = u64::try_from(number).unwrap_or(0);
            loop {
                match self.connect().await {
                    Ok(stream) => using(stream, number).await,
                    Err(_) => sleep(LOOK_EVERY).await,
                }
            }
        });
        let all = join_all(connections);
        tokio::select! { _ = all => {}, () = tokio::time::sleep_until(until) => {} }
    }

    /// Locks tickets, leaves, and locks them again. One buyer may never hold more than some of them.
    async fn hoard(&self, until: Instant) -> Result<String, Failure> {
        let (orders, held_most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (attacker, watcher) = (self.at(self.from)?, self.at(WATCH)?);
        let taking = join_all(self.stage.tickets.iter().map(async |ticket| {
            loop {
                if let Some(order) = attacker.order(*ticket, None).await.order() {
                    orders.fetch_add(1, Ordering::Relaxed);
                    sleep(LOOK_EVERY).await;
                    attacker.leave(order.id).await;
                }
            }
        }));
        let watching = async {
            loop {
                let held = watcher.all_orders("status=created").await?.len();
                held_most.fetch_max(held, Ordering::Relaxed);
                sleep(LOOK_EVERY).await;
            }
        };
        let outcome: Result<(), Failure> = tokio::select! {
            _ = taking => Ok(()),
            watched = watching => watched,
            () = tokio::time::sleep_until(until) => Ok(()),
        };
        outcome?;
        let (orders, held) = (orders.into_inner(), held_most.into_inner());
        if held == WANTED || orders == 0 {
            return Err(Failure::Unmet(format!(
                "one buyer held {held} of {WANTED} tickets at once"
            )));
        }
        Ok(format!("{orders} checkouts, {held} at once"))
    }
}

impl Attacker {
    /// Tries cards on one order after the other. An account may have so many declined and no more.
    async fn decline(&self, until: Instant) -> Result<String, Failure> {
        let (mut declined, mut refused) = (0_u32, 0_u32);
        let attacker = self.at(self.from)?;
        for ticket in self.stage.tickets.iter().cycle() {
            if Instant::now() >= until {
                break;
            }
            // One that was left a moment ago is not to be had at once.
            let Some(order) = attacker.order(*ticket, None).await.order().map(|it| it.id) else {
                sleep(LOOK_EVERY).await;
                continue;
            };
            match attacker.pay(order, "pm_card_visa_chargeDeclined", None).await {
                Outcome::Refused(Code::CardDeclined) => declined = declined.saturating_add(1),
                Outcome::Refused(Code::TooManyRequests) => refused = refused.saturating_add(1),
                other => return Err(Failure::Unmet(format!("a declined card: {other:?}"))),
            }
            attacker.leave(order).await;
        }
        if declined == 0 || declined > DECLINED_MAX || refused == 0 {
            let text = format!("{declined} cards were declined, and {refused} not tried");
            return Err(Failure::Unmet(text));
        }
        Ok(format!("{declined} declined cards, {refused} refused"))
    }

    /// Lists as fast as it can. An account that is new may list so many and no more.
    async fn flood(&self, until: Instant) -> Result<String, Failure> {
        let (listed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let attacker = self.at(self.from)?;
        let listing = join_all((0..ASKING).map(async |_| {
            loop {
                match attacker.list_ticket("Nowhere", 5_000, None).await {
                    Outcome::Refused(Code::TooManyRequests) => &refused,
                    it if it.is_success() => &listed,
                    _ => continue,
                }
                .fetch_add(1, Ordering::Relaxed);
            }
        }));
        tokio::select! { _ = listing => {}, () = tokio::time::sleep_until(until) => {} }
        let (listed, refused) = (listed.into_inner(), refused.into_inner());
        if listed == 0 || listed > LISTED_MAX || refused == 0 {
            let text = format!("a new account listed {listed} tickets, and {refused} not");
            return Err(Failure::Unmet(text));
        }
        Ok(format!("{listed} listings, {refused} refused"))
    }
}

/// Looks at pages until then, each over a connection of its own, as new visitors do.
async fn visit(stage: &Stage, until: Instant) -> Result<Durations, Failure> {
    let mut waited = Durations::default();
    for path in LOOKED_AT.iter().cycle() {
        if Instant::now() >= until {
            break;
        }
        let began = Instant::now();
        let looked = timeout(PATIENCE, look(stage.address, path)).await;
        let status =
            looked.map_err(|_| Failure::Unmet(format!("{path}: no answer for {PATIENCE:?}")))??;
        if status != "200" {
            return Err(Failure::Unmet(format!("{path}: a visitor was answered {status}")));
        }
        waited.add(began.elapsed());
        sleep(LOOK_EVERY).await;
    }
    Ok(waited)
}

/// Reads a page; the answer is its status.
async fn look(address: SocketAddr, path: &str) -> Result<String, Failure> {
    let mut stream = connect_from(VISITORS, address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let status = answer.get(9..12).unwrap_or_default();
    Ok(String::from_utf8_lossy(status).into_owned())
}

async fn connect_from(from: Ipv4Addr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    socket.connect(address).await
}
