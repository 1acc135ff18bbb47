//! The child: the process that decodes a file, and can do nothing else.

use std::{
    io::{Read, Write},
    time::Duration,
};

use stubmart_ports::{
    Cause,
    host::Clock,
    reader::{BYTES_MAX, ReadError},
};

use crate::{read::read, sandbox, wire};

/// After how long the child looks no more closely at what it has not found: there must be time left to answer.
const LOOKS_FOR: Duration = Duration::from_millis(2500);

/// Shuts this process in, reads a file from `input` and writes to `output` what became of it. For a process of its own
/// that has nothing else to do: it is shut in for good.
///
/// # Errors
/// The cause: input or output fail.
pub fn answer(clock: &dyn Clock, input: impl Read, mut output: impl Write) -> Result<(), Cause> {
    if let Err(cause) = sandbox::enter() {
        wire::write(output, Err(ReadError::Failed(cause)))?;
        return Ok(());
    }
    output.write_all(wire::READY)?;
    output.flush()?;
    let start = clock.now();
    let mut file = Vec::new();
    let limit = u64::try_from(BYTES_MAX)?.saturating_add(1);
    input.take(limit).read_to_end(&mut file)?;
    let has_time = || {
        let took = clock.now().millis().saturating_sub(start.millis());
        u64::try_from(took).is_ok_and(|took| Duration::from_millis(took) < LOOKS_FOR)
    };
    wire::write(output, read(&file, &has_time))?;
    Ok(())
}
