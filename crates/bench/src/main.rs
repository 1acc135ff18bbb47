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
mod server;

use std::{error::Error, path::PathBuf, time::Duration};

use clap::Parser;

use crate::{load::Rate, server::Server};

/// What every step here may fail with.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// Measures the market and prints each figure with its ratio to the limit that bounds it.
#[derive(Debug, Parser)]
struct Args {
    /// The server's binary; the one built beside this program when left out
    #[arg(long)]
    binary: Option<PathBuf>,
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
        let binary = match &args.binary {
            Some(binary) => binary.clone(),
            None => std::env::current_exe()?.with_file_name("stubmart"),
        };
        market(&binary, tickets, span, connections, &limits).await?;
    }
    Ok(())
}

async fn market(
    binary: &std::path::Path,
    tickets: u32,
    span: Duration,
    connections: usize,
    limits: &limits::Limits,
) -> Result<(), Failure> {
    let data = tempfile::tempdir()?;
    let mut server = Server::start(binary, data.path()).await?;
    let market = scenarios::Market::fill(server.address, tickets).await?;
    server.stop().await?;
    let server = Server::start(binary, data.path()).await?;
    println!(
        "  ready after                    {:>10.0} ms",
        server.ready_after.as_secs_f64() * 1e3
    );
    println!("  memory at rest                 {:>10.1} MB", server.resident_mb()?);

    let market = market.at(server.address);
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
    println!("  memory after the load          {:>10.1} MB", server.resident_mb()?);
    Ok(())
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
