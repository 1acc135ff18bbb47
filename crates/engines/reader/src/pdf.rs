//! PDF documents: split into pages, each a document of its own.

use std::collections::BTreeMap;

use hayro::{
    RenderCache, RenderSettings, hayro_interpret::InterpreterSettings, hayro_syntax::Pdf, render,
    vello_cpu::color::palette::css::WHITE,
};
use image::{GrayImage, Luma};
use lopdf::{Dictionary, Document, Object, ObjectId, Stream, dictionary};
use stubmart_ports::reader::{PAGES_MAX, ReadError};

use crate::prune;

/// How deep objects may lie in each other.
const DEPTH_MAX: usize = 64;

/// How many pixels a page is rasterised to at most: an A4 page at 300 dots per inch has 8.7 million. Larger pages get
/// fewer dots per inch.
const PIXELS_MAX: f32 = 9_000_000.0;

/// How many pixels a side may have.
const SIDE_MAX: f32 = 16_000.0;

/// What a page keeps. Annotations are not in it: links, form fields, attached files and whatever runs.
const KEPT_OF_A_PAGE: [&[u8]; 6] =
    [b"Resources", b"MediaBox", b"CropBox", b"Rotate", b"Contents", b"UserUnit"];

/// What a page that lacks it takes from the nodes of the tree above it.
const INHERITED: [&[u8]; 4] = [b"Resources", b"MediaBox", b"CropBox", b"Rotate"];

/// What a stream loses: files elsewhere, and what says something about it.
const DROPPED_OF_A_STREAM: [&[u8]; 9] = [
    b"F",
    b"FFilter",
    b"FDecodeParms",
    b"Metadata",
    b"PieceInfo",
    b"OPI",
    b"Alternates",
    b"Ref",
    b"AF",
];

/// What the trailer of a document that is protected has.
const ENCRYPT: &[u8] = b"/Encrypt";

/// A page of a document.
pub(crate) struct Leaf {
    /// It alone, as a document.
    pub(crate) content: Vec<u8>,
    /// Its text, as far as it has any.
    pub(crate) text: String,
}

/// How many bytes of a page's commands are looked through for text.
const TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Whether a document names what protects it.
pub(crate) fn is_protected(file: &[u8]) -> bool {
    file.windows(ENCRYPT.len()).any(|it| it == ENCRYPT)
}

/// Splits a document.
pub(crate) fn split(file: &[u8]) -> Result<Vec<Leaf>, ReadError> {
    let document =
        Document::load_mem(file.trim_ascii_start()).map_err(|_| ReadError::Unreadable)?;
    if document.is_encrypted() {
        return Err(ReadError::Encrypted);
    }
    let pages: Vec<ObjectId> = document.page_iter().take(PAGES_MAX + 1).collect();
    match pages.len() {
        0 => Err(ReadError::Unreadable),
        1..=PAGES_MAX => pages.into_iter().map(|page| leaf(&document, page)).collect(),
        _ => Err(ReadError::TooManyPages),
    }
}

fn leaf(document: &Document, page: ObjectId) -> Result<Leaf, ReadError> {
    let mut alone = Copier::new(document).page(page)?;
    let mut content = Vec::new();
    alone.save_to(&mut content).map_err(|_| ReadError::Unreadable)?;
    let text = alone.extract_text_with_limit(&[1], TEXT_BYTES_MAX).unwrap_or_default();
    Ok(Leaf { content, text })
}

/// Copies one page of a document, and what it needs, into a document of its own.
struct Copier<'a> {
    from: &'a Document,
    to: Document,
    ids: BTreeMap<ObjectId, ObjectId>,
    open: Vec<ObjectId>,
}

impl<'a> Copier<'a> {
    fn new(from: &'a Document) -> Self {
        let to = Document::with_version(from.version.clone());
        Self { from, to, ids: BTreeMap::new(), open: Vec::new() }
    }

    fn page(mut self, id: ObjectId) -> Result<Document, ReadError> {
        let page = self.whole(id)?;
        let page = prune::page(self.from, &page)?;
        let mut copy = self.dictionary(&page, 0);
        let pages = self.to.new_object_id();
        copy.set("Type", Object::Name(b"Page".to_vec()));
        copy.set("Parent", pages);
        let leaf = self.to.add_object(copy);
        while let Some(id) = self.open.pop() {
            let object = self.from.get_object(id).cloned().unwrap_or(Object::Null);
            let object = prune::object(self.from, object)?;
            let copy = self.copy(&object, 0);
            if let Some(new) = self.ids.get(&id) {
                self.to.set_object(*new, copy);
            }
        }
        let tree = dictionary! { "Type" => "Pages", "Kids" => vec![leaf.into()], "Count" => 1 };
        self.to.set_object(pages, tree);
        let catalog = self.to.add_object(dictionary! { "Type" => "Catalog", "Pages" => pages });
        self.to.trailer.set("Root", catalog);
        Ok(self.to)
    }

