//! What goes wrong between services.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use stubmart_calls::Served;
use stubmart_contract::{Actor, Context, EventId, OrderId, TicketId};
use stubmart_ports::{calls::CallError, host::Host};
use stubmart_suite::rules::calls::{Mood, Services, Told};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

use crate::{anywhere, reach, secret, serve};

fn machine() -> Host {
    stubmart_os::host(tokio::runtime::Handle::current()).0
}

fn context() -> Context {
    Context::of(Actor::System)
}

async fn release(services: &Services) -> Result<(), CallError> {
    let (ticket, order) = (TicketId(Uuid::nil()), OrderId(Uuid::nil()));
    services.tickets.release(&context(), ticket, order).await
}

/// An address at which nobody listens.
async fn nobody() -> SocketAddr {
    TcpListener::bind(anywhere()).await.unwrap().local_addr().unwrap()
}

/// Sends these bytes; the answer is all that comes back.
async fn raw(address: SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Without the secret nothing is done and nothing is told, not even which calls there are. A call with a wrong
/// secret is not tried again.
#[tokio::test]
async fn nothing_is_answered_without_the_secret() {
    let (told, host) = (Arc::new(Told::default()), machine());
    let address = serve(&told, &host, anywhere()).await;
    let others = reach(&[address], &secret(2), &host);
    let answers = others.call_all(&context()).await;
    assert!(answers.iter().all(|it| it == "failed"), "{answers:?}");
    for path in ["/calls/tickets/release", "/calls/tickets/nothing", "/"] {
        for header in ["", "Authorization: Bearer nonsense\r\n", "Authorization: Basic dTpw\r\n"] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{header}");
            let answer = raw(address, format!("{head}Content-Length: 2\r\n\r\n{{}}")).await;
            assert!(answer.starts_with("HTTP/1.1 401"), "{path}: {answer}");
        }
    }
    assert_eq!(told.heard(), []);
    assert!(release(&reach(&[address], &secret(1), &host)).await.is_ok());
}

/// A process answers the calls of its own services only.
#[tokio::test]
async fn a_service_that_does_not_run_here_is_not_answered_for() {
    let (told, host) = (Arc::new(Told::default()), machine());
    let served = Served { auth: Some(told.clone()), ..Served::default() };
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = served.router(secret(1), &host);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let services = reach(&[address], &secret(1), &host);
    assert!(release(&services).await.is_err());
    assert!(services.auth.introspect(&context(), "token").await.is_ok());
    assert_eq!(told.heard().len(), 1);
}

/// Of two instances one is gone, or cannot reach its store: no caller notices.
#[tokio::test]
async fn a_call_finds_an_instance_that_can_answer() {
    let (host, told, ill) = (machine(), Arc::new(Told::default()), Arc::new(Told::default()));
    ill.is_in(Mood::Failing);
    let well = serve(&told, &host, anywhere()).await;
    for other in [nobody().await, serve(&ill, &host, anywhere()).await] {
        let services = reach(&[other, well], &secret(1), &host);
        for _ in 0..10 {
            release(&services).await.unwrap();
        }
    }
    assert_eq!(told.heard().len(), 20);
    assert!(!ill.heard().is_empty(), "the calls go round");
}

/// A service that is down fails calls at once, and is called again when it is back.
#[tokio::test]
async fn a_service_that_comes_back_is_called_again() {
    let (host, told, address) = (machine(), Arc::new(Told::default()), nobody().await);
    let services = reach(&[address], &secret(1), &host);
    let started = Instant::now();
    for _ in 0..20 {
        release(&services).await.unwrap_err();
    }
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    serve(&told, &host, address).await;
    while release(&services).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "it is not called again");
    }
}

/// Every instance learns what each keeps for itself; one that is down keeps nobody from it.
#[tokio::test]
async fn a_change_of_a_listing_reaches_every_instance() {
    let host = machine();
    let told = [(); 2].map(|()| Arc::new(Told::default()));
    let [one, other] = &told;
    let addresses = [
        serve(one, &host, anywhere()).await,
        nobody().await,
        serve(other, &host, anywhere()).await,
    ];
    let services = reach(&addresses, &secret(1), &host);
    let listing = stubmart_suite::rules::calls::listing();
    services.catalogue.listing_changed(&context(), listing).await.unwrap();
    assert!(told.iter().all(|it| it.heard().len() == 1));
    services.catalogue.show(&context(), EventId(Uuid::nil())).await.unwrap();
    assert_eq!(told.iter().map(|it| it.heard().len()).sum::<usize>(), 1, "one is asked");
}

/// An instance that takes the call and never answers costs its caller no more time than there is.
#[tokio::test]
async fn a_call_ends_with_its_deadline() {
    let host = machine();
    let silent = TcpListener::bind(anywhere()).await.unwrap();
    let services = reach(&[silent.local_addr().unwrap()], &secret(1), &host);
    let started = Instant::now();
    let deadline = Some(host.now().after(Duration::from_millis(300)));
    let hurried = Context { deadline, ..context() };
    services.auth.introspect(&hurried, "token").await.unwrap_err();
    let taken = started.elapsed();
    assert!(Duration::from_millis(250) < taken && taken < Duration::from_secs(3), "{taken:?}");
}
