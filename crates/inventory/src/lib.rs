//! Inventories: the files in which sellers keep what they sell, whatever system wrote them.
//!
//! [`read()`] takes the bytes of a file and gives the items that `POST /api/tickets/bulk` takes, with the line
//! that each comes from. What is not certain is refused and never guessed; every fault names its line, its column
//! and what mends it. [`export()`] writes listings in a form that [`read()`] takes, [`report()`] what became of a file.
//!
//! Nothing here reads a disk, a clock or a network.

pub mod amounts;
pub mod columns;
pub mod dates;

mod export;
mod fault;
mod item;
mod read;
mod reader;
mod report;
mod seat_ends;
mod table;
mod text;

pub use columns::{Field, Mapping};
pub use dates::DateOrder;
pub use export::{Listed, export};
pub use fault::FileFault;
pub use read::{Column, Inventory, Line, heading, headings, read};
pub use reader::How;
pub use report::report;
