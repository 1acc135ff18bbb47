//! The codes on a page.

use std::{
    collections::HashSet,
    panic::{AssertUnwindSafe, catch_unwind},
};

use image::{GrayImage, imageops};
use rxing::{
    BarcodeFormat, BinaryBitmap, DecodeHints, Luma8Source, RXingResult, Reader as _,
    aztec::AztecReader, common::HybridBinarizer, datamatrix::DataMatrixReader,
    multi::MultipleBarcodeReader as _, oned::MultiFormatOneDReader, pdf417::PDF417Reader,
    qrcode::cpp_port::QrReader,
};
use stubmart_ports::reader::{Code, Symbology};

use crate::regions::{regions, tilted};

/// The one-dimensional codes that tickets have.
const ONE_DIMENSIONAL: [BarcodeFormat; 5] = [
    BarcodeFormat::CODE_128,
    BarcodeFormat::CODE_39,
    BarcodeFormat::CODE_93,
    BarcodeFormat::EAN_13,
    BarcodeFormat::ITF,
];

/// How long the payload of a one-dimensional code is at least, in bytes: shorter ones are found in lines of print too.
const ONE_DIMENSIONAL_MIN: usize = 6;

/// Whether the code fills an area.
pub(crate) fn is_two_dimensional(code: &Code) -> bool {
    match code.symbology {
        Symbology::Qr | Symbology::Aztec | Symbology::DataMatrix | Symbology::Pdf417 => true,
        Symbology::Code128 | Symbology::Code39 | Symbology::Itf | Symbology::Other => false,
    }
}

/// The code that opens the gate: the two-dimensional one with the longest payload, else the one-dimensional one with
/// it. Of two that are as long it is the smaller one, so that it does not depend on what was found first.
pub(crate) fn choose(codes: Vec<Code>) -> Option<Code> {
    codes.into_iter().max_by(|left, right| {
        let rank = |code: &Code| (is_two_dimensional(code), code.payload.len());
        rank(left).cmp(&rank(right)).then_with(|| right.payload.cmp(&left.payload))
    })
}

/// The codes on a page that is seen straight, or turned by quarters.
pub(crate) fn codes(page: &GrayImage) -> Vec<Code> {
    let mut found = two_dimensional(page, false);
    let regions = regions(page);
    for region in &regions {
        found.extend(in_a_crop(region));
    }
    if found.is_empty() {
        found.extend(regions.iter().flat_map(one_dimensional));
    }
    if found.is_empty() {
        found.extend(one_dimensional(page));
    }
    found
}

/// The codes on a page that is seen a few degrees askew, or that are light on dark.
pub(crate) fn codes_askew(page: &GrayImage) -> Vec<Code> {
    let regions = regions(page);
    let mut found = two_dimensional(page, true);
    for region in regions.iter().flat_map(tilted) {
        if found.is_empty() {
            found.extend(two_dimensional(&region, false));
        }
        if found.is_empty() {
            found.extend(one_dimensional(&region));
        }
    }
    if found.is_empty() {
        // An Aztec code is found around the middle of an image alone.
        let (width, height) = page.dimensions();
        for (x, y) in (0..9).map(|it| (it % 3 * width / 4, it / 3 * height / 4)) {
            let part = imageops::crop_imm(page, x, y, width / 2, height / 2).to_image();
            found.extend(in_a_crop(&part));
        }
    }
    found
}

type Bitmap<'a> = BinaryBitmap<HybridBinarizer<Luma8Source<'a>>>;

fn bitmap(image: &GrayImage) -> Option<Bitmap<'_>> {
    let source = Luma8Source::new_with_slice(image, image.width(), image.height()).ok()?;
    Some(BinaryBitmap::new(HybridBinarizer::new(source)))
}

fn hints(formats: &[BarcodeFormat]) -> DecodeHints {
    let formats = HashSet::from_iter(formats.iter().copied());
    DecodeHints { TryHarder: Some(true), PossibleFormats: Some(formats), ..DecodeHints::default() }
}

/// What a reader finds. One that panics, on an image that nobody had thought of, has found nothing.
fn found<T>(read: impl FnOnce() -> rxing::common::Result<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(read)).ok()?.ok()
}

/// The two-dimensional codes that are found wherever they are.
fn two_dimensional(image: &GrayImage, is_light_on_dark: bool) -> Vec<Code> {
    let Some(mut bitmap) = bitmap(image) else { return Vec::new() };
    if is_light_on_dark {
        bitmap.invert();
    }
    let qr = hints(&[BarcodeFormat::QR_CODE]);
    let qr = found(|| QrReader.decode_multiple_with_hints(&mut bitmap, &qr));
    let pdf417 = hints(&[BarcodeFormat::PDF_417]);
    let pdf417 = found(|| PDF417Reader.decode_multiple_with_hints(&mut bitmap, &pdf417));
    [qr, pdf417].iter().flatten().flatten().filter_map(code).collect()
}

