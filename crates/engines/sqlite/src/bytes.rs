//! Numbers and byte strings in a row.

/// Appends a number, seven bits to a byte, the lowest first (LEB128).
pub(crate) fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// Takes a number off the front; `None` when there is none.
pub(crate) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Appends a byte string with its length.
pub(crate) fn push_bytes(bytes: &mut Vec<u8>, part: &[u8]) {
    push_number(bytes, u64::try_from(part.len()).unwrap_or(u64::MAX));
    bytes.extend_from_slice(part);
}

/// Takes a byte string off the front; `None` when there is none, or only a part of one.
pub(crate) fn take_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_number(bytes)?).ok()?;
    let (part, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(part)
}
