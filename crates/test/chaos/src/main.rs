//! Runs the scenarios against the real binary, at any size.

use std::{process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use fastrand::Rng;
use futures_util::future::try_join_all;
use stubmart_chaos::{
    Failure,
    left_out::leave_out,
    process::{OneProcess, READY_MAX, Settings, can_inject},
    scenario::{attacks, departures, faults, kills, live, races, rush, slow},
    split::{Faults, SplitMarket},
};

/// Proves the market from outside: real processes, real kills, and a checker over every answer.
///
/// The binary under test is the one that `STUBMART_BINARY` names, or else the one of this workspace, built
/// now in the profile of this program.
#[derive(Debug, Parser)]
#[command(name = "stubmart-chaos")]
struct Sizes {
    /// What is done to the market; everything when left out
    scenarios: Vec<Scenario>,
    /// How often the server is killed under load
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// Over how many markets, all at once, these kills are spread
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    markets: u32,
    /// How often parts of a market in many processes are killed, paused, stopped or emptied (needs its engines)
    #[arg(long, default_value_t = 0)]
    split_kills: u32,
    /// How many processes it has for each service
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    instances: u32,
    /// How often it is killed at a random system call (needs strace)
    #[arg(long, default_value_t = 10)]
    doomed_kills: u32,
    /// Kill on until so many writes were acknowledged
    #[arg(long, default_value_t = 0)]
    acknowledged: usize,
    /// How many clients act at once
    #[arg(long, default_value_t = 12)]
    clients: usize,
    /// For how long the server lives under load before it is killed, in milliseconds at the most
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u64).range(ALIVE_MIN_MS..))]
    alive: u64,
    /// How many races are run
    #[arg(long, default_value_t = 2_500)]
    rounds: usize,
    /// How often 200 buyers rush for one ticket
    #[arg(long, default_value_t = 25)]
    rushes: usize,
    /// How many holds are watched running out
    #[arg(long, default_value_t = 100)]
    expiries: usize,
    /// How many accounts are deleted while a payment is under way
    #[arg(long, default_value_t = 48)]
    departures: usize,
    /// How many requests are sent by half
    #[arg(long, default_value_t = 200)]
    half_sent: usize,
    /// How long each attack lasts, in seconds
    #[arg(long, default_value_t = 5)]
    attacked: u64,
    /// What the choices come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seconds everything may take to end after a scenario
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

/// What can be done to the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Many buyers want one ticket at once
    Rush,
    /// Edits, payments, expiry and leaving meet within milliseconds
    Races,
    /// The server is killed at random moments under load
    Kills,
    /// So are services and engines of a market in many processes
    SplitKills,
    /// It is killed at random system calls
    DoomedKills,
    /// What has to arrive within a second
    Live,
    /// Accounts are deleted while a payment is under way
    Departures,
    /// Requests are sent by half
    Slow,
    /// The disk is full, or fails
    Disks,
    /// One address or account wants everything for itself
    Attacks,
}

/// For how long the server lives under load in a cycle at the least, in milliseconds.
const ALIVE_MIN_MS: u64 = 100;

