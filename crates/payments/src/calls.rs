//! Calls from other services.

use async_trait::async_trait;
use stubmart_contract::{Context, UserId, calls::OpenSales};
use stubmart_ports::calls::{self, CallError};

use crate::service::Payments;

#[async_trait]
impl calls::Payments for Payments {
    async fn open_sales(&self, _: &Context, seller: UserId) -> Result<OpenSales, CallError> {
        self.open_sales_of(seller).await.map_err(|error| CallError(error.into()))
    }
}
