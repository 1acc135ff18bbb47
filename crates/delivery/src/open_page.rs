//! Use case: a buyer opens a page of the ticket that they bought.

use stubmart_contract::{
    Context, OrderId, UserId,
    api::{DeliverySide, TicketFileKind},
};
use stubmart_kernel::{ApplyError, RepositoryError};
use stubmart_ports::{Cause, blobs::BlobKey, calls::CallError};

use crate::{
    begin::BeginError,
    delivery::{Command, Reader},
    sealing::FileKey,
    service::Deliveries,
};

/// A page of a ticket, as a file.
#[derive(Debug)]
pub(crate) struct OpenedPage {
    pub(crate) kind: TicketFileKind,
    pub(crate) content: Vec<u8>,
}

/// Why a page was not opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    /// There is no such page, or none for this user: the ticket is not theirs, or they have the money back.
    NotFound,
    /// Keys or blobs failed.
    Failed(Cause),
    /// Another service did not answer.
    Call(CallError),
    /// The repository failed.
    Repository(RepositoryError),
}

impl From<BeginError> for OpenError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Call(error) => Self::Call(error),
            BeginError::Repository(error) => Self::Repository(error),
        }
    }
}

impl From<RepositoryError> for OpenError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Deliveries {
    /// A page of a ticket, for the buyer of a completed order that was not given back in full; the first is 1. It is
    /// noted who opened it, before it is given out.
    ///
    /// # Errors
    /// [`OpenError`]. It may be noted.
    pub(crate) async fn open_page(
        &self,
        context: &Context,
        order_id: OrderId,
        buyer: UserId,
        number: u32,
        reader: Reader,
    ) -> Result<OpenedPage, OpenError> {
        let found = self.of_buyer(context, order_id, buyer).await?.ok_or(OpenError::NotFound)?;
        let delivery = found.state;
        if delivery.side(buyer) != Some(DeliverySide::Buyer) || !delivery.has_file() {
            return Err(OpenError::NotFound);
        }
        let ticket_id = delivery.ticket_id;
        let files = self.files().load(ticket_id).await?.ok_or(OpenError::NotFound)?;
        let file = files.state.file.ok_or(OpenError::NotFound)?;
        let mut pages = file.pages.iter();
        let page = pages.find(|it| it.read.page == number).ok_or(OpenError::NotFound)?;
        let keyring = self.keys().keyring().await.map_err(OpenError::Failed)?;
        let failed = |cause: Cause| OpenError::Failed(cause);
        let key = FileKey::unwrap(&keyring, ticket_id, file.id, &file.key);
        let key = key.map_err(|error| failed(error.into()))?;
        let sealed = self.blobs().get(BlobKey(page.blob)).await;
        let sealed = sealed.map_err(|error| failed(error.into()))?;
        let sealed = sealed.ok_or_else(|| failed("the page is not where it was put".into()))?;
        let content = key.open(number, &sealed).map_err(|error| failed(error.into()))?;
        let opened = Command::Opened { by: buyer, page: number, reader };
        match self.apply(context, order_id, &opened).await {
            Ok(_) => Ok(OpenedPage { kind: file.kind, content }),
            // The money was given back a moment ago.
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Err(OpenError::NotFound),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }
}
