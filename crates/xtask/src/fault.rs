//! What a check finds.

/// Something that is not tidy: where, and what.
pub(crate) type Fault = String;

/// The check itself failed.
pub(crate) type Failure = Box<dyn std::error::Error>;
