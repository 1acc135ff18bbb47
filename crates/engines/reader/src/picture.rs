//! Pictures of tickets: photographs, screenshots, scans.

use std::io::Cursor;

use image::{
    DynamicImage, GrayImage, ImageDecoder as _, ImageEncoder as _, ImageFormat, ImageReader,
    codecs::jpeg::JpegEncoder, imageops,
};
use stubmart_ports::reader::{ReadError, TicketFileKind};

/// How many bytes the pixels of a picture may take: a photograph of 48 megapixels has 144 MB.
const DECODED_BYTES_MAX: u64 = 150 * 1024 * 1024;

/// How many pixels are looked at; a larger picture is shrunk.
const LOOKED_AT_MAX: u32 = 8_000_000;

/// How good a JPEG is that is written again, of 100: no code suffers.
const JPEG_QUALITY: u8 = 90;

/// A picture.
pub(crate) struct Picture {
    /// It alone, written again from its pixels: what else was in the file is gone.
    pub(crate) content: Vec<u8>,
    /// It in grey, upright.
    pub(crate) grey: GrayImage,
}

/// Reads a picture. Its size is judged by its header, before anything is decoded.
pub(crate) fn picture(file: &[u8], kind: TicketFileKind) -> Result<Picture, ReadError> {
    let format = match kind {
        TicketFileKind::Png => ImageFormat::Png,
        TicketFileKind::Jpeg => ImageFormat::Jpeg,
        TicketFileKind::Webp => ImageFormat::WebP,
        TicketFileKind::Pdf => return Err(ReadError::UnknownKind),
    };
    let unreadable = |_| ReadError::Unreadable;
    let reader = ImageReader::with_format(Cursor::new(file), format);
    let mut decoder = reader.into_decoder().map_err(unreadable)?;
    if decoder.total_bytes() > DECODED_BYTES_MAX {
        return Err(ReadError::Unreadable);
    }
    let orientation = decoder.orientation().map_err(unreadable)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    image.apply_orientation(orientation);
    let content = write(&image, format).map_err(unreadable)?;
    Ok(Picture { content, grey: shrunk(on_white(image)) })
}

/// Writes a picture as a file of `format`.
fn write(image: &DynamicImage, format: ImageFormat) -> image::ImageResult<Vec<u8>> {
    let mut content = Vec::new();
    if format == ImageFormat::Jpeg {
        let (pixels, colour) = (image.as_bytes(), image.color());
        let encoder = JpegEncoder::new_with_quality(&mut content, JPEG_QUALITY);
        encoder.write_image(pixels, image.width(), image.height(), colour.into())?;
    } else {
        image.write_to(&mut Cursor::new(&mut content), format)?;
    }
    Ok(content)
}

/// A picture in grey; what shines through is white, as paper is.
fn on_white(image: DynamicImage) -> GrayImage {
    if !image.color().has_alpha() {
        return image.into_luma8();
    }
    let pixels = image.into_luma_alpha8();
    GrayImage::from_fn(pixels.width(), pixels.height(), |x, y| {
        let [grey, alpha] = pixels.get_pixel(x, y).0.map(u16::from);
        let shade = (grey * alpha + 255 * (255 - alpha)) / 255;
        image::Luma([u8::try_from(shade).unwrap_or(u8::MAX)])
    })
}

/// A picture that is not larger than what is looked at.
fn shrunk(grey: GrayImage) -> GrayImage {
    let (mut width, mut height) = grey.dimensions();
    while width.saturating_mul(height) > LOOKED_AT_MAX {
        (width, height) = (width * 3 / 4, height * 3 / 4);
    }
    if (width, height) == grey.dimensions() {
        grey
    } else {
        imageops::thumbnail(&grey, width.max(1), height.max(1))
    }
}
