//! The tickets that are read: one for each way in which they come.

use image::{GrayImage, imageops};
use stubmart_ports::reader::Symbology::{
    self, Aztec, Code39, Code128, DataMatrix, Itf, Pdf417, Qr,
};

use crate::{
    draw::{self, code, enlarged, jpeg, picture, png, scanned, turned, webp},
    paper::{Paper, Placed, Thing, document, placed},
};

/// A ticket's file, and the payload of each of its pages.
pub(crate) struct Ticket {
    pub(crate) name: String,
    pub(crate) file: Vec<u8>,
    pub(crate) expected: Vec<String>,
}

/// The codes that tickets have most.
const COMMON: [Symbology; 4] = [Qr, Aztec, Pdf417, Code128];

/// A payload as issuers make them; one of digits where others cannot be written.
pub(crate) fn payload(symbology: Symbology, number: u32) -> String {
    match symbology {
        Qr => format!("https://gate.example/t/{number:06}?s=Zk3xQ9vT0aBcDeFg"),
        Aztec => format!("#UT01{number:06}\u{1}\u{FE}\u{80}xyzABC-{number}"),
        Pdf417 => format!("M1DOE/JANE E{number:06} HAMLET 332 STALLS B 7"),
        DataMatrix => format!("DM{number:08}-7Q2K"),
        Code128 => format!("TIX-{number:08}"),
        Code39 => format!("TKT{number:07}"),
        Itf | Symbology::Other => format!("{number:014}"),
    }
}

/// How many points wide a code is printed.
fn width(symbology: Symbology) -> f32 {
    match symbology {
        Qr | Aztec => 110.0,
        DataMatrix => 70.0,
        Pdf417 => 230.0,
        Code128 | Code39 | Itf | Symbology::Other => 220.0,
    }
}

/// How many pixels a module has on a phone.
fn module(symbology: Symbology) -> u32 {
    match symbology {
        Qr | Aztec | DataMatrix => 8,
        Pdf417 => 3,
        Code128 | Code39 | Itf | Symbology::Other => 4,
    }
}

fn lines(number: u32) -> Vec<String> {
    ["Hamlet, Globe Theatre", "Saturday, 28 November 2026, 19:30"]
        .into_iter()
        .map(ToOwned::to_owned)
        .chain([
            format!("Section 112  Row B  Seat {number}"),
            format!("Order number: 4711-{number}"),
            "Show this page at the gate. It is valid once.".to_owned(),
        ])
        .collect()
}

fn page(number: u32, things: Vec<Placed>) -> Paper {
    Paper { lines: lines(number), things, rotate: 0 }
}

#[derive(Default)]
struct Tickets {
    all: Vec<Ticket>,
}

impl Tickets {
    fn add(&mut self, name: impl Into<String>, file: Vec<u8>, expected: &[String]) {
        self.all.push(Ticket { name: name.into(), file, expected: expected.to_vec() });
    }

    /// A number that no other ticket has.
    fn next(&self) -> u32 {
        700_100 + self.all.len() as u32
    }

    /// A document of one page with one code.
    fn paper(&mut self, name: &str, symbology: Symbology, make: impl Fn(GrayImage) -> Paper) {
        let payload = payload(symbology, self.next());
        let file = document(&[make(code(symbology, &payload))]);
        self.add(format!("{name} {}", symbology.word()), file, &[payload]);
    }

    /// A picture with one code.
    fn picture(&mut self, name: &str, symbology: Symbology, make: impl Fn(GrayImage) -> Vec<u8>) {
        let payload = payload(symbology, self.next());
        let drawn = enlarged(&code(symbology, &payload), module(symbology));
        self.add(format!("{name} {}", symbology.word()), make(picture(&[drawn])), &[payload]);
    }
}

pub(crate) fn tickets() -> Vec<Ticket> {
    let mut tickets = Tickets::default();
    papers(&mut tickets);
    askew_papers(&mut tickets);
    many(&mut tickets);
    pictures(&mut tickets);
    scans(&mut tickets);
    tickets.all
}

fn papers(tickets: &mut Tickets) {
    for symbology in [Qr, Aztec, DataMatrix, Pdf417, Code128, Code39, Itf] {
        tickets.paper("PDF, vector", symbology, |code| {
            page(7, vec![placed(Thing::Vector(code), width(symbology), 600.0)])
        });
        tickets.paper("PDF, image", symbology, |code| {
            page(7, vec![placed(Thing::Image(code), width(symbology), 300.0)])
        });
    }
    for symbology in COMMON {
        for rotate in [90, 180, 270] {
            tickets.paper(&format!("PDF, page turned by {rotate}"), symbology, |code| {
                let things = vec![placed(Thing::Vector(code), width(symbology), 500.0)];
                Paper { rotate, ..page(7, things) }
            });
        }
    }
    tickets.paper("PDF, small", Qr, |code| page(7, vec![placed(Thing::Vector(code), 55.0, 200.0)]));
    tickets.paper("PDF, with a logo over it", Qr, |code| {
        let code = draw::with_logo(enlarged(&code, 6));
        page(7, vec![placed(Thing::Image(code), 120.0, 600.0)])
    });
}

