//! The adapter on an emulator of its own.

use std::{net::Ipv4Addr, time::Duration};

use stubmart_contract::{ChargeId, Currency, OrderId, Price, RefundId};
use stubmart_ports::{
    gateway::{AuthoriseRequest, Payment, RefundRequest},
    host::Host,
};
use stubmart_sandbox::emulator::{self, Emulator, Fault, FaultKind};
use stubmart_stripe::{ApiBase, Config, Patience, Secret, SecretKey, Stripe};

/// Signs the webhooks.
pub(crate) const WEBHOOK_SECRET: &str = "whsec_test";

pub(crate) fn host() -> Host {
    stubmart_os::host(tokio::runtime::Handle::current()).0
}

pub(crate) async fn emulator(host: &Host) -> Emulator {
    emulator::listen((Ipv4Addr::LOCALHOST, 0).into(), host.clone()).await.unwrap()
}

/// An adapter that sends nothing again but what met a conflict.
pub(crate) fn stripe(emulator: &Emulator, host: &Host) -> Stripe {
    with_patience(emulator, host, Patience { tries: 1, ..patient() })
}

/// The usual patience, with a shorter wait for what never comes.
pub(crate) fn patient() -> Patience {
    Patience { request: Duration::from_millis(500), ..Patience::default() }
}

pub(crate) fn with_patience(emulator: &Emulator, host: &Host, patience: Patience) -> Stripe {
    let config = Config {
        secret_key: SecretKey::parse("sk_test_1").unwrap(),
        webhook_secrets: vec![Secret::new(WEBHOOK_SECRET)],
        api_base: ApiBase::parse(emulator.base()).unwrap(),
        patience,
    };
    Stripe::new(&config, host.clone()).unwrap()
}

pub(crate) fn request(host: &Host, payment_method: Option<&str>) -> AuthoriseRequest {
    AuthoriseRequest {
        charge_id: ChargeId(host.uuid()),
        order_id: OrderId(host.uuid()),
        amount: Price::try_from(12_550).unwrap(),
        currency: Currency::USD,
        payment_method: payment_method.map(ToOwned::to_owned),
    }
}

/// A refund of all of a payment.
pub(crate) fn refund(payment: &Payment) -> RefundRequest {
    RefundRequest {
        charge_id: payment.charge_id,
        payment_id: payment.id.clone(),
        refund_id: RefundId(payment.charge_id.0),
        amount: payment.amount,
    }
}

pub(crate) fn fault(kind: FaultKind, path: &str, times: u32) -> Fault {
    Fault { kind, path: path.to_owned(), times }
}
