//! The command line of the simulation.
#![expect(clippy::print_stdout, reason = "it is a command line")]

use std::{
    process::ExitCode,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use clap::{Parser, ValueEnum as _};
use stubmart_kernel::hooks;
use stubmart_sim::{
    enumerate::{Broken, Flow, enumerate, play},
    mutants::{self, MUTANTS, Mutant, hunt},
    report::{report, report_crash},
    scenario::{Kind, Limits},
    shrink::shrink,
    sweep::{Failure, Floors, Totals, run_seed, sweep},
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
    /// Fails when fewer seeds were run.
    #[arg(long, value_name = "SEEDS")]
    require_seeds: Option<u64>,
    /// Fails when sweep and enumeration together simulated fewer hours.
    #[arg(long, value_name = "HOURS")]
    require_hours: Option<u64>,
    /// Fails when there were fewer crashes.
    #[arg(long, value_name = "CRASHES")]
    require_crashes: Option<u64>,
    /// Fails when fewer requests were made.
    #[arg(long, value_name = "OPERATIONS")]
    require_operations: Option<u64>,
    /// Replays this seed alone, twice, and says whether the two runs were the same.
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
    /// Replays this flow alone.
    #[arg(long, value_enum, conflicts_with = "seed")]
    flow: Option<Flow>,
    /// With crashes after these calls.
    #[arg(long, value_delimiter = ',', requires = "flow")]
    crash_at: Vec<u64>,
    /// Makes this mistake in a replay.
    #[arg(long, value_parser = mutant)]
    mutant: Option<Mutant>,
    /// On how many seeds a mistake is hunted at the most.
    #[arg(long, default_value_t = 5000)]
    hunt: u64,
    /// A mistake that is not noticed after so many minutes of the hunt has survived.
    #[arg(long, default_value_t = 30)]
    hunt_minutes: u64,
}

fn mutant(name: &str) -> Result<Mutant, String> {
    mutants::named(name).ok_or_else(|| {
        let names: Vec<_> = MUTANTS.iter().map(|it| it.name).collect();
        format!("must be one of: {}", names.join("; "))
    })
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
    let holds = match (args.seed, args.flow) {
        (Some(seed), _) => replay(&args, seed),
        (None, Some(flow)) => replay_flow(&args, flow),
        (None, None) => all(&args),
    };
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn all(args: &Args) -> bool {
    let mut totals = Totals::default();
    let mut holds = args.seeds == 0 || sweep_seeds(args, &mut totals);
    if args.enumerate {
        holds &= enumerate_crashes(&mut totals);
    }
    holds &= reaches(args, &totals);
    if args.mutants {
        holds &= hunt_mutants(args);
    }
    holds
}

/// Whether as much was run as the command line requires, and everything rare was met in it.
fn reaches(args: &Args, totals: &Totals) -> bool {
    let floors = Floors {
        seeds: args.require_seeds.unwrap_or(0),
        hours: args.require_hours.unwrap_or(0),
        crashes: args.require_crashes.unwrap_or(0),
        operations: args.require_operations.unwrap_or(0),
    };
    println!("in all: {} seeds, {}", totals.seeds, totals.line());
    let short = totals.short_of(&floors);
    for it in &short {
        println!("NOT REACHED: {it}");
    }
    // Few seeds cannot meet everything.
    let unmet = totals.unmet();
    let all_are_wanted = floors != Floors::default() || totals.seeds >= 1000;
    for mark in unmet.iter().filter(|_| totals.seeds > 0) {
        println!("never met: {mark}");
    }
    short.is_empty() && (unmet.is_empty() || !all_are_wanted)
}

fn replay(args: &Args, seed: u64) -> bool {
    let mutant = args.mutant.map(|mutant| mutant.name);
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

fn replay_flow(args: &Args, flow: Flow) -> bool {
    let mutant = args.mutant.map(|mutant| mutant.name);
    hooks::set_mutant(mutant);
    let outcome = play(flow, &args.crash_at).outcome;
    hooks::set_mutant(None);
    println!("{}: trace {:016x}, {:?}", flow.name(), outcome.trace, outcome.stats);
    let holds = outcome.violation.is_none();
    print!("{}", report_crash(&Broken { flow, crash_at: args.crash_at.clone(), outcome }, mutant));
    holds
}

fn sweep_seeds(args: &Args, all: &mut Totals) -> bool {
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
    if failures.is_empty() && totals.seeds < args.seeds {
        println!("time ran out after {} of {} seeds", totals.seeds, args.seeds);
    }
    for failure in &failures {
        println!("{}", report(&shrink(failure, None), None));
    }
    all.merge(&totals);
    failures.is_empty()
}

fn enumerate_crashes(all: &mut Totals) -> bool {
    let began = Instant::now();
    let mut holds = true;
    for (flows, pairs) in [(Flow::value_variants(), false), (&Flow::PAIRS[..], true)] {
        let (totals, broken) = enumerate(flows, pairs, |flow, places| {
            println!("{}: {places} {}", flow.name(), if pairs { "pairs" } else { "places" });
        });
        println!("crash enumeration: {} in {} s", totals.line(), began.elapsed().as_secs());
        for it in broken.iter().take(3) {
            println!("{}", report_crash(it, None));
        }
        holds &= broken.is_empty();
        all.merge(&totals);
    }
    holds
}

fn hunt_mutants(args: &Args) -> bool {
    let began = Instant::now();
    let limit = Duration::from_secs(args.hunt_minutes * 60);
    let is_over = || began.elapsed() > limit;
    let hunted = hunt(MUTANTS, args.first, args.hunt, is_over, |it| match &it.caught {
        Some((what, invariant)) => println!("caught by {what} ({invariant}): {}", it.name),
        None => println!("SURVIVED: {}", it.name),
    });
    let caught = hunted.iter().filter(|it| it.caught.is_some()).count();
    println!("mutants: {caught} of {} caught in {} s", hunted.len(), began.elapsed().as_secs());
    caught == hunted.len()
}
