//! The lines of a file.

use std::path::Path;

use stubmart_ports::Cause;

/// A line that could be read, or why not.
#[derive(Debug)]
pub(crate) struct Line<T> {
    /// Its number in the file, from 1.
    pub(crate) number: u64,
    /// What it says.
    pub(crate) content: Result<T, String>,
}

/// Reads the lines of a file; those of white space alone are left out.
///
/// # Errors
/// The cause: the file cannot be read, or is no text at all.
pub(crate) fn read(path: &Path) -> Result<Vec<Line<String>>, Cause> {
    let bytes =
        std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    lines(&bytes).map_err(|reason| format!("cannot read {}: {reason}", path.display()).into())
}

/// The lines of a text, each decoded by itself. A byte-order mark is dropped.
pub(crate) fn lines(bytes: &[u8]) -> Result<Vec<Line<String>>, &'static str> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("it is UTF-16; save it as UTF-8");
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
    Ok(lines
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .map(|(number, line)| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let text = str::from_utf8(line).map(ToOwned::to_owned);
            Line { number, content: text.map_err(|_| "is not UTF-8".to_owned()) }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_whatever_ends_them_and_however_many_are_blank() {
        let read = lines(b"\xef\xbb\xbfa\r\n\r\n  \nb\xe9\nc").unwrap();
        let read: Vec<_> = read.iter().map(|it| (it.number, it.content.as_deref())).collect();
        let refused = "is not UTF-8".to_owned();
        assert_eq!(read, [(1, Ok("a")), (4, Err(&refused)), (5, Ok("c"))]);
        assert!(lines(b"\xff\xfea\0").is_err(), "UTF-16");
    }
}
