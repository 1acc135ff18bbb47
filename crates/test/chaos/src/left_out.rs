//! What is not tested because the machine does not allow it. That is never silent: CI fails, and elsewhere the
//! test command lists it at its end.

use std::{env, fs::OpenOptions, io::Write as _};

use crate::Failure;

/// Takes note that `what` is not tested, in the file that `STUBMART_LEFT_OUT` names.
///
/// # Errors
/// [`Failure::LeftOut`] where `STUBMART_EFFORT` is `ci`; [`Failure::Io`] when no note can be taken.
#[expect(clippy::print_stderr, reason = "a test prints what it leaves out")]
pub fn leave_out(what: &str) -> Result<(), Failure> {
    if env::var_os("STUBMART_EFFORT").is_some_and(|effort| effort == "ci") {
        return Err(Failure::LeftOut(what.to_owned()));
    }
    eprintln!("left out: {what}");
    if let Some(path) = env::var_os("STUBMART_LEFT_OUT") {
        writeln!(OpenOptions::new().create(true).append(true).open(path)?, "{what}")?;
    }
    Ok(())
}
