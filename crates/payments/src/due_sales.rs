//! The sweep that finds sales whose money is due to their sellers.

use async_trait::async_trait;
use stubmart_contract::{Context, SaleId};
use stubmart_kernel::{
    ApplyError, Repository,
    due::{Due, DueError},
    worker::Wake,
};

use crate::{
    sale::{Command, Sale, index},
    service::{Payments, SERVICE},
};

/// Releases what is due.
pub(crate) struct DueSales(pub(crate) Payments);

#[async_trait]
impl Due for DueSales {
    type Aggregate = Sale;

    fn name(&self) -> &'static str {
        "payments-due-sales"
    }

    fn repository(&self) -> &Repository<Sale> {
        self.0.sales()
    }

    fn index(&self) -> &'static str {
        index::DUE
    }

    async fn run(&self, id: SaleId) -> Result<(), DueError> {
        match self.repository().apply(&Context::work(SERVICE), id, &Command::Watch).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.sales_due().clone())
    }
}
