//! The course of a run: the binaries take turns at every measurement, so that other work of the machine disturbs
//! all of them alike.

use std::time::Duration;

use crate::{
    failure::Failure,
    limits,
    load::Rate,
    market::{self, Filled, Market},
    operation::{Load, Operation},
    plan::{Plan, Progress},
    report::{Figure, MarketReport, OperationReport},
    server::{self, Server},
};

/// How long each operation runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// The most tickets that a warm-up may use up.
const WARM_UP_MOST: usize = 5_000;

/// How many tickets a load gets, in percent of those that it would use up at the rate of the round before.
const MARGIN: usize = 140;

/// How often a start, and a rush for one ticket, is repeated.
const REPEATED: usize = 3;

/// How many buyers want one ticket.
const RUSH: usize = 200;

/// How many tickets are listed before a server is killed, so that its log is not empty.
const BEFORE_KILL: usize = 5_000;

/// How many logins fail.
const FAILED_LOGINS: usize = 500;

/// How many purchases the growth on disk is measured with.
const PURCHASES: usize = 10_000;

/// One binary and its market.
struct Entrant {
    server: Server,
    filled: Filled,
}

impl Entrant {
    fn market(&self) -> Result<Market, Failure> {
        Market::of(&self.server, &self.filled.people)
    }

    async fn start(&mut self) -> Result<Duration, Failure> {
        let ready_after = self.server.start().await?;
        self.server.meter()?.idle().await?;
        Ok(ready_after)
    }
}

/// Measures all binaries in a market of `tickets`. Only the first market of a run has the figures that do not
/// depend on its size.
pub(crate) async fn market(
    plan: &Plan,
    tickets: usize,
    is_first: bool,
    progress: &Progress,
) -> Result<MarketReport, Failure> {
    progress.say("bare limits");
    let limits = limits::measure(plan.span, plan.connections).await?;
    let mut entrants = Vec::new();
    for binary in &plan.binaries {
        progress.say(&format!("{}: {tickets} tickets are imported", binary.label));
        let mut server = Server::new(binary.clone())?;
        let filled = market::fill(&mut server, tickets, plan.keep.as_deref()).await?;
        entrants.push(Entrant { server, filled });
    }
    let mut report = MarketReport {
        tickets,
        limits,
        operations: Vec::new(),
        figures: Vec::new(),
        faults: Vec::new(),
    };
    if plan.with_figures {
        at_rest(&mut entrants, &mut report, progress).await?;
    }
    for entrant in &mut entrants {
        entrant.start().await?;
    }
    for operation in &plan.operations {
        progress.say(operation.title());
        let rates = rounds(plan, *operation, &entrants).await?;
        let errors: u64 = rates.iter().flatten().map(|rate| rate.errors).sum();
        if errors > 0 {
            report.faults.push(format!("{}: {errors} unexpected answers", operation.title()));
        }
        report.operations.push(OperationReport { operation: *operation, rates });
    }
    if plan.with_figures {
        after_load(&entrants, &mut report, progress).await?;
        if is_first {
            failed_logins(plan, &mut entrants, &mut report, progress).await?;
            disk(plan, &mut entrants, &mut report, progress).await?;
        }
    }
    for entrant in &mut entrants {
        entrant.server.stop().await?;
    }
    Ok(report)
}

/// All rounds of one operation: for each binary, its rates. The order turns around in every second round
/// (A B, B A), so that a machine that becomes slower does so for both.
async fn rounds(
    plan: &Plan,
    operation: Operation,
    entrants: &[Entrant],
) -> Result<Vec<Vec<Rate>>, Failure> {
    let mut load = Load { span: WARM_UP, connections: plan.connections, most: WARM_UP_MOST };
    let mut markets = Vec::new();
    for entrant in entrants {
        let market = entrant.market()?;
        let rate = market.measure(operation, load).await?;
        markets.push((market, rate.per_second(), Vec::new()));
    }
    load.span = plan.span;
    for round in 0..plan.rounds {
        let mut turn: Vec<_> = markets.iter_mut().collect();
        if round % 2 == 1 {
            turn.reverse();
        }
        for (market, per_second, rates) in turn {
            load.most = (*per_second * plan.span.as_secs_f64()) as usize * MARGIN / 100;
            let rate = market.measure(operation, load).await?;
            *per_second = rate.per_second();
            rates.push(rate);
        }
    }
    Ok(markets.into_iter().map(|(_, _, rates)| rates).collect())
}

