//! A market to measure: its users, its tickets, and how it is filled.
//!
//! Filling takes the fastest public way: users sign up and events are created over HTTP, tickets come with
//! `stubmart import tickets`, which costs a sixth less CPU than listing them over HTTP.

use std::{
    ffi::OsStr,
    fmt::Write as _,
    fs::File,
    hash::{DefaultHasher, Hasher as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{
    future::try_join_all,
    stream::{self, StreamExt as _, TryStreamExt as _},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{failure::Failure, http::Connection, meter::Meter, server::Server};

/// Tickets of one event.
pub(crate) const PER_EVENT: usize = 500;

/// How many buyers there are, each with an account of its own.
pub(crate) const BUYERS: usize = 200;

/// How many of them sign up at once: each signup hashes a password, and a busy server refuses too many.
const SIGNUPS: usize = 4;

/// Names to search for.
pub(crate) const WORDS: [&str; 8] =
    ["Hamlet", "Tosca", "Rovers", "Quartet", "Carmen", "Macbeth", "Lanterns", "Nutcracker"];

const SELLER: &str = "seller@example.com";

pub(crate) const PASSWORD: &str = "correct horse";

/// The users, by their session tokens, and the events that were filled.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct People {
    pub(crate) seller: String,
    pub(crate) buyers: Vec<String>,
    pub(crate) events: Vec<String>,
}

/// A filled market that is served.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub(crate) address: SocketAddr,
    pub(crate) meter: Meter,
    pub(crate) people: Arc<People>,
}

impl Market {
    /// The market that `server` serves.
    pub(crate) fn of(server: &Server, people: &Arc<People>) -> Result<Self, Failure> {
        let people = Arc::clone(people);
        Ok(Self { address: server.address(), meter: server.meter()?, people })
    }

    pub(crate) async fn connections(&self, count: usize) -> Result<Vec<Connection>, Failure> {
        try_join_all((0..count).map(|_| Connection::open(self.address))).await
    }

    /// Connections of `count` buyers, all different up to [`BUYERS`].
    pub(crate) async fn buyers(&self, count: usize) -> Result<Vec<(Connection, String)>, Failure> {
        let connections = self.connections(count).await?;
        Ok(connections.into_iter().zip(self.people.buyers.iter().cycle().cloned()).collect())
    }
}

/// Makes events with these names as the user of the session `seller`, and answers their ids.
pub(crate) async fn make_events(
    address: SocketAddr,
    seller: &str,
    names: impl IntoIterator<Item = String>,
) -> Result<Vec<String>, Failure> {
    let mut connection = Connection::open(address).await?;
    let mut events = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        let body = json!({
            "name": name, "category": "Plays", "startsAt": "2030-06-01T19:30:00Z",
            "venue": {"name": format!("Hall {}", number % 90), "city": "Boston", "region": "MA"},
        });
        events.push(connection.post("/api/events", seller, &body.to_string()).await?.id()?);
    }
    Ok(events)
}

/// How a market was filled.
#[derive(Debug)]
pub(crate) struct Filled {
    pub(crate) people: Arc<People>,
    /// How long the import of its tickets took; `None` when the data was kept by an earlier run.
    pub(crate) import: Option<Duration>,
}

/// Fills the market of `server`, which is stopped before and after. With a directory to `keep` filled data in,
/// data that an earlier run of the same binary left there is copied instead.
pub(crate) async fn fill(
    server: &mut Server,
    tickets: usize,
    keep: Option<&Path>,
) -> Result<Filled, Failure> {
    let kept = keep.map(|keep| kept_at(server, tickets, keep)).transpose()?;
    if let Some(kept) = &kept
        && let Ok(file) = File::open(kept.join("people.json"))
    {
        copy(&kept.join("data"), &server.data())?;
        let people = Arc::new(serde_json::from_reader(file)?);
        return Ok(Filled { people, import: None });
    }
    let (people, import) = import(server, tickets).await?;
    if let Some(kept) = &kept {
        copy(&server.data(), &kept.join("data"))?;
        // Written last: data without this file is incomplete.
        serde_json::to_writer(File::create(kept.join("people.json"))?, people.as_ref())?;
    }
    Ok(Filled { people, import: Some(import) })
}

