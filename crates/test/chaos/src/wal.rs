//! What a crash may do to the end of SQLite's write-ahead log: tear what was not acknowledged.
//!
//! The log is a header of 32 bytes and then frames of 24 bytes and a page each
//! (<https://sqlite.org/fileformat2.html#the_write_ahead_log>). A frame that ends a transaction says how
//! large the database is then; each frame carries the log's salts and a checksum over all frames so far.
//! Whatever was acknowledged is at or before the last such frame. Behind it lies nothing that anybody was
//! told of: it may be missing, half there, or hold anything.

use std::{
    fs::{self, OpenOptions},
    io,
    path::Path,
};

use fastrand::Rng;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The last transaction of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LastCommit {
    /// Where its last frame ends, in bytes.
    end: usize,
    page: usize,
}

/// What was done to a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tear {
    /// There is no log, or none with a transaction.
    Nothing,
    /// What followed the last transaction was cut off.
    Cut,
    /// It is followed by bytes without a meaning.
    Noise,
    /// It is followed by the first part of a frame.
    HalfFrame,
    /// It is followed by a frame that says it ends a transaction and whose checksum does not fit.
    FalseCommit,
}

/// Tears the log at `path` behind its last transaction. Nothing may have it open.
///
/// # Errors
/// When the file cannot be read or written.
pub(crate) fn tear(path: &Path, random: &mut Rng) -> io::Result<Tear> {
    let log = match fs::read(path) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tear::Nothing),
        Err(error) => return Err(error),
    };
    let Some(last) = last_commit(&log) else { return Ok(Tear::Nothing) };
    let (kept, _) = log.split_at(last.end);
    let frame = kept.split_at(last.end.saturating_sub(FRAME_HEADER + last.page)).1;
    let (tear, tail) = match random.u64(0..=3) {
        0 => (Tear::Cut, Vec::new()),
        1 => {
            let length = random.u64(1..=3 * 4096);
            (Tear::Noise, (0..length).map(|_| random.u8(..)).collect())
        }
        2 => {
            let length = random.u64(1..=u64::try_from(frame.len()).unwrap_or(1) - 1);
            let length = usize::try_from(length).unwrap_or(1);
            (Tear::HalfFrame, frame.split_at(length).0.to_vec())
        }
        _ => (Tear::FalseCommit, frame.to_vec()),
    };
    fs::write(path, [kept, &tail].concat())?;
    OpenOptions::new().write(true).open(path)?.sync_all()?;
    Ok(tear)
}

fn word(bytes: &[u8], at: usize, big_endian: bool) -> Option<u32> {
    let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(if big_endian { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) })
}

/// The log's running checksum over `bytes`, whose length is a multiple of eight.
fn checksum(mut sum: (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    for at in (0..bytes.len()).step_by(8) {
        let one = word(bytes, at, big_endian).unwrap_or(0);
        let other = word(bytes, at + 4, big_endian).unwrap_or(0);
        sum.0 = sum.0.wrapping_add(one).wrapping_add(sum.1);
        sum.1 = sum.1.wrapping_add(other).wrapping_add(sum.0);
    }
    sum
}

/// The last transaction that recovery would find.
fn last_commit(log: &[u8]) -> Option<LastCommit> {
    let magic = word(log, 0, true)?;
    // The last bit says whether checksums are big-endian; the rest is always the same.
    if magic & !1 != 0x377f_0682 {
        return None;
    }
    let big_endian = magic & 1 == 1;
    let page = usize::try_from(word(log, 8, true)?).ok()?;
    let salts = log.get(16..24)?;
    let mut sum = checksum((0, 0), log.get(..24)?, big_endian);
    let mut last = None;
    let mut at = HEADER;
    while let Some(frame) = log.get(at..at.checked_add(FRAME_HEADER)?.checked_add(page)?) {
        let (head, body) = frame.split_at(FRAME_HEADER);
        sum = checksum(sum, head.get(..8)?, big_endian);
        sum = checksum(sum, body, big_endian);
        let is_whole = (word(head, 16, true), word(head, 20, true)) == (Some(sum.0), Some(sum.1));
        if head.get(8..16) != Some(salts) || !is_whole {
            break;
        }
        at += frame.len();
        if word(head, 4, true)? != 0 {
            last = Some(LastCommit { end: at, page });
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 512;

    /// A log of frames; true for one that ends a transaction.
    fn log(frames: &[bool]) -> Vec<u8> {
        let mut log = Vec::new();
        for word in [0x377f_0683_u32, 3_007_000, 512, 0, 7, 9] {
            log.extend(word.to_be_bytes());
        }
        let mut sum = checksum((0, 0), &log, true);
        log.extend([sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
        for commits in frames {
            let mut head = [1_u32.to_be_bytes(), u32::from(*commits).to_be_bytes()].concat();
            let body = [5; PAGE];
            sum = checksum(checksum(sum, &head, true), &body, true);
            head.extend([7_u32, 9, sum.0, sum.1].map(u32::to_be_bytes).concat());
            log.extend(head);
            log.extend(body);
        }
        log
    }

    fn end(frames: usize) -> Option<LastCommit> {
        Some(LastCommit { end: HEADER + frames * (FRAME_HEADER + PAGE), page: PAGE })
    }

    #[test]
    fn the_last_transaction_is_found_behind_whatever_follows() {
        assert_eq!(last_commit(&[]), None);
        assert_eq!(last_commit(&log(&[])), None);
        assert_eq!(last_commit(&log(&[false])), None);
        assert_eq!(last_commit(&log(&[true, false, true, false])), end(3));
        let mut broken = log(&[true, false, true]);
        broken[HEADER + 2 * (FRAME_HEADER + PAGE) + 100] ^= 1;
        assert_eq!(last_commit(&broken), end(1));
    }

    #[test]
    fn however_it_is_torn_the_last_transaction_stays_the_last() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("wal");
        let mut random = Rng::with_seed(3);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..50 {
            fs::write(&path, log(&[true, false, true, false])).unwrap();
            seen.insert(tear(&path, &mut random).unwrap());
            assert_eq!(last_commit(&fs::read(&path).unwrap()), end(3));
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
        fs::remove_file(&path).unwrap();
        assert_eq!(tear(&path, &mut random).unwrap(), Tear::Nothing);
    }
}
