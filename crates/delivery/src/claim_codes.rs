//! Use case: a listing claims the codes of its file, before the file is stored (FILE-1).
//!
//! A code that another listing has claimed is that listing's to give up. One that was withdrawn has none to keep. One
//! that is sold gives its codes up to its buyer. One that is on sale keeps the codes of the file that it has, and is
//! asked for the others in its own document, where no save of its can come in between.

use std::collections::BTreeSet;

use stubmart_contract::{
    Context, TicketId, UserId,
    api::TicketStatus,
    calls::{ListingsOf, ListingsRequest},
    event::TicketState,
};
use stubmart_kernel::{ApplyError, RepositoryError};
use stubmart_ports::calls::CallError;

use crate::{
    code_claim::{ClaimCode, Code, CodeClaim, NotClaimed, Void},
    files::{Command, Refusal},
    service::Deliveries,
};

/// How often a claim is judged again because others claimed meanwhile.
const ROUNDS_MAX: u32 = 32;

/// Why codes were not claimed. Some may be, which keeps nobody from listing them.
#[derive(Debug)]
pub(crate) enum ClaimError {
    /// One is in another listing, or somebody else's.
    Listed,
    /// Tickets did not answer.
    Call(CallError),
    /// The repository failed.
    Repository(RepositoryError),
}

impl From<CallError> for ClaimError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<RepositoryError> for ClaimError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Deliveries {
    /// Claims codes for a listing of `seller`. They are claimed in their order, so that of two listings with the same
    /// codes one comes first with all of them.
    ///
    /// # Errors
    /// [`ClaimError`].
    pub(crate) async fn claim_codes(
        &self,
        context: &Context,
        ticket_id: TicketId,
        seller: UserId,
        fence: u32,
        codes: BTreeSet<Code>,
    ) -> Result<(), ClaimError> {
        for code in codes {
            let claim = ClaimCode { code, ticket_id, seller, fence, void: None };
            self.claim_code(context, claim).await?;
        }
        Ok(())
    }

    async fn claim_code(&self, context: &Context, mut claim: ClaimCode) -> Result<(), ClaimError> {
        for _ in 0..ROUNDS_MAX {
            match self.code_claims().apply(context, claim.code, &claim).await {
                Ok(_) => return Ok(()),
                Err(ApplyError::Refused { refusal: NotClaimed::Bought, .. }) => {
                    return Err(ClaimError::Listed);
                }
                Err(ApplyError::Refused { refusal: NotClaimed::Held(held), .. }) => {
                    let void = self.judge(context, held).await?;
                    claim.void = Some(void.ok_or(ClaimError::Listed)?);
                }
                Err(ApplyError::Stale { .. }) => break,
                Err(ApplyError::Repository(error)) => return Err(error.into()),
            }
        }
        Err(RepositoryError::Contended.into())
    }

    /// Whether a claim is void; `None` where its listing keeps the code.
    async fn judge(&self, context: &Context, held: CodeClaim) -> Result<Option<Void>, ClaimError> {
        let CodeClaim { code, ticket_id, fence, .. } = held;
        let listing = self.listing(context, ticket_id).await?;
        let (status, buyer) =
            listing.map_or((TicketStatus::Withdrawn, None), |it| (it.status, it.buyer_id));
        // A listing that is withdrawn never comes back.
        if status == TicketStatus::Withdrawn {
            return Ok(Some(Void { ticket_id, below: u32::MAX, bought_by: None }));
        }
        let ask = Command::GiveWay { ticket_id, code, fence };
        match self.files().apply(context, ticket_id, &ask).await {
            Ok(applied) => {
                let below = applied.after.state.fence;
                Ok(Some(Void { ticket_id, below, bought_by: None }))
            }
            Err(ApplyError::Refused { refusal: Refusal::Kept, .. })
                if status == TicketStatus::Sold =>
            {
                Ok(buyer.map(|buyer| Void { ticket_id, below: u32::MAX, bought_by: Some(buyer) }))
            }
            Err(ApplyError::Refused { refusal: Refusal::Kept, .. }) => Ok(None),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                Err(RepositoryError::Contended.into())
            }
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }

    /// A listing as it is now.
    ///
    /// # Errors
    /// [`CallError`].
    pub(crate) async fn listing(
        &self,
        context: &Context,
        id: TicketId,
    ) -> Result<Option<TicketState>, CallError> {
        let request = ListingsRequest { of: ListingsOf::Ticket(id), cursor: None, limit: 1 };
        let found = self.tickets().listings(context, request).await?;
        Ok(found.listings.into_iter().next().map(|it| it.ticket))
    }
}
