//! Use case: a seller uploads the file of a ticket.

use stubmart_contract::{
    Context, TicketId, UserId,
    api::{self, TicketPage, TicketStatus},
    event::TicketState,
};
use stubmart_kernel::{
    ApplyError, RepositoryError,
    limited::{self, Limited},
};
use stubmart_keyring::{Keyring, NotSealed};
use stubmart_ports::{
    Cause,
    blobs::{BlobError, BlobKey},
    calls::CallError,
    reader::{ReadError, Suggests, Symbology, TicketFile},
};
use uuid::Uuid;

use crate::{
    begin::BeginError,
    claim_codes::ClaimError,
    code_claim::Code,
    files::{Command, File, Files, Page, Refusal},
    sealing::{self, FileKey},
    service::Deliveries,
};

/// How often codes are claimed again that another listing took over before the file was stored.
const ROUNDS_MAX: u32 = 8;

/// How many files a seller may have read in an hour: each takes seconds of a processor.
const READ_AN_HOUR: u32 = 200;

/// Why a file was not taken. Where nothing else is said, nothing of it is kept.
#[derive(Debug)]
pub(crate) enum UploadError {
    /// There is no such listing.
    NotFound,
    /// It is somebody else's.
    NotOwner,
    /// It is no longer offered.
    Withdrawn,
    /// A checkout holds it: what is bought stays as it is.
    Locked,
    /// It is sold, and its buyer has it or the money back.
    Delivered,
    /// The file cannot be read.
    Unread(ReadError),
    /// It has fewer tickets than the listing.
    TooFew {
        /// How many the listing has.
        wanted: u32,
        /// How many different codes were found, or pages where there are no codes.
        found: u32,
        /// Whether codes were found.
        has_codes: bool,
    },
    /// A code of it is in another listing.
    Listed,
    /// The seller uploaded too many in the last hour.
    Limited(Limited),
    /// Keys or blobs failed.
    Failed(Cause),
    /// Another service did not answer. The file may be stored; to send it again is fine.
    Call(CallError),
    /// The repository failed. The file may be stored; to send it again is fine.
    Repository(RepositoryError),
}

impl From<CallError> for UploadError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<RepositoryError> for UploadError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl From<BlobError> for UploadError {
    fn from(error: BlobError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<NotSealed> for UploadError {
    fn from(error: NotSealed) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ClaimError> for UploadError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Listed => Self::Listed,
            ClaimError::Call(error) => Self::Call(error),
            ClaimError::Repository(error) => Self::Repository(error),
        }
    }
}

impl From<BeginError> for UploadError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Call(error) => Self::Call(error),
            BeginError::Repository(error) => Self::Repository(error),
        }
    }
}

impl Deliveries {
    /// A seller uploads the file of a ticket that is on sale, in place of the one that it has, or of one that was sold
    /// and is to be delivered: then its buyer has it from this moment on. The same file again is the same answer.
    ///
    /// # Errors
    /// [`UploadError`], which says what happened.
    pub(crate) async fn upload(
        &self,
        context: &Context,
        ticket_id: TicketId,
        seller: UserId,
        content: Vec<u8>,
    ) -> Result<api::TicketFiles, UploadError> {
        let listing = self.listing(context, ticket_id).await?.ok_or(UploadError::NotFound)?;
        if listing.user_id != seller {
            return Err(UploadError::NotOwner);
        }
        let keyring = self.keys().keyring().await.map_err(UploadError::Failed)?;
        let digest = sealing::digest(&keyring, &content);
        let known = self.files().load(ticket_id).await?.map(|it| it.state);
        let same = known.filter(|it| it.file.as_ref().is_some_and(|it| it.digest == digest));
        let stored = match same {
            Some(files) => files,
            None => {
                self.check_open(context, &listing).await?;
                let limit = format!("delivery.files.{seller}");
                let taken =
                    limited::take(self.limits(), &limit, limited::an_hour(READ_AN_HOUR), 1).await;
                taken.map_err(UploadError::Limited)?;
                let read = self.reader().read(content).await.map_err(UploadError::Unread)?;
                // Reading takes seconds, and the listing goes its way.
                let listing = self.listing(context, ticket_id).await?;
                let listing = listing.ok_or(UploadError::NotFound)?;
                self.check_open(context, &listing).await?;
                self.store(context, &listing, &keyring, digest, &read).await?
            }
        };
        // A sale that began meanwhile does not know of the file.
        let now = self.listing(context, ticket_id).await?;
        if let Some(order_id) =
            now.filter(|it| it.status == TicketStatus::Sold).and_then(|it| it.order_id)
        {
            self.fulfil(context, order_id).await?;
        }
        stored.shown().ok_or_else(|| RepositoryError::Contended.into())
    }

    /// The file of a listing, for its seller.
    ///
    /// # Errors
    /// [`UploadError::NotFound`] where there is none, and as [`Self::upload`].
    pub(crate) async fn uploaded(
        &self,
        context: &Context,
        ticket_id: TicketId,
        seller: UserId,
    ) -> Result<api::TicketFiles, UploadError> {
        let listing = self.listing(context, ticket_id).await?.ok_or(UploadError::NotFound)?;
        if listing.user_id != seller {
            return Err(UploadError::NotOwner);
        }
        let files = self.files().load(ticket_id).await?;
        files.and_then(|it| it.state.shown()).ok_or(UploadError::NotFound)
    }

