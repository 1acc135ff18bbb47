//! Calls over HTTP keep every rule of the calls, as those in one process do, and more: they know each other by a
//! secret, and find an instance that answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod trouble;

use std::{
    future::{Ready, ready},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use stubmart_calls::{Remote, Secret, Served};
use stubmart_contract::Timestamp;
use stubmart_ports::host::{Clock, Host};
use stubmart_suite::{
    calls_suite, host,
    rules::{
        Subject,
        calls::{Services, Told},
    },
};
use tokio::net::TcpListener;

/// A clock whose time stands still, and whose waits are real.
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        host::START
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

fn standing() -> Host {
    Host { clock: Arc::new(Standing), ..host::manual(1).0 }
}

fn secret(number: u32) -> Secret {
    Secret::parse(&format!("a secret of the services {number}").replace(' ', "-")).unwrap()
}

/// Serves what answers the calls, until the runtime ends.
async fn serve(told: &Arc<Told>, host: &Host, at: SocketAddr) -> SocketAddr {
    let Services { auth, tickets, catalogue, orders, payments } = told.services();
    let served = Served {
        auth: Some(auth),
        tickets: Some(tickets),
        catalogue: Some(catalogue),
        orders: Some(orders),
        payments: Some(payments),
    };
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = served.router(secret(1), host);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// The services at these addresses.
fn reach(addresses: &[SocketAddr], secret: &Secret, host: &Host) -> Services {
    let remote = || {
        let addresses = addresses.iter().map(ToString::to_string).collect();
        Remote::new(addresses, secret.clone(), host.clone())
    };
    Services {
        auth: remote().auth(),
        tickets: remote().tickets(),
        catalogue: remote().catalogue(),
        orders: remote().orders(),
        payments: remote().payments(),
    }
}

fn anywhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

mod in_one_process {
    use super::*;

    fn subject() -> Ready<Subject<Services, Arc<Told>>> {
        let told = Arc::new(Told::default());
        let services = Arc::new(told.services());
        ready(Subject { a: services.clone(), b: services, with: told, guard: Box::new(()) })
    }

    calls_suite!(subject);
}

mod over_http {
    use super::*;

    async fn subject() -> Subject<Services, Arc<Told>> {
        let (told, host) = (Arc::new(Told::default()), standing());
        let address = serve(&told, &host, anywhere()).await;
        let [a, b] = [(); 2].map(|()| Arc::new(reach(&[address], &secret(1), &host)));
        Subject { a, b, with: told, guard: Box::new(()) }
    }

    calls_suite!(subject);
}
