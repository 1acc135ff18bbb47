//! Draws codes, and pictures of tickets with them.

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, codecs::jpeg::JpegEncoder, imageops};
use rxing::{BarcodeFormat, EncodeHints, MultiFormatWriter, Writer as _};
use stubmart_ports::reader::Symbology;

/// A code: one pixel for each of its modules, black on white, with its quiet zone.
pub(crate) fn code(symbology: Symbology, payload: &str) -> GrayImage {
    let format = match symbology {
        Symbology::Qr => BarcodeFormat::QR_CODE,
        Symbology::Aztec => BarcodeFormat::AZTEC,
        Symbology::DataMatrix => BarcodeFormat::DATA_MATRIX,
        Symbology::Pdf417 => BarcodeFormat::PDF_417,
        Symbology::Code128 => BarcodeFormat::CODE_128,
        Symbology::Code39 => BarcodeFormat::CODE_39,
        Symbology::Itf => BarcodeFormat::ITF,
        Symbology::Other => BarcodeFormat::EAN_13,
    };
    let correction = match symbology {
        // What a logo lies over is corrected.
        Symbology::Qr => Some("H".to_owned()),
        _ => None,
    };
    let hints = EncodeHints {
        Margin: Some("4".to_owned()),
        ErrorCorrection: correction,
        CharacterSet: Some("ISO-8859-1".to_owned()),
        ..EncodeHints::default()
    };
    let drawn = MultiFormatWriter.encode_with_hints(payload, &format, 0, 0, &hints).unwrap();
    let bars = GrayImage::from_fn(drawn.getWidth(), drawn.getHeight(), |x, y| {
        Luma([if drawn.get(x, y) { 0 } else { 255 }])
    });
    match symbology {
        Symbology::Code128 | Symbology::Code39 | Symbology::Itf | Symbology::Other => {
            let bars = imageops::resize(&bars, bars.width(), 40, imageops::FilterType::Nearest);
            framed(&bars, 10, 4)
        }
        Symbology::Aztec | Symbology::DataMatrix => framed(&bars, 4, 4),
        Symbology::Qr | Symbology::Pdf417 => bars,
    }
}

/// An image with white around it.
fn framed(image: &GrayImage, across: u32, down: u32) -> GrayImage {
    let (width, height) = (image.width() + 2 * across, image.height() + 2 * down);
    let mut framed = GrayImage::from_pixel(width, height, Luma([255]));
    imageops::replace(&mut framed, image, across.into(), down.into());
    framed
}

/// An image whose pixels are so many times as large.
pub(crate) fn enlarged(image: &GrayImage, by: u32) -> GrayImage {
    let (width, height) = (image.width() * by, image.height() * by);
    imageops::resize(image, width, height, imageops::FilterType::Nearest)
}

/// A picture of a ticket as a phone shows it: lines of print, a picture, and the codes one below the other.
pub(crate) fn picture(codes: &[GrayImage]) -> GrayImage {
    let mut page = GrayImage::from_pixel(1080, 1600, Luma([250]));
    let mut random = fastrand::Rng::with_seed(7);
    for line in 0..9 {
        let mut x = 80;
        while x < 900 {
            let width = random.u32(2..9);
            let height = random.u32(14..24);
            for (dx, dy) in (0..width).flat_map(|dx| (0..height).map(move |dy| (dx, dy))) {
                page.put_pixel(x + dx, 60 + line * 40 + dy, Luma([40]));
            }
            x += width + random.u32(4..14);
        }
    }
    let logo = GrayImage::from_fn(300, 180, |x, y| Luma([((x * y / 97) % 200) as u8]));
    imageops::replace(&mut page, &logo, 700, 440);
    let mut top = 660;
    for code in codes {
        imageops::replace(&mut page, code, i64::from((1080 - code.width()) / 2), top);
        top += i64::from(code.height()) + 60;
    }
    page
}

/// A code with a picture in its middle, as wide as a sixth of it.
pub(crate) fn with_logo(mut code: GrayImage) -> GrayImage {
    let side = code.width() / 6;
    let logo =
        GrayImage::from_fn(side, side, |x, y| Luma([if (x + y) % 7 < 3 { 90 } else { 200 }]));
    let at = i64::from((code.width() - side) / 2);
    imageops::replace(&mut code, &logo, at, at);
    code
}

/// An image that is turned by some degrees, on white.
pub(crate) fn turned(image: &GrayImage, degrees: f64) -> GrayImage {
    let (sine, cosine) = degrees.to_radians().sin_cos();
    let (width, height) = (f64::from(image.width()), f64::from(image.height()));
    GrayImage::from_fn(image.width(), image.height(), |x, y| {
        let (x, y) = (f64::from(x) - width / 2.0, f64::from(y) - height / 2.0);
        let from_x = x * cosine - y * sine + width / 2.0;
        let from_y = x * sine + y * cosine + height / 2.0;
        if from_x < 0.0 || from_y < 0.0 || from_x >= width - 1.0 || from_y >= height - 1.0 {
            return Luma([250]);
        }
        let shade = |x: f64, y: f64| f64::from(image.get_pixel(x as u32, y as u32).0[0]);
        let (dx, dy) = (from_x.fract(), from_y.fract());
        let top = shade(from_x, from_y) * (1.0 - dx) + shade(from_x + 1.0, from_y) * dx;
        let bottom =
            shade(from_x, from_y + 1.0) * (1.0 - dx) + shade(from_x + 1.0, from_y + 1.0) * dx;
        Luma([(top * (1.0 - dy) + bottom * dy) as u8])
    })
}

/// A picture as a scanner gives it: blurred, grey, darker to one side, with noise.
pub(crate) fn scanned(image: &GrayImage, seed: u64) -> GrayImage {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut scanned = imageops::fast_blur(image, 1.2);
    let width = scanned.width();
    for (x, _, pixel) in scanned.enumerate_pixels_mut() {
        let shade =
            45 + i32::from(pixel.0[0]) * 3 / 5 - (x * 40 / width) as i32 + random.i32(-22..=22);
        pixel.0[0] = shade.clamp(0, 255) as u8;
    }
    scanned
}

pub(crate) fn jpeg(image: &GrayImage, quality: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let colour = DynamicImage::ImageLuma8(image.clone()).into_rgb8();
    JpegEncoder::new_with_quality(&mut file, quality).encode_image(&colour).unwrap();
    file
}

pub(crate) fn png(image: &GrayImage) -> Vec<u8> {
    file(image, ImageFormat::Png)
}

pub(crate) fn webp(image: &GrayImage) -> Vec<u8> {
    file(image, ImageFormat::WebP)
}

fn file(image: &GrayImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}
