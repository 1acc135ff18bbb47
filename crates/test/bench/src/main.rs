//! The load bench: the market's own speed over HTTP on loopback, with durable saves, and the bare limits
//! of the same machine measured in the same run. Figures move from machine to machine; the ratios to the
//! limits, and to another binary in the same run, count.
#![expect(clippy::print_stdout, reason = "the report is the program's output")]
#![expect(clippy::float_arithmetic, reason = "rates and ratios for a human, not money")]
#![expect(
    clippy::as_conversions,
    reason = "counts to rates for a human; none is near the limits of f64"
)]
#![expect(clippy::cast_precision_loss, reason = "as above")]

mod course;
mod failure;
mod http;
mod limits;
mod load;
mod machine;
mod market;
mod meter;
mod operation;
mod plan;
mod report;
mod server;

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum as _};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::timeout,
};

use crate::{
    failure::Failure,
    machine::Machine,
    operation::Operation,
    plan::{Plan, Progress},
    report::Report,
    server::Binary,
};

const EXAMPLES: &str = "\
Examples:
  cargo run --release -p stubmart-bench -- --tickets 10000 --tickets 1000000
  cargo run --release -p stubmart-bench -- --against old=/path/to/stubmart --only hold,purchase
    Ratios are those of this binary to the other one: a rate of 2.00 is twice as fast,
    a CPU of 0.50 half the work.";

/// Measures the market: operations a second, server CPU and latency of each, memory, disk and starts, and how all
/// of them change as the market grows.
///
/// The server runs on this machine, on a free port, with data of its own below TMPDIR (which must be on the disk
/// that is to be measured), and is gone at the end. The report is Markdown on standard output; progress goes to
/// standard error. Build with --release: the load shares the cores with the server. Linux only.
///
/// Server CPU is the user and system time of the whole server process, until it is idle again after the load,
/// for each operation that was answered as expected.
///
/// Other work on the machine disturbs rates, CPU hardly; the report says how many cores it kept busy. Root can
/// give the run the right of way with `nice -n -15`.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXAMPLES)]
struct Args {
    /// The binary to measure [default: STUBMART_BINARY, or else the one of this workspace, built now]
    #[arg(long, value_name = "PATH")]
    binary: Option<PathBuf>,
    /// Another binary to measure in the same run, by turns, and to print ratios to; repeatable. It may be an
    /// older one
    #[arg(long, value_name = "[LABEL=]PATH", value_parser = Binary::parse)]
    against: Vec<Binary>,
    /// How many tickets the market holds; repeatable: the report then says how much of each rate is left in
    /// the last market
    #[arg(long, value_name = "NUMBER", default_values_t = [10_000, 200_000])]
    tickets: Vec<usize>,
    /// Measure these operations only, and none of the other figures
    #[arg(long, value_name = "OPERATIONS", value_delimiter = ',')]
    only: Vec<Operation>,
    /// How long each measurement takes, in seconds
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// How often each operation of each binary is measured
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    rounds: usize,
    /// How many connections ask at once
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    connections: usize,
    /// Keep filled data in this directory, and reuse the data that an earlier run of the same binary left
    /// there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Write everything that was measured, round by round, to this file too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Give up after so many minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    at_most: u64,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let at_most = Duration::from_secs(args.at_most.saturating_mul(60));
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Whichever way it ends, the servers are dropped with the run, and so killed.
    tokio::select! {
        end = timeout(at_most, run(args)) => end.map_err(|_| "gave up: --at-most is over")?,
        _ = interrupt.recv() => Err("interrupted".into()),
        _ = terminate.recv() => Err("terminated".into()),
    }
}

async fn run(args: Args) -> Result<(), Failure> {
    let path = match args.binary {
        Some(path) => path,
        None => stubmart_chaos::process::binary().await?,
    };
    let this = Binary { label: "this".to_owned(), path };
    let plan = Plan {
        binaries: [this].into_iter().chain(args.against).collect(),
        with_figures: args.only.is_empty(),
        operations: if args.only.is_empty() {
            Operation::value_variants().to_vec()
        } else {
            args.only
        },
        span: Duration::try_from_secs_f64(args.seconds)?,
        rounds: args.rounds.max(1),
        connections: args.connections.max(1),
        keep: args.keep,
    };
    let (machine, progress) = (Machine::read()?, Progress::new());
    let mut markets = Vec::new();
    for tickets in args.tickets {
        let is_first = markets.is_empty();
        markets.push(course::market(&plan, tickets.max(1), is_first, &progress).await?);
    }
    let report = Report { plan, machine, markets };
    println!("{report}");
    if let Some(file) = args.json {
        std::fs::write(file, serde_json::to_vec_pretty(&report.json())?)?;
    }
    let faults = report.faults();
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}
