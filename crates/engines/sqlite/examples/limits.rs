//! The bare limits of the store on this machine: durable saves, point reads and index scans,
//! with nothing around them. The load bench quotes its results as ratios to these.
//!
//! `cargo run --release -p stubmart-sqlite --example limits -- [DOCUMENTS] [SECONDS] [DIRECTORY]`

#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::{
    error::Error,
    future::Future,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use stubmart_contract::{
    Actor, Currency, DomainEvent, Envelope, MessageId, Price, TicketId, Timestamp, UserId,
    api::TicketStatus, event::TicketState,
};
use stubmart_ports::{
    host::Host,
    key::Key,
    store::{Collection, DocKey, Expect, Index, IndexEntry, Save, SaveId, Scan, Store as _},
};
use stubmart_sqlite::{Database, Options, SqliteStore};
use tokio::runtime::Handle;
use uuid::Uuid;

type AnyError = Box<dyn Error + Send + Sync>;

static TICKETS: Collection = Collection {
    name: "limits.ticket",
    indexes: &[
        Index { name: "event", unique: false },
        Index { name: "seller", unique: false },
        Index { name: "newest", unique: false },
    ],
};

/// How many tickets an event has.
const TICKETS_EACH: usize = 200;

/// How many saves are under way at once, in turn.
const SUBMITTERS: [usize; 4] = [1, 8, 64, 256];

/// How many reads are under way at once.
const READERS: usize = 64;

/// What all tasks of a run share.
struct Bench {
    store: Arc<SqliteStore>,
    host: Host,
    /// The documents: the id, and the version that is stored.
    documents: Vec<(Uuid, AtomicU64)>,
    run: Duration,
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let mut args = std::env::args().skip(1);
    let documents: usize = args.next().map_or(Ok(20_000), |it| it.parse())?;
    let seconds: u64 = args.next().map_or(Ok(3), |it| it.parse())?;
    let scratch = tempfile::tempdir()?;
    let directory = args.next().map_or_else(|| scratch.path().to_owned(), PathBuf::from);

    let (host, _) = stubmart_os::host(Handle::current());
    let path = directory.join("limits.db");
    let db = Database::open(&path, Options::default(), host.clone())?;
    let documents = (0..documents).map(|_| (host.uuid(), AtomicU64::new(0))).collect();
    let run = Duration::from_secs(seconds);
    let bench = Arc::new(Bench { store: db.store(), host: host.clone(), documents, run });

    let begun = Instant::now();
    bench.fill().await?;
    println!("{} documents saved in {:.1?}", bench.documents.len(), begun.elapsed());
    for submitters in SUBMITTERS {
        let rate = bench.measure(submitters, Bench::save).await?;
        println!("saves, {submitters:>3} submitters: {rate}");
    }
    println!("point reads, {READERS} tasks: {}", bench.measure(READERS, Bench::load).await?);
    println!("50-document scans, {READERS} tasks: {}", bench.measure(READERS, Bench::scan).await?);

    db.close().await?;
    let begun = Instant::now();
    let again = Database::open(&path, Options::default(), host)?;
    again.store().ready().await?;
    println!("opened again in {:.1?}", begun.elapsed());
    Ok(())
}

/// What a run showed.
struct Rate {
    count: usize,
    took: Duration,
    /// Of every operation, sorted.
    latencies: Vec<Duration>,
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let micros = self.took.as_micros().max(1);
        let per_second = u128::try_from(self.count).unwrap_or(0) * 1_000_000 / micros;
        let at = |percent: usize| {
            self.latencies.get(self.latencies.len() * percent / 100).copied().unwrap_or_default()
        };
        let (p50, p95, p99) = (at(50), at(95), at(99));
        write!(f, "{per_second:>7}/s, p50 {p50:.1?}, p95 {p95:.1?}, p99 {p99:.1?}")
    }
}

impl Bench {
    async fn fill(self: &Arc<Self>) -> Result<(), AnyError> {
        let tasks: Vec<_> = (0..256)
            .map(|task| {
                let bench = Arc::clone(self);
                tokio::spawn(async move {
                    for number in (task..bench.documents.len()).step_by(256) {
                        Arc::clone(&bench).save(number).await?;
                    }
                    Ok::<(), AnyError>(())
                })
            })
            .collect();
        for task in tasks {
            task.await??;
        }
        Ok(())
    }

