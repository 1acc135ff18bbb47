//! Broken blobs.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_memory::MemoryBlobs;
use stubmart_ports::blobs::{BLOB_BYTES_MAX, BlobError, BlobKey, Blobs};
use uuid::Uuid;

use crate::caught;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    KeepsToItself,
    CutsAtAZero,
    MixesKeys,
    Overwrites,
    RefusesTheSameAgain,
    LooksBeforeItWrites,
    WritesBitByBit,
    DeletesNothing,
    MissesWhatIsGone,
    TakesAnySize,
}

use Defect::*;

/// Blobs with one defect.
struct Broken {
    inner: MemoryBlobs,
    defect: Defect,
}

impl Broken {
    fn two(defect: Defect) -> (Arc<dyn Blobs>, Arc<dyn Blobs>) {
        let inner = MemoryBlobs::new();
        let other = if defect == KeepsToItself { MemoryBlobs::new() } else { inner.clone() };
        (Arc::new(Self { inner, defect }), Arc::new(Self { inner: other, defect }))
    }

    fn key(&self, key: BlobKey) -> BlobKey {
        if self.defect == MixesKeys {
            BlobKey(Uuid::from_u128(key.0.as_u128() & 0xFF))
        } else {
            key
        }
    }

    async fn overwrite(&self, key: BlobKey, content: &[u8]) -> Result<(), BlobError> {
        self.inner.delete(key).await?;
        self.inner.put(key, content).await
    }
}

#[async_trait]
impl Blobs for Broken {
    async fn put(&self, key: BlobKey, content: &[u8]) -> Result<(), BlobError> {
        let key = self.key(key);
        match self.defect {
            CutsAtAZero => {
                let end = content.iter().position(|it| *it == 0).unwrap_or(content.len());
                self.inner.put(key, content.get(..end).unwrap()).await
            }
            Overwrites => self.overwrite(key, content).await,
            RefusesTheSameAgain if self.inner.get(key).await?.is_some() => Err(BlobError::Exists),
            LooksBeforeItWrites if self.inner.get(key).await?.is_none() => {
                tokio::task::yield_now().await;
                self.overwrite(key, content).await
            }
            WritesBitByBit => {
                let half = content.get(..content.len() / 2).unwrap();
                self.inner.put(key, half).await?;
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                self.overwrite(key, content).await
            }
            TakesAnySize => {
                let end = content.len().min(BLOB_BYTES_MAX);
                self.inner.put(key, content.get(..end).unwrap()).await
            }
            _ => self.inner.put(key, content).await,
        }
    }

    async fn get(&self, key: BlobKey) -> Result<Option<Vec<u8>>, BlobError> {
        self.inner.get(self.key(key)).await
    }

    async fn delete(&self, key: BlobKey) -> Result<(), BlobError> {
        let key = self.key(key);
        match self.defect {
            DeletesNothing => Ok(()),
            MissesWhatIsGone if self.inner.get(key).await?.is_none() => {
                Err(BlobError::Unavailable("there is none".into()))
            }
            _ => self.inner.delete(key).await,
        }
    }
}

macro_rules! subject {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let (a, b) = Broken::two($defect);
        stubmart_suite::rules::$port::$rule(a, b)
    }};
}

caught! {blobs, subject,
    blobs_that_keep_to_themselves_are_caught: KeepsToItself => [what_is_put_is_read_by_each];
    blobs_that_cut_at_a_zero_are_caught: CutsAtAZero => [what_is_put_is_read_by_each];
    blobs_that_mix_keys_are_caught: MixesKeys => [a_key_without_a_blob_has_none];
    blobs_that_overwrite_are_caught: Overwrites => [
        a_key_is_written_once,
        of_several_writers_one_writes,
    ];
    blobs_that_refuse_the_same_again_are_caught: RefusesTheSameAgain => [a_key_is_written_once];
    blobs_that_look_before_they_write_are_caught: LooksBeforeItWrites => [
        of_several_writers_one_writes,
    ];
    blobs_that_write_bit_by_bit_are_caught: WritesBitByBit => [a_blob_is_whole_or_not_there];
    blobs_that_delete_nothing_are_caught: DeletesNothing => [what_is_deleted_is_gone];
    blobs_that_miss_what_is_gone_are_caught: MissesWhatIsGone => [what_is_deleted_is_gone];
    blobs_that_take_any_size_are_caught: TakesAnySize => [a_blob_that_is_too_large_is_refused];
}
