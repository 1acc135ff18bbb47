//! `cargo run -p stubmart-xtask -- tidy` checks what the compiler and clippy do not see; `… -- errors`
//! rewrites `docs/errors.md`.
//!
//! It needs no network and no tool but cargo. Every fault is reported, not only the first.

mod circles;
mod documents;
mod fault;
mod rooms;
mod sources;
mod tree;
mod walls;

use std::{path::Path, process::ExitCode};

use fault::{Failure, Fault};
use tree::Tree;

#[expect(clippy::print_stderr, clippy::print_stdout, reason = "the command line's own words")]
fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let result = match command.as_deref() {
        Some("tidy") => tidy(),
        Some("errors") => documents::write_errors(root()).map(|()| Vec::new()),
        _ => Err("usage: xtask tidy | errors".into()),
    };
    match result {
        Ok(faults) if faults.is_empty() => {
            println!("tidy");
            ExitCode::SUCCESS
        }
        Ok(faults) => {
            for fault in &faults {
                eprintln!("{fault}");
            }
            eprintln!("{} faults", faults.len());
            ExitCode::FAILURE
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The directory that holds the workspace.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

fn tidy() -> Result<Vec<Fault>, Failure> {
    let tree = Tree::read(root())?;
    let mut faults = Vec::new();
    faults.extend(rooms::check(root())?);
    faults.extend(sources::check(&tree));
    faults.extend(walls::check(&tree));
    faults.extend(circles::check(&tree));
    faults.extend(documents::check(&tree)?);
    Ok(faults)
}
