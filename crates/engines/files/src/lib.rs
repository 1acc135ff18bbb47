//! Blobs and the market's keys as files, for their owner alone.

mod blobs;
mod keys;
mod write;

pub use blobs::DirectoryBlobs;
pub use keys::FileKeys;