async fn import(server: &mut Server, tickets: usize) -> Result<(Arc<People>, Duration), Failure> {
    server.start().await?;
    let address = server.address();
    let seller = sign_up(address, SELLER.to_owned()).await?;
    let buyers = (0..BUYERS).map(|it| sign_up(address, buyer_email(it)));
    let buyers = stream::iter(buyers).buffered(SIGNUPS).try_collect().await?;
    let words = WORDS.iter().cycle().zip(0..tickets.div_ceil(PER_EVENT));
    let names = words.map(|(word, number)| format!("{word} {number}"));
    let events = make_events(address, &seller, names).await?;
    server.stop().await?;

    let file = server.data().with_extension("csv");
    std::fs::write(&file, inventory(tickets, &events)?)?;
    let began = Instant::now();
    let words = ["import", "tickets", "--seller", SELLER].map(OsStr::new);
    server.run(&[&words[..], &[file.as_os_str()]].concat()).await?;
    let import = began.elapsed();
    std::fs::remove_file(&file)?;

    // The server catches up with the import when it starts.
    server.start().await?;
    server.meter()?.idle().await?;
    server.stop().await?;
    Ok((Arc::new(People { seller, buyers, events }), import))
}

/// The tickets as `stubmart import tickets` reads them, one after the other for every event.
fn inventory(tickets: usize, events: &[String]) -> Result<String, Failure> {
    let mut text = "title,price,event_id,section,row,seats,quantity\n".to_owned();
    for (number, event) in (0..tickets).zip(events.iter().cycle()) {
        let lot = Lot::numbered(number);
        let (title, row, [first, second]) = (lot.title(), lot.row(), lot.seats());
        let (whole, cents) = (lot.price() / 100, lot.price() % 100);
        let price = format!("{whole}.{cents:02}");
        writeln!(text, "\"{title}\",{price},{event},{},{row},{first} {second},2", lot.section())?;
    }
    Ok(text)
}

pub(crate) fn buyer_email(number: usize) -> String {
    format!("buyer{number}@example.com")
}

async fn sign_up(address: SocketAddr, email: String) -> Result<String, Failure> {
    let body = json!({"email": email, "password": PASSWORD}).to_string();
    Connection::open(address).await?.post("/api/auth/signup", "", &body).await?.session()
}

/// A lot of two seats; its number decides what it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lot(usize);

impl Lot {
    pub(crate) const fn numbered(number: usize) -> Self {
        Self(number)
    }

    fn row(self) -> usize {
        self.0 % 40
    }

    /// No two lots have a seat in common.
    fn section(self) -> String {
        format!("Stalls {}", 1 + self.0 / 1_000)
    }

    fn title(self) -> String {
        format!("Stalls row {}, two together", self.row())
    }

    /// In cents.
    fn price(self) -> usize {
        2_000 + (self.0 * 7_919) % 40_000
    }

    fn seats(self) -> [usize; 2] {
        let first = 2 * (self.0 / 40 % 25) + 1;
        [first, first + 1]
    }

    /// The body that lists the lot for `event`.
    pub(crate) fn body(self, event: &str) -> String {
        json!({
            "title": self.title(), "price": self.price(), "eventId": event, "section": self.section(),
            "row": self.row().to_string(), "seats": self.seats().map(|seat| seat.to_string()),
        })
        .to_string()
    }
}

/// The place for data that this very binary wrote.
fn kept_at(server: &Server, tickets: usize, keep: &Path) -> Result<PathBuf, Failure> {
    let mut hash = DefaultHasher::new();
    hash.write(&std::fs::read(&server.binary().path)?);
    Ok(keep.join(format!("{tickets}-{:016x}", hash.finish())))
}

/// Copies a directory and syncs it: the disk must be idle before anything is measured.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let copied = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &copied)?;
        } else {
            std::fs::copy(entry.path(), &copied)?;
            File::open(&copied)?.sync_all()?;
        }
    }
    Ok(())
}
