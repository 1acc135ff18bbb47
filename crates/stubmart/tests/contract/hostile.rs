//! Files that are made to harm who reads them.

use std::{fmt::Write as _, io::Write as _};

use flate2::{Compression, write::ZlibEncoder};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use rxing::{BarcodeFormat, MultiFormatWriter, Writer as _};

/// What is known of how a file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    UnknownKind,
    TooLarge,
    TooManyPages,
    Encrypted,
    Unreadable,
    /// It is read, or it is not: both are well as long as nobody is harmed.
    ReadOrUnreadable,
}

/// A QR code as a picture.
pub(crate) fn qr(payload: &str, module: u32) -> GrayImage {
    let drawn = MultiFormatWriter.encode(payload, &BarcodeFormat::QR_CODE, 0, 0).unwrap();
    GrayImage::from_fn(drawn.getWidth() * module, drawn.getHeight() * module, |x, y| {
        Luma([if drawn.get(x / module, y / module) { 0 } else { 255 }])
    })
}

pub(crate) fn file(image: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageLuma8(image.clone()).into_rgb8().write_to(&mut file, format).unwrap();
    file.into_inner()
}

/// A ticket as a document of one page with a code.
pub(crate) fn ticket(payload: &str) -> Vec<u8> {
    let image = qr(payload, 1);
    let (width, height) = image.dimensions();
    let stream = stream(
        &format!(
            "/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 8"
        ),
        image.as_raw(),
    );
    page("/XObject<</Im 5 0 R>>", b"q 120 0 0 120 40 40 cm /Im Do Q", &[stream])
}

/// A stream, deflated.
fn stream(entries: &str, content: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).unwrap();
    deflated(entries, &encoder.finish().unwrap())
}

fn deflated(entries: &str, deflated: &[u8]) -> Vec<u8> {
    let mut object =
        format!("<<{entries}/Filter/FlateDecode/Length {}>>stream\n", deflated.len()).into_bytes();
    object.extend(deflated);
    object.extend(b"\nendstream");
    object
}

/// So many zeros, deflated, without having them all at once.
fn zeros(count: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    let part = vec![b' '; 1 << 20];
    for _ in 0..count >> 20 {
        encoder.write_all(&part).unwrap();
    }
    encoder.finish().unwrap()
}

/// A document of these objects, the first of them its catalog.
fn document(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (object, number) in objects.iter().zip(1..) {
        writeln!(table, "{:010} 00000 n ", file.len()).unwrap();
        file.extend(format!("{number} 0 obj\n").bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    let size = objects.len() + 1;
    file.extend(
        format!(
            "{table}trailer\n<</Size {size}/Root 1 0 R{trailer}>>\nstartxref\n{start}\n%%EOF\n"
        )
        .bytes(),
    );
    file
}

/// A document of one page; `more` are the objects from 5 on.
fn page(resources: &str, commands: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    page_of("0 0 200 200", resources, stream("", commands), more)
}

fn page_of(media_box: &str, resources: &str, contents: Vec<u8>, more: &[Vec<u8>]) -> Vec<u8> {
    let leaf = format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[{media_box}]/Resources<<{resources}>>/Contents 4 0 R>>"
    );
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(),
        leaf.into_bytes(),
        contents,
    ];
    objects.extend(more.iter().cloned());
    document(&objects, "")
}

/// A document of so many pages.
fn pages(count: usize) -> Vec<u8> {
    let kids: Vec<_> = (3..count + 3).map(|it| format!("{it} 0 R")).collect();
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        format!("<</Type/Pages/Kids[{}]/Count {count}>>", kids.join(" ")).into_bytes(),
    ];
    objects.resize(count + 2, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>".to_vec());
    document(&objects, "")
}

/// A chunk of a PNG; its checksum is left out of the count of what decoders look at first.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(width.to_be_bytes());
    chunk.extend(height.to_be_bytes());
    chunk.extend([8, 2, 0, 0, 0]);
    let mut checksum = flate2::Crc::new();
    checksum.update(&chunk);
    let mut file = b"\x89PNG\r\n\x1A\n\0\0\0\x0D".to_vec();
    file.extend(&chunk);
    file.extend(checksum.sum().to_be_bytes());
    file
}

