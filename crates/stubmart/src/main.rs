//! The `stubmart` binary.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    stubmart::run(stubmart::cli::Cli::parse())
}
