//! The rules of blobs.

use std::sync::Arc;

use stubmart_ports::blobs::{BLOB_BYTES_MAX, BlobError, BlobKey, Blobs};
use uuid::Uuid;

use crate::rules::at_once;

fn key(number: u128) -> BlobKey {
    BlobKey(Uuid::from_u128(number))
}

/// What one handle wrote, another reads, byte by byte.
pub async fn what_is_put_is_read_by_each(a: Arc<dyn Blobs>, b: Arc<dyn Blobs>) {
    let every_byte: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (number, content) in [(1, Vec::new()), (2, vec![0; 7]), (3, every_byte)] {
        a.put(key(number), &content).await.unwrap();
        for handle in [&a, &b] {
            assert_eq!(handle.get(key(number)).await.unwrap().as_ref(), Some(&content));
        }
    }
}

/// A key that nobody wrote has nothing, also beside one that differs in a digit.
pub async fn a_key_without_a_blob_has_none(a: Arc<dyn Blobs>, b: Arc<dyn Blobs>) {
    assert_eq!(b.get(key(1)).await.unwrap(), None);
    a.put(key(1), b"one").await.unwrap();
    for other in [0, 2, 0x101, 1 << 100 | 1] {
        assert_eq!(b.get(key(other)).await.unwrap(), None, "{other}");
    }
}

/// A key is written once: the same again is fine, anything else is refused and changes nothing.
pub async fn a_key_is_written_once(a: Arc<dyn Blobs>, b: Arc<dyn Blobs>) {
    a.put(key(1), b"ours").await.unwrap();
    b.put(key(1), b"ours").await.unwrap();
    for other in [&b"theirs"[..], b"our", b"ours and more", b""] {
        assert!(matches!(b.put(key(1), other).await, Err(BlobError::Exists)));
        assert_eq!(a.get(key(1)).await.unwrap().unwrap(), b"ours");
    }
}

/// Of several that write one key at once, one does, and what it wrote stays.
pub async fn of_several_writers_one_writes(a: Arc<dyn Blobs>, b: Arc<dyn Blobs>) {
    for round in 0..30 {
        let writers = (0..6_u8).map(|writer| {
            let blobs = Arc::clone(if writer % 2 == 0 { &a } else { &b });
            async move { blobs.put(key(round), &vec![writer; 10_000]).await.is_ok() }
        });
        let wrote = at_once(writers.collect::<Vec<_>>()).await;
        assert_eq!(wrote.iter().filter(|it| **it).count(), 1, "{wrote:?}");
        let winner = u8::try_from(wrote.iter().position(|it| *it).unwrap()).unwrap();
        assert_eq!(b.get(key(round)).await.unwrap().unwrap(), vec![winner; 10_000]);
    }
}

/// Who reads while another writes sees all of it or nothing.
pub async fn a_blob_is_whole_or_not_there(a: Arc<dyn Blobs>, b: Arc<dyn Blobs>) {
    let content = vec![7; 4_000_000];
    for round in 0..5 {
        let (writer, written) = (Arc::clone(&a), content.clone());
        let writing = tokio::spawn(async move { writer.put(key(round), &written).await });
        while !writing.is_finished() {
            if let Some(read) = b.get(key(round)).await.unwrap() {
                assert_eq!(read.len(), content.len(), "a part was read");
            }
            tokio::task::yield_now().await;
        }
        writing.await.unwrap().unwrap();
    }
}

/// What is deleted is gone for each handle; to delete it again, or what never was, is fine.
pub async fn what_is_deleted_is_gone(a: Arc<dyn Blobs>, b: Arc<dyn Blobs>) {
    a.put(key(1), b"one").await.unwrap();
    a.put(key(2), b"two").await.unwrap();
    b.delete(key(1)).await.unwrap();
    b.delete(key(1)).await.unwrap();
    b.delete(key(3)).await.unwrap();
    assert_eq!(a.get(key(1)).await.unwrap(), None);
    assert_eq!(a.get(key(2)).await.unwrap().unwrap(), b"two");
}

/// A blob has at most so many bytes; of a larger one nothing is kept.
pub async fn a_blob_that_is_too_large_is_refused(a: Arc<dyn Blobs>, b: Arc<dyn Blobs>) {
    let mut content = vec![1; BLOB_BYTES_MAX];
    a.put(key(1), &content).await.unwrap();
    assert_eq!(b.get(key(1)).await.unwrap().unwrap().len(), BLOB_BYTES_MAX);
    content.push(1);
    assert!(matches!(a.put(key(2), &content).await, Err(BlobError::TooLarge)));
    assert_eq!(b.get(key(2)).await.unwrap(), None);
}

/// Makes a test of each rule of the [`Blobs`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Blobs>>`.
#[macro_export]
macro_rules! blobs_suite {
    ($factory:expr) => {
        $crate::rule_tests!(
            blobs,
            $factory,
            [
                what_is_put_is_read_by_each,
                a_key_without_a_blob_has_none,
                a_key_is_written_once,
                of_several_writers_one_writes,
                a_blob_is_whole_or_not_there,
                what_is_deleted_is_gone,
                a_blob_that_is_too_large_is_refused,
            ]
        );
    };
}