    /// Sees to it that the listing takes a file.
    async fn check_open(
        &self,
        context: &Context,
        listing: &TicketState,
    ) -> Result<(), UploadError> {
        match (listing.status, listing.order_id) {
            (TicketStatus::Available, _) => Ok(()),
            (TicketStatus::Locked, _) => Err(UploadError::Locked),
            (TicketStatus::Withdrawn, _) => Err(UploadError::Withdrawn),
            (TicketStatus::Sold, Some(order_id)) => {
                self.begin(context, listing).await?;
                let delivery = self.of_order(order_id).await?;
                let is_awaited = delivery.is_some_and(|it| it.state.is_awaiting_seller());
                if is_awaited { Ok(()) } else { Err(UploadError::Delivered) }
            }
            (TicketStatus::Sold, None) => Err(UploadError::Delivered),
        }
    }

    /// Seals what was read, claims its codes and stores it.
    async fn store(
        &self,
        context: &Context,
        listing: &TicketState,
        keyring: &Keyring,
        digest: Code,
        read: &TicketFile,
    ) -> Result<Files, UploadError> {
        let (ticket_id, seller) = (listing.id, listing.user_id);
        let file = self.draft(listing, keyring, digest, read)?;
        check_number(&file, listing.quantity)?;
        // Before a blob is written, it is noted as one that nobody uses.
        let blobs = file.pages.iter().map(|it| it.blob).collect();
        let begin = Command::Begin { ticket_id, blobs };
        let begun = self.files().apply(context, ticket_id, &begin).await.map_err(not_stored)?;
        self.watch_files().wake();
        let key = FileKey::unwrap(keyring, ticket_id, file.id, &file.key);
        let key = key.map_err(|error| UploadError::Failed(error.into()))?;
        for (page, content) in file.pages.iter().zip(&read.pages) {
            let sealed = key.seal(self.host(), page.read.page, &content.content)?;
            self.blobs().put(BlobKey(page.blob), &sealed).await?;
        }
        let mut fence = begun.after.state.fence;
        for _ in 0..ROUNDS_MAX {
            self.claim_codes(context, ticket_id, seller, fence, file.codes()).await?;
            let store = Command::Store { file: Box::new(file.clone()), fence };
            match self.files().apply(context, ticket_id, &store).await {
                Ok(applied) => {
                    self.watch_files().wake();
                    return Ok(applied.after.state);
                }
                Err(ApplyError::Refused { refusal: Refusal::Overtaken, .. }) => {
                    let found = self.files().load(ticket_id).await?;
                    fence = found.map_or(fence, |it| it.state.fence);
                }
                Err(error) => return Err(not_stored(error)),
            }
        }
        Err(RepositoryError::Contended.into())
    }

    /// What is to be stored of a file that was read.
    fn draft(
        &self,
        listing: &TicketState,
        keyring: &Keyring,
        digest: Code,
        read: &TicketFile,
    ) -> Result<File, UploadError> {
        let id = self.host().uuid();
        let page = |(number, page): (u32, &stubmart_ports::reader::Page)| Page {
            // Drawn at random: a key says nothing of when a page was written.
            blob: random(self.host().ids.secret()),
            code: page.code.as_ref().map(|it| sealing::code(keyring, &it.payload)),
            looks: page.looks,
            read: read_of(number, page.code.as_ref().map(|it| it.symbology), &page.suggests),
        };
        Ok(File {
            id,
            seller_id: listing.user_id,
            kind: read.kind,
            key: FileKey::new(self.host(), listing.id, id).wrap(keyring, self.host())?,
            digest,
            pages: (1..).zip(&read.pages).map(page).collect(),
            uploaded_at: self.host().now(),
        })
    }
}

/// Sees to it that a file has as many tickets as its listing: codes where there are some, pages where there are none.
fn check_number(file: &File, wanted: u32) -> Result<(), UploadError> {
    let codes = file.count();
    let has_codes = codes > 0;
    let pages = u32::try_from(file.pages.len()).unwrap_or(u32::MAX);
    let found = if has_codes { codes } else { pages };
    if found < wanted { Err(UploadError::TooFew { wanted, found, has_codes }) } else { Ok(()) }
}

fn not_stored(error: ApplyError<Refusal>) -> UploadError {
    match error {
        ApplyError::Repository(error) => error.into(),
        ApplyError::Refused { .. } | ApplyError::Stale { .. } => RepositoryError::Contended.into(),
    }
}

/// A `UUIDv4` of random bytes.
fn random(secret: [u8; 32]) -> Uuid {
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(secret).for_each(|(to, from)| *to = from);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn read_of(page: u32, symbology: Option<Symbology>, suggests: &Suggests) -> TicketPage {
    let Suggests { section, row, seat, date, order_number } = suggests.clone();
    TicketPage { page, symbology, section, row, seat, date, order_number }
}
