//! The text of a file, in whatever encoding.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::fault::FileFault;

/// What a workbook of a spreadsheet begins with: that of a ZIP archive, and that of the older binary form.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"];

/// The text of a file, each line ended by `\n`. It is UTF-8 or UTF-16, by its byte-order mark or by its bytes, or
/// else Windows-1252, in which spreadsheets of the West save CSV.
///
/// # Errors
/// [`FileFault`]: it is no text.
pub(crate) fn decode(bytes: &[u8]) -> Result<String, FileFault> {
    if WORKBOOKS.iter().any(|it| bytes.starts_with(it)) {
        return Err(FileFault::Workbook);
    }
    let (text, _, _) = encoding(bytes).decode(bytes);
    if text.contains(['\0', char::REPLACEMENT_CHARACTER]) {
        return Err(FileFault::NotText);
    }
    let text = if text.contains('\r') { text.replace("\r\n", "\n").into() } else { text };
    let text: Cow<'_, str> =
        if text.contains('\r') { text.replace('\r', "\n").into() } else { text };
    Ok(text.into_owned())
}

fn encoding(bytes: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    match bytes {
        [0, second, ..] if *second != 0 => UTF_16BE,
        [first, 0, ..] if *first != 0 => UTF_16LE,
        _ if str::from_utf8(bytes).is_ok() => UTF_8,
        _ => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, order: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn a_text_is_read_in_the_encodings_that_spreadsheets_write() {
        let text = "Café, €5\nb";
        let with_bom = format!("\u{feff}{text}");
        for bytes in [
            text.as_bytes().to_vec(),
            with_bom.as_bytes().to_vec(),
            utf16(&with_bom, u16::to_le_bytes),
            utf16(&with_bom, u16::to_be_bytes),
            utf16(text, u16::to_le_bytes),
            utf16(text, u16::to_be_bytes),
            b"Caf\xe9, \x805\nb".to_vec(),
            b"Caf\xe9, \x805\r\nb".to_vec(),
            b"Caf\xe9, \x805\rb".to_vec(),
        ] {
            assert_eq!(decode(&bytes).as_deref(), Ok(text), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_told_apart() {
        assert_eq!(decode(b"PK\x03\x04\x14\0"), Err(FileFault::Workbook));
        assert_eq!(decode(b"\xd0\xcf\x11\xe0\xa1\xb1"), Err(FileFault::Workbook));
        assert_eq!(decode(b"id,price\0\0\0"), Err(FileFault::NotText));
        assert_eq!(
            decode(b"\xef\xbb\xbfid\xff"),
            Err(FileFault::NotText),
            "not the UTF-8 it says it is"
        );
        assert_eq!(decode(b""), Ok(String::new()));
    }
}