    /// Has `tasks` tasks do `work` over and over, each on documents of its own.
    async fn measure<F>(
        self: &Arc<Self>,
        tasks: usize,
        work: fn(Arc<Self>, usize) -> F,
    ) -> Result<Rate, AnyError>
    where
        F: Future<Output = Result<(), AnyError>> + Send + 'static,
    {
        let begun = Instant::now();
        let spawned: Vec<_> = (0..tasks)
            .map(|task| {
                let bench = Arc::clone(self);
                tokio::spawn(async move {
                    let mut latencies = Vec::new();
                    let mut number = task;
                    while begun.elapsed() < bench.run {
                        let asked = Instant::now();
                        work(Arc::clone(&bench), number).await?;
                        latencies.push(asked.elapsed());
                        // A stride over the whole file that comes by every document.
                        number += tasks * 7919;
                        number %= (bench.documents.len() / tasks * tasks).max(1);
                    }
                    Ok::<_, AnyError>(latencies)
                })
            })
            .collect();
        let mut latencies = Vec::new();
        for task in spawned {
            latencies.extend(task.await??);
        }
        latencies.sort_unstable();
        Ok(Rate { count: latencies.len(), took: begun.elapsed(), latencies })
    }

    /// Saves a document with an event; its index entries stay as they were.
    async fn save(self: Arc<Self>, number: usize) -> Result<(), AnyError> {
        let (id, version) = self.documents.get(number).ok_or("no such document")?;
        let stored = version.load(Ordering::Relaxed);
        let body = body(*id, stored);
        let event = event(self.host.message_id(), *id, stored + 1)?;
        let save = Save {
            key: DocKey { collection: &TICKETS, id: *id },
            expect: if stored == 0 { Expect::Absent } else { Expect::Revision(stored) },
            save_id: SaveId(self.host.uuid()),
            body,
            entries: entries(*id, number)?,
            version: stored + 1,
            events: vec![Arc::new(event)],
        };
        version.store(self.store.save(Arc::new(save)).await?, Ordering::Relaxed);
        Ok(())
    }

    async fn load(self: Arc<Self>, number: usize) -> Result<(), AnyError> {
        let (id, _) = self.documents.get(number).ok_or("no such document")?;
        let found = self.store.load(DocKey { collection: &TICKETS, id: *id }).await?;
        found.map(drop).ok_or_else(|| "a saved document is not there".into())
    }

    /// The cheapest 50 tickets of an event.
    async fn scan(self: Arc<Self>, number: usize) -> Result<(), AnyError> {
        let prefix = event_key(number)?;
        let found = self.store.find(Scan::prefix(&TICKETS, "event", &prefix).limit(50)).await?;
        if found.is_empty() { Err("a scan found nothing".into()) } else { Ok(()) }
    }
}

fn event_key(number: usize) -> Result<Key, AnyError> {
    Ok(Key::new().number(u32::try_from(number / TICKETS_EACH)?))
}

fn entries(id: Uuid, number: usize) -> Result<Vec<IndexEntry>, AnyError> {
    let price = u32::try_from(number * 7919 % 50_000)?;
    let seller = Uuid::from_u128(u128::try_from(number % 997)?);
    Ok(vec![
        IndexEntry { index: "event", key: event_key(number)?.number(price).id(id) },
        IndexEntry { index: "seller", key: Key::new().id(seller).id(id) },
        IndexEntry { index: "newest", key: Key::new().id(id) },
    ])
}

/// The event of a ticket that was locked.
fn event(message_id: MessageId, id: Uuid, version: u64) -> Result<Envelope, AnyError> {
    let ticket = TicketState {
        id: TicketId(id),
        user_id: UserId(id),
        title: "Stalls row 1, 3 together".to_owned(),
        price: Price::try_from(36_959)?,
        fees: stubmart_contract::fees::SaleFees::NONE,
        currency: Currency::USD,
        status: TicketStatus::Locked,
        event_id: None,
        section: Some("Stalls".to_owned()),
        row: Some("1".to_owned()),
        seats: vec!["41".to_owned(), "42".to_owned(), "43".to_owned()],
        quantity: 3,
        delivery_kind: Default::default(),
        external_id: None,
        order_id: None,
        buyer_id: Some(UserId(message_id.0)),
        locked_until: Some(Timestamp::EPOCH),
        turn: None,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    };
    Ok(Envelope {
        id: message_id,
        aggregate_id: id,
        version,
        at: Timestamp::EPOCH,
        causation_id: message_id,
        correlation_id: message_id,
        actor: Actor::System,
        request_id: None,
        event: DomainEvent::TicketUpdated(ticket),
    })
}

/// 430 bytes, as a ticket has.
fn body(id: Uuid, version: u64) -> Vec<u8> {
    let mut body = format!(r#"{{"id":"{id}","version":{version},"title":"Two together, "#);
    body.push_str(&"row by row, ".repeat(40));
    body.truncate(428);
    body.push_str("\"}");
    body.into_bytes()
}
