//! Tickets as they come are read, and none is read wrong.

#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::float_arithmetic,
    clippy::print_stdout,
    reason = "a test draws, and fails by panicking"
)]

mod draw;
mod paper;
mod stripped;
mod tickets;

use std::{sync::Mutex, thread};

use stubmart_ports::reader::{ReadError, Suggests, Symbology, TicketFile, TicketFileKind};
use stubmart_reader::read;

use crate::{
    draw::{code, enlarged, picture, png},
    paper::{Paper, Thing, document, placed},
    tickets::{Ticket, tickets},
};

/// How many of a hundred tickets are read at least.
const READ_MIN_PERCENT: usize = 95;

fn all(file: &[u8]) -> Result<TicketFile, ReadError> {
    read(file, &|| true)
}

/// The bytes that the letters of a payload stand for.
fn bytes(payload: &str) -> Vec<u8> {
    payload.chars().map(|it| u8::try_from(it).unwrap()).collect()
}

fn payloads(file: &TicketFile) -> Vec<Option<Vec<u8>>> {
    file.pages.iter().map(|page| page.code.as_ref().map(|code| code.payload.clone())).collect()
}

/// What is wrong with how a ticket is read, and whether it is worse than not to have read it.
fn fault(ticket: &Ticket) -> Option<(String, bool)> {
    let file = match all(&ticket.file) {
        Ok(file) => file,
        Err(error) => return Some((error.to_string(), false)),
    };
    let found = payloads(&file);
    if found.len() != ticket.expected.len() {
        return Some((format!("{} pages", found.len()), true));
    }
    for (found, expected) in found.iter().zip(&ticket.expected) {
        match found {
            None => return Some(("no code".to_owned(), false)),
            Some(found) if *found != bytes(expected) => {
                return Some((format!("{:?}", String::from_utf8_lossy(found)), true));
            }
            Some(_) => {}
        }
    }
    None
}

#[test]
fn tickets_are_read_and_none_is_read_wrong() {
    let tickets = tickets();
    let (total, faults) = (tickets.len(), Mutex::new(Vec::new()));
    let open = Mutex::new(tickets.into_iter());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(ticket) = open.lock().unwrap().next() else { break };
                    if let Some((fault, is_wrong)) = fault(&ticket) {
                        faults.lock().unwrap().push((ticket.name, fault, is_wrong));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    println!("{} of {total} tickets are read as they are; not so:", total - faults.len());
    for (name, fault, _) in &faults {
        println!("  {name}: {fault}");
    }
    assert!(total >= 60, "{total}");
    assert!(faults.iter().all(|(.., is_wrong)| !is_wrong), "read wrong: {faults:?}");
    assert!((total - faults.len()) * 100 >= total * READ_MIN_PERCENT, "not read: {faults:?}");
}

#[test]
fn one_payload_is_the_same_whatever_it_is_printed_as() {
    let payload = "UT01\u{0}\u{FE}\u{80}\u{FF}0123456789";
    let mut files = Vec::new();
    for symbology in [Symbology::Qr, Symbology::Aztec, Symbology::Pdf417] {
        // A printer's line end is not part of it.
        let code = code(symbology, &format!("{payload}\r\n"));
        let paper = Paper {
            things: vec![placed(Thing::Vector(code.clone()), 200.0, 600.0)],
            ..Paper::default()
        };
        files.push(document(&[paper]));
        files.push(png(&picture(&[enlarged(&code, 4)])));
    }
    for file in files {
        assert_eq!(payloads(&all(&file).unwrap()), [Some(bytes(payload))]);
    }
}

#[test]
fn a_page_carries_nothing_of_the_others() {
    let codes = ["ONE-1111111111", "TWO-2222222222", "SIX-6666666666"];
    let papers: Vec<_> = codes
        .iter()
        .map(|payload| Paper {
            lines: vec![format!("Seat {payload}")],
            things: vec![placed(Thing::Image(code(Symbology::Qr, payload)), 120.0, 600.0)],
            rotate: 0,
        })
        .collect();
    let file = all(&document(&papers)).unwrap();
    assert_eq!(file.kind, TicketFileKind::Pdf);
    for (page, payload) in file.pages.iter().zip(codes) {
        let alone = all(&page.content).unwrap();
        assert_eq!(payloads(&alone), [Some(bytes(payload))]);
        let content = lopdf::Document::load_mem(&page.content).unwrap();
        let images = content.objects.values().filter_map(|it| it.as_stream().ok());
        let is_image = |it: &&lopdf::Stream| {
            it.dict.get(b"Subtype").is_ok_and(|it| it.as_name().is_ok_and(|it| it == b"Image"))
        };
        assert_eq!(images.filter(is_image).count(), 1, "a page has its own code alone");
    }
}

#[test]
fn the_text_of_a_page_is_suggested() {
    let lines = ["Saturday, 28 November 2026", "Section 112 Row B Seat 7", "Order number: 4711-AB"];
    let lines = lines.map(ToOwned::to_owned).to_vec();
    let file = all(&document(&[Paper { lines, ..Paper::default() }])).unwrap();
    let some = |it: &str| Some(it.to_owned());
    let expected = Suggests {
        section: some("112"),
        row: some("B"),
        seat: some("7"),
        date: some("2026-11-28"),
        order_number: some("4711-AB"),
    };
    assert_eq!(file.pages[0].suggests, expected);
    assert_eq!(file.pages[0].code, None);
}

#[test]
fn pages_that_look_alike_have_fingerprints_that_do() {
    let ticket = |payload: &str| {
        let drawn = enlarged(&code(Symbology::Qr, payload), 8);
        all(&png(&picture(&[drawn]))).unwrap().pages[0].looks
    };
    let (one, two) = (ticket("AAAAAAAAAAAAAA-1"), ticket("AAAAAAAAAAAAAA-2"));
    let other = all(&document(&[Paper { lines: vec!["Seat 1".to_owned()], ..Paper::default() }]));
    assert!((one ^ two).count_ones() <= 6);
    assert!((one ^ other.unwrap().pages[0].looks).count_ones() >= 12);
}

#[test]
fn a_picture_is_written_again_without_what_is_not_seen() {
    let drawn = enlarged(&code(Symbology::Qr, "SECRET-PLACE-1"), 6);
    let shown = picture(&[drawn]);
    for mut file in [png(&shown), draw::jpeg(&shown, 80)] {
        let before = payloads(&all(&file).unwrap());
        file.extend(b"<script>alert(1)</script>PK\x03\x04");
        let read = all(&file).unwrap();
        assert_eq!(payloads(&read), before);
        let content = &read.pages[0].content;
        assert!(!content.windows(8).any(|it| it == b"<script>"));
    }
}
