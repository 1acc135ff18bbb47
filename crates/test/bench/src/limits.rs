//! The bare limits of the machine: the store and the HTTP server with nothing on top.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use stubmart_contract::{
    Actor, DomainEvent, Envelope, MessageId, Timestamp, UserId, event::UserState,
};

use stubmart_ports::store::{Collection, DocKey, Expect, Save, SaveId, Store};
use stubmart_sqlite::{Database, Options};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    failure::Failure,
    http::Connection,
    load::{self, Rate, Round},
    meter::Meter,
};

static BARE: Collection = Collection { name: "bench.bare", indexes: &[] };

/// The size of a stored document, in bytes.
const BODY: usize = 430;

/// The size of a page of 50 tickets, in bytes.
const PAGE: usize = 8 * 1024;

/// The bounds of the market. Their CPU includes the load generator's.
#[derive(Debug)]
pub(crate) struct Limits {
    /// Durable saves of a document with one event.
    pub(crate) saves: Rate,
    /// Answers of axum that hold a page of 50 tickets and cost nothing to make.
    pub(crate) http: Rate,
}

pub(crate) async fn measure(span: Duration, connections: usize) -> Result<Limits, Failure> {
    Ok(Limits { saves: saves(span, connections).await?, http: http(span, connections).await? })
}

async fn saves(span: Duration, submitters: usize) -> Result<Rate, Failure> {
    let directory = tempfile::tempdir()?;
    let (host, _died) = stubmart_os::host(tokio::runtime::Handle::current());
    let database =
        Database::open(&directory.path().join("bare.db"), Options::default(), host.clone())?;
    let store: Arc<dyn Store> = database.store();
    let clients = (0..submitters).map(|_| (Arc::clone(&store), host.clone())).collect();
    let rate = load::run(Meter::own(), span, clients, |(store, host)| async move {
        let id = host.uuid();
        let event = event(host.message_id(), id);
        let save = Save {
            key: DocKey { collection: &BARE, id },
            expect: Expect::Absent,
            save_id: SaveId(Uuid::nil()),
            body: vec![b'x'; BODY],
            entries: Vec::new(),
            version: 1,
            events: vec![Arc::new(event)],
        };
        store.save(Arc::new(save)).await?;
        Ok(((store, host), Round::Expected))
    })
    .await?;
    database.close().await?;
    Ok(rate)
}

/// An event as small as there is one.
fn event(id: MessageId, aggregate_id: Uuid) -> Envelope {
    Envelope {
        id,
        aggregate_id,
        version: 1,
        at: Timestamp::EPOCH,
        causation_id: id,
        correlation_id: id,
        actor: Actor::System,
        request_id: None,
        event: DomainEvent::UserCreated(UserState { id: UserId(aggregate_id) }),
    }
}

async fn http(span: Duration, connections: usize) -> Result<Rate, Failure> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let page = "x".repeat(PAGE);
    let app = Router::new().route("/", get(move || std::future::ready(page.clone())));
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut clients = Vec::new();
    for _ in 0..connections {
        clients.push(Connection::open(address).await?);
    }
    let rate = load::run(Meter::own(), span, clients, |mut client: Connection| async move {
        let is_page = client.get("/", "").await?.status == 200;
        Ok((client, Round::expected(is_page)))
    })
    .await?;
    server.abort();
    Ok(rate)
}
