//! `stubmart refund`: an operator gives the money of an order back.

use stubmart_contract::{Actor, Context, OrderId};
use stubmart_kernel::worker::ShutdownTrigger;
use stubmart_orders::order::{ORDERS, Order};
use stubmart_payments::refund_order::Refunded;
use stubmart_ports::{Cause, host::Host};
use stubmart_sqlite::snapshot::Snapshot;

use crate::{
    check,
    config::{Config, operator},
    engines::Opened,
    output,
};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    /// The order, by its id or its number.
    pub(crate) order: String,
    /// Why.
    pub(crate) reason: String,
    /// How much, in minor units; all of it when left out.
    pub(crate) amount: Option<i64>,
    /// Names the refund.
    pub(crate) key: Option<String>,
}

/// Gives the money of an order back, and prints what became of it.
///
/// # Errors
/// The cause: there is no such order, nothing was paid for it, or its money was given back before. Nothing
/// happened, unless the store failed.
pub(crate) async fn refund(config: &Config, host: Host, request: &Request) -> Result<(), Cause> {
    let order = find(config, &request.order)?;
    let total = order.breakdown().total;
    let (id, number, currency) = (order.id, order.id.number(), order.currency);
    if request.amount.is_some_and(|amount| amount != i64::from(total.minor())) {
        let text = format!(
            "the buyer paid {} {currency}: a part of it cannot be given back",
            total.minor()
        );
        return Err(text.into());
    }
    let opened = Opened::open(config, host).await?;
    let (_trigger, shutdown) = ShutdownTrigger::new();
    let market = opened.start(config, &shutdown).await?;
    let payments = market.service.payments.clone();
    let context = Context::of(Actor::Operator(operator()));
    let key = request.key.as_deref();
    let refunded = payments.refund_order(&context, id, &request.reason, key).await;
    drop(market);
    opened.close().await?;
    match refunded? {
        Refunded::Done(charge) => {
            let refund = charge.refund_id.unwrap_or_default();
            output::say(&format!(
                "order {number}: {} {currency} given back ({refund})",
                total.minor()
            ))
        }
        Refunded::Pending(_) => output::say(&format!(
            "order {number}: {} {currency} will be given back when the payment provider answers",
            total.minor()
        )),
    }
}

/// The order with this id or number, in any case and with or without hyphens.
fn find(config: &Config, text: &str) -> Result<Order, Cause> {
    let snapshot = Snapshot::take(&config.existing()?)?;
    let orders: Vec<Order> = check::all(&snapshot, &ORDERS)?;
    let plain = |number: &str| number.replace('-', "").to_ascii_uppercase();
    let (id, number) = (text.parse::<OrderId>().ok(), plain(text));
    let mut found =
        orders.into_iter().filter(|it| Some(it.id) == id || plain(&it.id.number()) == number);
    match (found.next(), found.next()) {
        (Some(order), None) => Ok(order),
        (Some(_), Some(_)) => Err("two orders have this number: name the order by its id".into()),
        (None, _) => Err(format!("there is no order {text}").into()),
    }
}
