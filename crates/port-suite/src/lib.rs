//! One set of rules per port, in-memory adapters, a machine for tests, and wrappers that inject faults.

pub mod fault;
pub mod host;
pub mod mem;
pub mod rules;
