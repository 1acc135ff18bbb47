//! Runs the scenarios against the real binary, at any size.

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use stubmart_chaos::{
    Failure,
    process::{OneProcess, Settings, can_inject},
    random::Random,
    scenario::{departures, faults, kills, live, races, rush, slow},
};

/// Proves the market from outside: real processes, real kills, and a checker over every answer.
///
/// The binary under test is the one built beside this one, or the one that `STUBMART_BIN` names.
#[derive(Debug, Parser)]
#[command(name = "stubmart-chaos")]
struct Sizes {
    /// How often the server is killed under load
    #[arg(long, default_value_t = 50)]
    kills: u32,
    /// How often it is killed at a random system call (needs strace)
    #[arg(long, default_value_t = 10)]
    doomed_kills: u32,
    /// Kill on until so many calls were acknowledged
    #[arg(long, default_value_t = 0)]
    acknowledged: usize,
    /// How many clients act at once
    #[arg(long, default_value_t = 12)]
    clients: usize,
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
    /// Leave out the full and the failing disk
    #[arg(long)]
    no_disk_faults: bool,
    /// What the choices come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seconds everything may take to end after a scenario
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

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
    if sizes.rushes > 0 {
        let plan = rush::Plan {
            buyers: 200,
            rounds: sizes.rushes,
            accounts: 9,
            patience: sizes.patience(),
        };
        let market = OneProcess::started(Settings::load(Duration::from_secs(5))).await?;
        say(&rush::run(&market, &plan).await?.to_string());
    }
    if sizes.rounds > 0 {
        let plan = races::Plan {
            rounds: sizes.rounds,
            lanes: 96,
            accounts: 16,
            patience: sizes.patience(),
            seed: sizes.seed,
        };
        let market = OneProcess::started(Settings::load(Duration::from_secs(1))).await?;
        say(&races::run(&market, &plan).await?.to_string());
    }
    kill(sizes, None).await?;
    if sizes.doomed_kills > 0 && can_inject().await {
        let doomed = Sizes { kills: sizes.doomed_kills, acknowledged: 0, ..*sizes };
        say("at random system calls:");
        kill(&doomed, Some(Random::new(sizes.seed))).await?;
    }
    watch(sizes).await?;
    if sizes.no_disk_faults { Ok(()) } else { break_disks(sizes).await }
}

async fn kill(sizes: &Sizes, doomed: Option<Random>) -> Result<(), Failure> {
    if sizes.kills == 0 {
        return Ok(());
    }
    let plan = kills::Plan {
        kills: sizes.kills,
        clients: sizes.clients,
        accounts: 16,
        alive_ms: (100, 500),
        acknowledged_min: sizes.acknowledged,
        patience: sizes.patience(),
        seed: sizes.seed,
    };
    let settings = Settings { doomed, ..Settings::load(Duration::from_secs(2)) };
    let mut market = OneProcess::started(settings).await?;
    let progress = |report: &kills::Report| {
        if report.kills.is_multiple_of(10) {
            say(&report.to_string());
        }
    };
    say(&kills::run(&mut market, &plan, &progress).await?.to_string());
    Ok(())
}

async fn watch(sizes: &Sizes) -> Result<(), Failure> {
    let mut market = OneProcess::started(Settings::load(Duration::from_secs(2))).await?;
    if sizes.expiries > 0 {
        say(&live::expiries(&market, sizes.expiries).await?.to_string());
        market = OneProcess::started(Settings::load(Duration::from_secs(2))).await?;
        live::resumption(&mut market, 12).await?;
        market = OneProcess::started(Settings::load(Duration::from_secs(2))).await?;
        say(&format!("logout to refusal: {}", live::logouts(&market, 16).await?));
    }
    if sizes.departures > 0 {
        let market = OneProcess::started(Settings::load(Duration::from_secs(2))).await?;
        let run = departures::run(&market, sizes.departures, sizes.patience(), sizes.seed);
        say(&run.await?.to_string());
    }
    if sizes.half_sent > 0 {
        let market = OneProcess::started(Settings::load(Duration::from_secs(2))).await?;
        say(&slow::run(&market, sizes.half_sent, sizes.half_sent / 4).await?.to_string());
    }
    Ok(())
}

async fn break_disks(sizes: &Sizes) -> Result<(), Failure> {
    match faults::full_disk(sizes.patience()).await? {
        Some(report) => say(&report.to_string()),
        None => say("full disk: left out, a small disk can not be mounted"),
    }
    if !can_inject().await {
        say("failing disk: left out, strace can not be used");
        return Ok(());
    }
    for (fault, call, error, when) in faults::CALLS {
        let report = faults::failing_call(fault, call, error, when, sizes.patience()).await?;
        say(&report.to_string());
    }
    Ok(())
}

impl Sizes {
    const fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }
}
