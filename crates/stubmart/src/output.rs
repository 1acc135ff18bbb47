//! What a command says on standard output.

use std::io::{ErrorKind, Write as _};

use stubmart_ports::Cause;

/// Says `text` and ends the line. Whoever stopped listening (`| head`) has heard enough.
///
/// # Errors
/// The cause: it can not be written.
pub(crate) fn say(text: &str) -> Result<(), Cause> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("can not write to standard output: {error}").into())
        }
        _ => Ok(()),
    }
}