    /// What is kept of a page, with what it inherits.
    fn whole(&self, id: ObjectId) -> Result<Dictionary, ReadError> {
        let page = self.from.get_dictionary(id).map_err(|_| ReadError::Unreadable)?;
        let mut whole = Dictionary::new();
        for key in KEPT_OF_A_PAGE {
            if let Ok(value) = page.get(key) {
                whole.set(key, value.clone());
            }
        }
        let mut node = page;
        for _ in 0..DEPTH_MAX {
            let Ok(parent) = node.get_deref(b"Parent", self.from).and_then(Object::as_dict) else {
                break;
            };
            for key in INHERITED {
                if let (false, Ok(value)) = (whole.has(key), parent.get(key)) {
                    whole.set(key, value.clone());
                }
            }
            node = parent;
        }
        Ok(whole)
    }

    fn copy(&mut self, object: &Object, depth: usize) -> Object {
        if depth > DEPTH_MAX {
            return Object::Null;
        }
        match object {
            Object::Reference(id) => Object::Reference(self.reference(*id)),
            Object::Array(items) => {
                Object::Array(items.iter().map(|it| self.copy(it, depth + 1)).collect())
            }
            Object::Dictionary(dictionary) if is_dropped(dictionary) => Object::Null,
            Object::Dictionary(dictionary) => self.dictionary(dictionary, depth).into(),
            Object::Stream(stream) if is_dropped(&stream.dict) => Object::Null,
            Object::Stream(stream) => {
                let mut dictionary = self.dictionary(&stream.dict, depth);
                for key in DROPPED_OF_A_STREAM {
                    dictionary.remove(key);
                }
                Object::Stream(Stream::new(dictionary, stream.content.clone()))
            }
            other => other.clone(),
        }
    }

    fn dictionary(&mut self, dictionary: &Dictionary, depth: usize) -> Dictionary {
        let mut copy = Dictionary::new();
        for (key, value) in dictionary {
            copy.set(key.clone(), self.copy(value, depth + 1));
        }
        copy
    }

    fn reference(&mut self, id: ObjectId) -> ObjectId {
        *self.ids.entry(id).or_insert_with(|| {
            self.open.push(id);
            self.to.new_object_id()
        })
    }
}

/// Whether it is something that runs, that is a file of its own, or another page.
fn is_dropped(dictionary: &Dictionary) -> bool {
    let named = |key: &[u8], names: &[&[u8]]| {
        dictionary.get(key).and_then(Object::as_name).is_ok_and(|name| names.contains(&name))
    };
    let kinds: [&[u8]; 8] =
        [b"Action", b"Annot", b"Catalog", b"EmbeddedFile", b"F", b"Filespec", b"Page", b"Pages"];
    let actions: [&[u8]; 8] = [
        b"GoToE",
        b"GoToR",
        b"ImportData",
        b"JavaScript",
        b"Launch",
        b"Rendition",
        b"SubmitForm",
        b"URI",
    ];
    named(b"Type", &kinds) || named(b"S", &actions)
}

/// Rasterises the page of a document that has one, in grey on white.
#[expect(
    clippy::as_conversions,
    clippy::float_arithmetic,
    reason = "pages are measured in fractions of points; their sides are bounded"
)]
pub(crate) fn raster(content: &[u8], dots_per_inch: f32) -> Result<GrayImage, ReadError> {
    let pdf = Pdf::new(content.to_vec()).map_err(|_| ReadError::Unreadable)?;
    let page = pdf.pages().first().ok_or(ReadError::Unreadable)?;
    let (width, height) = page.render_dimensions();
    let fits = (PIXELS_MAX / (width * height)).sqrt().min(SIDE_MAX / width.max(height));
    let scale = (dots_per_inch / 72.0).min(fits);
    if !(scale > 0.0 && width * scale >= 1.0 && height * scale >= 1.0) {
        return Err(ReadError::Unreadable);
    }
    let target = hayro::PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
    let (cache, settings) = (RenderCache::new(), RenderSettings::default());
    let pixels = render(page, &cache, &InterpreterSettings::default(), &settings, &target);
    let mut rgba = pixels.data_as_u8_slice().chunks_exact(4);
    let grey = GrayImage::from_fn(pixels.width().into(), pixels.height().into(), |_, _| {
        let [red, green, blue] = match rgba.next() {
            Some([red, green, blue, _]) => [*red, *green, *blue].map(u32::from),
            _ => [255; 3],
        };
        Luma([((red * 299 + green * 587 + blue * 114) / 1000) as u8])
    });
    Ok(grey)
}