fn image_of(width: u64, height: u64, entries: &str) -> Vec<u8> {
    deflated(
        &format!("/Type/XObject/Subtype/Image/Width {width}/Height {height}{entries}"),
        &zeros(64 << 20),
    )
}

/// Every hostile file, and how it ends.
pub(crate) fn files() -> Vec<(&'static str, Vec<u8>, Ends)> {
    let mut files = documents();
    files.extend(drawings());
    files.extend(pictures());
    files.extend(of_two_kinds());
    files
}

fn documents() -> Vec<(&'static str, Vec<u8>, Ends)> {
    let catalog = || b"<</Type/Catalog/Pages 2 0 R>>".to_vec();
    let looped = [catalog(), b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>".to_vec()];
    let itself = [catalog(), b"2 0 R".to_vec()];
    let mut prev = document(&[catalog(), b"<</Type/Pages/Kids[]/Count 0>>".to_vec()], "/Prev 9");
    prev.extend(b"xref\n0 0\ntrailer\n<</Prev 9>>\nstartxref\n9\n%%EOF");
    let nested = [vec![b'['; 3_000_000], vec![b']'; 3_000_000]].concat();
    let lock = "/Filter/Standard/V 1/R 2/O(12345678901234567890123456789012)/U(12345678901234567890123456789012)/P -4";
    let good = ticket("TRUNCATED-1");
    vec![
        ("10,000 pages", pages(10_000), Ends::TooManyPages),
        ("21 pages", pages(21), Ends::TooManyPages),
        ("a tree of pages that is its own child", document(&looped, ""), Ends::Unreadable),
        ("a tree of pages that is itself", document(&itself, ""), Ends::Unreadable),
        ("cross references in a circle", prev, Ends::Unreadable),
        ("no pages", document(&[catalog()], ""), Ends::Unreadable),
        (
            "a password",
            {
                let encrypt =
                    format!("/Encrypt<<{lock}>>/ID[(1234567890123456)(1234567890123456)]");
                let leaf = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>".to_vec();
                document(
                    &[catalog(), b"<</Type/Pages/Kids[3 0 R]/Count 1>>".to_vec(), leaf],
                    &encrypt,
                )
            },
            Ends::Encrypted,
        ),
        ("a document that is cut off", good[..good.len() / 2].to_vec(), Ends::ReadOrUnreadable),
        ("its first line alone", b"%PDF-1.7\n".to_vec(), Ends::Unreadable),
        ("arrays in arrays", page("", b"", std::slice::from_ref(&nested)), Ends::ReadOrUnreadable),
        ("arrays in arrays in a page's commands", page("", &nested, &[]), Ends::ReadOrUnreadable),
        (
            "commands of 1 GB",
            page_of("0 0 200 200", "", deflated("", &zeros(1 << 30)), &[]),
            Ends::Unreadable,
        ),
        (
            "an object stream of 1 GB",
            {
                let stream = deflated("/Type/ObjStm/N 10/First 100", &zeros(1 << 30));
                let mut file = page("", b"", &[stream]);
                file.extend(b"startxref\n0\n%%EOF");
                file
            },
            Ends::ReadOrUnreadable,
        ),
        (
            "larger than 10 MB",
            [b"%PDF-1.7\n".to_vec(), vec![b' '; 10 << 20]].concat(),
            Ends::TooLarge,
        ),
    ]
}

fn drawings() -> Vec<(&'static str, Vec<u8>, Ends)> {
    let form = |entries: &str, commands: &[u8]| {
        stream(&format!("/Type/XObject/Subtype/Form/BBox[0 0 200 200]{entries}"), commands)
    };
    let itself = form("/Resources<</XObject<</A 5 0 R>>>>", b"/A Do /A Do");
    let doubling: Vec<_> = (5..65)
        .map(|it| form(&format!("/Resources<</XObject<</A {} 0 R>>>>", it + 1), b"/A Do /A Do"))
        .collect();
    let fills = b"0 0 200 200 re f 200 0 m 0 0 200 200 0 200 c b\n".repeat(400_000);
    let pattern = stream(
        "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep 0.0001/YStep 0.0001/Resources<<>>",
        b"0 0 1 1 re f",
    );
    let tiled = b"/Pattern cs /P scn 0 0 200 200 re f";
    let grey = "/ColorSpace/DeviceGray/BitsPerComponent 8";
    let drawn = b"q 200 0 0 200 0 0 cm /Im Do Q";
    let image = |width, height, entries: &str| {
        page("/XObject<</Im 5 0 R>>", drawn, &[image_of(width, height, entries)])
    };
    let vast = |media_box| page_of(media_box, "", stream("", b"0 0 1 1 re f"), &[]);
    vec![
        (
            "a form that draws itself",
            page("/XObject<</A 5 0 R>>", b"/A Do", &[itself]),
            Ends::ReadOrUnreadable,
        ),
        (
            "forms that double sixty times",
            page("/XObject<</A 5 0 R>>", b"/A Do", &doubling),
            Ends::ReadOrUnreadable,
        ),
        ("800,000 fills of the page", page("", &fills, &[]), Ends::ReadOrUnreadable),
        (
            "a pattern of endless tiles",
            page("/Pattern<</P 5 0 R>>", tiled, &[pattern]),
            Ends::ReadOrUnreadable,
        ),
        ("an image of 10 billion pixels", image(100_000, 100_000, grey), Ends::ReadOrUnreadable),
        (
            "an image as wide as numbers go",
            image(i64::MAX.unsigned_abs(), 2, grey),
            Ends::ReadOrUnreadable,
        ),
        (
            "an image of 1 bit, 4 billion pixels",
            image(65_535, 65_535, "/ColorSpace/DeviceGray/BitsPerComponent 1"),
            Ends::ReadOrUnreadable,
        ),
        ("a page of a mile", vast("0 0 99999999 99999999"), Ends::ReadOrUnreadable),
        ("a page of nothing", vast("0 0 0 0"), Ends::ReadOrUnreadable),
        ("a page inside out", vast("1e30 1e30 -1e30 -1e30"), Ends::ReadOrUnreadable),
        ("a page as long as a street", vast("0 0 1 99999999"), Ends::ReadOrUnreadable),
    ]
}

fn pictures() -> Vec<(&'static str, Vec<u8>, Ends)> {
    let good = file(&qr("TRUNCATED-2", 8), ImageFormat::Png);
    let jpeg = file(&qr("TRUNCATED-3", 8), ImageFormat::Jpeg);
    // The header of a JPEG says its size behind FF C0.
    let mut vast_jpeg = jpeg.clone();
    let frame = vast_jpeg.windows(2).position(|it| it == [0xFF, 0xC0]).unwrap();
    vast_jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    let mut bomb = png_header(40_000, 40_000);
    let pixels = zeros(256 << 20);
    let mut chunk = b"IDAT".to_vec();
    chunk.extend(&pixels);
    let mut checksum = flate2::Crc::new();
    checksum.update(&chunk);
    bomb.extend(u32::try_from(pixels.len()).unwrap().to_be_bytes());
    bomb.extend(&chunk);
    bomb.extend(checksum.sum().to_be_bytes());
    vec![
        ("a PNG of 1.6 billion pixels", bomb, Ends::Unreadable),
        ("a PNG that is a header alone", png_header(100, 100), Ends::Unreadable),
        ("a PNG that is cut off", good[..good.len() / 2].to_vec(), Ends::ReadOrUnreadable),
        ("a JPEG of 4 billion pixels", vast_jpeg, Ends::Unreadable),
        ("a JPEG that is cut off", jpeg[..jpeg.len() / 2].to_vec(), Ends::ReadOrUnreadable),
        ("a WebP of nothing", b"RIFF\x04\0\0\0WEBP".to_vec(), Ends::Unreadable),
    ]
}

fn of_two_kinds() -> Vec<(&'static str, Vec<u8>, Ends)> {
    let before = |start: &[u8]| [start.to_vec(), ticket("TWO-KINDS-1")].concat();
    vec![
        ("an empty file", Vec::new(), Ends::UnknownKind),
        (
            "a page of HTML and a document",
            before(b"<html><script>alert(1)</script>"),
            Ends::UnknownKind,
        ),
        ("a GIF and a document", before(b"GIF89a"), Ends::UnknownKind),
        ("a ZIP and a document", before(b"PK\x03\x04"), Ends::UnknownKind),
        ("a PNG and a document", before(&png_header(10, 10)), Ends::Unreadable),
        ("a program", b"\x7FELF\x02\x01\x01".to_vec(), Ends::UnknownKind),
    ]
}
