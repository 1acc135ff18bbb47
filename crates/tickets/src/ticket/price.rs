//! A price that waits: set while somebody has the ticket alone, it counts once the ticket is free, and is
//! dropped when the ticket is sold.

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Price,
    fees::{Fees, SaleFees, TooMuch},
};

/// What a ticket is to cost once it is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingPrice {
    /// The price of the whole lot.
    pub price: Price,
    /// The fees of a sale at this price.
    #[serde(default, skip_serializing_if = "SaleFees::is_none")]
    pub fees: SaleFees,
}

impl PendingPrice {
    /// The same price with the fees of another schedule.
    pub(super) fn with(self, fees: &Fees) -> Result<Self, TooMuch> {
        Ok(Self { fees: fees.at(self.price)?, ..self })
    }
}
