//! Reads a file: its pages, each looked at until its code is found.

use image::{GrayImage, imageops};
use stubmart_ports::reader::{
    BYTES_MAX, Code, Page, ReadError, Suggests, TicketFile, TicketFileKind,
};

use crate::{codes, kind::kind, looks::looks, pdf, picture, suggests::suggests};

/// How many bytes the pages of a file may have together: what pages share, each has for itself.
pub(crate) const PAGES_BYTES_MAX: usize = 4 * BYTES_MAX;

/// Reads a file. Every page is looked at once; where that finds no code, again and more thoroughly, as long as `has_time`
/// says so.
///
/// # Errors
/// [`ReadError`], and never `Failed`. Much memory and time may go into the attempt, and what decodes may panic or
/// abort: that is what the child process is for.
pub fn read(file: &[u8], has_time: &dyn Fn() -> bool) -> Result<TicketFile, ReadError> {
    if file.len() > BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    let kind = kind(file).ok_or(ReadError::UnknownKind)?;
    match read_as(kind, file, has_time) {
        // What is protected in a way that is not known cannot be read either.
        Err(ReadError::Unreadable) if kind == TicketFileKind::Pdf && pdf::is_protected(file) => {
            Err(ReadError::Encrypted)
        }
        read => read,
    }
}

fn read_as(
    kind: TicketFileKind,
    file: &[u8],
    has_time: &dyn Fn() -> bool,
) -> Result<TicketFile, ReadError> {
    let mut pages = match kind {
        TicketFileKind::Pdf => pdf::split(file)?.into_iter().map(Sheet::of_a_pdf).collect(),
        TicketFileKind::Png | TicketFileKind::Jpeg | TicketFileKind::Webp => {
            vec![Sheet::of_a_picture(picture::picture(file, kind)?)]
        }
    };
    if pages.iter().map(|page| page.content.len()).sum::<usize>() > PAGES_BYTES_MAX {
        return Err(ReadError::Unreadable);
    }
    for view in View::ALL {
        for page in pages.iter_mut().filter(|page| page.wants(view)) {
            if view == View::First || has_time() {
                page.look(view)?;
            }
        }
    }
    Ok(TicketFile { kind, pages: pages.into_iter().map(Sheet::read).collect() })
}

/// How a page is looked at, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// As it is, or at 200 dots per inch.
    First,
    /// Larger: for codes of small modules.
    Large,
    /// Smaller: for codes in noise.
    Small,
    /// Tilted, and dark for light: for what a camera or a scanner saw askew.
    Askew,
}

impl View {
    const ALL: [Self; 4] = [Self::First, Self::Large, Self::Small, Self::Askew];
}

/// A page that is being read.
struct Sheet {
    content: Vec<u8>,
    /// What a picture shows; a PDF is rasterised for each view.
    picture: Option<GrayImage>,
    codes: Vec<Code>,
    looks: u64,
    suggests: Suggests,
}

impl Sheet {
    fn of_a_pdf(pdf::Leaf { content, text }: pdf::Leaf) -> Self {
        Self { content, picture: None, codes: Vec::new(), looks: 0, suggests: suggests(&text) }
    }

    fn of_a_picture(picture::Picture { content, grey }: picture::Picture) -> Self {
        let suggests = Suggests::default();
        Self { content, picture: Some(grey), codes: Vec::new(), looks: 0, suggests }
    }

    /// Whether it is worth a look: a two-dimensional code that is harder to read may stand beside a one-dimensional
    /// one, and nothing is missing once there is one.
    fn wants(&self, view: View) -> bool {
        match view {
            View::First => true,
            View::Large | View::Small => !self.codes.iter().any(codes::is_two_dimensional),
            View::Askew => self.codes.is_empty(),
        }
    }

    fn look(&mut self, view: View) -> Result<(), ReadError> {
        let Some(seen) = self.seen(view)? else { return Ok(()) };
        if view == View::First {
            self.looks = looks(&seen);
        }
        self.codes.extend(match view {
            View::First | View::Large | View::Small => codes::codes(&seen),
            View::Askew => codes::codes_askew(&seen),
        });
        Ok(())
    }

    /// What is seen of the page; `None` where it was seen as well before.
    fn seen(&self, view: View) -> Result<Option<GrayImage>, ReadError> {
        let Some(picture) = &self.picture else {
            return Ok(Some(match view {
                View::First | View::Askew => pdf::raster(&self.content, 200.0)?,
                View::Large => pdf::raster(&self.content, 300.0)?,
                View::Small => scaled(&pdf::raster(&self.content, 200.0)?, 1, 2),
            }));
        };
        Ok(match (view, picture.width().max(picture.height())) {
            (View::First | View::Askew, _) => Some(picture.clone()),
            (View::Large, ..1200) => Some(scaled(picture, 3, 1)),
            (View::Large, ..2000) => Some(scaled(picture, 3, 2)),
            (View::Large, _) => None,
            (View::Small, _) => Some(scaled(picture, 1, 2)),
        })
    }

    fn read(self) -> Page {
        let Self { content, codes, looks, suggests, .. } = self;
        Page { content, code: codes::choose(codes), looks, suggests }
    }
}

fn scaled(image: &GrayImage, by: u32, of: u32) -> GrayImage {
    let [width, height] = [image.width(), image.height()].map(|side| (side * by / of).max(1));
    if by > of {
        imageops::resize(image, width, height, imageops::FilterType::Triangle)
    } else {
        imageops::thumbnail(image, width, height)
    }
}
