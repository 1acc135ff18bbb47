//! `stubmart payouts`: what is due to sellers, and what was paid.

use std::collections::HashMap;

use stubmart_contract::{
    Actor, Context, OrderId, PayoutId, UserId,
    api::{HoldReason, SaleStatus},
};
use stubmart_kernel::worker::ShutdownTrigger;
use stubmart_payments::{
    Payments,
    payout::{PAYOUTS, Payout, ToPay, last_of_each, to_pay},
    sale::{SALES, Sale},
};
use stubmart_ports::{Cause, calls::Auth as _, host::Host};

use crate::{
    config::{Config, operator},
    engines::Opened,
    output, refund,
    whole::Whole,
};

/// Prints what is due to sellers, and what sellers owe.
///
/// # Errors
/// The cause: there is no market, or it cannot be read.
pub(crate) async fn due(config: &Config, host: Host, csv: bool) -> Result<(), Cause> {
    let whole = Whole::of(config, &host).await?;
    let sales: Vec<Sale> = whole.all(&SALES).await?;
    let payouts: Vec<Payout> = whole.all(&PAYOUTS).await?;
    drop(whole);
    let due = to_pay(&sales, &last_of_each(&payouts));
    let emails = emails(config, host, &due).await?;
    let email = |it: &ToPay| emails.get(&it.seller_id).cloned().unwrap_or_default();
    output::say(if csv { table(&due, email)? } else { text(&due, email) }.trim_end())
}

/// Where the sellers are written to; those who deleted their accounts are not among them.
async fn emails(
    config: &Config,
    host: Host,
    due: &[ToPay],
) -> Result<HashMap<UserId, String>, Cause> {
    let opened = Opened::open(config, host).await?;
    let (_trigger, shutdown) = ShutdownTrigger::new();
    let market = opened.start_all(config, &shutdown).await?;
    let auth = market.service.auth.clone();
    let context = Context::of(Actor::Operator(operator()));
    let mut emails = HashMap::new();
    for seller in due.iter().map(|it| it.seller_id) {
        if let Some(recipient) = auth.recipient(&context, seller).await? {
            emails.insert(seller, recipient.email.as_str().to_owned());
        }
    }
    drop((market, auth));
    opened.close().await?;
    Ok(emails)
}

fn numbers(it: &ToPay) -> String {
    it.items.iter().map(|item| item.order_id.number()).collect::<Vec<_>>().join(" ")
}

fn text(due: &[ToPay], email: impl Fn(&ToPay) -> String) -> String {
    if due.is_empty() {
        return "nothing is due".to_owned();
    }
    let line = |it: &ToPay| {
        let ToPay { id, seller_id, currency, amount, .. } = it;
        let (seller, orders) = (email(it), numbers(it));
        if *amount > 0 {
            format!(
                "payout {id}: {amount} {currency} to seller {seller_id} {seller}\n  for {orders}"
            )
        } else {
            let owed = -amount;
            format!(
                "seller {seller_id} {seller} owes {owed} {currency}: it is taken off of the next payout\n  for {orders}"
            )
        }
    };
    due.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What is to be paid as CSV. What is owed is not in it: nobody pays that.
fn table(due: &[ToPay], email: impl Fn(&ToPay) -> String) -> Result<String, Cause> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["payout", "seller", "email", "amount", "currency", "orders"])?;
    for it in due.iter().filter(|it| it.amount > 0) {
        table.write_record([
            it.id.to_string(),
            it.seller_id.to_string(),
            plain(email(it)),
            it.amount.to_string(),
            it.currency.to_string(),
            numbers(it),
        ])?;
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}

/// A text that a spreadsheet does not take for a formula.
fn plain(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
}

/// Notes that a payout was paid.
///
/// # Errors
/// The cause: nothing like it is due, or it was noted with another reference. Nothing happened, unless the store
/// failed.
pub(crate) async fn paid(
    config: &Config,
    host: Host,
    id: PayoutId,
    reference: &str,
) -> Result<(), Cause> {
    config.require()?;
    let opened = Opened::open(config, host).await?;
    let (payments, context) = payments(config, &opened).await?;
    let paid = payments.paid(&context, id, reference).await;
    drop(payments);
    opened.close().await?;
    let Payout { to_pay, paid_at, .. } = paid?;
    let ToPay { seller_id, currency, amount, .. } = to_pay;
    output::say(&format!("seller {seller_id}: {amount} {currency} noted as paid at {paid_at}"))
}

/// Holds what a seller gets for an order.
///
/// # Errors
/// The cause: there is no such sale, or it is too late. Nothing happened, unless the store failed.
pub(crate) async fn hold(
    config: &Config,
    host: Host,
    order: &str,
    reason: &str,
) -> Result<(), Cause> {
    let id = refund::find(config, &host, order).await?.id;
    let opened = Opened::open(config, host).await?;
    let (payments, context) = payments(config, &opened).await?;
    let held = payments.hold_sale(&context, id, reason).await;
    drop(payments);
    opened.close().await?;
    held?;
    output::say(&format!("order {}: what its seller gets is held", id.number()))
}

/// Holds it no longer.
///
/// # Errors
/// As [`hold`]; or nobody holds it by hand.
pub(crate) async fn free(config: &Config, host: Host, order: &str) -> Result<(), Cause> {
    let id = refund::find(config, &host, order).await?.id;
    let opened = Opened::open(config, host.clone()).await?;
    let (payments, context) = payments(config, &opened).await?;
    let freed = payments.free_sale(&context, id).await;
    drop(payments);
    opened.close().await?;
    output::say(&after(id, &freed?.state, &host))
}

/// Where a sale stands that nobody holds by hand any longer.
fn after(id: OrderId, sale: &Sale, host: &Host) -> String {
    let number = id.number();
    let holds = sale.holds(host.now());
    if sale.status() == SaleStatus::Due {
        return format!("order {number}: what its seller gets is due");
    }
    if holds.contains(&HoldReason::Claim) {
        return format!("order {number}: freed; its buyer's claim holds it");
    }
    match sale.payout_on() {
        Some(at) => format!("order {number}: freed; it is due at {at} if nothing else holds it"),
        None => format!("order {number}: freed; it is due some time after the ticket is sent"),
    }
}

async fn payments(config: &Config, opened: &Opened) -> Result<(Payments, Context), Cause> {
    let (_trigger, shutdown) = ShutdownTrigger::new();
    let market = opened.start_all(config, &shutdown).await?;
    Ok((market.service.payments.clone(), Context::of(Actor::Operator(operator()))))
}
