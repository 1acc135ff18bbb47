//! Runs what the command line asks for.

use std::{path::PathBuf, process::ExitCode};

use stubmart_ports::Cause;

use crate::{
    admin, check, claims,
    cli::{Admin, Claims, Cli, Command, Import, Keys, Payouts, ReadTicket},
    config::Config,
    demo, emulate, import, keys, ledger, logging,
    only::Only,
    payouts, read_ticket, refund, serve,
};

/// The exit code for a market that breaks an invariant, or a command that failed.
const FAILURE: u8 = 1;

/// The exit code for settings that are not valid, as clap uses it for flags.
const USAGE: u8 = 2;

/// The exit code of an audit that could not look: nothing is known of the market.
const NOT_AUDITED: u8 = 3;

/// The exit code of an import that refused lines: the others are done.
const REFUSED: u8 = 3;

/// A command that failed.
struct Failed {
    error: Cause,
    code: u8,
}

impl<E: Into<Cause>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), code: FAILURE }
    }
}

/// Runs the command; the answer is the process's exit code.
#[must_use]
#[expect(clippy::print_stderr, reason = "the command line's own words")]
pub fn run(cli: Cli) -> ExitCode {
    if let Some(Command::ReadTicket(ReadTicket { child: true, .. })) = cli.command {
        // Before anything else: no settings, no log and no thread.
        return read_ticket::child();
    }
    let has_data = cli.settings.get("data").is_some();
    let mut config = match Config::resolve(cli.settings) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(USAGE);
        }
    };
    let command = cli.command.unwrap_or(Command::Serve);
    if !matches!(command, Command::Serve) {
        // Whatever else runs where it is given, a command is for the whole market.
        config.only = Only::all();
    }
    if matches!(command, Command::Demo) && has_data {
        eprintln!(
            "the demo keeps its market in a throw-away directory: leave out --data (STUBMART_DATA)"
        );
        return ExitCode::from(USAGE);
    }
    if matches!(command, Command::Demo) && config.stripe.adapter.is_some() {
        eprintln!("the demo pays in the sandbox: leave out --stripe-secret-key");
        return ExitCode::from(USAGE);
    }
    if matches!(command, Command::Demo) && config.servers.is_some() {
        eprintln!(
            "the demo keeps its market in a throw-away directory: leave out --mongodb-url, --nats-url and \
             --redis-url"
        );
        return ExitCode::from(USAGE);
    }
    logging::start(&config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return ExitCode::from(FAILURE);
        }
    };
    let result = runtime.block_on(execute(command, config));
    // Tasks that are still at work, such as a mail being written, must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(Failed { error, code }) => {
            eprintln!("error: {error}");
            ExitCode::from(code)
        }
    }
}

async fn execute(command: Command, config: Config) -> Result<ExitCode, Failed> {
    let (host, died) = stubmart_os::host(tokio::runtime::Handle::current());
    match command {
        Command::Serve => serve::serve(&config, host, died).await?,
        Command::Demo => demo::demo(config, host, died).await?,
        Command::StripeEmulator(emulator) => emulate::emulate(emulator, &config, &host).await?,
        Command::Import(Import::Events { file, venues, categories, upcoming }) => {
            let path = |text: Option<String>| text.filter(|it| !it.is_empty()).map(PathBuf::from);
            let (venues, categories) = (path(venues), path(categories));
            let source = import::events::Source { file, venues, categories, upcoming };
            import::events::import(&config, host, source).await?;
        }
        Command::Import(Import::Tickets(asked)) => {
            let is_whole = import::tickets::import(&config, host, asked.into()).await?;
            return Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) });
        }
        Command::Admin(Admin::Grant { email, role }) => {
            admin::grant(&config, host, &email, role).await?;
        }
        Command::Refund { order, reason, amount, key } => {
            let request = refund::Request { order, reason, amount, key };
            refund::refund(&config, host, &request).await?;
        }
        Command::Claim(Claims::List { all }) => claims::list(&config, &host, all).await?,
        Command::Claim(Claims::Decide { claim, outcome, reason }) => {
            claims::decide(&config, host, &claim, outcome, &reason).await?;
        }
        Command::Payouts(Payouts::Due { csv }) => payouts::due(&config, host, csv).await?,
        Command::Payouts(Payouts::Paid { payout, reference }) => {
            payouts::paid(&config, host, payout, &reference).await?;
        }
        Command::Payouts(Payouts::Hold { order, reason }) => {
            payouts::hold(&config, host, &order, &reason).await?;
        }
        Command::Payouts(Payouts::Free { order }) => payouts::free(&config, host, &order).await?,
        Command::ReadTicket(asked) => {
            let are_read = read_ticket::print(&host, &asked).await?;
            return Ok(ExitCode::from(if are_read { 0 } else { FAILURE }));
        }
        Command::Keys(Keys::Create) => keys::create(&config, &host)?,
        Command::Keys(Keys::List) => keys::list(&config, &host).await?,
        Command::Keys(Keys::Rotate) => keys::rotate(&config, &host)?,
        Command::Ledger { account, csv } => ledger::print(&config, &host, account, csv).await?,
        Command::Check => {
            return match check::check(&config, host).await {
                Ok(true) => Ok(ExitCode::SUCCESS),
                Ok(false) => Ok(ExitCode::from(FAILURE)),
                Err(error) => Err(Failed { error, code: NOT_AUDITED }),
            };
        }
    }
    Ok(ExitCode::SUCCESS)
}
