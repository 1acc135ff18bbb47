//! The load bench: the market's own speed over HTTP on loopback, with durable saves, and the bare limits
//! of the same machine measured in the same run. Figures move from machine to machine; the ratios to the
//! limits are what counts.
#![expect(clippy::print_stdout, reason = "the report is the program's output")]
#![expect(clippy::float_arithmetic, reason = "rates and ratios for a human, not money")]
#![expect(
    clippy::as_conversions,
    reason = "counts to rates for a human; none is near the limits of f64"
)]
#![expect(clippy::cast_precision_loss, reason = "as above")]

mod http;
mod limits;
mod load;
mod scenarios;

use std::{error::Error, net::SocketAddr, time::Duration};

use clap::Parser;
use stubmart_chaos::{
    process::{OneProcess, Settings},
    random::Random,
    system::System as _,
};

use crate::load::Rate;

/// What every step here may fail with.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Measures the market and prints each figure with its ratio to the limit that bounds it.
///
/// The server is the one that `STUBMART_BINARY` names, or else the one of this workspace, built now in the
/// profile of this program.
#[derive(Debug, Parser)]
struct Args {
    /// How many tickets the market holds; can be given more than once
    #[arg(long, default_values_t = [10_000, 200_000])]
    tickets: Vec<u32>,
    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many connections ask at once
    #[arg(long, default_value_t = 64)]
    connections: usize,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (span, connections) = (Duration::from_secs(args.seconds), args.connections);
    let cores = std::thread::available_parallelism()?;
    println!(
        "{cores} cores, server and load on the same machine, {connections} connections, {} s each\n",
        args.seconds
    );
    println!("bare limits");
    let limits = limits::measure(span, connections).await?;
    for tickets in args.tickets {
        println!("\nmarket with {tickets} tickets");
        market(tickets, span, connections, &limits).await?;
    }
    Ok(())
}

async fn market(
    tickets: u32,
    span: Duration,
    connections: usize,
    limits: &limits::Limits,
) -> Result<(), Failure> {
    // Of the log only the line that tells where the server serves.
    let settings = Settings::default()
        .set("STUBMART_RATE_LIMITS", "off")
        .set("STUBMART_LOG", "warn,stubmart::serve=info");
    let mut server = OneProcess::started(settings).await?;
    let market = scenarios::Market::fill(address(&server)?, tickets).await?;
    server.kill(&mut Random::new(0)).await?;
    let ready_after = server.start().await?;
    println!("  ready after                    {:>10.0} ms", ready_after.as_secs_f64() * 1e3);
    println!("  memory at rest                 {:>10.1} MB", resident_mb(&server)?);

    let market = market.at(address(&server)?);
    line(
        "event's 50 cheapest tickets",
        &market.event_tickets(span, connections).await?,
        &limits.http,
        "axum, 8 KB",
    );
    line(
        "event page (HTML)",
        &market.event_page(span, connections).await?,
        &limits.http,
        "axum, 8 KB",
    );
    line("search", &market.search(span, connections).await?, &limits.http, "axum, 8 KB");
    line(
        "holds (order placed, durable)",
        &market.holds(span, connections).await?,
        &limits.saves,
        "bare saves",
    );
    line(
        "full purchases (hold, pay, sold)",
        &market.purchases(span, connections).await?,
        &limits.saves,
        "bare saves",
    );
    let (fastest, slowest, winners) = market.one_ticket(200).await?;
    println!(
        "  200 buyers, one ticket         {:>10.1} ms until all are answered (first {:.1} ms), {winners} winner",
        slowest.as_secs_f64() * 1e3,
        fastest.as_secs_f64() * 1e3
    );
    println!("  memory after the load          {:>10.1} MB", resident_mb(&server)?);
    Ok(())
}

fn address(server: &OneProcess) -> Result<SocketAddr, Failure> {
    let base = server.base();
    Ok(base.strip_prefix("http://").unwrap_or(&base).parse()?)
}

/// The memory that the server holds, in megabytes.
fn resident_mb(server: &OneProcess) -> Result<f64, Failure> {
    let id = server.id().ok_or("the server has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}

/// One figure, with its ratio to the limit that bounds it.
fn line(name: &str, rate: &Rate, limit: &Rate, limit_name: &str) {
    println!(
        "  {name:<32} {:>8.0}/s, p50 {:>6.2} ms, p99 {:>6.2} ms, {:.2} of {limit_name}{}",
        rate.per_second(),
        rate.quantile(0.5).as_secs_f64() * 1e3,
        rate.quantile(0.99).as_secs_f64() * 1e3,
        rate.per_second() / limit.per_second(),
        if rate.errors > 0 {
            format!(", {} unexpected answers", rate.errors)
        } else {
            String::new()
        },
    );
}
