//! The rules of the payment gateway.

use std::sync::Arc;

use stubmart_ports::gateway::{PaymentBooks, PaymentGateway};
use stubmart_sandbox::emulator::{Emulator, FaultKind};
use stubmart_suite::{
    gateway_suite,
    rules::{
        Subject,
        gateway::{Bench, Trouble},
    },
};

use crate::support::{emulator, fault, host, stripe};

struct OnTheWire(Emulator);

impl Trouble for OnTheWire {
    fn lose_next_answer(&self) {
        self.0.fail(fault(FaultKind::CutAfter, "", 1));
    }

    fn fail_next(&self) {
        self.0.fail(fault(FaultKind::RateLimited, "", 1));
    }
}

async fn subject() -> Subject<dyn PaymentGateway, Bench> {
    let host = host();
    let emulator = emulator(&host).await;
    let (a, b) = (Arc::new(stripe(&emulator, &host)), Arc::new(stripe(&emulator, &host)));
    let (ids, books): (_, Arc<dyn PaymentBooks>) = (Arc::clone(&host.ids), a.clone());
    Subject {
        a,
        b,
        with: Bench { ids, trouble: Arc::new(OnTheWire(emulator)), books },
        guard: Box::new(()),
    }
}

gateway_suite!(subject);
