//! Clients that send half a request and then nothing.

use std::{fmt, time::Duration};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    Failure,
    report::Durations,
    scenario::{Cast, live},
    system::System,
};

/// How long a server may wait for the rest of the headers, with some room.
const HEADERS_MAX: Duration = Duration::from_secs(25);

/// How long a server may wait for the rest of a body, with some room.
const BODY_MAX: Duration = Duration::from_secs(45);

/// A request whose headers do not end.
const HALF_HEADERS: &[u8] = b"GET /api/events HTTP/1.1\r\nHost: localhost\r\nX-Half: ";

/// A request whose body does not end.
const HALF_BODY: &[u8] = b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\n\
    Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"email\":";

/// How the server coped.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// How long connections with half the headers stayed open.
    pub headers: Durations,
    /// How long connections with half a body stayed without an answer.
    pub bodies: Durations,
    /// How long it took to serve others meanwhile: a ticket listed and looked at.
    pub others: Durations,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "half-sent headers: open for {}", self.headers)?;
        writeln!(f, "half-sent bodies:  open for {}", self.bodies)?;
        write!(f, "served meanwhile:  {}", self.others)
    }
}

/// Sends half the headers of `headers` requests and half the body of `bodies`, and waits until the server
/// has given all of them up; meanwhile it has to serve others.
///
/// # Errors
/// [`Failure::Unmet`] when a connection stays open or others are not served.
pub async fn run(system: &dyn System, headers: usize, bodies: usize) -> Result<Report, Failure> {
    let cast = Cast::sign_up(&system.base(), 1).await?;
    let base = system.base();
    let address = base.trim_start_matches("http://");
    let mut report = Report::default();
    let stuck = async {
        let headers = (0..headers).map(|_| given_up(address, HALF_HEADERS, HEADERS_MAX));
        let bodies = (0..bodies).map(|_| given_up(address, HALF_BODY, BODY_MAX));
        tokio::join!(join_all(headers), join_all(bodies))
    };
    let mut others = Durations::default();
    let served = async {
        let actor = cast.actors(&base)?.into_iter().next();
        let actor = actor.ok_or_else(|| Failure::Unmet("there is no account".into()))?;
        for number in 0_u32.. {
            let began = Instant::now();
            live::serves(&actor, &format!("Meanwhile {number}")).await?;
            others.add(began.elapsed());
            sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, Failure>(())
    };
    let (slow_headers, slow_bodies) = tokio::select! {
        stuck = stuck => stuck,
        served = served => {
            served?;
            return Err(Failure::Unmet("serving others came to an end".into()));
        }
    };
    for took in slow_headers {
        report.headers.add(took?);
    }
    for took in slow_bodies {
        report.bodies.add(took?);
    }
    report.others = others;
    system.inspect_log()?;
    Ok(report)
}

/// Sends half a request and waits for the end of the connection, or for an answer.
async fn given_up(address: &str, half: &[u8], limit: Duration) -> Result<Duration, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(half).await?;
    let began = Instant::now();
    let mut answer = [0; 512];
    match timeout(limit, stream.read(&mut answer)).await {
        // Closed, reset, or answered: all of them are an end.
        Ok(_) => Ok(began.elapsed()),
        Err(_) => Err(Failure::Unmet(format!("a half-sent request was kept for {limit:?}"))),
    }
}
