//! Events as they are stored: their JSON, compressed by what is the same in all of them.
//!
//! An event alone has little that repeats itself. Compressed with a dictionary, which holds an example of
//! every kind (RFC 8878, section 5), it has a third of its length. A dictionary that was released is never
//! changed: what was compressed with it can be read with nothing else. Events of earlier versions are
//! stored as they are, and so is whatever else begins like JSON.

use std::{cell::RefCell, io, sync::LazyLock};

use zstd::{
    bulk::{Compressor, Decompressor},
    dict::{DecoderDictionary, EncoderDictionary},
};

use crate::bytes::{push_number, take_number};

/// The first byte of what was compressed with [`EVENTS_1`]. JSON begins with another.
const PACKED_1: u8 = 1;

/// An example of every kind of event, the most frequent ones at the end.
const EVENTS_1: &[u8] = include_bytes!("events-1.jsonl");

/// Fast: higher levels gain a few bytes for much more time.
const LEVEL: i32 = 1;

/// More than any event has.
const LENGTH_MAX: usize = 16 * 1024 * 1024;

static ENCODER: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(EVENTS_1, LEVEL));

static DECODER: LazyLock<DecoderDictionary<'static>> =
    LazyLock::new(|| DecoderDictionary::copy(EVENTS_1));

thread_local! {
    // Each takes longer to make than an event to compress.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Packs an event's JSON.
pub(crate) fn pack(json: Vec<u8>) -> Vec<u8> {
    let packed = COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            none => none.insert(Compressor::with_prepared_dictionary(&ENCODER)?),
        };
        compressor.compress(&json)
    });
    // What cannot be compressed is stored as it is.
    let Ok(frame) = packed else { return json };
    let mut packed = vec![PACKED_1];
    push_number(&mut packed, u64::try_from(json.len()).unwrap_or(u64::MAX));
    packed.extend_from_slice(&frame);
    if packed.len() < json.len() { packed } else { json }
}

/// Unpacks an event, and shows `see` its JSON.
///
/// # Errors
/// It is damaged.
pub(crate) fn unpack<T>(stored: &[u8], see: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
    let Some((&PACKED_1, mut rest)) = stored.split_first() else { return Ok(see(stored)) };
    let length = take_number(&mut rest).and_then(|it| usize::try_from(it).ok());
    let length = length.filter(|it| *it <= LENGTH_MAX);
    let length = length.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    let json = DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::with_prepared_dictionary(&DECODER)?),
        };
        decompressor.decompress(rest, length)
    })?;
    Ok(see(&json))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(stored: &[u8]) -> Option<Vec<u8>> {
        unpack(stored, <[u8]>::to_vec).ok()
    }

    #[test]
    fn every_event_reads_back_and_is_much_shorter() {
        for event in EVENTS_1.split(|byte| *byte == b'\n').filter(|it| !it.is_empty()) {
            let json = String::from_utf8(event.to_vec()).unwrap().replace("0193", "0245");
            let packed = pack(json.clone().into_bytes());
            assert!(packed.len() * 2 < json.len(), "{} of {}", packed.len(), json.len());
            assert_eq!(unpacked(&packed).unwrap(), json.as_bytes());
        }
    }

    #[test]
    fn what_an_earlier_version_stored_is_read_as_it_is() {
        assert_eq!(unpacked(b"{}").unwrap(), b"{}");
        assert_eq!(unpacked(b"").unwrap(), b"");
    }

    #[test]
    fn what_is_damaged_is_not_read() {
        let packed = pack(br#"{"id":"01932f0c-1a2b-7c3d-8e4f-0000000000e0","schema":1}"#.to_vec());
        assert_eq!(unpacked(&packed[..packed.len() - 3]), None);
        assert_eq!(unpacked(&[PACKED_1, 255, 255, 255, 255, 255, 1, 0]), None);
        assert_eq!(unpacked(&[PACKED_1]), None);
    }

    /// Else nothing that was compressed with it could be read any more.
    #[test]
    fn the_dictionary_is_the_one_that_was_released() {
        let sum = |sum: u64, byte: &u8| sum.wrapping_mul(31).wrapping_add((*byte).into());
        assert_eq!(EVENTS_1.iter().fold(0, sum), 0x0227_3f2c_3af1_c5a4);
    }
}
