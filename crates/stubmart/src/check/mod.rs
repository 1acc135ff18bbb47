//! `stubmart check`: audits a stored market for the invariants of the design.
//!
//! The rules are pure ([`rules`]) and look at everything that is stored, read one collection after the
//! other. Beside a running server that is no snapshot, and what is under way looks broken for some
//! milliseconds. So what is found is looked for again: only what is found every time, unchanged and with
//! no event on its way that would mend it, is a violation.

mod record;
mod rules;
mod stored;

use std::{collections::HashSet, time::Duration};

use stubmart_ports::{Cause, consumer::Handler, host::Host};

use crate::{
    check::{rules::Finding, stored::Stored},
    config::Config,
};

/// How often what was found is looked for again.
const LOOKS: u32 = 12;

/// How long to wait in between.
const PAUSE: Duration = Duration::from_millis(500);

/// Audits the market and prints what it found; true when nothing is broken.
#[expect(clippy::print_stdout, reason = "the report is the command's output")]
pub(crate) async fn check(config: &Config, host: Host) -> Result<bool, Cause> {
    if !config.database().exists() {
        return Err(format!("there is no market in {}", config.data.display()).into());
    }
    let stored = Stored::open(config, host.clone()).await?;
    let mut broken: Option<HashSet<Finding>> = None;
    let mut checked = String::new();
    for look in 0..LOOKS {
        if look > 0 {
            host.clock.sleep(PAUSE).await;
        }
        let market = stored.read().await?;
        let mut found: HashSet<Finding> = rules::audit(&market).into_iter().collect();
        let (gaps, events) = record::audit(&stored, &market).await?;
        found.extend(gaps);
        checked = format!(
            "{} tickets, {} orders, {} charges, {events} events",
            market.tickets.len(),
            market.orders.len(),
            market.charges.len()
        );
        let mut still = HashSet::new();
        for finding in found {
            let seen_before = broken.as_ref().is_none_or(|broken| broken.contains(&finding));
            if seen_before && !stored.is_on_its_way(&finding)? {
                still.insert(finding);
            }
        }
        let done = still.is_empty();
        broken = Some(still);
        if done {
            break;
        }
    }
    let mut broken: Vec<_> = broken.unwrap_or_default().into_iter().collect();
    broken.sort();
    for finding in &broken {
        println!("{}: {}", finding.invariant, finding.text);
    }
    match broken.len() {
        0 => println!("checked {checked}: every invariant holds"),
        count => println!("checked {checked}: {count} violations"),
    }
    stored.close().await?;
    Ok(broken.is_empty())
}

/// The consumers whose events mend what is under way.
fn consumers(
    handlers: &[std::sync::Arc<dyn Handler>],
    name: &str,
) -> Option<&'static stubmart_ports::bus::Consumer> {
    handlers.iter().map(|handler| handler.consumer()).find(|consumer| consumer.name == name)
}
