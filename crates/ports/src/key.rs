//! Keys of an ordered index: bytes that sort as their parts do, first part first.

use stubmart_contract::Timestamp;
use uuid::Uuid;

/// A key, or the beginning of one, built part by part.
///
/// Keys of one index must all have the same kinds of parts in the same order.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Vec<u8>);

impl Key {
    /// The empty key, which begins every key.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an id.
    #[must_use]
    pub fn id(mut self, id: Uuid) -> Self {
        self.0.extend_from_slice(id.as_bytes());
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn number(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds a point in time.
    #[must_use]
    pub fn time(mut self, at: Timestamp) -> Self {
        // Flipping the sign bit makes two's complement sort as unsigned bytes do.
        let [first, rest @ ..] = at.millis().to_be_bytes();
        self.0.push(first ^ 0x80);
        self.0.extend_from_slice(&rest);
        self
    }

    /// Adds a text. Texts that begin alike sort together, a shorter one first.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            // 0 ends the text, so a 0 within it is written as 1 1 and a 1 as 1 2.
            match byte {
                0 => self.0.extend_from_slice(&[1, 1]),
                1 => self.0.extend_from_slice(&[1, 2]),
                other => self.0.push(other),
            }
        }
        self.0.push(0);
        self
    }

    /// The key's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key's bytes.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The first bytes that sort after every key beginning with this one; `None` when nothing does.
    #[must_use]
    pub fn end(&self) -> Option<Vec<u8>> {
        let mut bytes = self.0.clone();
        while let Some(last) = bytes.pop() {
            if let Some(next) = last.checked_add(1) {
                bytes.push(next);
                return Some(bytes);
            }
        }
        None
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// Reads the parts of a key, in the order in which they were written.
#[derive(Debug, Clone, Copy)]
pub struct KeyReader<'a>(&'a [u8]);

impl<'a> KeyReader<'a> {
    /// Reads `key` from its beginning.
    #[must_use]
    pub const fn new(key: &'a [u8]) -> Self {
        Self(key)
    }

    /// The next part, which is an id; `None` when the key ends before it.
    pub fn id(&mut self) -> Option<Uuid> {
        self.take().map(Uuid::from_bytes)
    }

    /// The next part, which is a number; `None` when the key ends before it.
    pub fn number(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    /// The next part, which is a point in time; `None` when the key ends before it.
    pub fn time(&mut self) -> Option<Timestamp> {
        let [first, rest @ ..] = self.take::<8>()?;
        let [a, b, c, d, e, f, g] = rest;
        Some(Timestamp::from_millis(i64::from_be_bytes([first ^ 0x80, a, b, c, d, e, f, g])))
    }

    /// The next part, which is a text; `None` when the key ends before it.
    pub fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        loop {
            let (first, rest) = self.0.split_first()?;
            self.0 = rest;
            match first {
                0 => return String::from_utf8(text).ok(),
                1 => {
                    let (second, rest) = self.0.split_first()?;
                    self.0 = rest;
                    text.push(second.checked_sub(1)?);
                }
                other => text.push(*other),
            }
        }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (part, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_parts_do() {
        let texts = ["", "\0", "\0a", "\u{1}", "a", "a\0", "a\0b", "a\u{1}", "ab", "b", "ä"];
        for pair in texts.windows(2) {
            let [a, b] = pair else { continue };
            assert!(Key::new().text(a).number(9) < Key::new().text(b).number(0), "{a:?} {b:?}");
        }
        let times = [-5, -1, 0, 1, 5].map(|millis| Key::new().time(Timestamp::from_millis(millis)));
        assert!(times.is_sorted());
    }

    #[test]
    fn a_key_reads_back_what_was_written() {
        let (id, at) = (Uuid::from_u128(7), Timestamp::from_millis(-5));
        let text = "A\0\u{1}ä";
        let key = Key::new().id(id).text(text).number(9).time(at);
        let mut reader = KeyReader::new(key.bytes());
        assert_eq!((reader.id(), reader.text().as_deref()), (Some(id), Some(text)));
        assert_eq!((reader.number(), reader.time()), (Some(9), Some(at)));
        assert_eq!((reader.number(), reader.text()), (None, None));
    }

    #[test]
    fn the_end_of_a_prefix_sorts_after_all_that_begin_with_it_and_before_the_next() {
        let end = Key::from(vec![1, 0xff]).end();
        assert_eq!(end, Some(vec![2]));
        assert_eq!(Key::from(vec![0xff]).end(), None);
        assert_eq!(Key::new().end(), None);
    }
}
