//! Runs what the command line asks for.

use std::process::ExitCode;

use stubmart_embedded::system;
use stubmart_ports::Cause;

use crate::{
    check,
    cli::{Cli, Command, Import},
    config::Config,
    demo, import, logging, serve,
};

/// The exit code for a market that breaks an invariant, or a command that failed.
const FAILURE: u8 = 1;

/// The exit code for settings that are not valid, as clap uses it for flags.
const USAGE: u8 = 2;

/// Runs the command; the answer is the process's exit code.
#[must_use]
#[expect(clippy::print_stderr, reason = "the command line's own words")]
pub fn run(cli: Cli) -> ExitCode {
    let config = match Config::resolve(&cli.flags) {
        Ok(config) => config,
        Err(faults) => {
            eprintln!("{faults}");
            return ExitCode::from(USAGE);
        }
    };
    logging::start(&config);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: can not start: {error}");
            return ExitCode::from(FAILURE);
        }
    };
    let result = runtime.block_on(execute(cli.command.unwrap_or(Command::Serve), config));
    // Tasks that are still at work, such as a mail being written, must not keep the process.
    runtime.shutdown_background();
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILURE)
        }
    }
}

async fn execute(command: Command, config: Config) -> Result<ExitCode, Cause> {
    let (host, died) = system::host(tokio::runtime::Handle::current());
    match command {
        Command::Serve => serve::serve(&config, host, died).await?,
        Command::Demo => demo::demo(config, host, died).await?,
        Command::Import(Import::Events { file, venues, categories, upcoming }) => {
            let source = import::events::Source { file, venues, categories, upcoming };
            import::events::import(&config, host, source).await?;
        }
        Command::Import(Import::Tickets { file, seller }) => {
            import::tickets::import(&config, host, &file, &seller).await?;
        }
        Command::Check => {
            if !check::check(&config, host).await? {
                return Ok(ExitCode::from(FAILURE));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
