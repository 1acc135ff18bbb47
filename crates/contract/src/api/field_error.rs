//! What is wrong with a field of a request.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field, by its path: `price`, `venue.city`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}
