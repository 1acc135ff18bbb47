//! A server, and what a test leaves out.

mod server;

use std::{env, fs::OpenOptions, io::Write as _};

pub(crate) use server::{Server, binary, run, run_in};
pub(crate) use stubmart_testkit::{Answer, Call, PASSWORD, User, event_body as event, merge, text};

/// Takes note that `what` is not tested, in the file that `STUBMART_LEFT_OUT` names: the test command shows
/// it at its end.
pub(crate) fn leave_out(what: &str) {
    if let Some(path) = env::var_os("STUBMART_LEFT_OUT") {
        let mut notes = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(notes, "{what}").unwrap();
    }
}
