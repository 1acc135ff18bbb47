//! Tickets' files are read by a child process: what hostile ones can do, and what the command line says of files.

use std::{
    env,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use image::ImageFormat;
use serde_json::{Value, json};
use stubmart_ports::reader::{ReadError, TicketFile, TicketReader as _};
use stubmart_reader::{ChildReader, Program};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::{
    hostile::{self, Ends},
    support::{run, text},
};

/// What a file may take, and what a busy machine takes to start a process and to end it.
const TAKES_MAX: Duration = Duration::from_millis(5900);

fn reader() -> ChildReader {
    let args = ["read-ticket", "--child"].map(Into::into).to_vec();
    let program = Program { path: env!("CARGO_BIN_EXE_stubmart").into(), args };
    ChildReader::new(stubmart_os::host(Handle::current()).0, program)
}

fn ends(read: &Result<TicketFile, ReadError>) -> Option<Ends> {
    match read {
        Ok(_) => None,
        Err(ReadError::UnknownKind) => Some(Ends::UnknownKind),
        Err(ReadError::TooLarge) => Some(Ends::TooLarge),
        Err(ReadError::TooManyPages) => Some(Ends::TooManyPages),
        Err(ReadError::Encrypted) => Some(Ends::Encrypted),
        Err(ReadError::Unreadable) => Some(Ends::Unreadable),
        Err(ReadError::Failed(cause)) => panic!("the reader failed: {cause}"),
    }
}

fn payload(read: &TicketFile) -> Option<&[u8]> {
    Some(&read.pages.first()?.code.as_ref()?.payload)
}

/// Each hostile file is refused for what is wrong with it, in time, and the next ticket is read.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_are_refused_in_time_and_harm_nobody() {
    let reader = reader();
    let mut faults = Vec::new();
    for (name, file, expected) in hostile::files() {
        let start = Instant::now();
        let read = reader.read(file).await;
        let took = start.elapsed();
        let ends = ends(&read);
        let is_expected = match expected {
            Ends::ReadOrUnreadable => matches!(ends, None | Some(Ends::Unreadable)),
            _ => ends == Some(expected),
        };
        if !is_expected || took > TAKES_MAX {
            faults.push(format!("{name}: {ends:?} instead of {expected:?}, in {took:?}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    let read = reader.read(hostile::ticket("AFTERWARDS-1")).await.unwrap();
    assert_eq!(payload(&read), Some(&b"AFTERWARDS-1"[..]));
}

/// Files wait for their turn, and each gets its own answer; more than may wait are refused, to come again.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_come_at_once_are_read_one_after_the_other() {
    let reader = reader();
    let payloads: Vec<_> = (0..12).map(|it| format!("AT-ONCE-{it}")).collect();
    let read = join_all(payloads.iter().map(|it| reader.read(hostile::ticket(it)))).await;
    for (read, expected) in read.iter().zip(&payloads) {
        assert_eq!(payload(read.as_ref().unwrap()), Some(expected.as_bytes()));
    }
    let crowd = join_all((0..40).map(|_| reader.read(hostile::ticket("CROWD-1")))).await;
    assert!(crowd.iter().any(|read| matches!(read, Err(ReadError::Failed(_)))));
    assert!(crowd.iter().any(Result::is_ok));
}

/// A reader that cannot be started says that it is not the file's fault.
#[tokio::test]
async fn a_reader_that_does_not_start_is_not_the_files_fault() {
    for path in ["/nowhere/stubmart", "/bin/true"] {
        let program = Program { path: path.into(), args: Vec::new() };
        let reader = ChildReader::new(stubmart_os::host(Handle::current()).0, program);
        let read = reader.read(hostile::ticket("NOWHERE-1")).await;
        assert!(matches!(read, Err(ReadError::Failed(_))), "{path}");
    }
}

/// Files that are changed at random end a child at worst. `STUBMART_READ_MUTATIONS` says how many are tried.
#[tokio::test(flavor = "multi_thread")]
async fn mutated_files_harm_nobody() {
    let is_ci = env::var_os("STUBMART_EFFORT").is_some_and(|effort| effort == "ci");
    let count = env::var("STUBMART_READ_MUTATIONS").ok().map(|it| it.parse().unwrap());
    let count = count.unwrap_or(if is_ci { 2000 } else { 40 });
    let small = hostile::qr("MUTANT-1", 2);
    let tickets = [
        hostile::ticket("MUTANT-1"),
        hostile::file(&small, ImageFormat::Png),
        hostile::file(&small, ImageFormat::Jpeg),
        hostile::file(&small, ImageFormat::WebP),
    ];
    let mut random = fastrand::Rng::with_seed(20_261_128);
    let reader = reader();
    let mut left: usize = count;
    while left > 0 {
        let batch: Vec<_> = (0..left.min(8)).map(|_| mutated(&tickets, &mut random)).collect();
        left -= batch.len();
        let read = join_all(batch.iter().map(|file| reader.read(file.clone()))).await;
        for (read, file) in read.iter().zip(&batch) {
            let is_sound = match read {
                Ok(read) => payload(read).is_none_or(|payload| payload == b"MUTANT-1"),
                Err(error) => !matches!(error, ReadError::Failed(_)),
            };
            assert!(is_sound, "{read:?} of {}", file.escape_ascii());
        }
    }
}

/// A ticket of which a few bytes are changed, taken out, doubled or mixed up.
fn mutated(tickets: &[Vec<u8>], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut file = random.choice(tickets).unwrap().clone();
    for _ in 0..random.usize(1..6) {
        let at = random.usize(0..file.len());
        let end = (at + random.usize(1..40)).min(file.len());
        match random.u8(0..5) {
            0 => file[at] = random.u8(..),
            1 => file[at] ^= 1 << random.u8(0..8),
            2 if file.len() > 100 => drop(file.drain(at..end)),
            3 => {
                let part = file[at..end].to_vec();
                file.splice(at..at, part);
            }
            _ => {
                let digits = file[at..end].iter_mut().filter(|it| it.is_ascii_digit());
                digits.for_each(|it| *it = random.u8(b'0'..=b'9'));
            }
        }
    }
    file
}

fn told(output: &[u8]) -> Value {
    serde_json::from_slice(output).unwrap()
}

/// An operator sees what a file is read as, and not what opens the gate unless they ask for it.
#[test]
fn the_command_says_what_a_file_is_read_as() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (ticket, copy, broken) = (path("ticket.pdf"), path("copy.png"), path("broken.pdf"));
    std::fs::write(&ticket, hostile::ticket("SECRET-4711")).unwrap();
    let png = hostile::file(&hostile::qr("SECRET-4711", 4), ImageFormat::Png);
    std::fs::write(&copy, png).unwrap();
    std::fs::write(&broken, "%PDF-1.7").unwrap();

    let output = run(&["read-ticket", &ticket, &copy]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains(&format!("{ticket}: PDF, 1 page\n  page 1: qr, 11 bytes")), "{said}");
    assert!(said.contains(&format!("THE SAME CODE as page 1 of {ticket}")), "{said}");
    assert!(!said.contains("SECRET"), "{said}");
    let said = String::from_utf8(run(&["read-ticket", "--show-codes", &ticket]).stdout).unwrap();
    assert!(said.contains("payload SECRET-4711"), "{said}");

    let output = run(&["read-ticket", "--json", &ticket, &broken, &path("none.pdf")]);
    assert_eq!(output.status.code(), Some(1));
    let told = told(&output.stdout);
    assert_eq!(told[0]["kind"], "pdf");
    assert_eq!(told[0]["pages"][0]["code"], json!({ "symbology": "qr", "payloadBytes": 11 }));
    assert_eq!(told[1]["error"], "the file cannot be read");
    assert!(text(&told[2], "error").contains("No such file"), "{told}");
}
