//! What kind of file it is, told by its first bytes.

use stubmart_ports::reader::TicketFileKind;

/// The kind of a file; `None` for none that is taken. A PDF may have blanks and a byte order mark before it and nothing
/// else, so that no file is of two kinds.
pub(crate) fn kind(file: &[u8]) -> Option<TicketFileKind> {
    let text = file.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(file).trim_ascii_start();
    if text.starts_with(b"%PDF-") {
        Some(TicketFileKind::Pdf)
    } else if file.starts_with(b"\x89PNG\r\n\x1A\n") {
        Some(TicketFileKind::Png)
    } else if file.starts_with(b"\xFF\xD8\xFF") {
        Some(TicketFileKind::Jpeg)
    } else if file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WEBP") {
        Some(TicketFileKind::Webp)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_say_what_it_is() {
        let cases: [(&[u8], Option<TicketFileKind>); 8] = [
            (b"%PDF-1.7\n", Some(TicketFileKind::Pdf)),
            (b"\xEF\xBB\xBF\r\n %PDF-1.4", Some(TicketFileKind::Pdf)),
            (b"GIF89a %PDF-1.4", None),
            (b"\x89PNG\r\n\x1A\n%PDF-1.4", Some(TicketFileKind::Png)),
            (b"\xFF\xD8\xFF\xE0", Some(TicketFileKind::Jpeg)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(TicketFileKind::Webp)),
            (b"RIFF\x10\0\0\0WAVE", None),
            (b"", None),
        ];
        for (file, expected) in cases {
            assert_eq!(kind(file), expected, "{file:?}");
        }
    }
}
