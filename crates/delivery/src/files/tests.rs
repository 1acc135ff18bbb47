//! Every state × command pair of the files of a listing.

use stubmart_keyring::{Keyring, Purpose};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const TICKET: TicketId = TicketId(Uuid::from_u128(1));
const SELLER: UserId = UserId(Uuid::from_u128(2));
const DAY: Duration = Duration::from_secs(24 * 3600);

fn sealed(version: u32) -> Sealed {
    let mut keyring = Keyring::new([1; 32], [2; 32], NOW);
    for _ in 1..version {
        keyring = keyring.rotated([3; 32], NOW);
    }
    keyring.seal(Purpose("tests"), b"", b"key", [4; 32].into()).unwrap()
}

fn code(number: u8) -> Code {
    Code::of([number; 32])
}

/// An upload whose pages have these codes; 0 is a page without one.
fn file(id: u128, codes: &[u8]) -> File {
    let page = |(number, it): (u32, &u8)| Page {
        blob: Uuid::from_u128(id * 100 + u128::from(number)),
        code: (*it > 0).then(|| code(*it)),
        looks: 0,
        read: TicketPage {
            page: number,
            symbology: None,
            section: None,
            row: None,
            seat: None,
            date: None,
            order_number: None,
        },
    };
    File {
        id: Uuid::from_u128(id),
        seller_id: SELLER,
        kind: TicketFileKind::Pdf,
        key: sealed(1),
        digest: code(200),
        pages: (1..).zip(codes).map(page).collect(),
        uploaded_at: NOW,
    }
}

fn begin(file: &File) -> Command {
    Command::Begin { ticket_id: TICKET, blobs: file.blobs() }
}

fn store(file: &File, fence: u32) -> Command {
    Command::Store { file: Box::new(file.clone()), fence }
}

fn give_way(number: u8, fence: u32) -> Command {
    Command::GiveWay { ticket_id: TICKET, code: code(number), fence }
}

fn decide(current: Option<&Files>, command: &Command, now: Timestamp) -> Result<Files, Refusal> {
    Ok(match Files::decide(current, command, now)? {
        Decision::Changed { state, event: None } => state,
        Decision::Unchanged => current.unwrap().clone(),
        other => panic!("{other:?}"),
    })
}

/// The files after these commands, all of them now.
fn after(commands: &[Command]) -> Files {
    let step = |files: Option<Files>, command| Some(decide(files.as_ref(), command, NOW).unwrap());
    commands.iter().fold(None, step).unwrap()
}

/// Before a blob is written it is noted; what is never stored is deleted an hour later, and what is stored is not.
#[test]
fn what_is_written_is_stored_or_deleted() {
    let file = file(1, &[1, 2]);
    let begun = after(&[begin(&file)]);
    let later = NOW.after(UPLOAD);
    assert_eq!((begun.due(), begun.to_delete(NOW)), (Some(later), Vec::new()));
    assert_eq!(begun.to_delete(later), file.blobs());
    assert_eq!(decide(Some(&begun), &begin(&file), later).unwrap(), begun, "again");
    let stored = after(&[begin(&file), store(&file, 0)]);
    assert_eq!((stored.file.as_ref(), stored.discarded.len()), (Some(&file), 0));
    assert_eq!(stored.due(), Some(NOW.after(DAY)), "it is looked at whether it is needed");
    assert_eq!(decide(Some(&stored), &store(&file, 0), later).unwrap(), stored, "again");
    let deleted = decide(Some(&begun), &Command::Deleted(file.blobs()), later).unwrap();
    assert_eq!(deleted.due(), None);
}

/// An upload that slept until its blobs were given up, or that never noted them, is not stored.
#[test]
fn what_was_given_up_is_not_stored() {
    let file = file(1, &[1]);
    let begun = after(&[begin(&file)]);
    let late = NOW.after(UPLOAD);
    assert_eq!(decide(Some(&begun), &store(&file, 0), late), Err(Refusal::Overtaken));
    assert_eq!(decide(None, &store(&file, 0), NOW), Err(Refusal::NotFound));
    let other = after(&[begin(&self::file(2, &[1]))]);
    assert_eq!(decide(Some(&other), &store(&file, 0), NOW), Err(Refusal::Overtaken));
}