fn askew_papers(tickets: &mut Tickets) {
    for (symbology, degrees) in
        [(Qr, 7.0), (Aztec, 5.0), (DataMatrix, 4.0), (Pdf417, 3.0), (Code128, 4.0)]
    {
        tickets.paper(&format!("PDF, {degrees} degrees askew"), symbology, |code| {
            let placed = placed(Thing::Vector(code), width(symbology), 600.0);
            page(7, vec![Placed { degrees, ..placed }])
        });
    }
}

fn many(tickets: &mut Tickets) {
    for (symbology, count) in [(Qr, 3), (Aztec, 2), (Pdf417, 2), (Code128, 2), (Qr, 12)] {
        let start = tickets.next() * 100;
        let payloads: Vec<_> = (start..start + count).map(|it| payload(symbology, it)).collect();
        let papers: Vec<_> = payloads
            .iter()
            .zip(1..)
            .map(|(payload, seat)| {
                let code = Thing::Image(code(symbology, payload));
                page(seat, vec![placed(code, width(symbology), 600.0)])
            })
            .collect();
        tickets.add(
            format!("PDF, {count} pages {}", symbology.word()),
            document(&papers),
            &payloads,
        );
    }
    let advert = || placed(Thing::Image(code(Qr, "https://shop.example")), 90.0, 200.0);
    for symbology in [Qr, Aztec, Pdf417, DataMatrix] {
        let symbology_payload = payload(symbology, 1_234_567);
        let long = format!("{symbology_payload}-and-more-of-it");
        let code = placed(Thing::Vector(code(symbology, &long)), width(symbology) * 1.2, 650.0);
        let name = format!("PDF, an advertisement below {}", symbology.word());
        tickets.add(name, document(&[page(7, vec![code, advert()])]), &[long]);
    }
    let both = payload(Qr, tickets.next());
    let bars =
        placed(Thing::Vector(code(Code128, "ORDER-0000000000000000000000000000")), 400.0, 300.0);
    let square = placed(Thing::Vector(code(Qr, &both)), 110.0, 600.0);
    tickets.add("PDF, bars below qr", document(&[page(7, vec![bars, square])]), &[both]);
}

fn pictures(tickets: &mut Tickets) {
    for symbology in [Qr, Aztec, DataMatrix, Pdf417, Code128] {
        tickets.picture("PNG", symbology, |picture| png(&picture));
        tickets.picture("JPEG", symbology, |picture| jpeg(&picture, 60));
    }
    for symbology in COMMON {
        tickets.picture("PNG, turned by 90", symbology, |it| png(&imageops::rotate90(&it)));
        tickets.picture("JPEG, turned by 180", symbology, |it| jpeg(&imageops::rotate180(&it), 50));
        tickets.picture("WebP, turned by 270", symbology, |it| webp(&imageops::rotate270(&it)));
        tickets.picture("JPEG, 3 degrees askew", symbology, |it| jpeg(&turned(&it, 3.0), 70));
        tickets.picture("PNG, -5 degrees askew", symbology, |it| png(&turned(&it, -5.0)));
    }
    tickets.picture("PNG, light on dark", Qr, |mut picture| {
        imageops::invert(&mut picture);
        png(&picture)
    });
    let logo = payload(Qr, tickets.next());
    let drawn = draw::with_logo(enlarged(&code(Qr, &logo), 9));
    tickets.add("PNG, with a logo over it", png(&picture(&[drawn])), &[logo]);
    let alone = payload(Qr, tickets.next());
    tickets.add("PNG, a code alone, small", png(&enlarged(&code(Qr, &alone), 2)), &[alone]);
}

fn scans(tickets: &mut Tickets) {
    for symbology in COMMON {
        tickets.picture("JPEG of 30, scanned", symbology, |it| jpeg(&scanned(&it, 3), 30));
        tickets.picture("JPEG of 40, scanned askew", symbology, |it| {
            jpeg(&scanned(&turned(&it, 2.0), 4), 40)
        });
        let payload = payload(symbology, tickets.next());
        let drawn = enlarged(&code(symbology, &payload), module(symbology));
        let scan = placed(Thing::Jpeg(scanned(&picture(&[drawn]), 5), 45), 560.0, 840.0);
        let paper = Paper { things: vec![scan], ..Paper::default() };
        tickets.add(format!("PDF, scanned {}", symbology.word()), document(&[paper]), &[payload]);
    }
}
