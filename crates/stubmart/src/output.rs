//! What a command says on standard output.

use std::io::{ErrorKind, Write as _};

use stubmart_ports::Cause;

/// Prints `text` and a line end. A reader that has closed the pipe (`| head`) is no error.
///
/// # Errors
/// The cause: it cannot be written.
pub(crate) fn say(text: &str) -> Result<(), Cause> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
