//! Use case: buyer or seller look at a delivery.

use stubmart_contract::{
    Context, OrderId, UserId,
    api::{self, DeliveryKind, DeliverySide, DeliveryStatus},
};
use stubmart_kernel::RepositoryError;
use stubmart_ports::calls::CallError;

use crate::{begin::BeginError, delivery::Delivery, service::Deliveries};

/// Why a delivery is not shown.
#[derive(Debug)]
pub(crate) enum LookError {
    /// There is none, or the user has no part in it.
    NotFound,
    /// Another service did not answer.
    Call(CallError),
    /// The repository failed.
    Repository(RepositoryError),
}

impl From<BeginError> for LookError {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Call(error) => Self::Call(error),
            BeginError::Repository(error) => Self::Repository(error),
        }
    }
}

impl Deliveries {
    /// A delivery, as a user sees it who has a part in it.
    ///
    /// # Errors
    /// [`LookError`].
    pub(crate) async fn look(
        &self,
        context: &Context,
        id: OrderId,
        user: UserId,
    ) -> Result<api::Delivery, LookError> {
        let found = self.of_buyer(context, id, user).await?.ok_or(LookError::NotFound)?;
        self.shown_to(context, found.state, user).await
    }

    /// What of a delivery a user may see. The buyer's address is asked for each time, and not kept.
    ///
    /// # Errors
    /// [`LookError`].
    pub(crate) async fn shown_to(
        &self,
        context: &Context,
        delivery: Delivery,
        user: UserId,
    ) -> Result<api::Delivery, LookError> {
        let side = delivery.side(user).ok_or(LookError::NotFound)?;
        let wants_address = side == DeliverySide::Seller
            && delivery.kind == DeliveryKind::Transfer
            && delivery.is_awaiting_seller();
        let transfer_to = if wants_address {
            let buyer = self.auth().recipient(context, delivery.buyer_id).await;
            buyer.map_err(LookError::Call)?.map(|it| it.email.as_str().to_owned())
        } else {
            None
        };
        Ok(shown(delivery, side, transfer_to))
    }
}

/// A delivery as one side of the sale sees it. The link opens the ticket: it is for the buyer alone, and for
/// nobody once the money was given back.
fn shown(delivery: Delivery, side: DeliverySide, transfer_to: Option<String>) -> api::Delivery {
    let file = delivery.file.filter(|_| delivery.has_file());
    let may_open = side == DeliverySide::Buyer && delivery.status != DeliveryStatus::Cancelled;
    api::Delivery {
        order_id: delivery.order_id,
        number: delivery.order_id.number(),
        ticket_id: delivery.ticket_id,
        ticket: delivery.ticket,
        side,
        kind: delivery.kind,
        status: delivery.status,
        deliver_by: delivery.deliver_by,
        is_awaited: delivery.is_awaited,
        cancel_reason: delivery.cancel_reason,
        transfer_to,
        link: delivery.link.filter(|_| may_open),
        pages: file.map_or(0, |it| it.pages),
        file_kind: file.map(|it| it.kind),
        reference: delivery.reference,
        steps: delivery.steps,
    }
}