#[tokio::main]
async fn main() -> ExitCode {
    let sizes = Sizes::parse();
    match run(&sizes).await {
        Ok(()) => {
            say("all of it held");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            say(&format!("FAILED (seed {}): {failure}", sizes.seed));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the report is the program's output")]
fn say(text: &str) {
    println!("{text}");
}

async fn run(sizes: &Sizes) -> Result<(), Failure> {
    let chosen = match sizes.scenarios.as_slice() {
        [] => Scenario::value_variants(),
        chosen => chosen,
    };
    for scenario in chosen {
        match scenario {
            Scenario::Rush => rush(sizes).await?,
            Scenario::Races => races(sizes).await?,
            Scenario::Kills => kill(sizes).await?,
            Scenario::SplitKills => kill_parts(sizes).await?,
            Scenario::DoomedKills => kill_at_calls(sizes).await?,
            Scenario::Live => watch(sizes).await?,
            Scenario::Departures => depart(sizes).await?,
            Scenario::Slow => send_by_half(sizes).await?,
            Scenario::Disks => break_disks(sizes).await?,
            Scenario::Attacks => attack(sizes).await?,
        }
    }
    Ok(())
}

/// A market whose checkouts hold their ticket for `hold` seconds.
async fn market(hold: u64) -> Result<OneProcess, Failure> {
    OneProcess::started(Settings::load(Duration::from_secs(hold))).await
}

async fn rush(sizes: &Sizes) -> Result<(), Failure> {
    let plan =
        rush::Plan { buyers: 200, rounds: sizes.rushes, accounts: 9, patience: sizes.patience() };
    say(&rush::run(&market(5).await?, &plan).await?.to_string());
    Ok(())
}

async fn races(sizes: &Sizes) -> Result<(), Failure> {
    let plan = races::Plan {
        rounds: sizes.rounds,
        lanes: 96,
        accounts: 16,
        patience: sizes.patience(),
        seed: sizes.seed,
    };
    say(&races::run(&market(1).await?, &plan).await?.to_string());
    Ok(())
}

/// Kills in several markets at once: one works while another starts or is audited, and what is audited
/// after each restart stays small.
async fn kill(sizes: &Sizes) -> Result<(), Failure> {
    let share = usize::try_from(sizes.markets).unwrap_or(usize::MAX);
    let runs = (0..sizes.markets).map(async |number| {
        let plan = kills::Plan {
            acknowledged_min: sizes.acknowledged.div_ceil(share),
            seed: sizes.seed + u64::from(number),
            ..sizes.kills(sizes.kills.div_ceil(sizes.markets))
        };
        let mut market = market(2).await?;
        kills::run(&mut market, &plan, &progress).await
    });
    let mut all = kills::Report::default();
    for report in try_join_all(runs).await? {
        all.add(&report);
    }
    if sizes.markets > 1 {
        say(&format!("all {} markets:", sizes.markets));
    }
    say(&all.to_string());
    all.judge_restarts(READY_MAX)
}

async fn kill_parts(sizes: &Sizes) -> Result<(), Failure> {
    if sizes.split_kills == 0 {
        return Ok(());
    }
    let settings = Settings::load(Duration::from_secs(2));
    let mut market = SplitMarket::started(settings, sizes.instances, Faults::All).await?;
    let report = kills::run(&mut market, &sizes.kills(sizes.split_kills), &progress).await;
    say(&market.done().join("\n"));
    say(&report?.to_string());
    Ok(())
}

async fn kill_at_calls(sizes: &Sizes) -> Result<(), Failure> {
    if !can_inject().await {
        return leave_out("kills at system calls: strace cannot be used");
    }
    let settings = Settings::load(Duration::from_secs(2));
    let doomed = Some(Rng::with_seed(sizes.seed));
    let mut market = OneProcess::started(Settings { doomed, ..settings }).await?;
    let report = kills::run(&mut market, &sizes.kills(sizes.doomed_kills), &progress).await?;
    say(&format!("at {} system calls: {report}", market.doomed()));
    if market.doomed() == 0 && sizes.doomed_kills > 0 {
        return Err(Failure::Unmet("no system call ever killed the server".into()));
    }
    Ok(())
}

fn progress(report: &kills::Report) {
    if report.kills.is_multiple_of(10) {
        say(&report.to_string());
    }
}

async fn watch(sizes: &Sizes) -> Result<(), Failure> {
    say(&live::expiries(&market(2).await?, sizes.expiries).await?.to_string());
    live::resumption(&mut market(2).await?, 12).await?;
    say(&format!("logout to refusal: {}", live::logouts(&market(2).await?, 16).await?));
    Ok(())
}

async fn depart(sizes: &Sizes) -> Result<(), Failure> {
    let market = market(2).await?;
    let run = departures::run(&market, sizes.departures, sizes.patience(), sizes.seed);
    say(&run.await?.to_string());
    Ok(())
}

async fn send_by_half(sizes: &Sizes) -> Result<(), Failure> {
    let market = market(2).await?;
    say(&slow::run(&market, sizes.half_sent, sizes.half_sent / 4).await?.to_string());
    Ok(())
}

async fn break_disks(sizes: &Sizes) -> Result<(), Failure> {
    match faults::full_disk(sizes.patience()).await? {
        Some(report) => say(&report.to_string()),
        None => leave_out("the full disk: a small one cannot be mounted (that takes root)")?,
    }
    if !can_inject().await {
        return leave_out("the failing disk: strace cannot be used");
    }
    for (fault, call, error, when) in faults::CALLS {
        let report = faults::failing_call(fault, call, error, when, sizes.patience()).await?;
        say(&report.to_string());
    }
    Ok(())
}

async fn attack(sizes: &Sizes) -> Result<(), Failure> {
    let market = OneProcess::started(Settings::default()).await?;
    say(&attacks::run(&market, Duration::from_secs(sizes.attacked)).await?.to_string());
    Ok(())
}

impl Sizes {
    const fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }

    const fn kills(&self, kills: u32) -> kills::Plan {
        kills::Plan {
            kills,
            clients: self.clients,
            accounts: 16,
            alive_ms: (ALIVE_MIN_MS, self.alive),
            acknowledged_min: 0,
            patience: self.patience(),
            seed: self.seed,
        }
    }
}
