//! A document's index entries as one run of bytes that is kept with the document: a save that changes
//! none of them sees so by comparing bytes, and one that does knows which.

use stubmart_ports::store::IndexEntry;

use crate::{
    bytes::{push_bytes, push_number, take_bytes, take_number},
    names::Numbered,
};

/// An entry: the index's number and the key.
pub(crate) type Entry<'a> = (i64, &'a [u8]);

/// Encodes a document's entries, sorted and each once. `Err` is the name of an index that the
/// collection does not declare.
pub(crate) fn encode(numbered: &Numbered, entries: &[IndexEntry]) -> Result<Vec<u8>, &'static str> {
    let mut list: Vec<Entry<'_>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let index = numbered.index(entry.index).ok_or(entry.index)?;
        list.push((index.number, entry.key.bytes()));
    }
    list.sort_unstable();
    list.dedup();
    let size: usize = list.iter().map(|(_, key)| key.len().saturating_add(4)).sum();
    let mut bytes = Vec::with_capacity(size);
    for (number, key) in list {
        push_number(&mut bytes, number.unsigned_abs());
        push_bytes(&mut bytes, key);
    }
    Ok(bytes)
}

/// Reads what [`encode`] wrote; `None` when it did not.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<Entry<'_>>> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let number = i64::try_from(take_number(&mut bytes)?).ok()?;
        list.push((number, take_bytes(&mut bytes)?));
    }
    Some(list)
}

/// What leads from one list to another.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference<'a> {
    pub(crate) removed: Vec<Entry<'a>>,
    pub(crate) added: Vec<Entry<'a>>,
}

/// The difference between two encoded lists; `None` when one of them cannot be read.
pub(crate) fn difference<'a>(before: &'a [u8], after: &'a [u8]) -> Option<Difference<'a>> {
    if before == after {
        return Some(Difference::default());
    }
    let (before, after) = (decode(before)?, decode(after)?);
    let only_in = |these: &[Entry<'a>], those: &[Entry<'a>]| {
        these.iter().filter(|it| those.binary_search(it).is_err()).copied().collect()
    };
    Some(Difference { removed: only_in(&before, &after), added: only_in(&after, &before) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(list: &[Entry<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, key) in list {
            push_number(&mut bytes, number.unsigned_abs());
            push_bytes(&mut bytes, key);
        }
        bytes
    }

    #[test]
    fn a_list_reads_back_what_was_written() {
        let long = [7; 300];
        let list: Vec<Entry<'_>> = vec![(1, b""), (1, b"a"), (128, &long), (i64::MAX, b"z")];
        assert_eq!(decode(&bytes(&list)), Some(list));
        assert_eq!(decode(&[1]), None, "a number without a key");
        assert_eq!(decode(&[1, 5, 0]), None, "a key that is cut off");
        assert_eq!(decode(&[0xff; 11]), None, "a number without an end");
    }

    #[test]
    fn the_difference_names_what_went_and_what_came() {
        let before = bytes(&[(1, b"a"), (1, b"b"), (2, b"a")]);
        let after = bytes(&[(1, b"b"), (1, b"c"), (3, b"a")]);
        let difference = difference(&before, &after).unwrap();
        assert_eq!(difference.removed, vec![(1, b"a".as_slice()), (2, b"a")]);
        assert_eq!(difference.added, vec![(1, b"c".as_slice()), (3, b"a")]);
    }
}
