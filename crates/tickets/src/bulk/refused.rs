//! Why an item of a batch was refused.

use stubmart_contract::api::FieldError;
use stubmart_kernel::limited::Limited;

use crate::{edit_ticket::EditTicketError, list_ticket::ListTicketError};

/// Why nothing was done about an item.
#[derive(Debug)]
pub enum Refused {
    /// These fields are wrong.
    Invalid(Vec<FieldError>),
    /// The account listed as many as it may in a day. It was not listed.
    Limited(Limited),
    /// It was not listed.
    NotListed(ListTicketError),
    /// It was not changed.
    NotChanged(EditTicketError),
}

impl From<ListTicketError> for Refused {
    fn from(error: ListTicketError) -> Self {
        Self::NotListed(error)
    }
}

impl From<EditTicketError> for Refused {
    fn from(error: EditTicketError) -> Self {
        Self::NotChanged(error)
    }
}
