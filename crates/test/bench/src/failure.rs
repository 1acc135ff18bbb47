//! What a step of a run may fail with.

use std::error::Error;

/// Any failure: the run ends with it.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;