/// The two-dimensional codes that are found if there is little else in the image.
fn in_a_crop(image: &GrayImage) -> Vec<Code> {
    let Some(mut bitmap) = bitmap(image) else { return Vec::new() };
    let aztec = hints(&[BarcodeFormat::AZTEC]);
    let aztec = found(|| AztecReader.decode_with_hints(&mut bitmap, &aztec));
    let data_matrix = hints(&[BarcodeFormat::DATA_MATRIX]);
    let data_matrix = found(|| DataMatrixReader.decode_with_hints(&mut bitmap, &data_matrix));
    [aztec, data_matrix].iter().flatten().filter_map(code).collect()
}

/// The one-dimensional code that is found first, straight or turned by a quarter.
fn one_dimensional(image: &GrayImage) -> Vec<Code> {
    let hints = hints(&ONE_DIMENSIONAL);
    let mut reader = MultiFormatOneDReader::new(&hints);
    let mut read = |image: &GrayImage| {
        let mut bitmap = bitmap(image)?;
        let result = found(|| reader.decode_with_hints(&mut bitmap, &hints))?;
        code(&result).filter(|code| code.payload.len() >= ONE_DIMENSIONAL_MIN)
    };
    read(image).or_else(|| read(&imageops::rotate90(image))).into_iter().collect()
}

/// What was read; `None` where nothing is in it.
fn code(result: &RXingResult) -> Option<Code> {
    let symbology = match result.getBarcodeFormat() {
        BarcodeFormat::QR_CODE => Symbology::Qr,
        BarcodeFormat::AZTEC => Symbology::Aztec,
        BarcodeFormat::DATA_MATRIX => Symbology::DataMatrix,
        BarcodeFormat::PDF_417 => Symbology::Pdf417,
        BarcodeFormat::CODE_128 => Symbology::Code128,
        BarcodeFormat::CODE_39 => Symbology::Code39,
        BarcodeFormat::ITF => Symbology::Itf,
        _ => Symbology::Other,
    };
    let bytes = match symbology {
        // The reader of QR codes gives the bytes themselves, the others give them as a text of their Latin-1 letters.
        Symbology::Qr => result.getRawBytes().to_vec(),
        _ => bytes(result.getText()),
    };
    let payload = canonical(&bytes).to_vec();
    (!payload.is_empty()).then_some(Code { payload, symbology })
}

/// The bytes that a text stands for: each letter is one, unless the code itself said that it is Unicode.
fn bytes(text: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = text.chars().map(|letter| u8::try_from(letter).ok()).collect();
    bytes.unwrap_or_else(|| text.as_bytes().to_vec())
}

/// A payload without line ends, zeros and blanks at its end, which one printer adds and another one does not.
fn canonical(payload: &[u8]) -> &[u8] {
    let end = payload.iter().rposition(|byte| !b"\r\n\0 ".contains(byte)).map_or(0, |it| it + 1);
    payload.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_printers_add_at_the_end_is_not_the_payload() {
        assert_eq!(canonical(b" A 1\r\n\0 \n"), b" A 1");
        assert_eq!(canonical(b"\r\n"), b"");
        assert_eq!(canonical(b"A\xFF"), b"A\xFF");
    }

    #[test]
    fn letters_are_bytes_unless_one_is_none() {
        assert_eq!(bytes("A\u{FF}\u{0}"), b"A\xFF\0");
        assert_eq!(bytes("€\u{E9}"), "€\u{E9}".as_bytes());
    }

    #[test]
    fn an_area_comes_before_a_line_and_a_long_payload_before_a_short_one() {
        let code = |payload: &str, symbology| Code { payload: payload.into(), symbology };
        let line = code("0123456789", Symbology::Code128);
        let (short, long) = (code("12", Symbology::Qr), code("345", Symbology::Aztec));
        for codes in [vec![&line, &short, &long], vec![&long, &short, &line]] {
            let codes = codes.into_iter().cloned().collect();
            assert_eq!(choose(codes).as_ref(), Some(&long));
        }
        assert_eq!(choose(vec![line.clone()]), Some(line));
        let (left, right) = (code("AB", Symbology::Qr), code("AC", Symbology::Qr));
        assert_eq!(choose(vec![left.clone(), right.clone()]), choose(vec![right, left]));
        assert_eq!(choose(Vec::new()), None);
    }
}
