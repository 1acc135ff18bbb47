//! `stubmart refund`: an operator gives the money of an order back.

use stubmart_contract::{Actor, Context, OrderId, Price, api::RefundStatus};
use stubmart_kernel::worker::ShutdownTrigger;
use stubmart_orders::order::{ORDERS, Order};
use stubmart_payments::refund_order::{RefundOrder, Refunded};
use stubmart_ports::{Cause, host::Host};

use crate::{
    config::{Config, operator},
    engines::Opened,
    output,
    whole::Whole,
};

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    /// The order, by its id or its number.
    pub(crate) order: String,
    /// Why.
    pub(crate) reason: String,
    /// How much, in minor units; all that is left when left out.
    pub(crate) amount: Option<i64>,
    /// Names the refund.
    pub(crate) key: Option<String>,
}

/// Gives the money of an order back, and prints what became of it.
///
/// # Errors
/// The cause: there is no such order, nothing was paid for it, not so much of it is left, or the provider
/// refused. Nothing was given back, unless the store failed.
pub(crate) async fn refund(config: &Config, host: Host, request: &Request) -> Result<(), Cause> {
    let order = find(config, &host, &request.order).await?;
    let (id, number, currency) = (order.id, order.id.number(), order.currency);
    let amount = request.amount.map(Price::try_from).transpose();
    let amount = amount.map_err(|error| format!("--amount {error}"))?;
    let opened = Opened::open(config, host).await?;
    let (_trigger, shutdown) = ShutdownTrigger::new();
    let market = opened.start_all(config, &shutdown).await?;
    let payments = market.service.payments.clone();
    let context = Context::of(Actor::Operator(operator()));
    let key = request.key.as_deref();
    let request = RefundOrder { order_id: id, amount, reason: &request.reason, key };
    let refunded = payments.refund_order(&context, &request).await;
    drop(market);
    opened.close().await?;
    let Refunded { refund, charge } = refunded?;
    let part = match (refund.amount.minor(), charge.amount.minor()) {
        (amount, all) if amount == all => format!("{amount} {currency}"),
        (amount, all) => format!("{amount} of {all} {currency}"),
    };
    let at_provider =
        refund.provider_id.as_deref().map(|id| format!(" ({id})")).unwrap_or_default();
    match refund.status() {
        RefundStatus::Succeeded => {
            output::say(&format!("order {number}: {part} given back{at_provider}"))
        }
        RefundStatus::Pending => output::say(&format!(
            "order {number}: {part} will be given back when the payment provider has sent it{at_provider}"
        )),
        RefundStatus::Failed => {
            Err(format!("order {number}: {part} was not given back: the payment provider refused, or the bank sent it back{at_provider}").into())
        }
    }
}

/// The order with this id or number, in any case and with or without hyphens.
///
/// # Errors
/// The cause: there is none, or more than one.
pub(crate) async fn find(config: &Config, host: &Host, text: &str) -> Result<Order, Cause> {
    let orders: Vec<Order> = Whole::of(config, host).await?.all(&ORDERS).await?;
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