/// Starts, and the market without visitors.
async fn at_rest(
    entrants: &mut [Entrant],
    report: &mut MarketReport,
    progress: &Progress,
) -> Result<(), Failure> {
    let tickets = report.tickets as f64;
    progress.say("starts and memory at rest");
    let mut imports = Figure::new("tickets imported", "/s");
    let mut bytes = Figure::new("on disk for each ticket, with its event", "kB");
    let mut ready = Figure::new("ready after a clean stop", "ms");
    let mut recovered = Figure::new("ready after a kill under load", "ms");
    let mut memory = Figure::new("memory at rest", "MB");
    for (at, entrant) in entrants.iter_mut().enumerate() {
        if let Some(import) = entrant.filled.import {
            imports.add(at, tickets / import.as_secs_f64());
        }
        bytes.add(at, server::bytes_in(&entrant.server.data())? as f64 / 1e3 / tickets);
    }
    for _ in 0..REPEATED {
        for (at, entrant) in entrants.iter_mut().enumerate() {
            ready.add(at, ms(entrant.start().await?));
            memory.add(at, entrant.server.meter()?.memory_mb()?);
            entrant.server.stop().await?;
        }
    }
    for _ in 0..REPEATED {
        for (at, entrant) in entrants.iter_mut().enumerate() {
            entrant.start().await?;
            drop(entrant.market()?.fresh(BEFORE_KILL).await?);
            entrant.server.kill().await?;
            recovered.add(at, ms(entrant.start().await?));
            entrant.server.stop().await?;
        }
    }
    report.figures.extend([imports, bytes, ready, recovered, memory]);
    Ok(())
}

async fn after_load(
    entrants: &[Entrant],
    report: &mut MarketReport,
    progress: &Progress,
) -> Result<(), Failure> {
    progress.say("many buyers for one ticket");
    let mut answered = Figure::new("200 buyers for one ticket: all answered", "ms");
    let mut winners = Figure::new("200 buyers for one ticket: winners", "");
    let mut memory = Figure::new("memory after the load", "MB");
    for _ in 0..REPEATED {
        for (at, entrant) in entrants.iter().enumerate() {
            let rush = entrant.market()?.one_ticket(RUSH).await?;
            if rush.winners != 1 {
                report.faults.push(format!("one ticket had {} winners", rush.winners));
            }
            answered.add(at, ms(rush.last));
            winners.add(at, rush.winners as f64);
        }
    }
    for (at, entrant) in entrants.iter().enumerate() {
        memory.add(at, entrant.server.meter()?.memory_mb()?);
    }
    report.figures.extend([answered, winners, memory]);
    Ok(())
}

async fn failed_logins(
    plan: &Plan,
    entrants: &mut [Entrant],
    report: &mut MarketReport,
    progress: &Progress,
) -> Result<(), Failure> {
    progress.say("failed logins");
    let mut rate = Figure::new("failed logins", "/s");
    let mut cpu = Figure::new("CPU of a failed login", "ms");
    let mut memory = Figure::new("memory after 500 failed logins", "MB");
    let mut peak = Figure::new("memory at most, during them", "MB");
    for (at, entrant) in entrants.iter_mut().enumerate() {
        entrant.server.stop().await?;
        entrant.start().await?;
        let load = Load { span: Duration::MAX, connections: plan.connections, most: FAILED_LOGINS };
        let logins = entrant.market()?.failed_logins(load).await?;
        if logins.errors > 0 {
            report.faults.push(format!("failed logins: {} unexpected answers", logins.errors));
        }
        rate.add(at, logins.per_second());
        cpu.add(at, logins.cpu_us() / 1e3);
        memory.add(at, entrant.server.meter()?.memory_mb()?);
        peak.add(at, entrant.server.meter()?.memory_peak_mb()?);
    }
    report.figures.extend([rate, cpu, memory, peak]);
    Ok(())
}

/// The growth of the data with each purchase, from one orderly end to the next: all data is in the files then,
/// none in a log.
async fn disk(
    plan: &Plan,
    entrants: &mut [Entrant],
    report: &mut MarketReport,
    progress: &Progress,
) -> Result<(), Failure> {
    progress.say("bytes for each purchase");
    let mut figure = Figure::new("on disk for each purchase", "kB");
    for (at, entrant) in entrants.iter_mut().enumerate() {
        let fresh = entrant.market()?.fresh(PURCHASES).await?;
        entrant.server.stop().await?;
        let before = server::bytes_in(&entrant.server.data())?;
        entrant.start().await?;
        let load = Load { span: Duration::MAX, connections: plan.connections, most: PURCHASES };
        let bought = entrant.market()?.buy(fresh, load).await?;
        entrant.server.stop().await?;
        let grown = server::bytes_in(&entrant.server.data())?.saturating_sub(before);
        figure.add(at, grown as f64 / 1e3 / bought.count().max(1) as f64);
        entrant.start().await?;
    }
    report.figures.push(figure);
    Ok(())
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
