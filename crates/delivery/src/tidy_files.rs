//! Deletes the files that nobody needs any more, and the blobs that an upload left behind.

use async_trait::async_trait;
use stubmart_contract::{Context, TicketId, Timestamp, api::TicketStatus};
use stubmart_kernel::{
    ApplyError, Repository, RepositoryError,
    due::{Due, DueError},
    worker::Wake,
};
use stubmart_ports::{blobs::BlobKey, calls::CallError};

use crate::{
    deadline,
    files::{Command, Files, Refusal, index},
    service::{Deliveries, SERVICE},
};

/// Does what is due of files.
pub(crate) struct DueFiles(pub(crate) Deliveries);

/// What becomes of a file that was looked at.
enum Verdict {
    /// It is looked at again then.
    Keep(Timestamp),
    /// Nobody needs it.
    Drop,
}

impl DueFiles {
    /// Whether a file is needed. A listing that is on sale has it for its buyer. One that was withdrawn or has ended
    /// never comes back. One that is sold keeps it for as long as it can be disputed ([`deadline::disputed`]).
    async fn judge(&self, context: &Context, id: TicketId) -> Result<Verdict, DueError> {
        let now = self.0.host().now();
        let listing = self.0.listing(context, id).await;
        let listing = listing.map_err(|CallError(cause)| DueError::Dependency(cause))?;
        let soon = Verdict::Keep(Files::next_look(now));
        let Some(listing) = listing else { return Ok(Verdict::Drop) };
        let order_id = match (listing.status, listing.order_id) {
            (TicketStatus::Withdrawn, _) => return Ok(Verdict::Drop),
            (TicketStatus::Sold, Some(order_id)) => order_id,
            _ => return Ok(soon),
        };
        let Some(delivery) = self.0.of_order(order_id).await?.map(|it| it.state) else {
            return Ok(soon);
        };
        let until =
            deadline::disputed(delivery.sent_at.unwrap_or(delivery.deliver_by), delivery.show);
        Ok(if until <= now {
            Verdict::Drop
        } else {
            Verdict::Keep(until.min(Files::next_look(now)))
        })
    }

    async fn apply(
        &self,
        context: &Context,
        id: TicketId,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        match self.repository().apply(context, id, command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::<Refusal>::Repository(error)) => Err(error),
        }
    }
}

#[async_trait]
impl Due for DueFiles {
    type Aggregate = Files;

    fn name(&self) -> &'static str {
        "delivery-tidy-files"
    }

    fn repository(&self) -> &Repository<Files> {
        self.0.files()
    }

    fn index(&self) -> &'static str {
        index::DUE
    }

    async fn run(&self, id: TicketId) -> Result<(), DueError> {
        let context = Context::work(SERVICE);
        let now = self.0.host().now();
        let Some(files) = self.repository().load(id).await?.map(|it| it.state) else {
            return Ok(());
        };
        if let Some(file) =
            files.file.as_ref().filter(|_| files.look_at.is_some_and(|at| at <= now))
        {
            let command = match self.judge(&context, id).await? {
                Verdict::Keep(until) => Command::Keep(until),
                Verdict::Drop => Command::Drop(file.id),
            };
            self.apply(&context, id, &command).await?;
        }
        let Some(files) = self.repository().load(id).await?.map(|it| it.state) else {
            return Ok(());
        };
        let blobs = files.to_delete(now);
        if blobs.is_empty() {
            return Ok(());
        }
        for blob in &blobs {
            let deleted = self.0.blobs().delete(BlobKey(*blob)).await;
            deleted.map_err(|error| DueError::Dependency(error.into()))?;
        }
        Ok(self.apply(&context, id, &Command::Deleted(blobs)).await?)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.watch_files().clone())
    }
}
