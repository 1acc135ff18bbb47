//! Writes PDF documents with tickets, as box offices do.

use std::io::Write as _;

use flate2::{Compression, write::ZlibEncoder};
use image::GrayImage;
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str};

use crate::draw;

/// A thing on a page: where its lower left corner is and how large it is, in points.
pub(crate) struct Placed {
    pub(crate) what: Thing,
    pub(crate) at: (f32, f32),
    pub(crate) size: (f32, f32),
    pub(crate) degrees: f32,
}

pub(crate) enum Thing {
    /// Each dark pixel as a rectangle.
    Vector(GrayImage),
    /// An image, without loss.
    Image(GrayImage),
    /// A JPEG of this quality.
    Jpeg(GrayImage, u8),
}

/// A page.
#[derive(Default)]
pub(crate) struct Paper {
    pub(crate) lines: Vec<String>,
    pub(crate) things: Vec<Placed>,
    pub(crate) rotate: i32,
}

/// A code in the middle of the page, so many points wide.
pub(crate) fn placed(what: Thing, width: f32, top: f32) -> Placed {
    let (Thing::Vector(image) | Thing::Image(image) | Thing::Jpeg(image, _)) = &what;
    let height = width * image.height() as f32 / image.width() as f32;
    Placed { what, at: ((595.0 - width) / 2.0, top - height), size: (width, height), degrees: 0.0 }
}

/// Writes a document. All pages have one list of resources, as some programs write it.
pub(crate) fn document(papers: &[Paper]) -> Vec<u8> {
    let mut pdf = Pdf::new();
    let mut next = 0;
    let mut new = || {
        next += 1;
        Ref::new(next)
    };
    let (catalog, tree, resources, font) = (new(), new(), new(), new());
    let pages: Vec<Ref> = papers.iter().map(|_| new()).collect();
    let mut images = Vec::new();
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree).kids(pages.iter().copied()).count(papers.len() as i32);
    for (paper, page) in papers.iter().zip(pages) {
        let mut content = Content::new();
        for (number, line) in paper.lines.iter().enumerate() {
            content.begin_text().set_font(Name(b"F1"), 12.0);
            content.next_line(60.0, 780.0 - 18.0 * number as f32);
            content.show(Str(line.as_bytes())).end_text();
        }
        for thing in &paper.things {
            draw(&mut content, thing, |image, filter, width, height| {
                let id = new();
                let mut written = pdf.image_xobject(id, &image);
                written.filter(filter);
                written.width(width).height(height).bits_per_component(8);
                match filter {
                    Filter::DctDecode => written.color_space().device_rgb(),
                    _ => written.color_space().device_gray(),
                }
                written.finish();
                images.push((format!("Im{}", images.len()), id));
                images.last().unwrap().0.clone()
            });
        }
        let stream = new();
        pdf.stream(stream, &deflated(&content.finish())).filter(Filter::FlateDecode);
        let mut written = pdf.page(page);
        written.parent(tree).media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).rotate(paper.rotate);
        written.contents(stream);
        written.insert(Name(b"Resources")).primitive(resources);
    }
    pdf.type1_font(font).base_font(Name(b"Helvetica"));
    let mut list = pdf.indirect(resources).start::<pdf_writer::writers::Resources<'_>>();
    list.fonts().pair(Name(b"F1"), font);
    let mut objects = list.x_objects();
    for (name, id) in &images {
        objects.pair(Name(name.as_bytes()), *id);
    }
    objects.finish();
    list.finish();
    pdf.finish()
}

fn draw(
    content: &mut Content,
    thing: &Placed,
    mut embed: impl FnMut(Vec<u8>, Filter, i32, i32) -> String,
) {
    let Placed { what, at: (x, y), size: (width, height), degrees } = thing;
    let (sine, cosine) = degrees.to_radians().sin_cos();
    content.save_state();
    content.transform([1.0, 0.0, 0.0, 1.0, x + width / 2.0, y + height / 2.0]);
    content.transform([cosine, sine, -sine, cosine, 0.0, 0.0]);
    content.transform([*width, 0.0, 0.0, *height, -width / 2.0, -height / 2.0]);
    match what {
        Thing::Vector(image) => {
            let (columns, rows) = (image.width() as f32, image.height() as f32);
            for (x, y, pixel) in image.enumerate_pixels() {
                if pixel.0[0] < 128 {
                    let (x, y) = (x as f32 / columns, 1.0 - (y + 1) as f32 / rows);
                    content.rect(x, y, 1.0 / columns, 1.0 / rows);
                }
            }
            content.fill_nonzero();
        }
        Thing::Image(image) => {
            let (width, height) = (image.width() as i32, image.height() as i32);
            let name = embed(deflated(image.as_raw()), Filter::FlateDecode, width, height);
            content.x_object(Name(name.as_bytes()));
        }
        Thing::Jpeg(image, quality) => {
            let (width, height) = (image.width() as i32, image.height() as i32);
            let name = embed(draw::jpeg(image, *quality), Filter::DctDecode, width, height);
            content.x_object(Name(name.as_bytes()));
        }
    }
    content.restore_state();
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