#[test]
fn a_file_that_is_replaced_is_deleted_at_once() {
    let (old, new) = (file(1, &[1]), file(2, &[2]));
    let files = after(&[begin(&old), store(&old, 0), begin(&new), store(&new, 0)]);
    assert_eq!(files.file.as_ref(), Some(&new));
    assert_eq!((files.due(), files.to_delete(NOW)), (Some(NOW), old.blobs()));
}

/// FILE-1: a listing keeps the codes that it has, and what it only claimed it can store no more once it gave way.
#[test]
fn a_listing_gives_way_with_what_it_does_not_have() {
    let mine = file(1, &[1, 2]);
    let stored = after(&[begin(&mine), store(&mine, 0)]);
    for kept in [1, 2, 200] {
        assert_eq!(decide(Some(&stored), &give_way(kept, 0), NOW), Err(Refusal::Kept), "{kept}");
    }
    let gave = decide(Some(&stored), &give_way(3, 0), NOW).unwrap();
    assert_eq!((gave.fence, gave.file.as_ref()), (1, Some(&mine)));
    assert_eq!(decide(Some(&gave), &give_way(3, 0), NOW).unwrap(), gave, "asked again");
    let asleep = after(&[begin(&mine), give_way(1, 0)]);
    assert_eq!(decide(Some(&asleep), &store(&mine, 0), NOW), Err(Refusal::Overtaken));
    assert_eq!(decide(Some(&asleep), &store(&mine, 1), NOW).unwrap().file.as_ref(), Some(&mine));
    let never_begun = after(&[give_way(1, 4)]);
    assert_eq!((never_begun.fence, never_begun.due()), (5, None));
}

#[test]
fn a_key_is_wrapped_again_for_its_upload_alone() {
    let mine = file(1, &[1]);
    let stored = after(&[begin(&mine), store(&mine, 0)]);
    let wrap = |id| Command::Wrap { id: Uuid::from_u128(id), key: sealed(2) };
    let wrapped = decide(Some(&stored), &wrap(1), NOW).unwrap();
    assert_eq!(wrapped.file.unwrap().key.version(), 2);
    assert_eq!(decide(Some(&stored), &wrap(2), NOW).unwrap(), stored);
    let version = |files: &Files| files.index_entries().pop().unwrap();
    assert_eq!(version(&stored), (index::KEY_VERSION, Key::new().number(1)));
}

#[test]
fn a_file_that_nobody_needs_is_deleted() {
    let (mine, other) = (file(1, &[1]), file(2, &[1]));
    let stored = after(&[begin(&mine), store(&mine, 0)]);
    let kept = decide(Some(&stored), &Command::Keep(NOW.after(3 * DAY)), NOW).unwrap();
    assert_eq!(kept.due(), Some(NOW.after(3 * DAY)));
    let dropped = decide(Some(&stored), &Command::Drop(mine.id), NOW).unwrap();
    assert_eq!((dropped.file.as_ref(), dropped.to_delete(NOW)), (None, mine.blobs()));
    let not_mine = decide(Some(&stored), &Command::Drop(other.id), NOW).unwrap();
    assert_eq!(not_mine, stored, "another upload came first");
    let none = decide(Some(&dropped), &Command::Keep(NOW.after(DAY)), NOW).unwrap();
    assert_eq!(none, dropped);
}

#[test]
fn a_seller_sees_what_was_read() {
    let mine = file(1, &[1, 0, 2, 1]);
    let shown = after(&[begin(&mine), store(&mine, 0)]).shown().unwrap();
    assert_eq!((shown.pages, shown.codes, shown.read.len()), (4, 2, 4));
    assert_eq!(after(&[begin(&mine)]).shown(), None);
}
