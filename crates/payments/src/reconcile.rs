//! The reconciler: settles what no answer and no webhook settled.

use async_trait::async_trait;
use futures_util::future::join_all;
use stubmart_ports::{
    Cause,
    key::Key,
    repo::Row,
    store::Scan,
    worker::{Next, Wake, Worker},
};

use crate::{
    Payments,
    charge::{CHARGES, Charge, Command, DUE},
    settle::Unsettled,
};

/// How many charges are looked at at once.
const BATCH: usize = 32;

/// Looks at charges that are due.
pub(crate) struct Reconciler(pub(crate) Payments);

#[async_trait]
impl Worker for Reconciler {
    fn name(&self) -> &'static str {
        "payments-reconcile"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let now = self.0.0.host.now();
        let scan = Scan::prefix(&CHARGES, DUE, &Key::new()).limit(BATCH);
        let rows: Vec<Row<Charge>> = self.0.0.charges.find(scan).await?;
        let is_due = |charge: &Charge| charge.due_at.is_some_and(|due_at| due_at <= now);
        let later = rows.first().and_then(|row| row.doc.due_at);
        let due: Vec<_> =
            rows.into_iter().map(|row| row.doc).filter(|charge| is_due(charge)).collect();
        if due.is_empty() {
            return Ok(later.map_or(Next::Idle, Next::At));
        }
        // One charge that can not be settled keeps no other waiting, but a store that fails does.
        for looked in join_all(due.into_iter().map(|charge| self.look(charge))).await {
            looked?;
        }
        Ok(Next::Again)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.0.reconcile.clone())
    }
}

impl Reconciler {
    async fn look(&self, charge: Charge) -> Result<(), Cause> {
        let now = self.0.0.host.now();
        // Another instance may have come first.
        let is_due = |due_at: Option<_>| due_at.is_some_and(|due_at| due_at <= now);
        let looked =
            self.0.apply_if(charge.id, &Command::Look, |stored| is_due(stored.doc.due_at)).await?;
        if looked.refused.is_some() {
            return Ok(());
        }
        match self.0.settle(looked.charge).await {
            Ok(_) => Ok(()),
            Err(Unsettled::Repo(error)) => Err(error.into()),
            Err(error) => {
                if charge.looks.saturating_add(1).is_power_of_two() {
                    tracing::info!(charge.id = %charge.id, looks = charge.looks, %error,
                        "charge not settled, will look again");
                }
                Ok(())
            }
        }
    }
}
