//! The command line of the simulation.
#![expect(clippy::print_stdout, reason = "it is a command line")]

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use clap::Parser;
use stubmart_sim::{
    enumerate::{Flow, enumerate},
    mutants::{MUTANTS, hunt},
    report::report,
    scenario::{Kind, Limits},
    shrink::shrink,
    sweep::{Failure, run_seed, sweep},
};

/// Runs the whole market in a deterministic simulation and checks what must always hold.
#[derive(Debug, Parser)]
struct Args {
    /// How many seeds are run.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    first: u64,
    /// No new seed after so many minutes.
    #[arg(long)]
    minutes: Option<u64>,
    /// Replays this seed alone, twice, and tells whether the two runs were the same.
    #[arg(long)]
    seed: Option<u64>,
    /// At most so many users.
    #[arg(long)]
    users: Option<u32>,
    /// At most so many steps of all users together.
    #[arg(long)]
    steps: Option<u64>,
    /// At most so many instances of each service.
    #[arg(long)]
    instances: Option<u8>,
    /// No fault after so many.
    #[arg(long)]
    faults: Option<u64>,
    /// Without these kinds of faults.
    #[arg(long, value_delimiter = ',', value_parser = kind)]
    without: Vec<Kind>,
    /// Also crashes every flow after every call, and some after every pair of calls.
    #[arg(long)]
    enumerate: bool,
    /// Also makes each deliberate mistake and expects it to be noticed.
    #[arg(long)]
    mutants: bool,
    /// Makes this mistake in a replay.
    #[arg(long)]
    mutant: Option<String>,
    /// On how many seeds a mistake is hunted at the most.
    #[arg(long, default_value_t = 5000)]
    hunt: u64,
}

fn kind(name: &str) -> Result<Kind, String> {
    Kind::named(name).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|(_, name)| *name).collect();
        format!("must be one of {}", names.join(", "))
    })
}

impl Args {
    fn limits(&self) -> Limits {
        Limits {
            users: self.users,
            steps: self.steps,
            instances: self.instances,
            faults: self.faults,
            without: self.without.clone(),
        }
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let holds = match args.seed {
        Some(seed) => replay(&args, seed),
        None => all(&args),
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all(args: &Args) -> bool {
    let mut holds = args.seeds == 0 || sweep_seeds(args);
    if args.enumerate {
        holds &= enumerate_crashes();
    }
    if args.mutants {
        holds &= hunt_mutants(args);
    }
    holds
}

fn replay(args: &Args, seed: u64) -> bool {
    let mutant =
        args.mutant.as_ref().and_then(|name| MUTANTS.iter().find(|it| *it == name)).copied();
    let limits = args.limits();
    let outcome = run_seed(seed, &limits, mutant);
    let again = run_seed(seed, &limits, mutant);
    let same = outcome.trace == again.trace;
    println!("seed {seed}: trace {:016x}, {:?}", outcome.trace, outcome.stats);
    println!("run twice: {}", if same { "the same to the byte" } else { "NOT THE SAME" });
    let holds = outcome.violation.is_none();
    let failure = Failure { seed, limits, outcome };
    print!("{}", report(&failure, mutant));
    holds && same
}

fn sweep_seeds(args: &Args) -> bool {
    let began = Instant::now();
    let limit = args.minutes.map(|minutes| Duration::from_secs(minutes * 60));
    let told = AtomicU64::new(0);
    let is_over = || limit.is_some_and(|limit| began.elapsed() > limit);
    let (totals, failures) = sweep(args.first, args.seeds, &args.limits(), is_over, |totals| {
        let tens = began.elapsed().as_secs() / 10;
        if told.swap(tens, Ordering::Relaxed) != tens {
            println!("{:>5} s: {}", began.elapsed().as_secs(), totals.line());
        }
    });
    println!("sweep: {} in {} s", totals.line(), began.elapsed().as_secs());
    for failure in &failures {
        println!("{}", report(&shrink(failure, None), None));
    }
    let unmet = totals.unmet();
    // Few seeds can not meet everything.
    let wanted = totals.runs >= 1000;
    for mark in &unmet {
        println!("never met: {mark}");
    }
    failures.is_empty() && (unmet.is_empty() || !wanted)
}

fn enumerate_crashes() -> bool {
    let began = Instant::now();
    let mut holds = true;
    for (flows, pairs) in [(&Flow::ALL[..], false), (&Flow::PAIRS[..], true)] {
        let (totals, broken) = enumerate(flows, pairs, |flow, places| {
            println!("{flow:?}: {places} {}", if pairs { "pairs" } else { "places" });
        });
        println!("crash enumeration: {} in {} s", totals.line(), began.elapsed().as_secs());
        for it in broken.iter().take(3) {
            println!("{:?} breaks when it crashes after calls {:?}", it.flow, it.crash_at);
            let failure =
                Failure { seed: 1, limits: Limits::default(), outcome: it.outcome.clone() };
            println!("{}", report(&failure, None));
        }
        holds &= broken.is_empty();
    }
    holds
}

fn hunt_mutants(args: &Args) -> bool {
    let began = Instant::now();
    let hunted = hunt(MUTANTS, args.first, args.hunt, |it| match &it.caught {
        Some((what, invariant)) => println!("caught by {what} ({invariant}): {}", it.name),
        None => println!("SURVIVED: {}", it.name),
    });
    let caught = hunted.iter().filter(|it| it.caught.is_some()).count();
    println!("mutants: {caught} of {} caught in {} s", hunted.len(), began.elapsed().as_secs());
    caught == hunted.len()
}
