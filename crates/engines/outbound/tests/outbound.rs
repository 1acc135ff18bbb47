//! Requests over HTTP keep to the rules of the port.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use stubmart_outbound::HttpOutbound;
use stubmart_ports::outbound::Outbound;
use stubmart_suite::rules::Subject;
use tokio::runtime::Handle;

fn subject() -> Ready<Subject<dyn Outbound>> {
    let (host, _) = stubmart_os::host(Handle::current());
    ready(Subject {
        a: Arc::new(HttpOutbound::new(host.clone(), true)),
        b: Arc::new(HttpOutbound::new(host, false)),
        with: (),
        guard: Box::new(()),
    })
}

stubmart_suite::outbound_suite!(subject);
