//! Reads tickets' files: their pages, and the codes on them.
//!
//! A file comes from a stranger, and what decodes it is much code. So [`read`], which is pure, runs in a child process
//! ([`child`]) that is allowed next to nothing; [`ChildReader`] starts one for each file, and takes its answer.
//!
//! What is read is what is seen: pages are rasterised and looked at, as a camera at a gate does it. An image that a PDF
//! carries but does not show says nothing.

pub mod child;
mod codes;
mod kind;
mod looks;
mod parent;
mod pdf;
mod picture;
mod prune;
mod read;
mod regions;
mod sandbox;
mod suggests;
mod wire;

pub use parent::{ChildReader, Program};
pub use read::read;
